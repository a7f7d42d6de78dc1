//! Faults that a test scripts.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use super::http::answer::{Answer, Refusal};
use super::operation::{Operation, Service, Target};
use super::sync::lock;

/// Something that goes wrong: on which operation, how often, and what.
///
/// It strikes once unless [`times`](Self::times) or [`always`](Self::always) says otherwise.
/// Of several faults that fit a request, the one scripted first strikes. Signatures are not
/// checked where an answer is replaced.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// // The second and the third look at an output are throttled.
/// endpoint.fault(Fault::on(Operation::GetObject).key_contains(".out").skip(1).times(2).throttle());
/// // Every submission takes a while, and none is answered.
/// endpoint.fault(
///     Fault::on(Operation::InvokeEndpointAsync)
///         .always()
///         .delay(Duration::from_millis(20))
///         .drop_after_handling(),
/// );
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Clone)]
#[must_use = "a fault does nothing until it is handed to `LocalEndpoint::fault`"]
pub struct Fault {
    operation: Operation,
    key_contains: Option<String>,
    skip: u32,
    /// `None`: without end.
    times: Option<u32>,
    pub(super) delay: Duration,
    pub(super) effect: Effect,
}

/// What a fault does, after its delay.
#[derive(Clone)]
pub(super) enum Effect {
    /// Nothing else: the delay was all.
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
    /// A fault on an operation; on every request for [`Operation::Any`].
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

    /// Only where the object's key contains this.
    pub fn key_contains(mut self, part: impl Into<String>) -> Self {
        self.key_contains = Some(part.into());
        self
    }

    /// Lets the first `count` requests pass, not counting those that another fault struck.
    pub fn skip(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Strikes `count` times.
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }

    /// Strikes until [`clear_faults`](super::LocalEndpoint::clear_faults).
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Waits before anything else. This is real time, whatever clock the endpoint has.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Answers with an error in the form of the service, under the code that goes with the status.
    pub fn status(self, status: u16) -> Self {
        self.effect(Effect::Error { status, code: None })
    }

    /// Answers with an error in the form of the service.
    pub fn error(self, status: u16, code: impl Into<String>) -> Self {
        let code = Some(code.into());
        self.effect(Effect::Error { status, code })
    }

    /// Throttles: 503 `SlowDown` from S3, 400 `ThrottlingException` from SageMaker, 400
    /// `Throttling` from STS.
    pub fn throttle(self) -> Self {
        self.effect(Effect::Throttle)
    }

    /// Answers 403: `AccessDenied` from S3 and STS, `AccessDeniedException` from SageMaker.
    pub fn access_denied(self) -> Self {
        self.effect(Effect::AccessDenied)
    }

    /// Answers with exactly this, besides the headers that every answer carries.
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

    /// Closes the connection; the request is not carried out.
    pub fn drop_connection(self) -> Self {
        self.effect(Effect::DropConnection)
    }

    /// Carries the request out, then closes the connection without an answer.
    pub fn drop_after_handling(self) -> Self {
        self.effect(Effect::DropAfterHandling)
    }

    /// Announces the whole body, sends its first `length` bytes and closes the connection.
    pub fn truncate_body(self, length: usize) -> Self {
        self.effect(Effect::TruncateBody(length))
    }

    /// Never answers, until the client closes the connection or the endpoint stops; the request is
    /// not carried out.
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

    /// Counts a request that fits; true if the fault strikes it.
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
    /// The answer that takes the place of the true one, if there is such.
    pub(super) fn replacement(&self, service: Service) -> Option<Result<Answer, Refusal>> {
        let message = "This error was scripted.";
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
                let mut answer = Answer::new(*status, body.clone());
                for (name, value) in headers {
                    answer = answer.header(name, value);
                }
                return Some(Ok(answer));
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

/// The faults that wait for their requests.
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

    /// The fault that strikes this request.
    pub(super) fn take(&self, target: &Target) -> Option<Fault> {
        let mut scripted = lock(&self.scripted);
        let struck = scripted
            .iter_mut()
            .find_map(|fault| (fault.fits(target) && fault.strikes()).then(|| fault.clone()));
        scripted.retain(|fault| fault.times != Some(0));
        struck
    }
}
