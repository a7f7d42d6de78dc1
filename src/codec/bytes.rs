use std::borrow::Cow;

use super::{CodecError, Deserializer, Serializer, mime_types};

/// The codec of raw bytes: nothing is copied when serializing, nothing is checked when deserializing.
///
/// Serializes any `AsRef<[u8]>`, deserializes to `Vec<u8>`. Content type and accept are
/// `application/octet-stream` by default, as with the Python SDK's `IdentitySerializer` and `BytesDeserializer`
/// (which accepts `*/*`).
///
/// ```
/// use sagemaker_async_inference::{Bytes, Accept, Deserializer, Serializer};
///
/// let image = Bytes::new().with_content_type("image/png");
/// assert_eq!(*image.serialize(b"\x89PNG")?, *b"\x89PNG");
/// assert_eq!(image.deserialize(&[1, 2], None)?, [1, 2]);
/// # Ok::<(), sagemaker_async_inference::CodecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Bytes {
    content_type: Cow<'static, str>,
    accept: Cow<'static, str>,
}

impl Bytes {
    /// Creates the codec with content type and accept `application/octet-stream`.
    pub const fn new() -> Self {
        Self {
            content_type: Cow::Borrowed("application/octet-stream"),
            accept: Cow::Borrowed("application/octet-stream"),
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: AsRef<[u8]> + ?Sized> Serializer<T> for Bytes {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn serialize<'v>(&self, value: &'v T) -> Result<Cow<'v, [u8]>, CodecError> {
        Ok(Cow::Borrowed(value.as_ref()))
    }
}

mime_types!(Bytes);

impl Deserializer<Vec<u8>> for Bytes {
    fn deserialize(&self, body: &[u8], _: Option<&str>) -> Result<Vec<u8>, CodecError> {
        Ok(body.to_vec())
    }
}
