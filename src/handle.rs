//! A submitted inference as plain data, to save and resume.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::invalid_input::InvalidInput;
use crate::limits;
use crate::limits::check_name;
use crate::uri::S3Uri;

/// A submitted inference as data: the locations of its output and failure, and its ids. Any process can resume
/// it.
///
/// [`AsyncInferenceResponse::handle`](crate::AsyncInferenceResponse::handle) returns it, and so does
/// [`Error::handle`](crate::Error::handle); [`AsyncPredictor::resume`](crate::AsyncPredictor::resume) turns it
/// into a response. It holds no secret, no payload and nothing of the session. `Display` writes it as one line of
/// JSON, which `FromStr` and `serde` read; the format has a version, and a later one than this crate knows is an
/// error.
///
/// ```
/// use sagemaker_async_inference::InferenceHandle;
///
/// let line = r#"{"version":1,"endpoint_name":"my-endpoint","output_path":"s3://my-bucket/out/1.out"}"#;
/// let handle: InferenceHandle = line.parse()?;
/// assert_eq!(handle.endpoint_name(), "my-endpoint");
/// assert_eq!(handle.to_string(), line);
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
#[must_use = "without the handle, the result cannot be found"]
pub struct InferenceHandle {
    pub(crate) endpoint_name: Arc<str>,
    pub(crate) output_path: S3Uri,
    pub(crate) failure_path: Option<S3Uri>,
    pub(crate) inference_id: Option<String>,
    pub(crate) input_location: Option<S3Uri>,
    pub(crate) submitted_at: Option<SystemTime>,
    /// Whether the submit uploaded the input.
    pub(crate) input_uploaded: bool,
    /// How long after the submit the service gives up, in whole seconds.
    pub(crate) service_limit: Option<u64>,
    /// Whether a notification reported that it failed. Only release 0.1 made such handles.
    pub(crate) failed: bool,
}

/// The format that this version writes, and the only one so far. Members that were added since are ignored by
/// earlier releases and absent in their lines: whether the input was uploaded, the service's limit, and whether
/// it is known to have failed.
const VERSION: u32 = 1;

/// A line has three keys of at most 1,024 bytes each, escaped, and little more.
const MAX_LINE: usize = 16 << 10;

/// The format. Unknown members are ignored.
#[derive(Serialize, Deserialize)]
struct Wire {
    version: u32,
    endpoint_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output_path: Option<S3Uri>,
    /// In place of the path, as the service gave it: [`S3Uri::unread`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output_location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure_path: Option<S3Uri>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure_location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inference_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_location: Option<S3Uri>,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    submitted_at: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    input_uploaded: bool,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_limit: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
}

impl InferenceHandle {
    pub(crate) fn new(endpoint_name: Arc<str>, output_path: S3Uri) -> Self {
        Self {
            endpoint_name,
            output_path,
            failure_path: None,
            inference_id: None,
            input_location: None,
            submitted_at: None,
            input_uploaded: false,
            service_limit: None,
            failed: false,
        }
    }

    /// The endpoint that it was submitted to.
    pub fn endpoint_name(&self) -> &str {
        &self.endpoint_name
    }

    /// The output location as the service returned it, if this crate could not parse it at the submit. Then
    /// [`output_path`](Self::output_path) is that text, without a bucket.
    pub fn unread_output_location(&self) -> Option<&str> {
        self.output_path.as_unread()
    }

    /// Where the output is or will be.
    pub fn output_path(&self) -> &S3Uri {
        &self.output_path
    }

    /// Where a failure is or will be; absent if the endpoint has no `S3FailurePath`.
    pub fn failure_path(&self) -> Option<&S3Uri> {
        self.failure_path
            .as_ref()
            .filter(|uri| uri.as_unread().is_none())
    }

    /// The inference's id, if it is known.
    pub fn inference_id(&self) -> Option<&str> {
        self.inference_id.as_deref()
    }

    /// The location of the input in S3; absent if it was sent in the request's body.
    pub fn input_location(&self) -> Option<&S3Uri> {
        self.input_location.as_ref()
    }

    /// When it was submitted, by the clock of the machine that submitted it; in whole milliseconds once the handle was
    /// saved.
    pub fn submitted_at(&self) -> Option<SystemTime> {
        self.submitted_at
    }

    /// Whether the submit uploaded the input, so that [`CleanUp::input`](crate::response::CleanUp::input) may remove
    /// it. Also false if that is not known.
    pub fn input_uploaded(&self) -> bool {
        self.input_uploaded
    }

