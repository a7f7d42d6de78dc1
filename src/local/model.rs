//! The model behind the endpoint: a closure, or a container that speaks SageMaker's protocol.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ureq::http::Request;

use super::builder::LocalError;
use crate::sys::{Clock, SystemClock};

/// The longest answer that is taken from a container: 1 GiB, the service's limit.
const MAX_RESPONSE: u64 = 1 << 30;
const PING_TIMEOUT: Duration = Duration::from_secs(2);
const PING_PAUSE: Duration = Duration::from_millis(50);

/// What a model gets: one asynchronous invocation.
///
/// ```
/// use sagemaker_async_inference::local::{ModelRequest, ModelResponse};
///
/// fn count(request: &ModelRequest) -> ModelResponse {
///     if request.content_type.as_deref() != Some("text/plain") {
///         return ModelResponse::failure(415, "only text is counted");
///     }
///     ModelResponse::ok(request.body.len().to_string())
/// }
/// ```
#[non_exhaustive]
pub struct ModelRequest {
    /// The input, read from S3 or sent inline.
    pub body: Vec<u8>,
    /// `ContentType` of the invocation.
    pub content_type: Option<String>,
    /// `Accept` of the invocation.
    pub accept: Option<String>,
    /// `CustomAttributes` of the invocation.
    pub custom_attributes: Option<String>,
    /// `InferenceId` of the invocation, made up by the endpoint if the caller gave none.
    pub inference_id: String,
    /// `InvocationTimeoutSeconds` of the invocation, or the service's default. An answer that
    /// takes longer is replaced by a failure.
    pub invocation_timeout: Duration,
}

impl fmt::Debug for ModelRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelRequest")
            .field("length", &self.body.len())
            .field("content_type", &self.content_type)
            .field("accept", &self.accept)
            .field("inference_id", &self.inference_id)
            .field("invocation_timeout", &self.invocation_timeout)
            .finish_non_exhaustive()
    }
}

/// What a model answers.
///
/// ```
/// use sagemaker_async_inference::local::ModelResponse;
///
/// let answer = ModelResponse::ok("{\"score\": 0.5}").with_content_type("application/json");
/// let refusal = ModelResponse::failure(400, "ValueError: not a list");
/// # let _ = (answer, refusal);
/// ```
pub struct ModelResponse {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) content_type: Option<String>,
}

impl ModelResponse {
    /// A prediction: becomes the output object.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            content_type: None,
        }
    }

    /// A failure with the HTTP status a container would answer: becomes the failure object.
    pub fn failure(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            body: message.into().into_bytes(),
            content_type: None,
        }
    }

    /// The `Content-Type` of the output object.
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }
}

impl fmt::Debug for ModelResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelResponse")
            .field("status", &self.status)
            .field("length", &self.body.len())
            .field("content_type", &self.content_type)
            .finish()
    }
}

type Closure = dyn Fn(&ModelRequest) -> ModelResponse + Send + Sync;

/// How an invocation is answered.
pub(super) enum Model {
    Closure(Box<Closure>),
    Container(Container),
}

impl Model {
    /// Gives back what it got.
    pub(super) fn echo() -> Self {
        Self::Closure(Box::new(|request| {
            let response = ModelResponse::ok(request.body.clone());
            match &request.content_type {
                Some(content_type) => response.with_content_type(content_type),
                None => response,
            }
        }))
    }

    /// Runs one invocation. The error is the text of the failure object.
    pub(super) fn invoke(
        &self,
        request: &ModelRequest,
        clock: &dyn Clock,
    ) -> Result<ModelResponse, String> {
        let response = match self {
            Self::Closure(closure) => {
                let start = clock.monotonic();
                let response = catch_unwind(AssertUnwindSafe(|| closure(request)))
                    .map_err(|_| "The model panicked.".to_owned())?;
                if clock.monotonic().saturating_sub(start) > request.invocation_timeout {
                    return Err(timed_out(request));
                }
                response
            }
            Self::Container(container) => container.invoke(request)?,
        };
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        let side = if response.status < 500 {
            "client"
        } else {
            "server"
        };
        Err(format!(
            "Received {side} error ({}) from model with message \"{}\".",
            response.status,
            String::from_utf8_lossy(&response.body)
        ))
    }
}

fn timed_out(request: &ModelRequest) -> String {
    format!(
        "Model did not respond within {} seconds.",
        request.invocation_timeout.as_secs()
    )
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closure(_) => f.write_str("Closure"),
            Self::Container(container) => f.debug_tuple("Container").field(&container.url).finish(),
        }
    }
}

/// A container with `/ping` and `/invocations`.
pub(super) struct Container {
    url: String,
    agent: ureq::Agent,
}

impl Container {
    pub(super) fn new(url: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A proxy of the environment has no way to this machine's ports.
            .proxy(None)
            .build()
            .new_agent();
        Self {
            url: url.trim_end_matches('/').to_owned(),
            agent,
        }
    }

    /// Waits until `/ping` answers 200, at most for `timeout`.
    pub(super) fn wait_ready(&self, timeout: Duration) -> Result<(), LocalError> {
        let until = SystemClock.monotonic() + timeout;
        loop {
            let ping = self
                .agent
                .get(format!("{}/ping", self.url))
                .config()
                .timeout_global(Some(PING_TIMEOUT.min(timeout)))
                .build()
                .call();
            let seen = match ping {
                Ok(response) if response.status() == 200 => return Ok(()),
                Ok(response) => format!("status {}", response.status()),
                Err(error) => error.to_string(),
            };
            if SystemClock.monotonic() >= until {
                return Err(LocalError::Container {
                    url: self.url.clone(),
                    seconds: timeout.as_secs(),
                    seen,
                });
            }
            SystemClock.sleep(PING_PAUSE);
        }
    }

    fn invoke(&self, request: &ModelRequest) -> Result<ModelResponse, String> {
        let mut call = Request::post(format!("{}/invocations", self.url));
        for (name, value) in [
            ("content-type", &request.content_type),
            ("accept", &request.accept),
            (
                "x-amzn-sagemaker-custom-attributes",
                &request.custom_attributes,
            ),
        ] {
            if let Some(value) = value {
                call = call.header(name, value);
            }
        }
        let call = call
            .body(&request.body)
            .map_err(|error| format!("The invocation cannot be sent: {error}."))?;
        let call = self
            .agent
            .configure_request(call)
            .timeout_global(Some(request.invocation_timeout))
            .build();
        let failed = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => timed_out(request),
            error => format!("Could not reach the model: {error}."),
        };
        let mut response = self.agent.run(call).map_err(failed)?;
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_RESPONSE)
            .read_to_vec()
            .map_err(failed)?;
        let content_type = response
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok(ModelResponse {
            status: response.status().as_u16(),
            body,
            content_type,
        })
    }
}
