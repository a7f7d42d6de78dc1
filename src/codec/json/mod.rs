use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;

use super::{CodecError, Deserializer, Serializer, mime_types, not_text, without_mark};

mod problem;
mod read;
mod write;

use problem::Problem;
pub(super) use write::write;

/// The codec of JSON, for any type with serde support. The default of predictors.
///
/// Serializes compactly. When deserializing, a byte order mark is ignored; an empty body and anything but whitespace
/// after the value are errors. Floats survive a round trip bit by bit. Numbers that JSON or the type cannot represent
/// are errors and never become another value:
///
/// - NaN and the infinities are not sent, unless [`allow_nan`](Self::allow_nan) is set. They are read as Python's
///   `json` writes them (`NaN`, `Infinity`, `-Infinity`): as floats, and as these texts into a
///   [`serde_json::Value`], which has no such number.
/// - An integer beyond 64 bits is read into `i128`, `u128` or a float, and into your own types that accept those;
///   it is an error for a [`serde_json::Value`], which would round it.
///
/// Content type and accept are `application/json` by default, as with the Python SDK's `JSONSerializer` and
/// `JSONDeserializer`.
///
/// ```
/// use sagemaker_async_inference::{Deserializer, Json, Serializer};
/// use serde_json::{Value, json};
///
/// assert_eq!(*Json::new().serialize(&json!({"inputs": "hello"}))?, *br#"{"inputs":"hello"}"#);
/// let result: Value = Json::new().deserialize(b"[0.5]", None)?;
/// assert_eq!(result, json!([0.5]));
/// # Ok::<(), sagemaker_async_inference::CodecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Json {
    content_type: Cow<'static, str>,
    accept: Cow<'static, str>,
    allow_nan: bool,
}

impl Json {
    /// Creates the codec with content type and accept `application/json`.
    pub const fn new() -> Self {
        Self {
            content_type: Cow::Borrowed("application/json"),
            accept: Cow::Borrowed("application/json"),
            allow_nan: false,
        }
    }

    super::allow_nan!();
}

impl Default for Json {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Serialize + ?Sized> Serializer<T> for Json {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn serialize<'v>(&self, value: &'v T) -> Result<Cow<'v, [u8]>, CodecError> {
        let mut body = Vec::new();
        match write(&mut body, value, self.allow_nan) {
            Ok(()) => Ok(Cow::Owned(body)),
            Err(problem) => Err(CodecError::serialize("JSON", problem)),
        }
    }
}

mime_types!(Json);

impl<T: DeserializeOwned> Deserializer<T> for Json {
    fn deserialize(&self, body: &[u8], content_type: Option<&str>) -> Result<T, CodecError> {
        let body = without_mark(body);
        let message = if body.trim_ascii().is_empty() {
            "the body is empty".to_owned()
        } else {
            match read(body) {
                Ok(value) => return Ok(value),
                Err(refused) => refused.message(1),
            }
        };
        Err(CodecError::deserialize("JSON", message).with_content_type(content_type))
    }
}

/// Why a text was not read, and where.
#[derive(Debug)]
pub(super) struct Refused {
    what: &'static str,
    reason: String,
    line: usize,
    column: usize,
}

impl Refused {
    fn new(what: &'static str, reason: impl Into<String>, error: &serde_json::Error) -> Self {
        Self {
            what,
            reason: reason.into(),
            line: error.line(),
            column: error.column(),
        }
    }

    fn of_problem(what: &'static str, problem: Problem, text: &[u8]) -> Self {
        let before = &text[..problem.at.min(text.len())];
        let lines = before.split(|byte| *byte == b'\n');
        let (line, column) = lines.fold((0, 0), |(line, _), text| (line + 1, text.len()));
        Self {
            what,
            reason: problem.text,
            line,
            column,
        }
    }

    /// `first_line` is the number of the line that the text began with.
    pub(super) fn message(self, first_line: usize) -> String {
        let (what, line) = (self.what, self.line + first_line - 1);
        format!(
            "{what}, at line {line}, column {}: {}",
            self.column, self.reason
        )
    }
}

const WRONG_TYPE: &str = "valid JSON, but not of the requested type";
const NO_ROOM: &str = "JSON that cannot be held exactly";
const INVALID: &str = "not valid JSON";
/// An `f32` has less of it than an `f64`, and `serde_json` does not report for which the number is too large.
const OUT_OF_RANGE: &str = "a number beyond the range of the requested type, f64 at most";

/// The value in `text`. A second reader handles what `serde_json` refuses or would round.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Refused> {
    let error = match serde_json::from_slice(text) {
        Ok(value) if !may_hold_big_integer(text) => return Ok(value),
        Ok(value) => {
            return match read::read::<T>(text).value {
                Err(problem) if problem.inexact => Err(Refused::of_problem(NO_ROOM, problem, text)),
                _ => Ok(value),
            };
        }
        Err(error) => error,
    };
    let reading = read::read(text);
    match (error.classify(), reading.value) {
        (_, Ok(value)) if reading.has_words => Ok(value),
        (_, Err(problem)) if problem.inexact => Err(Refused::of_problem(NO_ROOM, problem, text)),
        // An enum without a tag has no position in serde_json's error.
        (Category::Data, Err(problem)) if error.line() == 0 => {
            Err(Refused::of_problem(WRONG_TYPE, problem, text))
        }
        (Category::Data, Err(problem)) => Err(Refused::new(WRONG_TYPE, problem.text, &error)),
        (Category::Data, Ok(_)) => Err(Refused::new(WRONG_TYPE, "it was refused", &error)),
        (_, Err(problem)) if reading.has_words => {
            let what = if problem.of_type { WRONG_TYPE } else { INVALID };
            Err(Refused::of_problem(what, problem, text))
        }
        _ => Err(not_read(&error, text)),
    }
}

/// A syntax error. `serde_json`'s messages for these quote nothing.
fn not_read(error: &serde_json::Error, text: &[u8]) -> Refused {
    if let Some(found) = not_text(text) {
        return Refused::new(INVALID, found, error);
    }
    let message = error.to_string();
    let words = message.split(" at line ").next().unwrap_or_default();
    if error.is_eof() {
        return Refused::new("the JSON ends too early", words, error);
    }
    match words {
        "number out of range" => Refused::new(NO_ROOM, OUT_OF_RANGE, error),
        "recursion limit exceeded" => Refused::new(NO_ROOM, "nested deeper than 128 levels", error),
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            let reason = "half a surrogate pair in a string, which UTF-8 cannot represent";
            Refused::new(NO_ROOM, reason, error)
        }
        words => Refused::new(INVALID, words, error),
    }
}

/// Whether it contains a number with enough digits for an integer beyond 64 bits. Few bytes are checked:
/// a run of this many digits includes a byte at a multiple of this length.
fn may_hold_big_integer(text: &[u8]) -> bool {
    // -9,223,372,036,854,775,809 and 18,446,744,073,709,551,616.
    const DIGITS: usize = 19;
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    (0..text.len())
        .step_by(DIGITS)
        .filter(|at| text[*at].is_ascii_digit())
        .any(|at| {
            let before = text[..at].iter().rev().take_while(is_digit).count();
            let after = text[at..].iter().take_while(is_digit).count();
            let sign = (at - before).checked_sub(1).map(|index| text[index]);
            let least = if sign == Some(b'-') {
                DIGITS
            } else {
                DIGITS + 1
            };
            let is_fraction = matches!(sign, Some(b'.' | b'"'))
                || matches!(text.get(at + after), Some(b'.' | b'e' | b'E'));
            before + after >= least && !is_fraction
        })
}
