//! `DataCaptureConfig`: which requests and responses are stored for monitoring.

use serde_json::{Map, Value, json};

use super::document::{document, part, set_in};
use crate::error::Result;
use crate::limits::{self, facts::sagemaker};
use crate::session::Session;
use crate::uri::S3Uri;

/// Which part of an inference is stored.
///
/// ```
/// use sagemaker_async_inference::endpoint::CaptureMode;
///
/// assert_eq!(CaptureMode::Input.as_str(), "Input");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaptureMode {
    /// The request; the SDK's `REQUEST`.
    Input,
    /// The response; the SDK's `RESPONSE`.
    Output,
}

crate::words::words!(CaptureMode, "capture mode", {
    Input => "Input",
    Output => "Output",
});

/// Which requests and responses an endpoint stores in S3.
///
/// The defaults are those of the `SageMaker` Python SDK's `DataCaptureConfig`: 20 per cent of the requests, with their
/// responses, below `model-monitor/data-capture` in the session's default bucket; `text/csv` is CSV and
/// `application/json` is JSON.
///
/// Limits, from the API's model: 0 to 100 per cent, a destination of at most 512 characters, at most
/// 10 content types of each kind.
///
/// ```
/// use sagemaker_async_inference::endpoint::{CaptureMode, DataCaptureConfig};
///
/// let config = DataCaptureConfig::enabled()
///     .sampling_percentage(50)
///     .destination("s3://my-bucket/captured")
///     .capture([CaptureMode::Input]);
/// config.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct DataCaptureConfig {
    members: Map<String, Value>,
}

part!(DataCaptureConfig, sagemaker::DATA_CAPTURE_CONFIG);

impl DataCaptureConfig {
    /// Enables data capture.
    pub fn enabled() -> Self {
        Self::new(true)
    }

    /// Disables data capture. The other settings apply when it is enabled later.
    pub fn disabled() -> Self {
        Self::new(false)
    }

    fn new(enabled: bool) -> Self {
        let members = json!({
            "EnableCapture": enabled,
            "InitialSamplingPercentage": 20,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json"],
            },
        });
        Self {
            members: limits::members(members),
        }
    }

    /// Sets the percentage of requests that are stored (`InitialSamplingPercentage`), 0 to 100. Default: 20.
    pub fn sampling_percentage(self, percentage: u32) -> Self {
        self.with_raw("InitialSamplingPercentage", percentage)
    }

    /// Sets where they are stored (`DestinationS3Uri`): `s3://..`. Default: below `model-monitor/data-capture` in
    /// the session's default bucket.
    pub fn destination(self, uri: impl Into<String>) -> Self {
        self.with_raw("DestinationS3Uri", uri.into())
    }

    /// Sets the key that encrypts them (`KmsKeyId`). Default: the bucket's.
    pub fn kms_key_id(self, id: impl Into<String>) -> Self {
        self.with_raw("KmsKeyId", id.into())
    }

    /// Sets which parts are stored (`CaptureOptions`). Default: both.
    pub fn capture(self, modes: impl IntoIterator<Item = CaptureMode>) -> Self {
        let modes: Value = modes
            .into_iter()
            .map(|mode| json!({"CaptureMode": mode.as_str()}))
            .collect();
        self.with_raw("CaptureOptions", modes)
    }

    /// Sets which content types are CSV. Default: `text/csv`. With none, the member is left out.
    pub fn csv_content_types<T: Into<String>>(self, types: impl IntoIterator<Item = T>) -> Self {
        self.content_types("CsvContentTypes", types)
    }

    /// Sets which content types are JSON. Default: `application/json`. With none, the member is left out.
    pub fn json_content_types<T: Into<String>>(self, types: impl IntoIterator<Item = T>) -> Self {
        self.content_types("JsonContentTypes", types)
    }

    fn content_types<T: Into<String>>(
        mut self,
        kind: &str,
        types: impl IntoIterator<Item = T>,
    ) -> Self {
        const HEADER: &str = "CaptureContentTypeHeader";
        let types: Vec<String> = types.into_iter().map(Into::into).collect();
        if !types.is_empty() {
            set_in(&mut self.members, HEADER, kind.to_owned(), types.into());
            return self;
        }
        if let Some(Value::Object(header)) = self.members.get_mut(HEADER) {
            header.remove(kind);
            if header.is_empty() {
                self.members.remove(HEADER);
            }
        }
        self
    }

    /// With a placeholder for a destination that was not set: for a check that sends no request.
    pub(crate) fn drafted(self) -> Self {
        if self.members.contains_key("DestinationS3Uri") {
            self
        } else {
            self.destination(DRAFT)
        }
    }

    /// With the default destination if none was set.
    pub(crate) fn located(mut self, session: &Session) -> Result<Self> {
        if !self.members.contains_key("DestinationS3Uri") {
            let place = default_place(session, "model-monitor/data-capture")?;
            self = self.destination(place.to_string());
        }
        Ok(self)
    }
}

/// Placeholder, in a check, for a location in the default bucket, whose name may need a request.
pub(super) const DRAFT: &str = "s3://default-bucket/";

/// A place in the session's default bucket, below its prefix.
pub(crate) fn default_place(session: &Session, path: &str) -> Result<S3Uri> {
    let bucket = S3Uri::new(session.default_bucket()?, "")?;
    let place = match session.default_bucket_prefix() {
        Some(prefix) => bucket.join(prefix)?,
        None => bucket,
    };
    Ok(place.join(path)?)
}
