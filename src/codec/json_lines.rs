use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};

use super::{
    CodecError, Deserializer, Serializer,
    json::{read, write},
    mime_types, serializes_sequences, without_mark,
};

/// The codec of JSON Lines, one JSON value on each line, from and to a sequence.
///
/// Serializes slices, vectors and arrays; each line is compact and ends with `\n`, the last one too. Deserializes
/// to a vector; a byte order mark is ignored and blank lines are skipped, so that an empty body is an empty
/// vector. An error has the number of the line, counted from 1. Numbers are as in [`Json`](crate::Json).
///
/// Content type and accept are `application/jsonlines` by
/// default, as with the Python SDK's `JSONLinesSerializer`.
///
/// ```
/// use sagemaker_async_inference::{Deserializer, JsonLines, Serializer};
///
/// assert_eq!(*JsonLines::new().serialize(&[[1, 2], [3, 4]])?, *b"[1,2]\n[3,4]\n");
/// let rows: Vec<[u8; 2]> = JsonLines::new().deserialize(b"[1,2]\r\n\r\n[3,4]", None)?;
/// assert_eq!(rows, [[1, 2], [3, 4]]);
/// # Ok::<(), sagemaker_async_inference::CodecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct JsonLines {
    content_type: Cow<'static, str>,
    accept: Cow<'static, str>,
    allow_nan: bool,
}

impl JsonLines {
    /// Creates the codec with content type and accept `application/jsonlines`.
    pub const fn new() -> Self {
        Self {
            content_type: Cow::Borrowed("application/jsonlines"),
            accept: Cow::Borrowed("application/jsonlines"),
            allow_nan: false,
        }
    }

    super::allow_nan!();
}

impl Default for JsonLines {
    fn default() -> Self {
        Self::new()
    }
}

impl<U: Serialize> Serializer<[U]> for JsonLines {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn serialize<'v>(&self, values: &'v [U]) -> Result<Cow<'v, [u8]>, CodecError> {
        let mut body = Vec::new();
        for (index, value) in values.iter().enumerate() {
            write(&mut body, value, self.allow_nan).map_err(|problem| {
                CodecError::serialize("JSON Lines", format!("{problem}, at line {}", index + 1))
            })?;
            body.push(b'\n');
        }
        Ok(Cow::Owned(body))
    }
}

serializes_sequences!(JsonLines);

mime_types!(JsonLines);

impl<U: DeserializeOwned> Deserializer<Vec<U>> for JsonLines {
    fn deserialize(&self, body: &[u8], content_type: Option<&str>) -> Result<Vec<U>, CodecError> {
        without_mark(body)
            .split(|byte| *byte == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .map(|(index, line)| {
                read(line).map_err(|refused| {
                    CodecError::deserialize("JSON Lines", refused.message(index + 1))
                        .with_content_type(content_type)
                })
            })
            .collect()
    }
}
