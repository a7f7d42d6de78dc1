//! Injected faults.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use super::http::response::{Refusal, Response};
use super::operation::{Operation, Service, Target};
use crate::sys::lock;

/// A fault to inject: on which operation, how often, and with which effect.
///
/// It occurs once, unless [`times`](Self::times) or [`always`](Self::always) is set. If several faults match a
/// request, the one that was added first occurs. The signature of a request whose response is replaced is not checked.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// // The second and the third poll of an output are throttled.
/// endpoint.fault(Fault::on(Operation::GetObject).key_contains(".out").skip(1).times(2).throttle());
/// // Every submit takes a while and gets no response.
/// endpoint.fault(
///     Fault::on(Operation::InvokeEndpointAsync)
///         .always()
///         .delay(Duration::from_millis(20))
///         .drop_after_handling(),
/// );
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Clone)]
#[must_use = "a fault does nothing until it is passed to `LocalEndpoint::fault`"]
pub struct Fault {
    operation: Operation,
    key_contains: Option<String>,
    skip: u32,
    /// `None`: always.
    times: Option<u32>,
    pub(super) delay: Duration,
    pub(super) effect: Effect,
}

/// The effect, after the delay.
#[derive(Clone)]
pub(super) enum Effect {
    /// Only the delay.
    None,
    Error {
        status: u16,
        code: Option<String>,
    },
    Throttle,
    AccessDenied,
    Respond {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    DropConnection,
    DropAfterHandling,
    TruncateBody(usize),
    Hang,
}

impl Fault {
    /// A fault on an operation, or on every request with [`Operation::Any`].
    pub fn on(operation: Operation) -> Self {
        Self {
            operation,
            key_contains: None,
            skip: 0,
            times: Some(1),
            delay: Duration::ZERO,
            effect: Effect::None,
        }
    }

    /// Only for objects whose key contains this text.
    pub fn key_contains(mut self, part: impl Into<String>) -> Self {
        self.key_contains = Some(part.into());
        self
    }

    /// Skips the first `count` matching requests, not counting those on which another fault occurred.
    pub fn skip(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Occurs `count` times. Default: 1.
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }

    /// Occurs until [`clear_faults`](super::LocalEndpoint::clear_faults).
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Delays the request before anything else, in real time, whatever the endpoint's clock.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Responds with an error in the service's format, with the usual code for the status.
    pub fn status(self, status: u16) -> Self {
        self.effect(Effect::Error { status, code: None })
    }

    /// Responds with an error in the service's format.
    pub fn error(self, status: u16, code: impl Into<String>) -> Self {
        let code = Some(code.into());
        self.effect(Effect::Error { status, code })
    }

    /// Throttles: 503 `SlowDown` from S3, 400 `ThrottlingException` from SageMaker, 400
    /// `Throttling` from STS.
    pub fn throttle(self) -> Self {
        self.effect(Effect::Throttle)
    }

    /// Responds with 403: `AccessDenied` from S3 and STS, `AccessDeniedException` from SageMaker.
    pub fn access_denied(self) -> Self {
        self.effect(Effect::AccessDenied)
    }

    /// Responds with exactly this, and the headers that every response has.
    pub fn respond<N: Into<String>, V: Into<String>>(
        self,
        status: u16,
        headers: impl IntoIterator<Item = (N, V)>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let body = body.into();
        self.effect(Effect::Respond {
            status,
            headers,
            body,
        })
    }

    /// Closes the connection without carrying out the request.
    pub fn drop_connection(self) -> Self {
        self.effect(Effect::DropConnection)
    }

    /// Carries out the request, then closes the connection without a response.
    pub fn drop_after_handling(self) -> Self {
        self.effect(Effect::DropAfterHandling)
    }

    /// Sends the headers of the complete response and the first `length` bytes of its body, then closes the connection.
    pub fn truncate_body(self, length: usize) -> Self {
        self.effect(Effect::TruncateBody(length))
    }

    /// Sends no response and does not carry out the request; the connection stays open until the client closes it or
    /// the endpoint stops.
    pub fn hang(self) -> Self {
        self.effect(Effect::Hang)
    }

    fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    fn fits(&self, target: &Target) -> bool {
        (self.operation == Operation::Any || self.operation == target.operation)
            && self.key_contains.as_ref().is_none_or(|part| {
                let key = target.key.as_deref().unwrap_or_default();
                key.contains(part.as_str())
            })
    }

    /// Counts a matching request; true if the fault occurs.
    fn strikes(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.times {
            Some(0) => false,
            Some(times) => {
                *times -= 1;
                true
            }
            None => true,
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("operation", &self.operation)
            .field("key_contains", &self.key_contains)
            .field("skip", &self.skip)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

impl Effect {
    /// The response that replaces the real one, if any.
    pub(super) fn replacement(&self, service: Service) -> Option<Result<Response, Refusal>> {
        let message = "This error was injected.";
        let refusal = match self {
            Self::Error { status, code } => {
                let code = code.as_deref().unwrap_or_else(|| code_of(service, *status));
                Refusal::new(*status, code, message)
            }
            Self::Throttle => match service {
                Service::S3 => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
                Service::SageMaker | Service::Control(_) => {
                    Refusal::new(400, "ThrottlingException", "Rate exceeded")
                }
                Service::Sts => Refusal::new(400, "Throttling", "Rate exceeded"),
            },
            Self::AccessDenied => match service {
                Service::S3 | Service::Sts => Refusal::access_denied(),
                Service::SageMaker | Service::Control(_) => {
                    Refusal::new(403, "AccessDeniedException", message)
                }
            },
            Self::Respond {
                status,
                headers,
                body,
            } => {
                let mut response = Response::new(*status, body.clone());
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                return Some(Ok(response));
            }
            _ => return None,
        };
        Some(Err(refusal))
    }
}

fn code_of(service: Service, status: u16) -> &'static str {
    match (service, status) {
        (Service::S3 | Service::Sts, 403) => "AccessDenied",
        (Service::S3, 404) => "NoSuchKey",
        (Service::S3, 503) => "ServiceUnavailable",
        (Service::S3, 500..) => "InternalError",
        (Service::SageMaker, 400) => "ValidationError",
        (Service::Control(_), 400) => "ValidationException",
        (Service::SageMaker | Service::Control(_), 403) => "AccessDeniedException",
        (Service::SageMaker, 424) => "ModelError",
        (Service::SageMaker, 429) => "ModelNotReadyException",
        (Service::SageMaker, 530) => "InternalDependencyException",
        (_, 503) => "ServiceUnavailable",
        (_, 500..) => "InternalFailure",
        _ => "InvalidRequest",
    }
}

/// The faults that were added.
#[derive(Debug, Default)]
pub(super) struct Faults {
    scripted: Mutex<Vec<Fault>>,
}

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        lock(&self.scripted).push(fault);
    }

    pub(super) fn clear(&self) {
        lock(&self.scripted).clear();
    }

    /// The fault that occurs on this request.
    pub(super) fn take(&self, target: &Target) -> Option<Fault> {
        let mut scripted = lock(&self.scripted);
        let struck = scripted
            .iter_mut()
            .find_map(|fault| (fault.fits(target) && fault.strikes()).then(|| fault.clone()));
        scripted.retain(|fault| fault.times != Some(0));
        struck
    }
}
