//! A container as the model, driven as `SageMaker` does.

use std::io::{self, Read};
use std::time::Duration;

use ureq::SendBody;
use ureq::http::Request;

use super::model::{Invocation, MAX_MESSAGE, MAX_RESULT, Prediction, failed, timed_out};
use crate::local::error::LocalError;
use crate::local::s3::content::{Disk, Spool};
use crate::sys::{Clock, SystemClock};

const PING_TIMEOUT: Duration = Duration::from_secs(2);
const PING_PAUSE: Duration = Duration::from_millis(50);

/// SageMaker rejects a response to an asynchronous invocation without a length.
const NO_LENGTH: &str = "The model's response did not specify the required Content-Length header. SageMaker \
    does not take a response in chunks.";

/// A container with `/ping` and `/invocations`.
pub(in crate::local) struct Container {
    pub(in crate::local) url: String,
    agent: ureq::Agent,
}

impl Container {
    pub(in crate::local) fn new(url: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A proxy of the environment cannot reach this machine's ports.
            .proxy(None)
            .build()
            .new_agent();
        Self {
            url: url.trim_end_matches('/').to_owned(),
            agent,
        }
    }

    /// Waits until `/ping` responds with 200, at most for `timeout`.
    pub(in crate::local) fn wait_ready(&self, timeout: Duration) -> Result<(), LocalError> {
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

    /// `POST /invocations`.
    fn request(&self, invocation: &Invocation) -> http::Result<Request<SendBody<'static>>> {
        let mut call = Request::post(format!("{}/invocations", self.url))
            // With a length, because many servers in containers do not accept chunks.
            .header("content-length", invocation.content.len());
        for (name, value) in [
            ("content-type", &invocation.content_type),
            ("accept", &invocation.accept),
            (
                "x-amzn-sagemaker-custom-attributes",
                &invocation.custom_attributes,
            ),
            (
                "x-amzn-sagemaker-inference-id",
                &Some(invocation.inference_id.clone()),
            ),
        ] {
            if let Some(value) = value {
                call = call.header(name, value);
            }
        }
        call.body(SendBody::from_owned_reader(invocation.content.reader()))
    }

    /// One `POST /invocations`, never retried. The error is the text of the failure object.
    pub(in crate::local) fn invoke(
        &self,
        invocation: &Invocation,
        disk: &Disk,
    ) -> Result<Prediction, String> {
        let call = self
            .request(invocation)
            .map_err(|error| format!("The invocation cannot be sent: {error}."))?;
        let call = self
            .agent
            .configure_request(call)
            .timeout_global(Some(invocation.timeout))
            .build();
        let lost = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => timed_out(invocation.timeout),
            error => format!("Could not reach the model: {error}."),
        };
        let mut response = self.agent.run(call).map_err(lost)?;
        let status = response.status();
        let has_length = response.headers().contains_key("content-length");
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
        if !status.is_success() {
            let mut message = Vec::new();
            // The received part of the message is more useful than an error about its end.
            drop(body.take(MAX_MESSAGE).read_to_end(&mut message));
            return Err(failed(status.as_u16(), &String::from_utf8_lossy(&message)));
        }
        if !has_length {
            return Err(NO_LENGTH.to_owned());
        }
        let mut spool = Spool::new();
        spool
            .fill(&mut body, MAX_RESULT, disk)
            .map_err(|error| match error.kind() {
                io::ErrorKind::FileTooLarge => {
                    format!("The model's response is longer than {MAX_RESULT} bytes.")
                }
                io::ErrorKind::Other => lost(ureq::Error::from(error)),
                io::ErrorKind::TimedOut => timed_out(invocation.timeout),
                _ => format!("The model's response broke off: {error}."),
            })?;
        let content_type = response
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok(Prediction {
            content: spool.finish(),
            content_type,
        })
    }
}
