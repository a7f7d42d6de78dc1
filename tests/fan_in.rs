//! Many inferences in flight.
#![cfg(feature = "local")]

mod support;

use std::time::Duration;

use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse, Operation};
use sagemaker_async_inference::{AsyncPredictor, Error, WaiterConfig, as_completed};

#[test]
fn smoke() {
    let endpoint = LocalEndpoint::builder()
        .max_concurrent_invocations_per_instance(8)
        .model(|request| {
            if request.body == b"\"13\"" {
                ModelResponse::failure(500, "no")
            } else {
                ModelResponse::ok(request.body.clone())
            }
        })
        .start()
        .unwrap();
    let predictor = AsyncPredictor::new(endpoint.name(), &endpoint.session().unwrap());
    let responses: Vec<_> = predictor
        .submit_all((0..1000).map(|n| n.to_string()))
        .collect::<Result<_, _>>()
        .unwrap();
    let waiter = WaiterConfig::new(1000, Duration::from_millis(10)).unwrap();
    let mut seen = vec![false; 1000];
    for done in as_completed(responses, &waiter) {
        let index = done.index();
        match done.into_result() {
            Ok(answer) => assert_eq!(index.to_string(), { let a: String = answer; a }),
            Err(Error::Model(_)) => assert_eq!(index, 13),
            Err(error) => panic!("{error}"),
        }
        seen[index] = true;
    }
    assert!(seen.iter().all(|seen| *seen));
    let count = |operation| endpoint.requests().iter().filter(|r| r.operation == operation).count();
    eprintln!("lists {} gets {} submits {}", count(Operation::ListObjectsV2), count(Operation::GetObject), count(Operation::InvokeEndpointAsync));
}
