//! Serialization of inputs and deserialization of results: two traits, and one file for each format.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use crate::handle::InferenceHandle;

mod bytes;
mod csv;
mod json;
mod json_lines;
#[cfg(feature = "npy")]
mod npy;
mod text;

#[cfg(feature = "npy")]
pub use self::npy::{Npy, NpyArray, NpyElement};
pub use self::{bytes::Bytes, csv::Csv, json::Json, json_lines::JsonLines, text::Text};

/// Turns values of type `T` into request bodies.
///
/// `SageMaker` sees the content type as `X-Amzn-SageMaker-Content-Type` (at most 1024 ASCII characters, by the
/// API's model of `InvokeEndpointAsync`) and passes it to the model's container with the body.
///
/// ```
/// use std::borrow::Cow;
/// use sagemaker_async_inference::{CodecError, Serializer};
///
/// #[derive(Debug, Clone)]
/// struct Npy;
///
/// impl Serializer<[f32]> for Npy {
///     fn content_type(&self) -> &str {
///         "application/x-npy"
///     }
///
///     fn serialize<'v>(&self, values: &'v [f32]) -> Result<Cow<'v, [u8]>, CodecError> {
///         let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},)}}", values.len());
///         let length = u16::try_from(header.len())
///             .map_err(|error| CodecError::serialize("npy", "the header is too long").with_source(error))?;
///         let mut body = b"\x93NUMPY\x01\x00".to_vec();
///         body.extend(length.to_le_bytes());
///         body.extend(header.as_bytes());
///         body.extend(values.iter().flat_map(|value| value.to_le_bytes()));
///         Ok(body.into())
///     }
/// }
///
/// assert!(Npy.serialize(&[1.0, 2.0])?.ends_with(&[0, 0, 0, 0x40]));
/// # Ok::<(), CodecError>(())
/// ```
pub trait Serializer<T: ?Sized> {
    /// Returns the MIME type of the body that [`serialize`](Self::serialize) returns.
    fn content_type(&self) -> &str;

    /// Returns the body for `value`; borrowed from it if its bytes are the body already.
    ///
    /// # Errors
    /// [`CodecError`]: the format cannot represent the value. The request fails with
    /// [`Error::Codec`](crate::Error::Codec), and nothing was sent.
    fn serialize<'v>(&self, value: &'v T) -> Result<Cow<'v, [u8]>, CodecError>;
}

/// The MIME type that a format accepts from the model.
///
/// It is sent with the invocation as `X-Amzn-SageMaker-Accept`, before the type of the result is known; hence a
/// separate supertrait of [`Deserializer`].
///
/// ```
/// use sagemaker_async_inference::{Accept, Json};
///
/// assert_eq!(Json::default().accept(), "application/json");
/// ```
pub trait Accept {
    /// Returns the MIME type that the model is to return, at most 1024 ASCII characters.
    fn accept(&self) -> &str;
}

/// Turns result bodies into values of type `T`.
///
/// ```
/// use sagemaker_async_inference::{Accept, CodecError, Deserializer};
///
/// /// A plain-text score.
/// #[derive(Debug, Clone)]
/// struct Score;
///
/// impl Accept for Score {
///     fn accept(&self) -> &str {
///         "text/plain"
///     }
/// }
///
/// impl Deserializer<f64> for Score {
///     fn deserialize(&self, body: &[u8], _content_type: Option<&str>) -> Result<f64, CodecError> {
///         let text = str::from_utf8(body)
///             .map_err(|error| CodecError::deserialize("score", "it is not UTF-8").with_source(error))?;
///         text.trim().parse().map_err(|error| {
///             CodecError::deserialize("score", "it is not a number").with_source::<std::num::ParseFloatError>(error)
///         })
///     }
/// }
///
/// assert_eq!(Score.deserialize(b"0.5\n", None)?, 0.5);
/// # Ok::<(), CodecError>(())
/// ```
pub trait Deserializer<T>: Accept {
    /// Returns the value in `body`. `content_type` is that of the stored result, if known.
    ///
    /// The formats of this crate do not refuse a body for its content type, since models often name the
    /// wrong one: it only appears in the error.
    ///
    /// # Errors
    /// [`CodecError`]: the body is not a `T` in this format. The call fails with
    /// [`Error::Codec`](crate::Error::Codec), and the body stays cached in the response.
    fn deserialize(&self, body: &[u8], content_type: Option<&str>) -> Result<T, CodecError>;
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        impl<T: ?Sized, S: Serializer<T> + ?Sized> Serializer<T> for $pointer {
            fn content_type(&self) -> &str {
                (**self).content_type()
            }

            fn serialize<'v>(&self, value: &'v T) -> Result<Cow<'v, [u8]>, CodecError> {
                (**self).serialize(value)
            }
        }

        impl<S: Accept + ?Sized> Accept for $pointer {
            fn accept(&self) -> &str {
                (**self).accept()
            }
        }

        impl<T, S: Deserializer<T> + ?Sized> Deserializer<T> for $pointer {
            fn deserialize(&self, body: &[u8], content_type: Option<&str>) -> Result<T, CodecError> {
                (**self).deserialize(body, content_type)
            }
        }
    )+};
}
forward!(&S, Box<S>, Arc<S>);

