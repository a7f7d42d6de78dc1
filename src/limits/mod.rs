//! The limits of the requests, checked before anything is sent, and by the local endpoint.
//!
//! What the API's models say is in [`facts`], which is generated; [`patterns`] has a function for each of its
//! patterns, [`words`] the remedies, and [`together`] what the API says in words only. Here is what HTTP adds to the
//! members of `InvokeEndpointAsync` that travel in headers.

pub(crate) mod check;
// Only the local endpoint looks up requests that have nothing to check.
#[cfg_attr(not(feature = "local"), allow(dead_code))]
#[rustfmt::skip]
pub(crate) mod facts;
mod patterns;
mod together;
mod words;

use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderValue;
use serde_json::{Map, Value};

use crate::invalid_input::InvalidInput;
use crate::uri::S3Uri;
use check::TextRule;
use facts::{sagemaker, sagemaker_runtime as runtime};

type Checked = Result<(), InvalidInput>;

/// `Body`: at most this many bytes.
pub(crate) const MAX_INLINE_BYTES: usize = runtime::ASYNC_BODY_BLOB;
/// The largest payload, in and out: 1 GB ("Asynchronous inference" in the `SageMaker` developer
/// guide), read as 2^30, so that nothing is refused here that the service may accept.
pub(crate) const MAX_PAYLOAD_BYTES: u64 = 1 << 30;
/// `RequestTTLSeconds`.
pub(crate) const REQUEST_TTL: RangeInclusive<u64> = runtime::REQUEST_TTL_SECONDS_HEADER;
pub(crate) const DEFAULT_REQUEST_TTL: Duration = Duration::from_hours(6);
/// `InvocationTimeoutSeconds`.
pub(crate) const INVOCATION_TIMEOUT: RangeInclusive<u64> =
    runtime::INVOCATION_TIMEOUT_SECONDS_HEADER;
pub(crate) const DEFAULT_INVOCATION_TIMEOUT: Duration = Duration::from_mins(15);

/// The members of a document, which is always an object.
pub(crate) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The name of an endpoint, a variant, a model or a configuration: all have the same rules.
pub(crate) fn check_name(what: &str, name: &str) -> Checked {
    Ok(sagemaker::ENDPOINT_NAME.check(what, name)?)
}

/// At most the service's limit for a payload.
pub(crate) fn payload_length(what: &'static str, len: u64) -> Checked {
    check(len <= MAX_PAYLOAD_BYTES, || {
        InvalidInput::new(
            what,
            format!("{len} bytes or more"),
            format!("at most {MAX_PAYLOAD_BYTES} bytes (1 GiB), the service's limit for a payload"),
            "split or compress it",
        )
    })
}

/// `InferenceId`, in ASCII and without a blank at the end, as a header carries it.
pub(crate) fn inference_id(id: &str) -> Checked {
    header_text("inference id", &runtime::INFERENCE_ID, id)
}

/// An id of the service's or of an earlier version's, which may end with a blank.
pub(crate) fn known_inference_id(id: &str) -> Checked {
    inference_id(id.trim_end_matches(' '))
}

/// `CustomAttributes`, of which a header carries the visible characters.
pub(crate) fn custom_attributes(attributes: &str) -> Checked {
    header_text(
        "custom attributes",
        &runtime::CUSTOM_ATTRIBUTES_HEADER,
        attributes,
    )
}

/// `ContentType` and `Accept`, which have no effect if they are empty.
pub(crate) fn mime_type(what: &'static str, mime_type: &str) -> Checked {
    if mime_type.is_empty() {
        return Err(runtime::HEADER.violation(what, mime_type).into());
    }
    header_text(what, &runtime::HEADER, mime_type)
}

/// `Filename`.
pub(crate) fn filename(name: &str) -> Checked {
    Ok(runtime::FILENAME_HEADER.check("filename", name)?)
}

/// `S3OutputPathExtension`.
pub(crate) fn output_path_extension(extension: &str) -> Checked {
    let rule = &runtime::S3_OUTPUT_PATH_EXTENSION_HEADER;
    Ok(rule.check("output path extension", extension)?)
}

/// A text in a header, which carries visible ASCII and removes blanks at both ends (RFC 9110, 5.5).
fn header_text(what: &'static str, rule: &'static TextRule, text: &str) -> Checked {
    rule.check(what, text)?;
    let is_visible = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    check(is_visible && !has_outer_blanks(text), || {
        rule.violation(what, text).into()
    })
}

fn has_outer_blanks(value: &str) -> bool {
    value.starts_with([' ', '\t']) || value.ends_with([' ', '\t'])
}

/// `InputLocation`. It is sent in a header, where a blank at the end of the key would be lost: the shorter key may be
/// that of another object.
pub(crate) fn input_location(uri: &S3Uri) -> Checked {
    check(uri.has_key(), || {
        InvalidInput::new(
            "input location",
            uri.to_string(),
            "the URI of an object",
            "add the object's key",
        )
    })?;
    let max = runtime::INPUT_LOCATION_HEADER.max;
    // A character has at least one byte.
    let fits = uri.len() <= max || uri.text().chars().count() <= max;
    check(fits, || {
        InvalidInput::new(
            "input location",
            uri.to_string(),
            format!("at most {max} characters in all"),
            "copy the input to a shorter key",
        )
    })?;
    let is_carried = !uri.key().chars().any(char::is_control) && !has_outer_blanks(uri.key());
    check(is_carried, || {
        InvalidInput::new(
            "input location",
            uri.to_string(),
            "no control character in the key, and no blank at its beginning or end: it goes in an HTTP header, which \
             does not carry them",
            "copy the input to a key without them",
        )
    })
}

/// A number of seconds in the range that the service accepts, without a fraction.
pub(crate) fn seconds(what: &'static str, value: Duration, range: RangeInclusive<u64>) -> Checked {
    let fits = range.contains(&value.as_secs()) && value.subsec_nanos() == 0;
    check(fits, || {
        InvalidInput::new(
            what,
            format!("{value:?}"),
            format!("{} s to {} s, in whole seconds", range.start(), range.end()),
            "choose a value in this range",
        )
    })
}

fn check(fits: bool, error: impl FnOnce() -> InvalidInput) -> Checked {
    if fits { Ok(()) } else { Err(error()) }
}

/// A header of this value. The value is not shown in the error: it may be the custom attributes.
pub(crate) fn header_value(what: &'static str, value: &str) -> Result<HeaderValue, InvalidInput> {
    let is_carried = !value.contains('\t') && !has_outer_blanks(value);
    let carried = HeaderValue::from_str(value).ok().filter(|_| is_carried);
    carried.ok_or_else(|| {
        InvalidInput::redacted(
            what,
            "text without control characters, and without blanks at its ends, which HTTP removes",
            "remove line breaks, tabs and outer blanks",
        )
    })
}
