//! Numbers and texts that a format cannot represent, or that Python writes differently: they come back as they were
//! sent, or are an error that says why.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use proptest::prelude::*;
use sagemaker_async_inference::{
    CodecError, Csv, Deserializer, InferenceHandle, Json, JsonLines, Serializer,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn read<T>(body: &str) -> Result<T, CodecError>
where
    Json: Deserializer<T>,
{
    Json::new().deserialize(body.as_bytes(), None)
}

fn refusal<T: Debug>(body: &str) -> String
where
    Json: Deserializer<T>,
{
    let error = read::<T>(body).expect_err(body);
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    error.message().to_owned()
}

fn written<T: Serialize + ?Sized>(json: &Json, value: &T) -> Result<String, String> {
    match json.serialize(value) {
        Ok(body) => Ok(String::from_utf8(body.into_owned()).expect("UTF-8")),
        Err(error) => Err(error.message().to_owned()),
    }
}

/// Every way in which a value can hold another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape<T> {
    Unit,
    Newtype(T),
    Tuple(T, u8),
    Struct { value: T, rest: Option<T> },
    List(Vec<T>),
    Map(BTreeMap<String, T>),
    Pair((T, T)),
    Boxed(Box<Shape<T>>),
}

fn shapes<T: Copy>(value: T) -> Vec<Shape<T>> {
    vec![
        Shape::Unit,
        Shape::Newtype(value),
        Shape::Tuple(value, 1),
        Shape::Struct { value, rest: None },
        Shape::Struct {
            value,
            rest: Some(value),
        },
        Shape::List(vec![value, value]),
        Shape::Map(BTreeMap::from([("a".to_owned(), value)])),
        Shape::Pair((value, value)),
        Shape::Boxed(Box::new(Shape::Newtype(value))),
    ]
}

type Read = (Shape<f64>, HashMap<i64, String>, String, i64);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn floats_come_back_bit_by_bit(bits in any::<u64>(), short in any::<u32>()) {
        let (long, short) = (f64::from_bits(bits), f32::from_bits(short));
        prop_assume!(long.is_finite() && short.is_finite());
        let body = written(&Json::new(), &(long, short)).expect("a body");
        let (back, back_short): (f64, f32) = read(&body).expect("a value");
        prop_assert_eq!((back.to_bits(), back_short.to_bits()), (long.to_bits(), short.to_bits()));
        let value: Value = read(&body).expect("a value");
        prop_assert_eq!(value[0].as_f64().map(f64::to_bits), Some(long.to_bits()));
        let lines = JsonLines::new().serialize(&[long]).expect("a body").into_owned();
        let back: Vec<f64> = JsonLines::new().deserialize(&lines, None).expect("a value");
        prop_assert_eq!(back[0].to_bits(), long.to_bits());
        let csv = Csv::new().serialize(&[(long, short)]).expect("a body").into_owned();
        let back: Vec<(f64, f32)> = Csv::new().deserialize(&csv, None).expect("a value");
        prop_assert_eq!(back[0].0.to_bits(), long.to_bits());
        prop_assert_eq!(back[0].1.to_bits(), short.to_bits());
    }

    #[test]
    fn what_serde_json_writes_is_written_the_same(body in "\\PC{0,20}", number in any::<f64>(), small in any::<i8>()) {
        prop_assume!(number.is_finite());
        let value = json!({"a": [body, number, null, true, {"b": small}], "c": {}, "d": []});
        prop_assert_eq!(written(&Json::new(), &value), Ok(value.to_string()));
        for shape in shapes(number) {
            let body = serde_json::to_string(&shape).expect("JSON");
            prop_assert_eq!(written(&Json::new(), &shape), Ok(body));
        }
    }

    /// Both readers agree on everything that both read: a NaN at the end makes the second one read it all.
    #[test]
    fn the_reader_of_nan_reads_all_else_as_serde_json_does(number in any::<f64>(), text in "\\PC{0,9}", key in any::<i64>()) {
        prop_assume!(number.is_finite());
        for shape in shapes(number) {
            let map = HashMap::from([(key, text.clone())]);
            let plain = serde_json::to_string(&(&shape, &map, &text, key)).expect("JSON");
            let with_nan = format!("[{plain}, NaN]");
            let (back, nan): (Read, f64) = read(&with_nan).expect("a value");
            prop_assert_eq!(back, (shape, map, text.clone(), key));
            prop_assert!(nan.is_nan());
            let value: Value = read(&with_nan).expect("a value");
            prop_assert_eq!(&value[0], &serde_json::from_str::<Value>(&plain).expect("JSON"));
        }
    }
}