    /// How long after the submit the service gives up: the sum of the request's TTL and its invocation timeout. Absent
    /// if that is not known.
    pub fn service_limit(&self) -> Option<Duration> {
        self.service_limit.map(Duration::from_secs)
    }

    /// Whether a notification reported that the inference failed. Only release 0.1 wrote such handles; their output
    /// path is a placeholder. A response that is resumed from one returns [`Error::Model`](crate::Error::Model)
    /// without a request.
    pub fn has_failed(&self) -> bool {
        self.failed
    }
}

impl fmt::Display for InferenceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&line)
    }
}

impl FromStr for InferenceHandle {
    type Err = InvalidInput;

    fn from_str(line: &str) -> Result<Self, InvalidInput> {
        // Editors on Windows put a byte order mark first.
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.len() > MAX_LINE {
            let limit = format!("at most {MAX_LINE} bytes");
            return Err(invalid(line, limit, "give one line, as it was written"));
        }
        serde_json::from_str(line)
            .map_err(|error| invalid(line, error.to_string(), "give the line as it was written"))
    }
}

fn invalid(line: &str, limit: impl Into<String>, remedy: &str) -> InvalidInput {
    InvalidInput::new("saved handle", line, limit, remedy)
}

/// A path, or the location that could not be read as one.
fn apart(uri: Option<S3Uri>) -> (Option<S3Uri>, Option<String>) {
    match uri {
        Some(uri) => match uri.as_unread().map(str::to_owned) {
            Some(location) => (None, Some(location)),
            None => (Some(uri), None),
        },
        None => (None, None),
    }
}

/// The reverse; a later version than the one that wrote the location may read it.
fn together(path: Option<S3Uri>, location: Option<String>) -> Option<S3Uri> {
    path.or_else(|| {
        let location = location?;
        match location.parse::<S3Uri>() {
            Ok(uri) if uri.has_key() => Some(uri),
            _ => S3Uri::unread(&location),
        }
    })
}

impl From<InferenceHandle> for Wire {
    fn from(handle: InferenceHandle) -> Self {
        let (output_path, output_location) = apart(Some(handle.output_path));
        let (failure_path, failure_location) = apart(handle.failure_path);
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok();
        Self {
            version: VERSION,
            endpoint_name: Some(handle.endpoint_name.to_string()),
            output_path,
            output_location,
            failure_path,
            failure_location,
            inference_id: handle.inference_id,
            input_location: handle.input_location,
            submitted_at: handle
                .submitted_at
                .and_then(since)
                .and_then(|age| u64::try_from(age.as_millis()).ok()),
            input_uploaded: handle.input_uploaded,
            service_limit: handle.service_limit,
            failed: handle.failed,
        }
    }
}

impl TryFrom<Wire> for InferenceHandle {
    type Error = InvalidInput;

    fn try_from(wire: Wire) -> Result<Self, InvalidInput> {
        if wire.version != VERSION {
            return Err(invalid(
                &format!("version {}", wire.version),
                format!("version {VERSION}"),
                "read it with the version of this crate that wrote it, or a later one",
            ));
        }
        let lacks = |member: &str| invalid("", format!("it has no {member}"), "save it again");
        let endpoint_name = wire.endpoint_name.ok_or_else(|| lacks("endpoint_name"))?;
        check_name("endpoint name", &endpoint_name)?;
        if let Some(id) = &wire.inference_id {
            limits::known_inference_id(id)?;
        }
        let output_path =
            together(wire.output_path, wire.output_location).ok_or_else(|| lacks("output_path"))?;
        let failure_path = together(wire.failure_path, wire.failure_location);
        for uri in [Some(&output_path), failure_path.as_ref()] {
            if let Some(uri) = uri.filter(|uri| !uri.has_key()) {
                return Err(invalid(
                    &uri.to_string(),
                    "the URI of an object",
                    "save it again",
                ));
            }
        }
        Ok(Self {
            endpoint_name: endpoint_name.into(),
            output_path,
            failure_path,
            inference_id: wire.inference_id,
            input_location: wire.input_location,
            submitted_at: wire
                .submitted_at
                .and_then(|millis| UNIX_EPOCH.checked_add(Duration::from_millis(millis))),
            input_uploaded: wire.input_uploaded,
            service_limit: wire.service_limit,
            failed: wire.failed,
        })
    }
}
