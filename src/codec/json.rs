use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;

use super::{Accept, CodecError, Deserializer, Serializer, mime_types};

/// JSON, of anything that serde knows.
///
/// Written compactly. On the way in, an empty body and anything but whitespace after the value are errors.
/// Content type and accept are `application/json` by default, as with the Python SDK's `JSONSerializer` and
/// `JSONDeserializer`.
///
/// ```
/// use sagemaker_async_inference::{Deserializer, Json, Serializer};
/// use serde_json::{Value, json};
///
/// assert_eq!(*Json::new().serialize(&json!({"inputs": "hello"}))?, *br#"{"inputs":"hello"}"#);
/// let answer: Value = Json::new().deserialize(b"[0.5]", None)?;
/// assert_eq!(answer, json!([0.5]));
/// # Ok::<(), sagemaker_async_inference::CodecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json {
    content_type: Cow<'static, str>,
    accept: Cow<'static, str>,
}

impl Json {
    /// Content type and accept `application/json`.
    pub const fn new() -> Self {
        Self {
            content_type: Cow::Borrowed("application/json"),
            accept: Cow::Borrowed("application/json"),
        }
    }

    mime_types!();
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
        match serde_json::to_vec(value) {
            Ok(body) => Ok(Cow::Owned(body)),
            Err(_) => Err(CodecError::serialize("JSON", UNWRITABLE)),
        }
    }
}

impl Accept for Json {
    fn accept(&self) -> &str {
        &self.accept
    }
}

impl<T: DeserializeOwned> Deserializer<T> for Json {
    fn deserialize(&self, body: &[u8], content_type: Option<&str>) -> Result<T, CodecError> {
        let message = if body.trim_ascii().is_empty() {
            "the body is empty".to_owned()
        } else {
            match serde_json::from_slice(body) {
                Ok(value) => return Ok(value),
                Err(error) => {
                    let (line, column) = (error.line(), error.column());
                    format!("{}, at line {line}, column {column}", problem(&error))
                }
            }
        };
        Err(CodecError::deserialize("JSON", message).with_content_type(content_type))
    }
}

/// The two reasons that serde has for not writing a value; its own words may quote it.
pub(super) const UNWRITABLE: &str =
    "a map's key is neither text nor number, or the value's own Serialize refused";

/// What is wrong, without serde's words, which quote the body.
pub(super) fn problem(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        Category::Data => "valid JSON, but not of the type asked for",
        Category::Eof => "the JSON ends too early",
        Category::Syntax | Category::Io => "not valid JSON",
    }
}
