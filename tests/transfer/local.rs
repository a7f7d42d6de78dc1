//! Through the local endpoint: there and back.

use std::time::Duration;

use sagemaker_async_inference::local::{LocalEndpoint, Operation};
use sagemaker_async_inference::{AsyncPredictor, Bytes, WaiterConfig};

use super::{MIB, bytes};

#[test]
fn a_large_file_comes_back_as_it_went() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let dir = tempfile::tempdir().expect("a directory");
    let content = bytes(40 * MIB + 7);
    let path = dir.path().join("input.bin");
    std::fs::write(&path, &content).expect("an input");
    let session = endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session).with_deserializer(Bytes::new());
    let waiter = WaiterConfig::new(6000, Duration::from_millis(10)).expect("a waiter");
    let response = predictor
        .request_file(&path)
        .expect("the file")
        .submit()
        .expect("submitted");
    let out = dir.path().join("out.bin");
    let len = response.download(&out, &waiter).expect("the result");
    assert_eq!(len, content.len() as u64);
    assert!(std::fs::read(&out).expect("the output") == content);
    let operations: Vec<_> = endpoint.requests().iter().map(|r| r.operation).collect();
    let count = |operation| operations.iter().filter(|o| **o == operation).count();
    assert_eq!(count(Operation::UploadPart), 6);
    let mut written = Vec::new();
    response
        .write_result(&mut written, &waiter)
        .expect("the result");
    assert!(written == content);
    let mut read = Vec::new();
    let mut reader = response.read_result(&waiter).expect("a reader");
    std::io::Read::read_to_end(&mut reader, &mut read).expect("the result");
    assert!(read == content);
}