/// Whether serialization or deserialization failed.
///
/// ```
/// use sagemaker_async_inference::{Deserializer, Json};
/// use sagemaker_async_inference::error::CodecDirection;
///
/// let refused: Result<u32, _> = Json::new().deserialize(b"{", None);
/// assert!(refused.is_err_and(|error| error.direction() == CodecDirection::Deserialize));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecDirection {
    /// From a value to a request body.
    Serialize,
    /// From a result body to a value.
    Deserialize,
}

crate::words::words!(CodecDirection, "codec direction", {
    Serialize => "serialize",
    Deserialize => "deserialize",
});

/// A value that could not be written as a body, or a body that could not be read as a value.
///
/// The formats of this crate report the position and the reason, such as the name of a missing field or the kind
/// of value that was found, and never any content: values, unknown names and messages of a type's own
/// `Deserialize` are left out.
///
/// ```
/// use sagemaker_async_inference::{Deserializer, Json};
///
/// let refused: Result<Vec<u8>, _> = Json::new().deserialize(b"[1, \"secret\"]", Some("text/plain"));
/// assert_eq!(
///     refused.unwrap_err().to_string(),
///     "cannot deserialize JSON (content type \"text/plain\"): \
///      valid JSON, but not of the requested type, at line 1, column 12: \
///      a string where u8 is expected",
/// );
/// ```
#[derive(Debug, Clone)]
pub struct CodecError {
    direction: CodecDirection,
    format: Cow<'static, str>,
    content_type: Option<String>,
    message: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
    pub(crate) handle: Option<Arc<InferenceHandle>>,
}

impl CodecError {
    /// Creates the error of a failed serialization in `format`. `message` should contain nothing of the value.
    pub fn serialize(
        format: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            direction: CodecDirection::Serialize,
            format: format.into(),
            content_type: None,
            message: message.into(),
            source: None,
            handle: None,
        }
    }

    /// Creates the error of a failed deserialization in `format`. `message` should contain nothing of the body.
    pub fn deserialize(
        format: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            direction: CodecDirection::Deserialize,
            ..Self::serialize(format, message)
        }
    }

    /// Adds the content type of the body, cut after 80 characters.
    #[must_use]
    pub fn with_content_type(mut self, content_type: Option<&str>) -> Self {
        self.content_type = content_type.map(|text| text.chars().take(80).collect());
        self
    }

    /// Adds the cause, which [`source`](std::error::Error::source) returns.
    #[must_use]
    pub fn with_source<E: Error + Send + Sync + 'static>(mut self, source: E) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Adds where in a larger document the problem is.
    pub(crate) fn located_in(&mut self, place: &str) {
        self.message = format!("{place}: {}", self.message).into();
    }

    /// Whether serialization or deserialization failed.
    pub fn direction(&self) -> CodecDirection {
        self.direction
    }

    /// The format's name, such as `JSON`.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// The content type of the body, if known; always `None` when serializing.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// What is wrong, and where.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            CodecDirection::Serialize => "serialize",
            CodecDirection::Deserialize => "deserialize",
        };
        write!(f, "cannot {direction} {}", self.format)?;
        if let Some(content_type) = &self.content_type {
            write!(f, " (content type {content_type:?})")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Error for CodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The text without a byte order mark, which programs on Windows put before UTF-8 and which RFC 8259 lets a
/// reader ignore.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Reads JSON that a service or its clients wrote. Half a surrogate pair, which a program leaves that cuts a text within an
/// emoji, becomes U+FFFD: it is valid JSON, but no text in UTF-8.
pub(crate) fn read_cut_json(document: &[u8]) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_slice(document).or_else(|error| {
        let whole = without_halves(document).ok_or(error)?;
        serde_json::from_slice(&whole)
    })
}

