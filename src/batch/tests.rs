//! Power cuts during submits with a journal: all that was not flushed is lost, and no input runs twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::local::{LocalEndpoint, ModelResponse, Operation};
use crate::sys::power::left_of;
use crate::sys::sync_data;
use crate::{AsyncPredictor, AsyncRequest, Bytes, submit_all};

const INPUTS: usize = 24;

fn requests(
    predictor: &AsyncPredictor<Bytes, Bytes>,
) -> impl Iterator<Item = AsyncRequest<'static, Bytes>> + use<> {
    let bodies: Vec<_> = (0..INPUTS).map(|n| format!("input {n}")).collect();
    let predictor = predictor.clone();
    bodies
        .into_iter()
        .map(move |body| predictor.request(body.as_bytes()).into_owned())
}

fn predictor(endpoint: &LocalEndpoint) -> AsyncPredictor<Bytes, Bytes> {
    let session = endpoint.session().expect("a session");
    AsyncPredictor::new(endpoint.name(), &session)
        .with_serializer(Bytes::new())
        .with_deserializer(Bytes::new())
}

fn has(content: &[u8], text: &str) -> bool {
    content
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// A file whose content the disk has.
fn restored(path: &Path, content: &[u8]) {
    std::fs::write(path, content).expect("a file");
    sync_data(&std::fs::File::open(path).expect("a file")).expect("flushed");
}

#[test]
fn an_input_is_on_the_disk_before_its_submit_and_its_handle_before_the_outcome() {
    let directory = tempfile::tempdir().expect("a directory");
    let journal = directory.path().join("journal");
    let missing = Arc::new(Mutex::new(Vec::new()));
    let (found_missing, path) = (missing.clone(), journal.clone());
    let endpoint = LocalEndpoint::builder()
        .on_request(move |request| {
            if request.operation == Operation::InvokeEndpointAsync {
                let id = request.header("x-amzn-sagemaker-inference-id");
                let id = id.unwrap_or("no id").to_owned();
                if !has(&left_of(&path), &id) {
                    found_missing.lock().expect("ids").push(id);
                }
            }
        })
        .start()
        .expect("an endpoint");
    let submits = submit_all(requests(&predictor(&endpoint)));
    let mut count = 0;
    for outcome in submits.journal(&journal).expect("a journal") {
        let response = outcome.expect("a submit");
        let output = response.output_path().to_string();
        assert!(has(&left_of(&journal), &output), "{output} would be lost");
        count += 1;
    }
    assert_eq!(count, INPUTS);
    assert_eq!(*missing.lock().expect("ids"), [""; 0]);
}

#[test]
fn a_job_goes_on_after_power_cuts_and_nothing_runs_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    let runs = Arc::new(Mutex::new(BTreeMap::<Vec<u8>, usize>::new()));
    let counted = runs.clone();
    let endpoint = LocalEndpoint::builder()
        .model(move |request| {
            let mut runs = counted.lock().expect("runs");
            *runs.entry(request.body.clone()).or_default() += 1;
            ModelResponse::ok(request.body.clone())
        })
        .start()
        .expect("an endpoint");
    let predictor = predictor(&endpoint);
    let mut left = Vec::new();
    for life in 1..=INPUTS.div_ceil(5) {
        let journal = directory.path().join(format!("journal-{life}"));
        restored(&journal, &left);
        // To its end, so that nothing is submitted after the cut.
        let submits = submit_all(requests(&predictor).take(5 * life));
        for outcome in submits.journal(&journal).expect("a journal") {
            let _ = outcome.expect("a submit");
        }
        left = left_of(&journal);
    }
    assert!(endpoint.wait_until_idle(std::time::Duration::from_mins(1)));
    let runs = runs.lock().expect("runs");
    assert_eq!(runs.len(), INPUTS);
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
}
