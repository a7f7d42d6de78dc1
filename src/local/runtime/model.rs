//! The model behind the endpoint: a closure, a container that speaks SageMaker's protocol, or a program.

use std::ffi::OsString;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::container::Container;
use super::program;
use crate::local::s3::content::{Content, Disk};
use crate::local::sync::Stop;
use crate::sys::Clock;

/// The longest result that a model may give: 1 GiB, the service's limit.
pub(in crate::local) const MAX_RESULT: u64 = 1 << 30;
/// So much of a failed model's message is kept.
pub(in crate::local) const MAX_MESSAGE: u64 = 16 << 10;

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
#[must_use]
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

impl ModelRequest {
    /// A request with this input, for tests of a model; everything else as an invocation without options has it.
    ///
    /// ```
    /// use sagemaker_async_inference::local::ModelRequest;
    ///
    /// let mut request = ModelRequest::new("hello");
    /// request.content_type = Some("text/plain".into());
    /// assert_eq!(request.body, b"hello");
    /// ```
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            content_type: None,
            accept: None,
            custom_attributes: None,
            inference_id: crate::sys::Random::machine().uuid(),
            invocation_timeout: Duration::from_mins(15),
        }
    }
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
#[must_use]
pub struct ModelResponse {
    pub(in crate::local) status: u16,
    pub(in crate::local) body: Vec<u8>,
    pub(in crate::local) content_type: Option<String>,
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

/// One asynchronous invocation on its way to the model.
pub(in crate::local) struct Invocation {
    pub(in crate::local) content: Content,
    pub(in crate::local) content_type: Option<String>,
    pub(in crate::local) accept: Option<String>,
    pub(in crate::local) custom_attributes: Option<String>,
    pub(in crate::local) inference_id: String,
    pub(in crate::local) timeout: Duration,
}

/// What a model made of it.
pub(in crate::local) struct Prediction {
    pub(in crate::local) content: Content,
    pub(in crate::local) content_type: Option<String>,
}

/// The model, and what delays it or stands in for it.
#[derive(Debug)]
pub(in crate::local) struct Backend {
    pub(in crate::local) model: Model,
    pub(in crate::local) delay: Duration,
    /// The share of the invocations that fail, from 0 to 1.
    pub(in crate::local) failure_rate: f64,
}

/// What a model is run with.
#[derive(Clone, Copy)]
pub(in crate::local) struct Surroundings<'a> {
    pub(in crate::local) clock: &'a dyn Clock,
    pub(in crate::local) disk: &'a Disk,
    pub(in crate::local) stop: &'a Stop,
}

impl Backend {
    /// Runs one invocation. The error is the text of the failure object.
    pub(in crate::local) fn run(
        &self,
        mut invocation: Invocation,
        around: Surroundings<'_>,
    ) -> Result<Prediction, String> {
        if !self.delay.is_zero() {
            let delay = self.delay.min(invocation.timeout);
            if around.stop.wait_in(around.clock, delay) {
                return Err("The endpoint was stopped.".to_owned());
            }
            invocation.timeout -= delay;
            if invocation.timeout.is_zero() {
                return Err(timed_out(self.delay));
            }
        }
        if crate::sys::Random::machine().fraction() < self.failure_rate {
            return Err(failed(500, "This failure was asked for."));
        }
        let Surroundings { disk, stop, .. } = around;
        match &self.model {
            Model::Echo => Ok(Prediction {
                content_type: invocation
                    .content_type
                    .take()
                    .or_else(|| invocation.accepted_type()),
                content: invocation.content,
            }),
            Model::Closure(closure) => invocation.closure(closure, around),
            Model::Container(container) => container.invoke(&invocation, disk),
            Model::Program(program, arguments) => {
                program::invoke(program, arguments, &invocation, disk, stop)
            }
        }
    }
}

impl Invocation {
    /// The requested content type, if it is a single one.
    pub(in crate::local) fn accepted_type(&self) -> Option<String> {
        let is_one = |accept: &&String| !accept.contains(['*', ',']) && accept.contains('/');
        self.accept.as_ref().filter(is_one).cloned()
    }

    fn closure(self, closure: &Closure, around: Surroundings<'_>) -> Result<Prediction, String> {
        let request = ModelRequest {
            body: self.content.to_vec().map_err(|error| unreadable(&error))?,
            content_type: self.content_type,
            accept: self.accept,
            custom_attributes: self.custom_attributes,
            inference_id: self.inference_id,
            invocation_timeout: self.timeout,
        };
        let clock = around.clock;
        let start = clock.monotonic();
        let response = catch_unwind(AssertUnwindSafe(|| closure(&request)))
            .map_err(|_| "The model panicked.".to_owned())?;
        if clock.monotonic().saturating_sub(start) > request.invocation_timeout {
            return Err(timed_out(request.invocation_timeout));
        }
        response.into_prediction(around.disk)
    }
}

impl ModelResponse {
    fn into_prediction(self, disk: &Disk) -> Result<Prediction, String> {
        if !(200..300).contains(&self.status) {
            return Err(failed(self.status, &String::from_utf8_lossy(&self.body)));
        }
        Ok(Prediction {
            content: disk.keep(self.body),
            content_type: self.content_type,
        })
    }
}

/// What the failure object says of a model's refusal.
pub(in crate::local) fn failed(status: u16, message: &str) -> String {
    let side = if status < 500 { "client" } else { "server" };
    format!("Received {side} error ({status}) from model with message \"{message}\".")
}

pub(in crate::local) fn timed_out(timeout: Duration) -> String {
    format!(
        "Model did not respond within {} seconds.",
        timeout.as_secs()
    )
}

pub(in crate::local) fn unreadable(error: &std::io::Error) -> String {
    format!("The input cannot be read: {error}.")
}

type Closure = dyn Fn(&ModelRequest) -> ModelResponse + Send + Sync;

/// How an invocation is answered.
pub(in crate::local) enum Model {
    /// Gives back what it got.
    Echo,
    Closure(Box<Closure>),
    Container(Container),
    Program(OsString, Vec<OsString>),
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo => f.write_str("Echo"),
            Self::Closure(_) => f.write_str("Closure"),
            Self::Container(container) => f.debug_tuple("Container").field(&container.url).finish(),
            // Arguments may hold secrets.
            Self::Program(program, _) => f.debug_tuple("Program").field(program).finish(),
        }
    }
}
