//! Removing an inference's objects once its result is had.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::aws::s3;
use crate::error::{Error, Result};
use crate::invalid_input::InvalidInput;
use crate::response::AsyncInferenceResponse;
use crate::trace;
use crate::uri::S3Uri;

/// Which of an inference's objects are removed once its result is had; none by default.
///
/// For one inference: [`AsyncInferenceResponse::clean_up`]. For every
/// [`predict`](crate::AsyncPredictor::predict): [`AsyncPredictor::with_clean_up`](crate::AsyncPredictor::with_clean_up).
/// Nothing is removed of an inference that failed or whose result is not had yet, and a failure to
/// remove never takes the place of a result. Needs `s3:DeleteObject`.
///
/// ```
/// # #[cfg(feature = "local")] {
/// # use sagemaker_async_inference::local::LocalEndpoint;
/// use std::time::Duration;
/// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
/// use sagemaker_async_inference::response::CleanUp;
/// # let endpoint = LocalEndpoint::builder().start()?;
/// # let session = endpoint.session()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &session)
///     .with_waiter_config(WaiterConfig::new(1000, Duration::from_millis(10))?)
///     .with_clean_up(CleanUp::everything().on_failure(|failure| eprintln!("{failure}")));
/// let answer: String = predictor.predict("hello")?;
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
    /// Nothing; to be added to.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Input, output and failure object.
    pub fn everything() -> Self {
        Self::nothing().input().output().failure()
    }

    /// The input, if the submit uploaded it: a value's, a file's or a reader's. One that lay in S3 before
    /// ([`request_at`](crate::AsyncPredictor::request_at)) is the caller's and stays. A response that was
    /// resumed knows it from its [handle](crate::InferenceHandle::input_uploaded); handles that earlier
    /// releases wrote do not tell, and their inputs stay.
    pub fn input(mut self) -> Self {
        self.input = true;
        self
    }

    /// The output. The result stays in the response's memory.
    pub fn output(mut self) -> Self {
        self.output = true;
        self
    }

    /// The failure object, which may be there beside an output.
    pub fn failure(mut self) -> Self {
        self.failure = true;
        self
    }

    /// Called with each object that could not be removed. A panic in it goes no further.
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

/// What became of the objects.
///
/// ```
/// # use sagemaker_async_inference::{AsyncInferenceResponse, Error, Json};
/// # use sagemaker_async_inference::response::CleanUp;
/// fn tidy(response: &AsyncInferenceResponse<Json>) -> Result<(), Error> {
///     let report = response.clean_up(&CleanUp::everything())?;
///     for failure in report.failures() {
///         eprintln!("{} stays: {}", failure.uri(), failure.error());
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Default)]
pub struct CleanUpReport {
    removed: Vec<S3Uri>,
    failures: Vec<CleanUpFailure>,
}

impl CleanUpReport {
    /// What is not there any more. S3 says so too of what never was.
    pub fn removed(&self) -> &[S3Uri] {
        &self.removed
    }

    /// What could not be removed, and why.
    pub fn failures(&self) -> &[CleanUpFailure] {
        &self.failures
    }

    /// As [`failures`](Self::failures), to keep.
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

    /// Why it is still there, as far as is known.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// As [`error`](Self::error), to keep.
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
    /// Removes the inference's objects, one request each (`DeleteObject`), and tells what became of
    /// them. A request that fails is tried again as [`RetryConfig`](crate::session::RetryConfig) says, and does
    /// not keep the others from being removed.
    ///
    /// [`Error::InvalidInput`]: this response has no output yet; nothing was removed. Take the result
    /// first ([`get_result`](Self::get_result)): it is kept, and can be had again afterwards.
    pub fn clean_up(&self, what: &CleanUp) -> Result<CleanUpReport> {
        if !self.has_output() {
            return Err(InvalidInput::new(
                "clean-up",
                self.output_path().to_string(),
                "only after the inference's output was taken",
                "call get_result or try_get_result first",
            )
            .into());
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
                // Whoever panics there has seen it on standard error; the result is not lost for it.
                let _ = catch_unwind(AssertUnwindSafe(|| call(failure)));
            }
        }
        Ok(report)
    }
}