/// The document with halves of surrogate pairs replaced; `None` if it has none.
fn without_halves(document: &[u8]) -> Option<Vec<u8>> {
    const ESCAPE: usize = r"\uXXXX".len();
    let unit = |at: usize| {
        let hex = document.get(at..at + ESCAPE)?.strip_prefix(br"\u")?;
        u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
    };
    let mut whole = document.to_vec();
    let (mut at, mut replaced) = (0, false);
    while let Some(found) = document[at..].iter().position(|byte| *byte == b'\\') {
        at += found;
        at += match (unit(at), unit(at + ESCAPE)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 2 * ESCAPE,
            (Some(0xd800..0xe000), _) => {
                whole[at..at + ESCAPE].copy_from_slice(br"\ufffd");
                replaced = true;
                ESCAPE
            }
            (Some(_), _) => ESCAPE,
            (None, _) => 2.min(document.len() - at),
        };
    }
    replaced.then_some(whole)
}

/// What a body is that begins with bytes no text in UTF-8 begins with. A message about line 1, column 1 would not help,
/// because errors show nothing of the body.
fn not_text(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x1f, 0x8b, ..] => Some(
            "the body is compressed with gzip, and results are not decompressed, whatever their Content-Encoding; \
             take the result as Bytes, or have the model return it uncompressed",
        ),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some("the body is UTF-16; take the result as Bytes, or have the model return UTF-8")
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            Some("the body is a NumPy array; take the result with Npy (feature `npy`) or as Bytes")
        }
        _ => None,
    }
}

/// The methods to change the two MIME types of a format, and its [`Accept`].
macro_rules! mime_types {
    ($codec:ty) => {
        impl $codec {
            /// Sets the MIME type of bodies: at most 1024 ASCII characters, checked by the submit.
            pub fn with_content_type(
                mut self,
                content_type: impl Into<std::borrow::Cow<'static, str>>,
            ) -> Self {
                self.content_type = content_type.into();
                self
            }

            /// Sets the MIME type of results that is requested from the model: at most 1024 ASCII characters,
            /// checked by the submit.
            pub fn with_accept(
                mut self,
                accept: impl Into<std::borrow::Cow<'static, str>>,
            ) -> Self {
                self.accept = accept.into();
                self
            }
        }

        impl crate::codec::Accept for $codec {
            fn accept(&self) -> &str {
                &self.accept
            }
        }
    };
}
use mime_types;

/// Serializes vectors and arrays like slices.
macro_rules! serializes_sequences {
    ($codec:ty) => {
        serializes_sequences!($codec, [U], Vec<U>);
        serializes_sequences!($codec, [U, const N: usize], [U; N]);
    };
    ($codec:ty, [$U:ident $($n:tt)*], $sequence:ty) => {
        impl<$U: serde::Serialize $($n)*> crate::codec::Serializer<$sequence> for $codec {
            fn content_type(&self) -> &str {
                &self.content_type
            }

            fn serialize<'v>(
                &self,
                values: &'v $sequence,
            ) -> Result<std::borrow::Cow<'v, [u8]>, crate::codec::CodecError> {
                self.serialize(values.as_slice())
            }
        }
    };
}
use serializes_sequences;

/// The method that allows numbers that are not finite.
macro_rules! allow_nan {
    () => {
        /// Sets whether NaN and the infinities are sent as Python's `json` writes them: `NaN`, `Infinity`,
        /// `-Infinity`. Default: false, an error. They are not valid JSON, and a model that is not written in
        /// Python may refuse them.
        pub const fn allow_nan(mut self, allow_nan: bool) -> Self {
            self.allow_nan = allow_nan;
            self
        }
    };
}
use allow_nan;
