//! The predictor: an endpoint, and the formats of its inputs and results.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use http::Uri;

use crate::aws::sagemaker_runtime;
use crate::codec::{Accept, Deserializer, Json, Serializer};
use crate::error::{Error, Result};
use crate::handle::InferenceHandle;
use crate::request::AsyncRequest;
use crate::response::AsyncInferenceResponse;
use crate::response::clean_up::CleanUp;
use crate::session::Session;
use crate::uri::S3Uri;
use crate::waiter::WaiterConfig;

/// Sends inputs to one asynchronous endpoint and fetches its results. All methods block.
///
/// `S` serializes inputs and `D` deserializes results; the default of both is [`Json`]. Change them with
/// [`with_serializer`](Self::with_serializer) and [`with_deserializer`](Self::with_deserializer). A clone is
/// cheap.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
/// use serde_json::{Value, json};
///
/// let endpoint = LocalEndpoint::builder().start()?; // echoes
/// let session = endpoint.session()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &session)
///     .with_waiter_config(WaiterConfig::new(600, Duration::from_millis(50))?);
///
/// let result: Value = predictor.predict(&json!({"inputs": "hello"}))?;
/// assert_eq!(result, json!({"inputs": "hello"}));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct AsyncPredictor<S = Json, D = Json> {
    pub(crate) target: Arc<Target>,
    pub(crate) serializer: S,
    pub(crate) deserializer: D,
    waiter: WaiterConfig,
    clean_up: Option<CleanUp>,
}

/// What predictors, requests and responses of one endpoint share.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) endpoint_name: Arc<str>,
    pub(crate) session: Session,
    invocations: OnceLock<Uri>,
}

impl Target {
    pub(crate) fn new(endpoint_name: Arc<str>, session: Session) -> Self {
        Self {
            endpoint_name,
            session,
            invocations: OnceLock::new(),
        }
    }

    /// The URL of the endpoint's invocations; built once.
    pub(crate) fn invocations(&self) -> Result<&Uri> {
        if let Some(uri) = self.invocations.get() {
            return Ok(uri);
        }
        let uri = sagemaker_runtime::invocations(self.session.caller(), &self.endpoint_name)?;
        Ok(self.invocations.get_or_init(|| uri))
    }
}

impl AsyncPredictor {
    /// Creates a predictor for the endpoint of this name, in the session's region and account, with JSON for
    /// inputs and results.
    ///
    /// Sends no request. The first request returns an error if the name is not valid (at most 63 letters, digits and
    /// inner hyphens) or the endpoint does not exist.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session);
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn new(endpoint_name: impl Into<String>, session: &Session) -> Self {
        Self {
            target: Arc::new(Target::new(endpoint_name.into().into(), session.clone())),
            serializer: Json::default(),
            deserializer: Json::default(),
            waiter: WaiterConfig::default(),
            clean_up: None,
        }
    }
}

