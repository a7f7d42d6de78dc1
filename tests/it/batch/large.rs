//! Outputs that are too large to be read into memory without a request for them.

use std::collections::BTreeSet;

use sagemaker_async_inference::Bytes;
use sagemaker_async_inference::local::{LocalEndpoint, Operation};

use super::{finish_all, idle_endpoint, in_folder, often, predictor};
use sagemaker_async_inference::{AsyncInferenceResponse, Error, as_completed};

const LIMIT: usize = 8 << 20;

/// The bytes of the responses to GETs of outputs.
fn fetched(endpoint: &LocalEndpoint) -> usize {
    let gets = endpoint.requests();
    let gets = gets
        .iter()
        .filter(|request| request.operation == Operation::GetObject);
    gets.filter(|request| matches!(request.status, Some(200 | 206)))
        .count()
}

fn outputs(
    endpoint: &LocalEndpoint,
    count: usize,
    len: usize,
) -> Vec<AsyncInferenceResponse<Bytes>> {
    let responses = in_folder(&predictor(endpoint), endpoint.bucket(), "out", count);
    for response in &responses {
        endpoint.put_object(
            endpoint.bucket(),
            response.output_path().key(),
            vec![7; len],
        );
    }
    responses
        .into_iter()
        .map(|response| response.with_deserializer(Bytes::new()))
        .collect()
}

#[test]
fn a_listed_output_above_8_mib_is_not_fetched_before_it_is_requested() {
    let endpoint = idle_endpoint(|b| b);
    let responses = outputs(&endpoint, 20, LIMIT + 1);
    let all = finish_all(responses, &often());
    assert_eq!(all.len(), 20);
    assert_eq!(fetched(&endpoint), 0, "a listing has the sizes");
    let bytes: Vec<u8> = all[3].result().expect("the output");
    assert_eq!(bytes.len(), LIMIT + 1);
    assert_eq!(fetched(&endpoint), 1);
    let again: Vec<u8> = all[3].result().expect("the output");
    assert_eq!(again.len(), bytes.len());
    assert_eq!(fetched(&endpoint), 1, "a success is cached");
}

#[test]
fn an_output_above_8_mib_that_a_get_finds_is_left_in_s3() {
    let endpoint = idle_endpoint(|b| b);
    let responses = outputs(&endpoint, 3, LIMIT + 1);
    let waiting = as_completed(responses, &often()).without_listing();
    let all: Vec<_> = waiting.collect();
    assert_eq!(all.len(), 3);
    assert_eq!(
        fetched(&endpoint),
        3,
        "one GET each, whose body is not read"
    );
    assert!(all.iter().all(|done| done.error().is_none()));
}

#[test]
fn an_output_of_8_mib_is_in_memory_when_it_is_reported() {
    let endpoint = idle_endpoint(|b| b);
    let all = finish_all(outputs(&endpoint, 1, LIMIT), &often());
    endpoint.clear_requests();
    let bytes: Vec<u8> = all[0].result().expect("the output");
    assert_eq!(bytes.len(), LIMIT);
    assert!(endpoint.requests().is_empty());
}

#[test]
fn outputs_of_any_size_go_to_files() {
    let folder = tempfile::tempdir().expect("a folder");
    for threads in [None, Some(3)] {
        let endpoint = idle_endpoint(|b| b);
        let mut responses = outputs(&endpoint, 20, 10);
        for large in responses.iter().take(5) {
            endpoint.put_object(
                endpoint.bucket(),
                large.output_path().key(),
                vec![9; LIMIT + 5],
            );
        }
        let missing = responses.pop().expect("a response");
        let to = folder.path().join(format!("{threads:?}"));
        std::fs::create_dir(&to).expect("a folder");
        let place = to.clone();
        let mut waiting = as_completed(responses, &often())
            .download_to(move |handle| place.join(handle.output_path().key().replace('/', "-")));
        if let Some(threads) = threads {
            waiting = waiting.download_threads(threads).expect("threads");
        }
        let mut files = BTreeSet::new();
        for done in waiting {
            assert!(done.error().is_none(), "{done:?}");
            let file = done.file().expect("a file");
            let len = std::fs::metadata(file).expect("a file").len();
            assert_eq!(
                len,
                if done.index() < 5 {
                    LIMIT as u64 + 5
                } else {
                    10
                }
            );
            files.insert(file.to_owned());
        }
        assert_eq!(files.len(), 19, "{missing:?}");
        assert_eq!(
            std::fs::read_dir(&to).expect("the folder").count(),
            19,
            "no part is left"
        );
    }
}

#[test]
fn a_file_that_cannot_be_written_stops_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = idle_endpoint(|b| b);
    let responses = outputs(&endpoint, 4, 10);
    let place = folder.path().to_owned();
    let waiting = as_completed(responses, &often()).download_to(move |handle| {
        let key = handle.output_path().key();
        let name = if key.contains("00002") {
            "no such folder/x"
        } else {
            key.rsplit('/').next().unwrap_or(key)
        };
        place.join(name)
    });
    let (mut stored, mut failed) = (0, Vec::new());
    for done in waiting {
        match done.error() {
            None => stored += 1,
            Some(error) => failed.push((done.index(), error.clone())),
        }
    }
    assert_eq!(stored, 3);
    assert!(
        matches!(&failed[..], [(2, error @ Error::Transfer(_))] if error.handle().is_some()),
        "{failed:?}"
    );
}
