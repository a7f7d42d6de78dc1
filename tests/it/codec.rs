//! What the formats write and read, and what their errors contain and do not contain.

use std::{borrow::Cow, collections::BTreeMap, error::Error, fmt::Debug, sync::Arc};

use sagemaker_async_inference::error::CodecDirection;
use sagemaker_async_inference::{
    Bytes, CodecError, Csv, Deserializer, Json, JsonLines, Serializer, Text,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Has the shape of a predictor: value and result types are inferred from the arguments and the result.
fn predict<T: ?Sized, R>(
    serializer: &impl Serializer<T>,
    deserializer: &impl Deserializer<R>,
    value: &T,
) -> Result<R, CodecError> {
    let body = serializer.serialize(value)?;
    deserializer.deserialize(&body, Some(serializer.content_type()))
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    name: String,
    score: f64,
}

fn rows() -> Vec<Row> {
    [
        "plain",
        "with, comma",
        "with \"quotes\"",
        "two\nlines",
        "grüß",
        "",
    ]
    .iter()
    .map(|name| Row {
        name: (*name).to_owned(),
        score: 0.25,
    })
    .collect()
}

#[test]
fn types_are_inferred_through_every_format() -> Result<(), CodecError> {
    let (json, bytes, text) = (Json::new(), Bytes::new(), Text::new());
    let (lines, csv) = (JsonLines::new(), Csv::new());

    let back: Value = predict(&json, &json, &json!({"inputs": "hello"}))?;
    assert_eq!(back, json!({"inputs": "hello"}));
    let back: Vec<f64> = predict(&json, &json, &vec![1.0, 2.0])?;
    assert_eq!(back, [1.0, 2.0]);
    let back: String = predict(&json, &json, "text")?;
    assert_eq!(back, "text");
    let back: Vec<u8> = predict(&json, &json, [1_u8, 2].as_slice())?;
    assert_eq!(back, [1, 2]);

    assert_eq!(predict(&bytes, &bytes, b"raw")?, b"raw");
    assert_eq!(predict(&bytes, &bytes, b"raw".as_slice())?, b"raw");
    assert_eq!(predict(&bytes, &bytes, &vec![0_u8, 255])?, [0, 255]);
    assert_eq!(predict(&bytes, &text, "text")?, "text");

    assert_eq!(predict(&text, &text, "text")?, "text");
    assert_eq!(predict(&text, &text, &String::from("text"))?, "text");
    assert_eq!(predict(&text, &bytes, "text")?, b"text");

    let back: Vec<Row> = predict(&lines, &lines, &rows())?;
    assert_eq!(back, rows());
    let back: Vec<Row> = predict(&lines, &lines, rows().as_slice())?;
    assert_eq!(back, rows());
    let back: Vec<Row> = predict(&csv, &csv, &rows())?;
    assert_eq!(back, rows());
    let back: Vec<(f64, f64)> = predict(&csv, &csv, &[[1.0, 2.5]])?;
    assert_eq!(back, [(1.0, 2.5)]);
    Ok(())
}

#[test]
fn codecs_can_be_shared_and_erased() -> Result<(), CodecError> {
    fn codec<C: Send + Sync + Clone + Debug + Default + 'static>(codec: &C) {
        assert!(!format!("{:?}", codec.clone()).is_empty());
    }
    codec(&Json::default());
    codec(&Bytes::default());
    codec(&Text::default());
    codec(&JsonLines::default());
    codec(&Csv::default());

    let erased: Box<dyn Serializer<str> + Send + Sync> = Box::new(Text::new());
    let shared: Arc<dyn Deserializer<String> + Send + Sync> = Arc::new(Text::new());
    assert_eq!(predict(&erased, &shared, "text")?, "text");
    assert_eq!(predict::<str, String>(&&erased, &&shared, "text")?, "text");
    assert_eq!(erased.content_type(), "text/plain");
    assert_eq!(shared.accept(), "text/plain");
    Ok(())
}

