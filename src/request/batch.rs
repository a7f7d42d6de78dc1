//! A request in batches and journals: its identity, and how it outlives what it borrowed.

use std::borrow::Cow;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{AsyncRequest, RequestInput};
use crate::aws::Service;
use crate::aws::client::unrecorded;
use crate::error::{Error, MaybeSubmitted, Result, TransferError, TransferErrorKind};
use crate::handle::InferenceHandle;
use crate::request::placement::Upload;
use crate::response::AsyncInferenceResponse;
use crate::session::Session;
use crate::sys::unpoisoned;
use crate::transfer;

/// The identity of an input, the same in every run.
#[derive(Debug)]
pub(crate) struct Identity {
    /// A digest of the endpoint and of the input's identity; none if that cannot be known.
    pub(crate) sha256: Option<String>,
    /// The digest that release 0.1 would have written of a file: of its path, length and time.
    pub(crate) sha256_of_0_1: Option<String>,
    /// As the caller named it.
    pub(crate) name: Option<String>,
}

impl<'v, D> AsyncRequest<'v, D> {
    pub(crate) fn session(&self) -> &Session {
        &self.target.session
    }

    pub(crate) fn has_output_path_extension(&self) -> bool {
        self.output_path_extension.is_some()
    }

    /// The inference id, generated now if the caller has set none.
    pub(crate) fn settle_inference_id(&mut self) -> String {
        self.inference_id
            .get_or_insert_with(|| self.target.session.sys().random().uuid().into())
            .clone()
            .into_owned()
    }

    /// The identity in a journal: a digest of the endpoint and of the caller's key, or else of the input: a value's
    /// bytes, an object's URI, a file's name and content. The folder of a file does not count: the file may be copied,
    /// or its path spelled differently.
    pub(crate) fn identity(&self) -> Result<Identity> {
        let mut identity = Identity {
            sha256: None,
            sha256_of_0_1: None,
            name: None,
        };
        let digest = |kind: &str, parts: &[&[u8]]| {
            let mut hash = Sha256::new();
            hash.update(self.target.endpoint_name.as_bytes());
            hash.update(format!("\0{kind}\0"));
            for (number, part) in parts.iter().enumerate() {
                if number > 0 {
                    hash.update(b"\0");
                }
                hash.update(part);
            }
            Some(hex(&hash.finalize()))
        };
        match &self.input {
            RequestInput::Body(Ok(body)) => identity.sha256 = digest("body", &[body]),
            RequestInput::At(uri) => {
                identity.name = Some(uri.to_string());
                identity.sha256 = digest("at", &[uri.to_string().as_bytes()]);
            }
            RequestInput::File(file) => {
                let path = file.path();
                identity.name = Some(path.display().to_string());
                let name = path.file_name().unwrap_or(path.as_os_str());
                if self.journal_key.is_none() {
                    let content = file.sha256().map_err(|error| {
                        TransferError::new(TransferErrorKind::Read, path.display())
                            .with_source(error)
                    })?;
                    identity.sha256 = digest("content", &[name.as_encoded_bytes(), &content]);
                }
                let seen = format!("{}\0{}\0{:?}", path.display(), file.len(), file.modified());
                identity.sha256_of_0_1 = digest("file", &[seen.as_bytes()]);
            }
            RequestInput::Body(Err(_)) | RequestInput::Reader(_) => {}
        }
        if let Some(key) = &self.journal_key {
            identity.sha256 = digest("key", &[key.as_bytes()]);
        }
        Ok(identity)
    }

    /// The response of this request, which was submitted before.
    pub(crate) fn into_response(self, handle: InferenceHandle) -> AsyncInferenceResponse<D> {
        AsyncInferenceResponse::of_handle(self.target.session.clone(), self.deserializer, handle)
    }

