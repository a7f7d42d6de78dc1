//! Finished responses from notifications.

use super::notification::{InvocationStatus, Notification};
use crate::aws::json_rpc::text;
use crate::aws::sagemaker_runtime::Submitted;
use crate::error::{ModelFailure, Result};
use crate::handle::InferenceHandle;
use crate::invalid_input::InvalidInput;
use crate::predictor::AsyncPredictor;
use crate::response::AsyncInferenceResponse;
use crate::response::look::Outcome;
use crate::uri::S3Uri;

/// Bucket and key of the output that a notification of a failure does not name. No request is sent for it.
const NOT_TOLD: &str = "not-told";

impl<S, D> AsyncPredictor<S, D> {
    /// The response of an inference that a notification says is done: its first
    /// [`get_result`](AsyncInferenceResponse::get_result) fetches the output with one request, with
    /// no polling.
    ///
    /// The response of a failure is finished: every way to take its result is
    /// [`Error::Model`](crate::Error::Model) with the service's reason as its text, without a request.
    /// Such a notification names no output, so the response's
    /// [`output_path`](AsyncInferenceResponse::output_path) is a placeholder. Its handle keeps that it
    /// failed, but not why: the reason may repeat what was in the input.
    ///
    /// Fails with [`Error::InvalidInput`](crate::Error::InvalidInput) for another endpoint's
    /// notification, for one that checks a topic, and for one that says neither.
    ///
    /// ```no_run
    /// # use sagemaker_async_inference::{AsyncPredictor, Error, Session, WaiterConfig};
    /// # use sagemaker_async_inference::queue::Notification;
    /// # fn example(session: &Session, body: &str) -> Result<(), Error> {
    /// let predictor = AsyncPredictor::new("my-endpoint", session);
    /// let notification = Notification::parse(body)?; // the body of an SQS message
    /// let response = predictor.response_from(&notification)?;
    /// let answer: serde_json::Value = response.get_result(&WaiterConfig::default())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn response_from(&self, notification: &Notification) -> Result<AsyncInferenceResponse<D>>
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
            InvocationStatus::Completed => {}
            InvocationStatus::Failed => return self.failed_response(notification),
            InvocationStatus::Test => {
                return Err(InvalidInput::new(
                    "notification",
                    InvocationStatus::Test.as_str(),
                    "a notification of an inference",
                    "delete it: it only checks the topic",
                )
                .into());
            }
            InvocationStatus::Other(word) => {
                let limit = "Completed or Failed".to_owned();
                return Err(refused("notification's invocationStatus", &word, limit).into());
            }
        }
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
        let Some(inference_id) = notification.inference_id().map(str::to_owned) else {
            return Ok(self.response(output, None));
        };
        let submitted = Submitted {
            inference_id: None,
            output_location: output,
            failure_location: None,
        };
        Ok(AsyncInferenceResponse::submitted(
            self.target.clone(),
            self.deserializer.clone(),
            submitted,
            inference_id,
            notification
                .input_location()
                .and_then(|uri| uri.parse().ok()),
        ))
    }

    fn failed_response(&self, notification: &Notification) -> Result<AsyncInferenceResponse<D>>
    where
        D: Clone,
    {
        let location = |uri: Option<&str>| -> Option<S3Uri> { uri?.parse().ok() };
        let output_path = location(notification.output_location());
        // Not among what is documented; taken where it comes all the same.
        let failure_path = location(text(notification.raw(), "failureLocation"))
            .or_else(|| location(notification.nested("responseParameters", "failureLocation")));
        let reason = notification.failure_reason().unwrap_or_default();
        let handle = InferenceHandle {
            endpoint_name: self.endpoint_name().to_owned(),
            output_path: match &output_path {
                Some(told) => told.clone(),
                None => S3Uri::new(NOT_TOLD, NOT_TOLD)?,
            },
            failure_path: failure_path.clone(),
            inference_id: notification.inference_id().map(str::to_owned),
            input_location: location(notification.input_location()),
            submitted_at: None,
            input_uploaded: false,
            service_limit: None,
            failed: true,
        };
        let response =
            AsyncInferenceResponse::resumed(self.target.clone(), self.deserializer.clone(), handle);
        response.keep(Outcome::Failure(ModelFailure {
            endpoint_name: self.endpoint_name().to_owned(),
            output_path,
            failure_path,
            content_type: Some("text/plain".to_owned()),
            body: reason.as_bytes().into(),
        }));
        Ok(response)
    }
}