#[test]
fn mime_types_are_the_documented_ones_and_can_be_changed() {
    let of = |s: &dyn Serializer<Vec<u8>>, d: &dyn Deserializer<Vec<u8>>| {
        (s.content_type().to_owned(), d.accept().to_owned())
    };
    let same = |mime: &str| (mime.to_owned(), mime.to_owned());
    assert_eq!(of(&Json::new(), &Json::new()), same("application/json"));
    assert_eq!(
        of(&Bytes::new(), &Bytes::new()),
        same("application/octet-stream")
    );
    assert_eq!(
        of(&JsonLines::new(), &JsonLines::new()),
        same("application/jsonlines")
    );
    assert_eq!(of(&Csv::new(), &Csv::new()), same("text/csv"));

    let custom = Json::new()
        .with_content_type("application/vnd.x+json")
        .with_accept("a/b".to_owned());
    assert_eq!(
        of(&custom, &custom),
        ("application/vnd.x+json".to_owned(), "a/b".to_owned())
    );
}

#[test]
fn bytes_and_text_copy_nothing_on_the_way_out() -> Result<(), CodecError> {
    assert!(matches!(
        Bytes::new().serialize("abc")?,
        Cow::Borrowed(b"abc")
    ));
    assert!(matches!(
        Text::new().serialize("abc")?,
        Cow::Borrowed(b"abc")
    ));
    Ok(())
}

/// The error of reading `body`, whose text and debug output hold no `secret`.
fn refused<R: Debug>(codec: &impl Deserializer<R>, body: &[u8]) -> String {
    let error = codec
        .deserialize(body, Some("text/x-odd"))
        .expect_err("the body is wrong");
    assert_eq!(error.direction(), CodecDirection::Deserialize);
    assert_eq!(error.content_type(), Some("text/x-odd"));
    assert!(error.to_string().contains("text/x-odd"));
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
    error.message().to_owned()
}

#[test]
fn json_says_where_but_not_what() {
    let json = Json::new();
    assert_eq!(refused::<Value>(&json, b""), "the body is empty");
    assert_eq!(refused::<Value>(&json, b" \n"), "the body is empty");
    assert_eq!(
        refused::<Value>(&json, b"{}\n secret"),
        "not valid JSON, at line 2, column 2: trailing characters"
    );
    assert_eq!(
        refused::<Value>(&json, b"secret"),
        "not valid JSON, at line 1, column 1: expected value"
    );
    assert_eq!(
        refused::<Value>(&json, b"[\"secret\""),
        "the JSON ends too early, at line 1, column 9: EOF while parsing a list"
    );
    assert_eq!(
        refused::<u64>(&json, b"\"secret\""),
        "valid JSON, but not of the requested type, at line 1, column 8: a string where u64 is expected"
    );
}

#[test]
fn what_json_cannot_write_is_an_error() {
    let pairs = BTreeMap::from([((1, 2), "secret")]);
    let error = Json::new()
        .serialize(&pairs)
        .expect_err("a tuple is no key");
    assert_eq!(error.direction(), CodecDirection::Serialize);
    assert_eq!(error.format(), "JSON");
    assert!(!format!("{error} {error:?}").contains("secret"));
    let error = JsonLines::new()
        .serialize(&[BTreeMap::new(), pairs])
        .expect_err("a tuple is no key");
    assert!(error.message().ends_with("at line 2"), "{error}");
}

#[test]
fn text_gives_the_offset_of_the_first_wrong_byte() {
    assert_eq!(
        refused(&Text::new(), b"secret\xff.."),
        "not UTF-8 at byte 6 of 9"
    );
}