    /// The error of a request that may have been submitted by a process that is gone.
    pub(crate) fn uncertain(&self, inference_id: String) -> Error {
        MaybeSubmitted {
            endpoint_name: self.target.endpoint_name.to_string(),
            inference_id,
            input_location: match &self.input {
                RequestInput::At(uri) => Some(uri.to_string()),
                RequestInput::Body(_) | RequestInput::File(_) | RequestInput::Reader(_) => None,
            },
            cause: unrecorded(Service::SageMakerRuntime.as_str(), "InvokeEndpointAsync"),
        }
        .into()
    }

    /// Returns a second request with the same input and options, `None` if the input is a reader, which can be
    /// read only once. An open file is shared.
    ///
    /// Both have the same [`inference_id`](Self::inference_id), if one is set.
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, AsyncRequest, Error, Json};
    ///
    /// /// Submits an input twice, where that is possible.
    /// fn submit_twice(
    ///     request: AsyncRequest<'_, Json>,
    /// ) -> Result<Vec<AsyncInferenceResponse>, Error> {
    ///     let copy = request.try_clone();
    ///     [Some(request), copy].into_iter().flatten().map(AsyncRequest::submit).collect()
    /// }
    /// ```
    #[must_use]
    pub fn try_clone(&self) -> Option<Self>
    where
        D: Clone,
    {
        let input = match &self.input {
            RequestInput::Body(body) => RequestInput::Body(body.clone()),
            RequestInput::At(uri) => RequestInput::At(uri.clone()),
            RequestInput::File(file) => RequestInput::File(Arc::clone(file)),
            RequestInput::Reader(_) => return None,
        };
        Some(Self {
            target: Arc::clone(&self.target),
            deserializer: self.deserializer.clone(),
            input,
            transfer: self.transfer.clone(),
            placement: self.placement,
            upload: self.upload.clone(),
            inference_id: self.inference_id.clone(),
            custom_attributes: self.custom_attributes.clone(),
            content_type: self.content_type.clone(),
            accept: self.accept.clone(),
            request_ttl: self.request_ttl,
            invocation_timeout: self.invocation_timeout,
            filename: self.filename.clone(),
            output_path_extension: self.output_path_extension.clone(),
            retry: self.retry,
            deadline: self.deadline,
            duplicates: self.duplicates,
            cancel: self.cancel.clone(),
            journal_key: self.journal_key.clone(),
        })
    }

    /// Copies everything that the request borrows, so that it can be stored or passed to
    /// [`submit_all`](crate::submit_all). A reader is read into memory now.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Session, submit_all};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session);
    /// let requests = (0..100).map(|job| {
    ///     let document = format!("document {job}");
    ///     predictor.request(&document).inference_id(format!("job-{job}")).into_owned()
    /// });
    /// for outcome in submit_all(requests) {
    ///     println!("{}", outcome?.output_path());
    /// }
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn into_owned(self) -> AsyncRequest<'static, D> {
        let owned = |text: Option<Cow<'v, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        AsyncRequest {
            target: self.target,
            deserializer: self.deserializer,
            input: match self.input {
                RequestInput::Body(body) => {
                    RequestInput::Body(body.map(|body| Cow::Owned(body.into_owned())))
                }
                RequestInput::At(uri) => RequestInput::At(uri),
                RequestInput::File(file) => RequestInput::File(file),
                RequestInput::Reader(reader) => {
                    let reader = unpoisoned(reader.into_inner());
                    RequestInput::Body(transfer::read_all(reader).map(Cow::Owned))
                }
            },
            transfer: self.transfer,
            placement: self.placement,
            upload: Upload {
                destination: self.upload.destination,
                kms_key_id: owned(self.upload.kms_key_id),
            },
            inference_id: owned(self.inference_id),
            custom_attributes: owned(self.custom_attributes),
            content_type: owned(self.content_type),
            accept: owned(self.accept),
            request_ttl: self.request_ttl,
            invocation_timeout: self.invocation_timeout,
            filename: owned(self.filename),
            output_path_extension: owned(self.output_path_extension),
            retry: self.retry,
            deadline: self.deadline,
            duplicates: self.duplicates,
            cancel: self.cancel,
            journal_key: self.journal_key,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
