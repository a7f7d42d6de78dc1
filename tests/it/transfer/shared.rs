//! An endpoint, a directory, and bytes to send through both.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sagemaker_async_inference::error::TransferErrorKind;
use sagemaker_async_inference::local::{LocalEndpoint, Operation, RecordedRequest};
use sagemaker_async_inference::session::Service;
use sagemaker_async_inference::sys::{Environment, ManualClock, Sys};
use sagemaker_async_inference::transfer::TransferConfigBuilder;
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Bytes, Error, Json, Session, TransferConfig,
    TransferError, WaiterConfig,
};
use tempfile::TempDir;

use super::support::client::{accepting, builder};
use super::support::s3::S3Server;
use super::support::verifier::Verifier;
use super::support::{ACCESS_KEY, SECRET_KEY};

pub(crate) const MIB: usize = 1 << 20;
pub(crate) const BUCKET: &str = "b-bucket";

/// Bytes that repeat nowhere near a part's size.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A local endpoint whose queue stands still, and a session in virtual time.
pub(crate) struct Place {
    pub(crate) endpoint: LocalEndpoint,
    pub(crate) session: Session,
    pub(crate) clock: ManualClock,
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let endpoint = LocalEndpoint::builder()
            .bucket(BUCKET)
            .instances(0)
            .start()
            .expect("an endpoint");
        let clock = ManualClock::new();
        let sys = Sys::real()
            .with_environment(Environment::empty())
            .with_clock(clock.clone());
        let session = endpoint.session_builder().sys(sys).build();
        Self {
            endpoint,
            session: session.expect("a session"),
            clock,
            dir: TempDir::new().expect("a directory"),
        }
    }

    pub(crate) fn predictor(&self) -> AsyncPredictor<Json, Bytes> {
        AsyncPredictor::new(self.endpoint.name(), &self.session).with_deserializer(Bytes::new())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self, content: &[u8]) -> PathBuf {
        let path = self.path("input.bin");
        std::fs::write(&path, content).expect("an input");
        path
    }

    /// Puts an object where an output would be.
    pub(crate) fn output(&self, content: &[u8]) -> AsyncInferenceResponse<Bytes> {
        self.endpoint.put_object(BUCKET, "out/1.out", content);
        self.response()
    }

    pub(crate) fn response(&self) -> AsyncInferenceResponse<Bytes> {
        let uri = format!("s3://{BUCKET}/out/1.out");
        AsyncInferenceResponse::new(&self.predictor(), uri, None).expect("valid locations")
    }

    pub(crate) fn requests(&self, operation: Operation) -> Vec<RecordedRequest> {
        let requests = self.endpoint.requests().into_iter();
        requests
            .filter(|request| request.operation == operation)
            .collect()
    }

    /// The names in the directory.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir()).expect("a directory");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// S3 of others' making, with `my-bucket` in it, a runtime that takes every submit, and a session for
/// both.
pub(crate) fn other_s3() -> (S3Server, Verifier, Session) {
    let s3 = S3Server::start(ACCESS_KEY, SECRET_KEY);
    s3.create_bucket("my-bucket");
    let runtime = accepting();
    let session = builder()
        .endpoint_url(runtime.url())
        .endpoint_url_for(Service::S3, s3.url())
        .build()
        .expect("a session");
    (s3, runtime, session)
}

pub(crate) fn transfer(
    change: impl FnOnce(TransferConfigBuilder) -> TransferConfigBuilder,
) -> TransferConfig {
    change(TransferConfig::builder())
        .build()
        .expect("a way of transfer")
}

/// Parts of 5 MiB, from there on.
pub(crate) fn small_parts(builder: TransferConfigBuilder) -> TransferConfigBuilder {
    builder
        .part_size(5 << 20)
        .multipart_threshold(5 << 20)
        .parallelism(3)
}

/// One poll.
pub(crate) fn once() -> WaiterConfig {
    WaiterConfig::new(1, Duration::from_secs(1)).expect("a wait")
}

pub(crate) fn failed<T>(outcome: Result<T, Error>, kind: TransferErrorKind) -> TransferError {
    match outcome {
        Err(Error::Transfer(error)) if error.kind() == kind => *error,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it succeeded"),
    }
}