#[test]
fn json_lines_end_with_a_newline_and_count_blank_ones() -> Result<(), CodecError> {
    let lines = JsonLines::new();
    assert_eq!(
        *lines.serialize(&[json!({"a": "x\ny"}), json!(1)])?,
        *b"{\"a\":\"x\\ny\"}\n1\n"
    );
    assert_eq!(*lines.serialize(&Vec::<u8>::new())?, *b"");
    let none: Vec<u8> = lines.deserialize(b"", None)?;
    assert_eq!(none, [0_u8; 0]);
    let two: Vec<u8> = lines.deserialize(b"\n1\r\n \r\n2", None)?;
    assert_eq!(two, [1, 2]);
    assert_eq!(
        refused::<Vec<u8>>(&lines, b"1\n\n  \"secret\"\n2"),
        "valid JSON, but not of the requested type, at line 3, column 10: a string where u8 is expected"
    );
    assert_eq!(
        refused::<Vec<u8>>(&lines, b"1\n2 3"),
        "not valid JSON, at line 2, column 3: trailing characters"
    );
    Ok(())
}

#[test]
fn csv_has_no_header_by_default() -> Result<(), CodecError> {
    let csv = Csv::new();
    let row = Row {
        name: "a".to_owned(),
        score: 1.5,
    };
    assert_eq!(*csv.serialize(std::slice::from_ref(&row))?, *b"a,1.5");
    let with = csv.clone().with_header(true).with_delimiter(b';');
    assert_eq!(
        *with.serialize(&[&row, &row])?,
        *b"name;score\na;1.5\na;1.5"
    );
    let back: Vec<Row> = with.deserialize(b"score;name\r\n1.5;a\r\n", None)?;
    assert_eq!(back, [row]);
    let none: Vec<Row> = csv.deserialize(b"", None)?;
    assert!(none.is_empty());
    assert_eq!(*csv.serialize(&Vec::<Row>::new())?, *b"");
    assert_eq!(*csv.serialize(&[[""], ["x"], [""]])?, *b"\"\"\nx\n\"\"");
    let back: Vec<(String,)> = predict(&csv, &csv, &[[""], ["\n"]])?;
    assert_eq!(back, [(String::new(),), ("\n".to_owned(),)]);
    Ok(())
}

#[test]
fn csv_gives_the_record_and_the_field() {
    let csv = Csv::new();
    assert_eq!(
        refused::<Vec<(u8, u8)>>(&csv, b"1,2\n3,secret\n"),
        "field 2 is not of the requested type, in record 2: invalid digit found in string"
    );
    assert_eq!(
        refused::<Vec<(u8, u8)>>(&csv, b"1,2\n\n3,4,secret\n"),
        "3 fields, but the previous records have 2, in record 2"
    );
    assert_eq!(
        refused::<Vec<(String,)>>(&csv, b"a\nsecret\xff\n"),
        "field 1 is not UTF-8, in record 2"
    );
    assert_eq!(
        refused::<Vec<(u8, u8)>>(&csv.clone().with_header(true), b"a,b\n1,secret\n"),
        "field 2 is not of the requested type, in record 2: invalid digit found in string"
    );
    let error = csv
        .serialize(&[BTreeMap::from([("secret", 1)])])
        .expect_err("maps are no records");
    assert!(error.message().ends_with("in record 1"), "{error}");
    assert!(!format!("{error:?}").contains("secret"));
    for odd in [b'"', b'\n', b'\r'] {
        let odd = csv.clone().with_delimiter(odd);
        assert!(odd.serialize(&[[1]]).is_err());
        assert!(refused::<Vec<(u8,)>>(&odd, b"1").contains("delimiter"));
    }
}

