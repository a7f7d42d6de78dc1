//! The limits of `InvokeEndpointAsync`, from the API's model (`sagemaker-runtime`, 2017-05-13),
//! checked before anything is sent.

pub(crate) mod shapes;

use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderValue;

use crate::invalid_input::InvalidInput;
use crate::uri::S3Uri;

type Checked = Result<(), InvalidInput>;

/// `Body`: at most this many bytes.
pub(crate) const MAX_INLINE_BYTES: usize = 128_000;
/// The largest payload, in and out: 1 GB ("Asynchronous inference" in the `SageMaker` developer
/// guide), taken as 2^30, so that nothing is refused here that the service may take.
pub(crate) const MAX_PAYLOAD_BYTES: u64 = 1 << 30;
/// `RequestTTLSeconds`.
pub(crate) const REQUEST_TTL: RangeInclusive<u64> = 60..=21_600;
pub(crate) const DEFAULT_REQUEST_TTL: Duration = Duration::from_hours(6);
/// `InvocationTimeoutSeconds`.
pub(crate) const INVOCATION_TIMEOUT: RangeInclusive<u64> = 1..=3600;
pub(crate) const DEFAULT_INVOCATION_TIMEOUT: Duration = Duration::from_mins(15);

/// At most what the service takes as a payload.
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

/// `InferenceId`: 1 to 64, `\A\S[\p{Print}]*\z`, and no blank at the end, which a header does not carry.
pub(crate) fn inference_id(id: &str) -> Checked {
    check(is_inference_id(id) && !id.ends_with(' '), || {
        InvalidInput::new(
            "inference id",
            id,
            "1 to 64 printable ASCII characters, the first and the last not blank",
            "shorten it, or leave it out for a random one",
        )
    })
}

/// An id of the service's or of an earlier version's, which may end with a blank.
pub(crate) fn known_inference_id(id: &str) -> Checked {
    inference_id(id.trim_end_matches(' '))
}

fn is_inference_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| (b' '..=b'~').contains(&b))
        && !id.starts_with(' ')
}

/// Whether a header does not carry it unchanged: HTTP removes blanks at both ends (RFC 9110, 5.5).
fn has_outer_blanks(value: &str) -> bool {
    value.starts_with([' ', '\t']) || value.ends_with([' ', '\t'])
}

/// `CustomAttributes`: at most 1024, `\p{ASCII}*`, of which a header carries the visible ones.
pub(crate) fn custom_attributes(attributes: &str) -> Checked {
    let fits = attributes.len() <= 1024 && attributes.bytes().all(|b| (b' '..=b'~').contains(&b));
    check(fits && !has_outer_blanks(attributes), || {
        InvalidInput::redacted(
            "custom attributes",
            "at most 1024 visible ASCII characters, and no blank at an end, which HTTP removes",
            "shorten, trim or encode them",
        )
    })
}

/// `ContentType` and `Accept`: at most 1024, `\p{ASCII}*`.
pub(crate) fn mime_type(what: &'static str, mime_type: &str) -> Checked {
    let fits = (1..=1024).contains(&mime_type.len())
        && mime_type.bytes().all(|b| (b' '..=b'~').contains(&b));
    check(fits && !has_outer_blanks(mime_type), || {
        InvalidInput::new(
            what,
            mime_type,
            "1 to 1024 visible ASCII characters, and no blank at an end, which HTTP removes",
            "write it as in application/json",
        )
    })
}

/// `Filename`: 1 to 32, `^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$`.
pub(crate) fn filename(name: &str) -> Checked {
    let fits = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.matches('.').count() <= 1;
    check(fits, || {
        InvalidInput::new(
            "filename",
            name,
            "1 to 32 letters, digits, '-', '_' and at most one '.', the first a letter or digit",
            "shorten or rename it",
        )
    })
}

/// `S3OutputPathExtension`: 1 to 512, `^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$`.
pub(crate) fn output_path_extension(extension: &str) -> Checked {
    // "s3:" and "https:" are shut out with the colon.
    let fits = (1..=512).contains(&extension.len())
        && extension
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!_.*'()/-".contains(&b));
    check(fits, || {
        InvalidInput::new(
            "output path extension",
            extension,
            "1 to 512 letters, digits and !_.*'()/-",
            "give a path below the endpoint's output path, not a URI",
        )
    })
}

/// `InputLocation`: at most 1024 characters, `^(https|s3)://([^/]+)/?(.*)$`. It goes in a header, where a blank at
/// the end of the key would be lost, and with it the name of the object; another one may have the rest as its name.
pub(crate) fn input_location(uri: &S3Uri) -> Checked {
    check(uri.has_key(), || {
        InvalidInput::new(
            "input location",
            uri.to_string(),
            "the URI of an object",
            "add the object's key",
        )
    })?;
    check(uri.to_string().chars().count() <= 1024, || {
        InvalidInput::new(
            "input location",
            uri.to_string(),
            "at most 1024 characters in all",
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

/// A number of seconds in the range that the service takes; it knows no fractions.
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
