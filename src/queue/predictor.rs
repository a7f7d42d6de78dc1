//! From a notification to the result of its inference.

use std::sync::Arc;

use super::notification::{InvocationStatus, Notification};
use crate::codec::{Deserializer, Json};
use crate::error::{ModelFailure, Result};
use crate::handle::InferenceHandle;
use crate::invalid_input::InvalidInput;
use crate::predictor::AsyncPredictor;
use crate::response::AsyncInferenceResponse;
use crate::uri::S3Uri;
use crate::waiter::WaiterConfig;

/// The outcome of an inference that a notification reports, from
/// [`AsyncPredictor::response_from`](crate::AsyncPredictor::response_from).
///
/// ```no_run
/// use sagemaker_async_inference::{AsyncPredictor, Error, Session, WaiterConfig};
/// use sagemaker_async_inference::queue::{Notification, Notified};
///
/// fn example(predictor: &AsyncPredictor, notification: &Notification) -> Result<(), Error> {
///     match predictor.response_from(notification)? {
///         Notified::Response(response) => {
///             response.download("result.json", &WaiterConfig::default())?;
///         }
///         Notified::Failed(failure) => eprintln!("{}", failure.text()),
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[must_use = "the result is in it"]
pub enum Notified<D = Json> {
    /// The inference completed; its output is in S3.
    Response(AsyncInferenceResponse<D>),
    /// The inference failed; the failure's text is the notification's `failureReason`.
    Failed(ModelFailure),
}

impl<D> Notified<D> {
    /// Fetches and decodes the output like [`AsyncInferenceResponse::get_result`], with one request if the output
    /// exists.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) for a failure, without a request; otherwise those of
    /// [`AsyncInferenceResponse::get_result`].
    pub fn get_result<T>(&self, waiter: &WaiterConfig) -> Result<T>
    where
        D: Deserializer<T>,
    {
        match self {
            Self::Response(response) => response.get_result(waiter),
            Self::Failed(failure) => Err(failure.clone().into()),
        }
    }

    /// The response of a completed inference.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model): the inference failed.
    pub fn into_response(self) -> Result<AsyncInferenceResponse<D>> {
        match self {
            Self::Response(response) => Ok(response),
            Self::Failed(failure) => Err(failure.into()),
        }
    }
}

impl<S, D> AsyncPredictor<S, D> {
    /// Returns the outcome that a notification reports for an inference of this endpoint: the response of a completed one,
    /// or the failure. Sends no request.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the notification belongs to another endpoint, is only the
    /// test of a topic, has a status that this version does not know, or names no output.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Error, Session, WaiterConfig};
    /// use sagemaker_async_inference::queue::Notification;
    ///
    /// fn example(session: &Session, body: &str) -> Result<(), Error> {
    ///     let predictor = AsyncPredictor::new("my-endpoint", session);
    ///     let notification = Notification::parse(body)?; // the body of an SQS message
    ///     let notified = predictor.response_from(&notification)?;
    ///     let result: serde_json::Value = notified.get_result(&WaiterConfig::default())?;
    ///     Ok(())
    /// }
    /// ```
    pub fn response_from(&self, notification: &Notification) -> Result<Notified<D>>
    where
        D: Clone,
    {
        let refused = |what: &'static str, value: &str, limit: String| {
            let remedy = "check which queue or topic it came from";
            InvalidInput::new(what, value, limit, remedy)
        };
        if let Some(name) = notification.endpoint_name()
            && name != self.endpoint_name()
        {
            let limit = format!("it is of endpoint {}", self.endpoint_name());
            return Err(refused("notification's endpoint", name, limit).into());
        }
        match notification.status() {
            InvocationStatus::Completed => self.completed(notification).map(Notified::Response),
            InvocationStatus::Failed => {
                let failure = failure_of(notification, &self.target.endpoint_name);
                Ok(Notified::Failed(failure))
            }
            InvocationStatus::Test => Err(InvalidInput::new(
                "notification",
                InvocationStatus::Test.as_str(),
                "a notification of an inference",
                "delete it: it only tests the topic",
            )
            .into()),
            InvocationStatus::Other(word) => {
                let limit = "Completed or Failed".to_owned();
                Err(refused("notification's invocationStatus", &word, limit).into())
            }
        }
    }

    fn completed(&self, notification: &Notification) -> Result<AsyncInferenceResponse<D>>
    where
        D: Clone,
    {
        let output: S3Uri = match notification.output_location() {
            Some(location) => location.parse()?,
            None => {
                return Err(InvalidInput::redacted(
                    "notification",
                    "a completed inference has an outputLocation",
                    "read its raw() JSON",
                )
                .into());
            }
        };
        let mut handle = InferenceHandle::new(self.target.endpoint_name.clone(), output);
        handle.inference_id = notification.inference_id().map(str::to_owned);
        handle.input_location = location(notification.input_location());
        Ok(self.resume(handle))
    }
}

/// The failure that a notification reports.
pub(super) fn failure_of(notification: &Notification, endpoint_name: &str) -> ModelFailure {
    // Members that are not documented, but may be there.
    let failure_path = notification
        .nested("responseParameters", "failureLocation")
        .or_else(|| notification.raw().get("failureLocation")?.as_str());
    ModelFailure {
        endpoint_name: endpoint_name.into(),
        output_path: location(notification.output_location()),
        failure_path: location(failure_path),
        content_type: Some("text/plain".to_owned()),
        body: Arc::from(notification.failure_reason().unwrap_or_default().as_bytes()),
        handle: None,
    }
}

fn location(uri: Option<&str>) -> Option<S3Uri> {
    uri?.parse().ok()
}