/// As Python's `float` and `NumPy` read them; containers that join numbers with ", " are common.
#[test]
fn csv_ignores_blanks_around_numbers_and_keeps_them_in_texts() {
    type Mixed = (String, i64, bool, Option<f32>, String);
    let csv = Csv::new();
    let body = b"0.1, 0.25 ,3\n1,\t-2e3,  inf\r\n \"4\" , 5,6";
    let read: Vec<Vec<f64>> = csv.deserialize(&body[..28], None).expect("numbers");
    assert_eq!(read, [[0.1, 0.25, 3.0], [1.0, -2e3, f64::INFINITY]]);
    // What is quoted after a blank is not quoted by RFC 4180.
    let refused_at = refused::<Vec<Vec<f64>>>(&csv, body);
    assert!(
        refused_at.contains("field 1 ") && refused_at.contains("record 3"),
        "{refused_at}"
    );

    let body = b" 7 , 1, true, 0.5, 9\n 8 ,2,false , ,10 \n";
    let mixed: Vec<Mixed> = csv.deserialize(body, None).expect("records");
    let text = |text: &str| text.to_owned();
    assert_eq!(
        mixed,
        [
            (text(" 7 "), 1, true, Some(0.5), text(" 9")),
            (text(" 8 "), 2, false, None, text("10 ")),
        ]
    );
    let with_header = csv.clone().with_header(true);
    let named: Vec<Row> = with_header
        .deserialize(b"score,name\n 1.5, a\n", None)
        .expect("a row");
    assert_eq!((named[0].score, &*named[0].name), (1.5, " a"));
    assert_eq!(
        refused::<Vec<(u8, u8)>>(&csv, b"1, 2\n3, 4 5\n"),
        "field 2 is not of the requested type, in record 2: invalid digit found in string"
    );
    assert!(refused::<Vec<(u8, u8)>>(&csv, b"1, \n").contains("field 2 "));
}

#[test]
fn csv_drops_no_field() {
    type Nested = ((u8, u8), Option<u8>, Vec<u8>);
    let csv = Csv::new();
    let remedy = ": take a record as a vector or a tuple of all its fields";
    assert_eq!(
        refused::<Vec<f64>>(&csv, b"0.1,0.2,0.3"),
        format!("2 fields more than the requested type has, in record 1{remedy}")
    );
    let with_header = csv.clone().with_header(true);
    assert_eq!(
        refused::<Vec<(u8, String)>>(&with_header, b"a,b,c\n1,x,secret\n"),
        format!("1 fields more than the requested type has, in record 2{remedy}")
    );
    assert!(refused::<Vec<Row>>(&csv, b"a,1.5,secret").contains("1 fields more"));
    assert!(refused::<Vec<Value>>(&csv, b"1,secret").contains("1 fields more"));
    let named: Result<Vec<Row>, _> = with_header.deserialize(b"x,score,name,y\n0,1.5,a,\n", None);
    assert_eq!(named.expect("found by name")[0].name, "a");
    let mixed: Vec<Vec<Value>> = csv.deserialize(b"1,0.5,x,true\n", None).expect("records");
    assert_eq!(mixed, [[json!(1), json!(0.5), json!("x"), json!(true)]]);
    let nested: Vec<Nested> = csv.deserialize(b"1,2,,3,4", None).expect("records");
    assert_eq!(nested, [((1, 2), None, vec![3, 4])]);
}

#[test]
fn a_body_that_is_no_text_in_utf_8_is_recognised() {
    let utf_16: Vec<u8> = "\u{feff}[1]"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let npy = b"\x93NUMPY\x01\0".as_slice();
    let gzip = b"\x1f\x8b\x08\0".as_slice();
    for (body, what) in [(&*utf_16, "UTF-16"), (npy, "NumPy array"), (gzip, "gzip")] {
        for refusal in [
            refused::<Value>(&Json::new(), body),
            refused::<f64>(&Json::new(), body),
            refused::<Vec<f64>>(&JsonLines::new(), body),
            refused::<Vec<f64>>(&Csv::new(), body),
            refused::<String>(&Text::new(), body),
        ] {
            assert!(
                refusal.contains(what) && refusal.contains("Bytes"),
                "{refusal}"
            );
        }
    }
}

#[test]
fn the_source_is_not_repeated() {
    let cause = "x".parse::<u8>().expect_err("no number");
    let error = CodecError::deserialize("npy", "the header is wrong").with_source(cause.clone());
    assert_eq!(
        error.to_string(),
        "cannot deserialize npy: the header is wrong"
    );
    assert_eq!(
        error.source().map(ToString::to_string),
        Some(cause.to_string())
    );
    let long = "é".repeat(5000);
    let error = error.with_content_type(Some(&long));
    assert_eq!(
        error.content_type().map(|text| text.chars().count()),
        Some(80)
    );
}
