//! The submit: check, place, send, and report what happened.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{AsyncRequest, RequestInput};
use crate::aws::client::gate::Gate;
use crate::aws::s3::{self, PutOptions};
use crate::aws::sagemaker_runtime::{Input, InvokeEndpointAsync, Submitted, invoke_endpoint_async};
use crate::aws::{CallError, Replay, RequestPolicy};
use crate::error::{Error, MaybeSubmitted, Result, is_ambiguous};
use crate::handle::InferenceHandle;
use crate::limits::{self, MAX_INLINE_BYTES, check_name};
use crate::predictor::Target;
use crate::request::placement;
use crate::response::AsyncInferenceResponse;
use crate::sys::unpoisoned;
use crate::trace;
use crate::transfer;
use crate::uri::S3Uri;
use crate::waiter::CancelToken;

/// What is submitted: the input itself, or its location.
type Placed<'v> = (Cow<'v, [u8]>, Option<S3Uri>);

impl<'v, D> AsyncRequest<'v, D> {
    /// Like [`submit`](Self::submit); with a gate, in the turn that it assigns, and again while the service
    /// throttles.
    pub(crate) fn submit_through(
        mut self,
        gate: Option<&Gate<'_>>,
    ) -> Result<AsyncInferenceResponse<D>> {
        self.check()?;
        let inference_id = match self.inference_id.take() {
            Some(id) => id.into_owned(),
            None => self.target.session.sys().random().uuid(),
        };
        let target = Arc::clone(&self.target);
        if let Some(retry) = self.retry {
            // For upload and submit alone: the response polls as the predictor's session says.
            let session = target.session.with_retry(retry);
            self.target = Arc::new(Target::new(target.endpoint_name.clone(), session));
        }
        let begun = target.session.sys().clock().monotonic();
        let deadline = self.deadline.map(|deadline| begun + deadline);
        let span = trace::submit(&target.endpoint_name, &inference_id);
        // What is sent in the request's body has no location in S3.
        let uploads = !matches!(self.input, RequestInput::At(_));
        let service_limit = self.request_ttl.unwrap_or(limits::DEFAULT_REQUEST_TTL)
            + self
                .invocation_timeout
                .unwrap_or(limits::DEFAULT_INVOCATION_TIMEOUT);
        let (body, location) = self.place(gate, deadline)?;
        match self.invoke(&body, location.as_ref(), &inference_id, gate, deadline) {
            Ok(submitted) => {
                let output = &submitted.output_location;
                let readable = output.as_unread().is_none();
                let shown = readable.then_some(output as &dyn std::fmt::Display);
                trace::submitted(&span, shown);
                let handle = InferenceHandle {
                    endpoint_name: target.endpoint_name.clone(),
                    output_path: submitted.output_location,
                    failure_path: submitted.failure_location,
                    inference_id: submitted.inference_id.or(Some(inference_id)),
                    input_uploaded: uploads && location.is_some(),
                    input_location: location,
                    submitted_at: Some(target.session.sys().clock().now()),
                    service_limit: Some(service_limit.as_secs()),
                    failed: false,
                };
                let session = target.session.clone();
                let response =
                    AsyncInferenceResponse::of_handle(session, self.deserializer, handle);
                let response = response.submitted_now();
                Ok(match self.transfer {
                    Some(transfer) => response.with_transfer(transfer),
                    None => response,
                })
            }
            Err(cause) => {
                let endpoint = &target.endpoint_name;
                Err(not_submitted(
                    cause,
                    endpoint,
                    inference_id,
                    location,
                    uploads,
                ))
            }
        }
    }

    fn invoke(
        &self,
        body: &[u8],
        location: Option<&S3Uri>,
        inference_id: &str,
        gate: Option<&Gate<'_>>,
        deadline: Option<Duration>,
    ) -> Result<Submitted> {
        let session = &self.target.session;
        let request = InvokeEndpointAsync {
            endpoint_name: &self.target.endpoint_name,
            uri: self.target.invocations()?,
            input: match location {
                Some(uri) => Input::Location(uri),
                None => Input::Body(body),
            },
            inference_id,
            content_type: self.content_type.as_deref(),
            accept: self.accept.as_deref(),
            custom_attributes: self.custom_attributes.as_deref(),
            filename: self.filename.as_deref(),
            output_path_extension: self.output_path_extension.as_deref(),
            request_ttl: self.request_ttl,
            invocation_timeout: self.invocation_timeout,
        };
        let submit = |replay| {
            let policy = RequestPolicy {
                deadline,
                cancel: self.cancel_flag(),
                replay,
                ..RequestPolicy::default()
            };
            invoke_endpoint_async(session.caller(), &request, policy)
        };
        let submitted = match gate {
            _ if self.duplicates => submit(Replay::Safe),
            None => submit(Replay::IfNotProcessed),
            Some(gate) => gate.run(|| submit(Replay::IfNotSent)),
        };
        submitted.map_err(Error::from)
    }