#[test]
fn numbers_that_are_not_finite_are_never_sent_as_null() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for shape in shapes(number).into_iter().skip(1) {
            let refused = written(&Json::new(), &shape).expect_err("no JSON");
            assert!(refused.contains("NaN or an infinity"), "{refused}");
            assert!(refused.contains("allow_nan"), "{refused}");
        }
        #[expect(clippy::cast_possible_truncation)]
        let short = number as f32;
        assert!(written(&Json::new(), &[short]).is_err());
        let error = JsonLines::new()
            .serialize(&[1.0, number])
            .expect_err("no JSON");
        assert!(error.message().ends_with("at line 2"), "{error}");
    }
    assert_eq!(
        written(&Json::new(), &[Some(1.0), None]),
        Ok("[1.0,null]".to_owned())
    );
}

#[test]
fn numbers_that_are_not_finite_are_sent_as_python_writes_them_on_request() {
    let json = Json::new().allow_nan(true);
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5];
    assert_eq!(
        written(&json, &(numbers, None::<f64>, ())),
        Ok("[[NaN,Infinity,-Infinity,0.5],null,null]".to_owned())
    );
    for number in numbers {
        for shape in shapes(number) {
            let body = written(&json, &shape).expect("a body");
            let back: Shape<f64> = read(&body).expect("a value");
            // NaN is not equal to itself; its text is.
            assert_eq!(format!("{back:?}"), format!("{shape:?}"));
        }
    }
    let lines = JsonLines::new().allow_nan(true);
    assert_eq!(
        *lines.serialize(&[f64::NAN, 1.0]).expect("a body"),
        *b"NaN\n1.0\n"
    );
    assert!(
        json.serialize(&BTreeMap::from([((1, 2), 3)])).is_err(),
        "other errors stay"
    );
}

#[derive(Debug, Deserialize)]
struct Flat {
    #[serde(flatten)]
    rest: HashMap<String, f64>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(f64),
    Text(String),
}

