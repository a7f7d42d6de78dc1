//! Removes an inference's objects once its result has been fetched.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::aws::s3;
use crate::error::{Error, Result};
use crate::invalid_input::InvalidInput;
use crate::response::AsyncInferenceResponse;
use crate::trace;
use crate::uri::S3Uri;

/// Which of an inference's objects are removed once its result has been fetched; none by default.
///
/// For one inference: [`AsyncInferenceResponse::clean_up`]. For every [`predict`](crate::AsyncPredictor::predict):
/// [`AsyncPredictor::with_clean_up`](crate::AsyncPredictor::with_clean_up). Nothing is removed if the inference failed
/// or its result has not been fetched. If a removal fails, the result is still returned. Needs `s3:DeleteObject`.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
/// use sagemaker_async_inference::response::CleanUp;
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// let session = endpoint.session()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &session)
///     .with_waiter_config(WaiterConfig::new(1000, Duration::from_millis(10))?)
///     .with_clean_up(CleanUp::everything().on_failure(|failure| eprintln!("{failure}")));
/// let result: String = predictor.predict("hello")?;
/// assert!(endpoint.objects(endpoint.bucket()).is_empty());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "it does nothing until it is handed to a response or a predictor"]
pub struct CleanUp {
    input: bool,
    output: bool,
    failure: bool,
    on_failure: Option<Arc<OnFailure>>,
}

type OnFailure = dyn Fn(&CleanUpFailure) + Send + Sync;

impl CleanUp {
    /// Removes nothing; the other methods add what to remove.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Removes input, output and failure object.
    pub fn everything() -> Self {
        Self::nothing().input().output().failure()
    }

    /// Removes the input, if the submit uploaded it. An input that was in S3 before
    /// ([`request_at`](crate::AsyncPredictor::request_at)) belongs to the caller and stays. The
    /// [handle](crate::InferenceHandle::input_uploaded) of a resumed response records which it was; handles of release
    /// 0.1 do not, and their inputs stay.
    pub fn input(mut self) -> Self {
        self.input = true;
        self
    }

    /// Removes the output. The result stays cached in the response.
    pub fn output(mut self) -> Self {
        self.output = true;
        self
    }

    /// Removes the failure object, which may exist beside an output.
    pub fn failure(mut self) -> Self {
        self.failure = true;
        self
    }

    /// Sets a callback for each object that could not be removed. A panic in it is caught.
    pub fn on_failure(mut self, call: impl Fn(&CleanUpFailure) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Arc::new(call));
        self
    }
}

impl fmt::Debug for CleanUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CleanUp")
            .field("input", &self.input)
            .field("output", &self.output)
            .field("failure", &self.failure)
            .field("on_failure", &self.on_failure.is_some())
            .finish()
    }
}

/// Which objects were removed, and which could not be.
///
/// ```
/// use sagemaker_async_inference::{AsyncInferenceResponse, Error};
/// use sagemaker_async_inference::response::CleanUp;
///
/// fn tidy(response: &AsyncInferenceResponse) -> Result<(), Error> {
///     let report = response.clean_up(&CleanUp::everything())?;
///     for failure in report.failures() {
///         eprintln!("{} stays: {}", failure.uri(), failure.error());
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Default)]
#[must_use = "objects that could not be removed are named only here"]
pub struct CleanUpReport {
    removed: Vec<S3Uri>,
    failures: Vec<CleanUpFailure>,
}

impl CleanUpReport {
    /// The objects that do not exist any more. S3 does not distinguish those that never existed.
    pub fn removed(&self) -> &[S3Uri] {
        &self.removed
    }

    /// The objects that could not be removed, and why.
    pub fn failures(&self) -> &[CleanUpFailure] {
        &self.failures
    }

    /// Like [`failures`](Self::failures), by value.
    pub fn into_failures(self) -> Vec<CleanUpFailure> {
        self.failures
    }
}

/// An object that could not be removed.
///
/// ```
/// use sagemaker_async_inference::response::CleanUp;
///
/// let clean_up = CleanUp::everything().on_failure(|failure| {
///     eprintln!("{} stays: {}", failure.uri(), failure.error());
/// });
/// # let _ = clean_up;
/// ```
#[derive(Debug)]
pub struct CleanUpFailure {
    uri: S3Uri,
    error: Error,
}

impl CleanUpFailure {
    /// The object.
    pub fn uri(&self) -> &S3Uri {
        &self.uri
    }

    /// Why it could not be removed.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Like [`error`](Self::error), by value.
    pub fn into_error(self) -> Error {
        self.error
    }
}

impl fmt::Display for CleanUpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not removed", self.uri)
    }
}

impl std::error::Error for CleanUpFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<D> AsyncInferenceResponse<D> {
    /// Removes the inference's objects with one request each (`DeleteObject`), and reports which were removed. A
    /// request that fails is retried as [`RetryConfig`](crate::session::RetryConfig) specifies; the other objects are
    /// still removed.
    ///
    /// # Errors
    /// [`Error::InvalidInput`]: this response has no output yet; nothing was removed. Fetch the result first
    /// ([`get_result`](Self::get_result)): it is cached, and can be read again afterwards. An object that could not be
    /// removed is not an error; the [report](CleanUpReport) lists it.
    pub fn clean_up(&self, what: &CleanUp) -> Result<CleanUpReport> {
        if !self.has_output() {
            let early = InvalidInput::new(
                "clean-up",
                self.output_path().to_string(),
                "only after the inference's output was fetched",
                "call get_result or try_get_result first",
            );
            return self.about(Err(early.into()));
        }
        let objects = [
            self.input_location()
                .filter(|_| what.input && self.shared_handle().input_uploaded),
            Some(self.output_path()).filter(|_| what.output),
            self.failure_path().filter(|_| what.failure),
        ];
        let mut report = CleanUpReport::default();
        for uri in objects.into_iter().flatten() {
            match s3::delete_object(self.session().s3(), uri) {
                Ok(()) => report.removed.push(uri.clone()),
                Err(failed) => {
                    let error = Error::from(failed).of_inference(self.shared_handle());
                    let uri = uri.clone();
                    trace::not_removed(&uri, &error);
                    report.failures.push(CleanUpFailure { uri, error });
                }
            }
        }
        if let Some(call) = &what.on_failure {
            for failure in &report.failures {
                // The panic is on standard error; the result is not lost for it.
                let _ = catch_unwind(AssertUnwindSafe(|| call(failure)));
            }
        }
        Ok(report)
    }
}
