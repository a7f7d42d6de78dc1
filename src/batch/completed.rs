//! A finished inference of a batch.

use std::fmt;
use std::path::{Path, PathBuf};

use super::poller::Ended;
use crate::codec::{Deserializer, Json};
use crate::error::{Error, Result};
use crate::response::AsyncInferenceResponse;
use crate::waiter::WaiterConfig;

/// A finished inference, from [`as_completed`](crate::as_completed): its output exists, it failed, or its wait
/// ended with an error.
///
/// An output of at most 8 MiB is already in memory. A larger one is still in S3: [`result`](Self::result) and
/// [`download`](Self::download) fetch it.
///
/// ```
/// use sagemaker_async_inference::{Error, Json};
/// use sagemaker_async_inference::batch::Completed;
///
/// fn report(done: &Completed<Json>) {
///     let output = done.response().output_path();
///     match done.result::<f64>() {
///         Ok(score) => println!("{output}: {score}"),
///         Err(Error::Model(failure)) => eprintln!("{output}: {}", failure.text()),
///         Err(error) => eprintln!("{output}: {error}"),
///     }
/// }
/// ```
#[must_use = "the result is in it"]
pub struct Completed<D = Json> {
    index: usize,
    response: AsyncInferenceResponse<D>,
    error: Option<Error>,
    file: Option<PathBuf>,
    /// One poll, by the batch's waiter.
    fetch: WaiterConfig,
}

#[cfg(feature = "local")]
impl<D> Completed<D> {
    /// For tests: what [`as_completed`](crate::as_completed) yields of a response, with the error that ended its
    /// wait, if one did. Without one the result is that of the response, polled once.
    ///
    /// ```
    /// use sagemaker_async_inference::batch::Completed;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::{AsyncPredictor, ModelFailure};
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &endpoint.session()?);
    /// let response = predictor.predict_async("hello")?;
    /// let failure = ModelFailure::for_tests(response.handle(), "out of memory");
    /// let done = Completed::for_tests(0, response, Some(failure.into()));
    /// assert!(done.result::<String>().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_tests(
        index: usize,
        response: AsyncInferenceResponse<D>,
        error: Option<Error>,
    ) -> Self {
        Self {
            index,
            response,
            error,
            file: None,
            fetch: WaiterConfig::default().one_poll(),
        }
    }
}

impl<D> Completed<D> {
    pub(super) fn new(ended: Ended<D>, waiter: &WaiterConfig) -> Self {
        let (file, error) = match ended.outcome {
            Ok(file) => (file, None),
            Err(error) => (None, Some(error)),
        };
        Self {
            index: ended.index as usize,
            response: ended.response,
            error,
            file,
            fetch: waiter.one_poll(),
        }
    }

    /// The position among the responses, from 0; those that were added later continue the count.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The response that was waited for.
    pub fn response(&self) -> &AsyncInferenceResponse<D> {
        &self.response
    }

    /// Why there is no output: a failure of the model, or how the wait ended. `None` if there is one.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The file that the output was stored in, with [`AsCompleted::download_to`](super::AsCompleted::download_to).
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Decodes the output. Sends a request if the output has more than 8 MiB or was stored in a file; the
    /// response then caches it.
    ///
    /// # Errors
    /// The [error](Self::error) of a wait that failed, which each call returns again; otherwise those of
    /// [`AsyncInferenceResponse::get_result`], for a single poll.
    pub fn result<T>(&self) -> Result<T>
    where
        D: Deserializer<T>,
    {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => self.response.get_result(&self.fetch),
        }
    }

    /// Stores the output in a file and returns its length in bytes, as
    /// [`AsyncInferenceResponse::download`] does.
    ///
    /// # Errors
    /// The [error](Self::error) of a wait that failed, which each call returns again; otherwise those of
    /// [`AsyncInferenceResponse::download`].
    pub fn download(&self, path: impl AsRef<Path>) -> Result<u64> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => self.response.download(path, &self.fetch),
        }
    }

    /// The response, to wait again or to decode its output in another format.
    pub fn into_response(self) -> AsyncInferenceResponse<D> {
        self.response
    }

    /// The position, the response, and the error if there is no output.
    pub fn into_parts(self) -> (usize, AsyncInferenceResponse<D>, Option<Error>) {
        (self.index, self.response, self.error)
    }
}

impl<D> fmt::Debug for Completed<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completed")
            .field("index", &self.index)
            .field("response", &self.response)
            .field("error", &self.error)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