#[test]
fn python_s_words_for_numbers_are_read() {
    let numbers: Vec<f64> = read("[NaN, Infinity, -Infinity, -0.0, 1e-7]").expect("numbers");
    assert!(numbers[0].is_nan());
    assert_eq!(numbers[1..3], [f64::INFINITY, f64::NEG_INFINITY]);
    assert!(numbers[3].is_sign_negative());
    let short: Vec<Option<f32>> = read("[NaN, null, 0.1]").expect("numbers");
    assert!(short[0].is_some_and(f32::is_nan));
    assert_eq!(short[1..], [None, Some(0.1)]);
    // Value has no such number, and null is another value.
    let value: Value =
        read(r#"{"score": NaN, "text": "a NaN", "rest": [-Infinity, 1]}"#).expect("a value");
    assert_eq!(
        value,
        json!({"score": "NaN", "text": "a NaN", "rest": ["-Infinity", 1]})
    );

    let flat: Flat = read(r#"{"a": NaN, "b": 2}"#).expect("a value");
    assert!(flat.rest["a"].is_nan());
    let either: Vec<Either> = read(r#"[Infinity, "x"]"#).expect("a value");
    assert_eq!(
        either,
        [Either::Number(f64::INFINITY), Either::Text("x".to_owned())]
    );

    let lines: Vec<f64> = JsonLines::new()
        .deserialize(b"1\nNaN\n", None)
        .expect("numbers");
    assert!(lines[1].is_nan());
    // Where a number is not what is wanted, the words are no text either.
    assert!(refusal::<Vec<String>>("[NaN]").contains("where a string is expected"));
    assert!(refusal::<Vec<u8>>("[1, NaN]").contains("where u8 is expected"));
    for body in [
        "[NaN",
        "[NaN,]",
        "[NaN 1]",
        "NaN NaN",
        "[+Infinity]",
        "[nan]",
        "[NaN, 01]",
        "[NaN, 1.]",
        "{\"a\" NaN}",
        "{NaN: 1}",
        "[NaN, \"\u{1}\"]",
        "[NaN, 'hush']",
        "[NaN, tru]",
        "{\"a\": NaN,}",
        "[NaN, \"hush",
        "[NaN, \"\\x\"]",
        "NaN,",
        "-NaN",
    ] {
        assert!(read::<Value>(body).is_err(), "{body}");
    }
}

#[test]
fn integers_beyond_64_bits_are_exact_or_an_error() {
    let big = "123456789012345678901234567890";
    for body in [
        big.to_owned(),
        format!("[1, {big}]"),
        format!("{{\"a\": {{\"b\": -{big}}}}}"),
        "18446744073709551616".to_owned(),
        "[-9223372036854775809]".to_owned(),
        "9".repeat(200),
        format!("[\"NaN\", NaN, {big}]"),
    ] {
        let refused = refusal::<Value>(&body);
        assert!(refused.contains("beyond 64 bits"), "{body}: {refused}");
        assert!(refused.contains("i128"), "{refused}");
        assert!(!refused.contains("valid JSON"), "{refused}");
    }
    assert_eq!(read::<i128>(big).ok(), big.parse().ok());
    assert_eq!(
        read::<Vec<u128>>(&format!("[{big}]")).ok(),
        big.parse().ok().map(|n| vec![n])
    );
    let float: f64 = read(big).expect("a float, which was asked for");
    assert_eq!(float.to_bits(), 1.234_567_890_123_456_8e29_f64.to_bits());
    for (body, value) in [
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("\"123456789012345678901234567890\"", json!(big)),
        (
            "[\" 123456789012345678901234567890 \"]",
            json!([format!(" {big} ")]),
        ),
        ("0.12345678901234567890123", json!(0.123_456_789_012_345_68)),
        (
            "12345678901234567890.5",
            json!(12_345_678_901_234_567_890.5),
        ),
        ("123456789012345678901e2", json!(1.234_567_890_123_456_8e22)),
    ] {
        assert_eq!(read::<Value>(body).ok(), Some(value), "{body}");
    }
    let lines: Result<Vec<Value>, _> =
        JsonLines::new().deserialize(format!("1\n{big}\n").as_bytes(), None);
    let error = lines.expect_err("too long");
    assert!(error.message().contains("at line 2"), "{error}");
    // What the caller sends is never rounded.
    assert_eq!(
        written(&Json::new(), &[u128::MAX]),
        Ok(format!("[{}]", u128::MAX))
    );
}

#[test]
fn what_cannot_be_held_is_not_called_invalid() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for (body, says) in [
        ("[1e400]", "a number beyond the range of the requested type"),
        (r#"{"text":"hush \ud83d"}"#, "half a surrogate pair"),
        (r#"["\ud83d\n"]"#, "half a surrogate pair"),
        (r#"["\ude00"]"#, "half a surrogate pair"),
        (&deep, "nested deeper than 128 levels"),
    ] {
        let refused = refusal::<Value>(body);
        assert!(refused.contains(says), "{refused}");
        assert!(!refused.contains("valid"), "{refused}");
    }
    assert!(refusal::<Vec<f64>>("[1e400]").contains("beyond the range"));
    for too_large in ["[1e39]", "[1e39, NaN]", "[-1e39, NaN]"] {
        let refused = refusal::<Vec<f32>>(too_large);
        assert!(
            refused.contains("beyond the range of the requested type"),
            "{refused}"
        );
    }
    let fits: Vec<f32> = read("[3.4e38, NaN, -Infinity]").expect("floats");
    assert_eq!(fits[0].to_bits(), 3.4e38_f32.to_bits());
    #[expect(clippy::zero_sized_map_values)]
    let skipped: BTreeMap<String, serde::de::IgnoredAny> =
        read(r#"{"a": [NaN, 1e400]}"#).expect("what is not read needs no room");
    assert_eq!(skipped.len(), 1);
}

#[test]
fn an_error_of_an_untagged_enum_has_a_position() {
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Either {
        #[expect(dead_code)]
        Number(f64),
        #[expect(dead_code)]
        Numbers(Vec<f64>),
    }
    let refused = refusal::<Either>("\n{\"hush\": 1}");
    assert!(refused.contains("at line 2, column 1"), "{refused}");
    let lines = JsonLines::new().deserialize(b"1\n[2]\n\"hush\"\n", None);
    let refused: CodecError = Result::<Vec<Either>, _>::expect_err(lines, "a text");
    assert!(
        refused.message().contains("at line 3, column 6"),
        "{refused}"
    );
}

#[test]
fn an_error_keeps_its_reason_and_shows_nothing() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code)]
    struct Row {
        name: String,
        score: f32,
    }
    #[derive(Debug, Deserialize)]
    enum Label {
        Cat,
        Dog,
    }
    #[derive(Debug)]
    struct Picky;
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("I do not like {text}")))
        }
    }
    for (refused, says) in [
        (
            refusal::<Row>(r#"{"name": "hush"}"#),
            "missing field `score`",
        ),
        (
            refusal::<Row>(r#"{"name": "a", "score": "hush"}"#),
            "column 29: a string where f32 is expected",
        ),
        (
            refusal::<Row>(r#"{"hush": 1}"#),
            "unknown field; expected are `name`, `score`",
        ),
        (
            refusal::<Row>(r#"{"name": "a", "name": "b"}"#),
            "duplicate field `name`",
        ),
        (
            refusal::<Label>("\"hush\""),
            "unknown variant; expected are `Cat`, `Dog`",
        ),
        (
            refusal::<u8>("300"),
            "an integer that does not fit where u8 is expected",
        ),
        (
            refusal::<[u8; 2]>("[1]"),
            "1 elements where an array of length 2",
        ),
        (refusal::<u8>("[]"), "a list where u8 is expected"),
        (refusal::<u8>("null"), "null where u8 is expected"),
        (
            refusal::<bool>("{}"),
            "an object where a boolean is expected",
        ),
        (
            refusal::<Picky>("\"hush\""),
            "the type's own Deserialize refused",
        ),
    ] {
        assert!(refused.contains(says), "{refused}");
        assert!(refused.starts_with("valid JSON, but not of the requested type"));
    }
    let (Label::Cat | Label::Dog) = read::<Label>("\"Dog\"").expect("a label");

    let csv = Csv::new().with_header(true);
    let rows =
        |body: &str| -> Result<Vec<Row>, CodecError> { csv.deserialize(body.as_bytes(), None) };
    for (body, says) in [
        ("name\nhush\n", "missing field `score`"),
        ("name,score\nhush,x\n", "invalid float literal"),
    ] {
        let error = rows(body).expect_err(says);
        assert!(error.message().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("hush"));
    }
    let short: Result<Vec<(u8, u8)>, _> = Csv::new().deserialize(b"1\n", None);
    assert!(short.is_err_and(|error| {
        error
            .message()
            .contains("invalid length 1, expected a tuple of size 2")
    }));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let marked = |text: &str| format!("\u{feff}{text}").into_bytes();
    let json: Value = Json::new()
        .deserialize(&marked("{\"a\": 1}"), None)
        .expect("JSON");
    assert_eq!(json, json!({"a": 1}));
    let lines: Vec<u8> = JsonLines::new()
        .deserialize(&marked("1\n2"), None)
        .expect("lines");
    assert_eq!(lines, [1, 2]);
    let rows: Vec<(u8, u8)> = Csv::new().deserialize(&marked("1,2\n"), None).expect("CSV");
    assert_eq!(rows, [(1, 2)]);
    let empty: Result<Value, _> = Json::new().deserialize(&marked(""), None);
    assert!(empty.is_err_and(|error| error.message().contains("empty")));
    let line = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/out"}"#;
    let handle: InferenceHandle = format!("\u{feff}{line}").parse().expect("a handle");
    assert_eq!(handle.to_string(), line);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("\u{feff}{line}\r\n{line}\r\n")).expect("handles");
    let handles = InferenceHandle::load_all(file.path()).expect("handles");
    assert_eq!(handles, [handle.clone(), handle]);
    // In the middle it is a character like any other.
    let text: String = Json::new()
        .deserialize("\"\u{feff}a\"".as_bytes(), None)
        .expect("JSON");
    assert_eq!(text, "\u{feff}a");
    assert!(read::<Value>("[\u{feff}1]").is_err());
}