    /// Every limit of the API's model.
    fn check(&self) -> Result<()> {
        check_name("endpoint name", &self.target.endpoint_name)?;
        if let Some(id) = &self.inference_id {
            limits::inference_id(id)?;
        }
        if let Some(attributes) = &self.custom_attributes {
            limits::custom_attributes(attributes)?;
        }
        if let Some(content_type) = &self.content_type {
            limits::mime_type("content type", content_type)?;
        }
        if let Some(accept) = &self.accept {
            limits::mime_type("accept", accept)?;
        }
        if let Some(ttl) = self.request_ttl {
            limits::seconds("request TTL", ttl, limits::REQUEST_TTL)?;
        }
        if let Some(timeout) = self.invocation_timeout {
            limits::seconds("invocation timeout", timeout, limits::INVOCATION_TIMEOUT)?;
        }
        if let Some(name) = &self.filename {
            limits::filename(name)?;
        }
        if let Some(extension) = &self.output_path_extension {
            limits::output_path_extension(extension)?;
        }
        self.upload.check()?;
        if let RequestInput::At(uri) = &self.input {
            limits::input_location(uri)?;
        }
        Ok(())
    }

    /// The input's body, or its location.
    fn place(&mut self, gate: Option<&Gate<'_>>, deadline: Option<Duration>) -> Result<Placed<'v>> {
        let input = std::mem::replace(&mut self.input, RequestInput::Body(Ok(Cow::Borrowed(&[]))));
        match input {
            RequestInput::At(uri) => Ok((Cow::Borrowed(&[]), Some(uri))),
            RequestInput::Body(body) => {
                let body = body?;
                if self.placement.is_inline(body.len() as u64)? {
                    return Ok((body, None));
                }
                self.upload(gate, deadline, |uri, options, policy| {
                    s3::put_object(self.target.session.s3(), uri, &body, options, policy)
                })
            }
            RequestInput::File(file) => {
                if self.placement.is_inline(file.len())? {
                    return Ok((transfer::read_file(&file)?.into(), None));
                }
                self.upload(gate, deadline, |uri, options, policy| {
                    transfer::upload_file(self.destination(uri, options, policy), &file)
                })
            }
            RequestInput::Reader(reader) => {
                let mut input = unpoisoned(reader.into_inner());
                let begun = input.peek(MAX_INLINE_BYTES)?.len() as u64;
                if self.placement.is_inline(begun)? {
                    return Ok((input.into_begun().into(), None));
                }
                self.upload(gate, deadline, |uri, options, policy| {
                    transfer::upload_reader(self.destination(uri, options, policy), &mut input)
                })
            }
        }
    }

    fn upload(
        &self,
        gate: Option<&Gate<'_>>,
        deadline: Option<Duration>,
        mut send: impl FnMut(&S3Uri, &PutOptions<'_>, RequestPolicy<'_>) -> Result<(), CallError>,
    ) -> Result<Placed<'v>> {
        let content_type = self.content_type.as_deref();
        let policy = RequestPolicy {
            deadline,
            cancel: self.cancel_flag(),
            ..RequestPolicy::default()
        };
        let mut upload = || {
            placement::upload(
                &self.target,
                &self.upload,
                content_type,
                policy,
                |uri, options| send(uri, options, policy),
            )
        };
        let uri = match gate {
            None => upload()?,
            Some(gate) => gate.run(|| Ok(upload()?))?,
        };
        Ok((Cow::Borrowed(&[]), Some(uri)))
    }

    fn cancel_flag(&self) -> Option<&Arc<AtomicBool>> {
        self.cancel.as_ref().map(CancelToken::flag)
    }

    fn destination<'a>(
        &'a self,
        uri: &'a S3Uri,
        options: &'a PutOptions<'a>,
        policy: RequestPolicy<'a>,
    ) -> transfer::Destination<'a> {
        transfer::Destination {
            session: &self.target.session,
            uri,
            cancel: policy.cancel,
            deadline: policy.deadline,
            options,
            config: match &self.transfer {
                Some(config) => config,
                None => self.target.session.transfer(),
            },
        }
    }
}

/// The error of an invocation that failed. It may have arrived nevertheless; otherwise an input that was uploaded for it
/// stays in S3.
fn not_submitted(
    cause: Error,
    endpoint_name: &str,
    inference_id: String,
    location: Option<S3Uri>,
    uploads: bool,
) -> Error {
    let is_uncertain = is_ambiguous(&cause);
    let error = if is_uncertain {
        Error::from(MaybeSubmitted {
            endpoint_name: endpoint_name.to_owned(),
            inference_id,
            input_location: location.map(|uri| uri.to_string()),
            cause,
        })
    } else {
        match location.filter(|_| uploads) {
            Some(uri) => cause.after_upload(uri),
            None => cause,
        }
    };
    trace::not_submitted(&error, is_uncertain);
    error
}
