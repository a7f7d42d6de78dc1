use std::borrow::Cow;

use super::{CodecError, Deserializer, Serializer, mime_types, not_text};

/// The codec of UTF-8 text.
///
/// Serializes any `AsRef<str>`, deserializes to `String`, which is the whole body, with a byte order mark if it has
/// one. A body that is not UTF-8 is an error with the offset of the first wrong byte, whatever charset its content
/// type names; read texts in other charsets as [`Bytes`](crate::Bytes).
///
/// Content type and accept are `text/plain` by default. The content type is that of the Python SDK's
/// `StringSerializer`. It has no charset, since handlers often compare the complete value; set one with
/// `with_content_type("text/plain; charset=utf-8")`. The SDK's `StringDeserializer` accepts `application/json`,
/// for which a model may return JSON.
///
/// ```
/// use sagemaker_async_inference::{Deserializer, Serializer, Text};
///
/// assert_eq!(*Text::new().serialize("grüß")?, *"grüß".as_bytes());
/// assert_eq!(Text::new().deserialize(b"hello", None)?, "hello");
/// # Ok::<(), sagemaker_async_inference::CodecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Text {
    content_type: Cow<'static, str>,
    accept: Cow<'static, str>,
}

impl Text {
    /// Creates the codec with content type and accept `text/plain`.
    pub const fn new() -> Self {
        Self {
            content_type: Cow::Borrowed("text/plain"),
            accept: Cow::Borrowed("text/plain"),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: AsRef<str> + ?Sized> Serializer<T> for Text {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn serialize<'v>(&self, value: &'v T) -> Result<Cow<'v, [u8]>, CodecError> {
        Ok(Cow::Borrowed(value.as_ref().as_bytes()))
    }
}

mime_types!(Text);

impl Deserializer<String> for Text {
    fn deserialize(&self, body: &[u8], content_type: Option<&str>) -> Result<String, CodecError> {
        let text = str::from_utf8(body).map_err(|error| {
            let (at, length) = (error.valid_up_to(), body.len());
            let message = match not_text(body) {
                Some(found) => found.to_owned(),
                None => format!("not UTF-8 at byte {at} of {length}"),
            };
            CodecError::deserialize("text", message).with_content_type(content_type)
        })?;
        Ok(text.to_owned())
    }
}
