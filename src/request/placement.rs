//! Where an input is sent: in the request's body, or to an object in S3.

use std::borrow::Cow;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

use crate::aws::s3::{self, PutOptions};
use crate::aws::{CallError, RequestPolicy};
use crate::error::{Error, Result};
use crate::invalid_input::InvalidInput;
use crate::limits::{self, MAX_INLINE_BYTES};
use crate::predictor::Target;
use crate::session::Session;
use crate::sys::Random;
use crate::uri::S3Uri;

/// What the caller requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Placement {
    /// In the body if it fits.
    #[default]
    Fitting,
    Inline,
    S3,
}

impl Placement {
    /// An empty input goes through S3: the service accepts exactly one of a body and a location, and an empty
    /// body counts as none.
    pub(crate) fn is_inline(self, len: u64) -> Result<bool> {
        let fits = (1..=MAX_INLINE_BYTES as u64).contains(&len);
        match self {
            Self::S3 => Ok(false),
            Self::Inline if !fits => Err(InvalidInput::new(
                "inline input",
                format!("{len} bytes"),
                format!("1 to {MAX_INLINE_BYTES} bytes in the request's body"),
                "leave out inline() to send it through S3",
            )
            .into()),
            Self::Fitting | Self::Inline => Ok(fits),
        }
    }
}

/// How an upload is made.
#[derive(Debug, Default, Clone)]
pub(crate) struct Upload<'a> {
    pub(crate) destination: Option<S3Uri>,
    pub(crate) kms_key_id: Option<Cow<'a, str>>,
}

impl Upload<'_> {
    pub(crate) fn check(&self) -> Result<()> {
        let Some(key_id) = &self.kms_key_id else {
            return Ok(());
        };
        // `KmsKeyId` of the model.
        if (1..=2048).contains(&key_id.len()) && key_id.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(());
        }
        Err(InvalidInput::new(
            "KMS key",
            key_id.as_ref(),
            "1 to 2048 visible ASCII characters",
            "give the key's id, ARN or alias",
        )
        .into())
    }
}

/// Uploads the input to S3 and returns its location. `send` is called again if the bucket had to be created
/// first.
pub(crate) fn upload(
    target: &Target,
    upload: &Upload<'_>,
    content_type: Option<&str>,
    policy: RequestPolicy<'_>,
    mut send: impl FnMut(&S3Uri, &PutOptions<'_>) -> Result<(), CallError>,
) -> Result<S3Uri> {
    let session = &target.session;
    let uri = destination(target, upload.destination.as_ref(), policy)?;
    limits::input_location(&uri)?;
    let options = PutOptions {
        content_type,
        kms_key_id: upload.kms_key_id.as_deref(),
    };
    let mut outcome = send(&uri, &options);
    if finds_no_bucket(&outcome) && session.is_derived_default_bucket(uri.bucket()) {
        s3::create_bucket(session.s3(), uri.bucket(), policy).map_err(Error::from)?;
        outcome = send(&uri, &options);
        for pause in NEW_BUCKET {
            if !finds_no_bucket(&outcome) || !pauses(session, pause, policy) {
                break;
            }
            outcome = send(&uri, &options);
        }
    }
    outcome.map_err(Error::from)?;
    Ok(uri)
}

/// Pauses until a new bucket is found: another request may still be creating it, and S3 has to make it known.
const NEW_BUCKET: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

fn finds_no_bucket(outcome: &Result<(), CallError>) -> bool {
    matches!(outcome, Err(CallError::Response(response))
        if response.error.code() == Some("NoSuchBucket"))
}

/// Whether there is time for another attempt after the pause.
fn pauses(session: &Session, pause: Duration, policy: RequestPolicy<'_>) -> bool {
    let client = session.client();
    let then = client.sys.clock().monotonic() + pause;
    let is_late = policy.deadline.is_some_and(|deadline| deadline <= then);
    !is_late && client.pause(pause, policy.cancel)
}

/// The object to write: the caller's, a new one below the caller's prefix, or the SDK's choice.
fn destination(
    target: &Target,
    wanted: Option<&S3Uri>,
    policy: RequestPolicy<'_>,
) -> Result<S3Uri> {
    let session = &target.session;
    let now = OffsetDateTime::from(session.sys().clock().now());
    let random = session.sys().random();
    match wanted {
        Some(uri) if uri.has_key() && !uri.key().ends_with('/') => Ok(uri.clone()),
        Some(prefix) => {
            let key = format!("{}{}", prefix.key(), object_name(now, random)?);
            Ok(S3Uri::new(prefix.bucket(), key)?)
        }
        None => {
            let prefix = session
                .default_bucket_prefix()
                .map_or_else(String::new, |prefix| format!("{prefix}/"));
            let folder = folder_name(&target.endpoint_name, now)?;
            let key = format!(
                "{prefix}async-endpoint-inputs/{folder}/{}",
                object_name(now, random)?
            );
            Ok(S3Uri::new(session.default_bucket_within(policy)?, key)?)
        }
    }
}

/// As the SDK's `name_from_base(name, short=True)`: `{name}-{yymmdd-hhmm}`, at most 63 characters.
fn folder_name(endpoint_name: &str, now: OffsetDateTime) -> Result<String> {
    let time = now
        .format(format_description!(
            "[year repr:last_two][month][day]-[hour][minute]"
        ))
        .map_err(|error| unnamable(&error))?;
    let room = 63 - time.len() - 1;
    let name: String = endpoint_name.chars().take(room).collect();
    Ok(format!("{name}-{time}"))
}

/// As the SDK's: `{yyyy-mm-dd-hh-mm-ss-mmm}-{uuid}`.
fn object_name(now: OffsetDateTime, random: &Random) -> Result<String> {
    let time = now
        .format(format_description!(
            "[year]-[month]-[day]-[hour]-[minute]-[second]-[subsecond digits:3]"
        ))
        .map_err(|error| unnamable(&error))?;
    Ok(format!("{time}-{}", random.uuid()))
}

fn unnamable(error: &time::error::Format) -> Error {
    crate::error::ConfigError::new(
        "clock",
        format!("its time cannot be written ({error})"),
        "set this machine's clock",
    )
    .into()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{folder_name, object_name};
    use crate::sys::Random;

    #[test]
    fn names_are_the_sdks() {
        let now = datetime!(2026-11-23 06:36:02.534 UTC);
        assert_eq!(
            folder_name("mymodel", now).ok().as_deref(),
            Some("mymodel-261123-0636")
        );
        assert_eq!(
            folder_name(&"a".repeat(63), now)
                .map(|name| name.len())
                .ok(),
            Some(63)
        );
        let name = object_name(now, &Random::machine()).unwrap_or_default();
        assert!(name.starts_with("2026-11-23-06-36-02-534-"), "{name}");
        assert_eq!(
            name.len(),
            "2026-11-23-06-36-02-534-56dd1bfb-4aec-4dd1-93aa-e6224b70a0af".len()
        );
    }
}