impl<S, D> AsyncPredictor<S, D> {
    /// Sets the format of inputs. Default: [`Json`].
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncPredictor, Csv, Session};
    ///
    /// fn example(session: &Session) -> Result<(), sagemaker_async_inference::Error> {
    ///     let predictor = AsyncPredictor::new("my-endpoint", session).with_serializer(Csv::new());
    ///     let scores: Vec<f64> = predictor.predict(&vec![(5.1, 3.5), (4.9, 3.0)])?;
    ///     Ok(())
    /// }
    /// ```
    pub fn with_serializer<S2>(self, serializer: S2) -> AsyncPredictor<S2, D> {
        AsyncPredictor {
            target: self.target,
            serializer,
            deserializer: self.deserializer,
            waiter: self.waiter,
            clean_up: self.clean_up,
        }
    }

    /// Sets the format of results. Default: [`Json`].
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Bytes, Session};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session).with_deserializer(Bytes::new());
    /// let image: Vec<u8> = predictor.predict("a cat on a chair")?;
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn with_deserializer<D2>(self, deserializer: D2) -> AsyncPredictor<S, D2> {
        AsyncPredictor {
            target: self.target,
            serializer: self.serializer,
            deserializer,
            waiter: self.waiter,
            clean_up: self.clean_up,
        }
    }

    /// Sets how [`predict`](Self::predict) waits. Default: [`WaiterConfig::default`], 60 polls, 15 s apart.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Session, WaiterConfig};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session)
    ///     .with_waiter_config(WaiterConfig::adaptive());
    /// let result: String = predictor.predict("hello")?;
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn with_waiter_config(mut self, waiter: WaiterConfig) -> Self {
        self.waiter = waiter;
        self
    }

    /// Removes objects after each [`predict`](Self::predict) that succeeds. Default: nothing is removed.
    pub fn with_clean_up(mut self, clean_up: CleanUp) -> Self {
        self.clean_up = Some(clean_up);
        self
    }

    /// The endpoint's name.
    pub fn endpoint_name(&self) -> &str {
        &self.target.endpoint_name
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.target.session
    }

    /// Starts a request for an input that is in S3 already. The model gets its content type only if
    /// [`content_type`](AsyncRequest::content_type) sets it. A location that is not valid is an error of
    /// [`submit`](AsyncRequest::submit).
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session);
    /// let response = predictor
    ///     .request_at("s3://my-bucket/scans/17.tiff")
    ///     .content_type("image/tiff")
    ///     .submit()?;
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn request_at(
        &self,
        input: impl TryInto<S3Uri, Error: Into<Error>>,
    ) -> AsyncRequest<'static, D>
    where
        D: Accept + Clone,
    {
        let input = input.try_into().map_err(Into::into);
        AsyncRequest::at(self.target.clone(), self.deserializer.clone(), input)
    }

    /// Starts a request for the bytes of a file. The serializer is not used, and the model gets a content type
    /// only if [`content_type`](AsyncRequest::content_type) sets it.
    ///
    /// The file is opened here and read by [`submit`](AsyncRequest::submit), never completely into memory: up to
    /// 128,000 bytes are sent in the request's body, up to 16 MiB in one upload to S3, more in parts
    /// ([`TransferConfig`](crate::TransferConfig)). A part that fails is retried alone. If the upload fails
    /// permanently, or is stopped, its parts are discarded, which takes at most 5 s. An empty file is uploaded as an
    /// empty object.
    ///
    /// # Errors
    /// - [`Error::Transfer`]: it cannot be opened, or is not a regular file. From `submit`: it cannot be read,
    ///   or it changed (its length, modification time or content) while it was read.
    /// - [`Error::InvalidInput`]: it is larger than 1 GiB, the service's limit.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use std::time::Duration;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::{AsyncPredictor, Bytes, WaiterConfig};
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let session = endpoint.session()?;
    /// let predictor =
    ///     AsyncPredictor::new(endpoint.name(), &session).with_deserializer(Bytes::new());
    /// let response = predictor.request_file("Cargo.toml")?.content_type("text/plain").submit()?;
    ///
    /// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
    /// let echo: Vec<u8> = response.get_result(&waiter)?;
    /// assert_eq!(echo, std::fs::read("Cargo.toml")?);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request_file<'v>(&self, path: impl AsRef<Path>) -> Result<AsyncRequest<'v, D>>
    where
        D: Accept + Clone,
    {
        AsyncRequest::with_file(
            self.target.clone(),
            self.deserializer.clone(),
            path.as_ref(),
        )
    }

    /// Starts a request for all bytes of a reader, such as a socket, a decompressor or another process.
    ///
    /// Like [`request_file`](Self::request_file), but the length is not known in advance and nothing can be read
    /// twice: data in transit is held in memory, up to 16 MiB at first, then a part of 8 MiB for each of 4
    /// uploads at a time ([`TransferConfig`](crate::TransferConfig)). More than 1 GiB is
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) once that much was read; what was uploaded until then
    /// is discarded.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session);
    /// let response = predictor.request_reader(std::io::stdin()).content_type("image/tiff").submit()?;
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn request_reader<'v>(&self, reader: impl Read + Send + 'v) -> AsyncRequest<'v, D>
    where
        D: Accept + Clone,
    {
        AsyncRequest::with_reader(self.target.clone(), self.deserializer.clone(), reader)
    }

    /// Returns the response of a submitted inference from its handle, which [`AsyncInferenceResponse::handle`]
    /// returned in this or another process. Sends no request.
    ///
    /// The inference belongs to the endpoint that the handle names, whichever endpoint this predictor is for.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use std::time::Duration;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let session = endpoint.session()?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &session);
    /// let saved = predictor.predict_async("hello")?.handle().to_string(); // one line
    ///
    /// let response = predictor.resume(saved.parse()?);
    /// let result: String = response.get_result(&WaiterConfig::new(1000, Duration::from_millis(10))?)?;
    /// assert_eq!(result, "hello");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume(&self, handle: InferenceHandle) -> AsyncInferenceResponse<D>
    where
        D: Clone,
    {
        AsyncInferenceResponse::of_handle(self.session().clone(), self.deserializer.clone(), handle)
    }

    /// Starts a request for a value, with every option of the call.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session);
    /// let response = predictor
    ///     .request(&["first", "second"])
    ///     .inference_id("job-7")
    ///     .request_ttl(Duration::from_secs(3600))
    ///     .invocation_timeout(Duration::from_secs(1200))
    ///     .submit()?;
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn request<'v, T: ?Sized>(&self, value: &'v T) -> AsyncRequest<'v, D>
    where
        S: Serializer<T>,
        D: Accept + Clone,
    {
        AsyncRequest::with_body(
            self.target.clone(),
            self.deserializer.clone(),
            self.serializer.serialize(value),
            self.serializer.content_type(),
        )
    }

    /// Submits a value and returns without waiting. Wait for the result with the response.
    ///
    /// The same as [`request(value).submit()`](AsyncRequest::submit).
    ///
    /// # Errors
    /// Those of [`AsyncRequest::submit`].
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use sagemaker_async_inference::AsyncPredictor;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use serde_json::json;
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let session = endpoint.session()?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &session);
    /// let response = predictor.predict_async(&json!({"inputs": "hello"}))?;
    /// println!("the result will be at {}", response.output_path());
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn predict_async<T: ?Sized>(&self, value: &T) -> Result<AsyncInferenceResponse<D>>
    where
        S: Serializer<T>,
        D: Accept + Clone,
    {
        self.request(value).submit()
    }

    /// Submits a value and waits for its result.
    ///
    /// The wait is 60 polls, 15 s apart, unless [`with_waiter_config`](Self::with_waiter_config) sets another. No
    /// error loses the inference: every error after the submit has the inference's handle
    /// ([`Error::handle`](crate::Error::handle)), which [`resume`](Self::resume) takes.
    ///
    /// # Errors
    /// Those of [`AsyncRequest::submit`], then those of [`AsyncInferenceResponse::get_result`]. A failed
    /// [clean-up](Self::with_clean_up) is not an error: its callback receives it.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use std::time::Duration;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let session = endpoint.session()?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &session)
    ///     .with_waiter_config(WaiterConfig::new(600, Duration::from_millis(50))?);
    /// let result: Vec<f64> = predictor.predict(&[0.5, 1.5])?;
    /// assert_eq!(result, [0.5, 1.5]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn predict<T: ?Sized, R>(&self, value: &T) -> Result<R>
    where
        S: Serializer<T>,
        D: Deserializer<R> + Clone,
    {
        let request = self.request(value).or_cancel(self.waiter.cancel());
        let response = request.submit()?;
        let result = response.get_result(&self.waiter)?;
        if let Some(clean_up) = &self.clean_up {
            // Failures go to the callback; the result is still returned.
            let _ = response.clean_up(clean_up)?;
        }
        Ok(result)
    }
}
