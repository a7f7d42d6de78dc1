//! A job that is run again continues where it was.

use std::path::Path;

use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Error, Json};

use super::{idle_endpoint, predictor, read};

type Outcomes = Vec<Result<AsyncInferenceResponse<Json>, Error>>;

fn run(predictor: &AsyncPredictor, inputs: impl IntoIterator<Item = u32>, path: &Path) -> Outcomes {
    let outcomes = predictor.submit_all(inputs).journal(path);
    outcomes.expect("a journal").collect()
}

fn place(path: &tempfile::TempDir) -> std::path::PathBuf {
    path.path().join("journal.jsonl")
}

#[test]
fn a_rerun_yields_what_was_submitted_and_submits_the_rest() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let first = run(&predictor, 0..30, &path);
    let second = run(&predictor, 0..50, &path);
    assert_eq!(endpoint.jobs().len(), 50);
    for (before, after) in first.iter().zip(&second) {
        let handle = |outcome: &Result<AsyncInferenceResponse<Json>, Error>| {
            outcome
                .as_ref()
                .map(|response| response.handle().to_string())
                .ok()
        };
        assert!(handle(before).is_some());
        assert_eq!(handle(before), handle(after));
    }
    assert!(second.iter().all(Result::is_ok));
    // Of the input only its digest is there.
    let text = String::from_utf8(read(&path)).expect("a text");
    assert_eq!(text.lines().count(), 100);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// As after a kill at any byte of the journal.
#[test]
fn wherever_it_was_cut_off_no_input_is_submitted_twice_without_a_word() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let outcomes = predictor
        .submit_all(0..5)
        .journal(&path)
        .expect("a journal");
    let one = outcomes.concurrency(1).expect("a number");
    assert!(one.into_iter().all(|outcome| outcome.is_ok()));
    let whole = read(&path);
    for length in (0..whole.len()).step_by(37) {
        let cut = folder.path().join(format!("cut-{length}.jsonl"));
        std::fs::write(&cut, &whole[..length]).expect("a file");
        let lines = whole[..length].split(|byte| *byte == b'\n').count() - 1;
        let jobs = endpoint.jobs().len();
        let outcomes = run(&predictor, 0..5, &cut);
        let maybe = outcomes
            .iter()
            .filter(|o| matches!(o, Err(Error::MaybeSubmitted(_))))
            .count();
        // Two lines an input: the odd one was begun and no more.
        assert_eq!(maybe, lines % 2, "{length}");
        assert_eq!(
            endpoint.jobs().len() - jobs,
            5 - lines.div_ceil(2),
            "{length}"
        );
        // And once more: nothing new.
        let again = run(&predictor, 0..5, &cut);
        assert_eq!(again.iter().filter(|o| o.is_ok()).count(), 5 - lines % 2);
        assert_eq!(
            endpoint.jobs().len() - jobs,
            5 - lines.div_ceil(2),
            "{length}"
        );
    }
}

#[test]
fn what_is_uncertain_is_submitted_again_only_if_the_caller_says_so() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .times(1)
            .drop_after_handling(),
    );
    endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .times(1)
            .error(400, "ValidationError"),
    );
    let outcomes = predictor
        .submit_all(0..3)
        .journal(&path)
        .expect("a journal");
    let first: Outcomes = outcomes.concurrency(1).expect("a number").collect();
    let Err(Error::MaybeSubmitted(lost)) = &first[0] else {
        panic!("{first:?}");
    };
    assert!(matches!(first[1], Err(Error::Service(_))));
    assert_eq!(endpoint.jobs().len(), 2);

    // The refused one is submitted now, the lost one is told again under its id.
    let second = run(&predictor, 0..3, &path);
    assert!(
        matches!(&second[0], Err(Error::MaybeSubmitted(m)) if m.inference_id() == lost.inference_id())
    );
    assert!(second[1].is_ok() && second[2].is_ok());
    assert_eq!(endpoint.jobs().len(), 3);

    let outcomes = predictor
        .submit_all(0..3)
        .journal(&path)
        .expect("a journal");
    let third: Outcomes = outcomes.resubmit_uncertain().collect();
    assert!(third.iter().all(Result::is_ok));
    assert_eq!(endpoint.jobs().len(), 4);
}

#[test]
fn the_journal_of_another_job_is_refused() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    run(&predictor, [1, 2, 3], &path);
    let outcomes = run(&predictor, [1, 20, 3], &path);
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    let error = outcomes[1].as_ref().expect_err("another input").to_string();
    assert!(
        error.contains("input number 1") && error.contains("journal.jsonl"),
        "{error}"
    );
    assert_eq!(endpoint.jobs().len(), 3);
}

#[test]
fn a_journal_that_is_in_use_or_is_none_is_refused() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let open = |path: &Path| predictor.submit_all(0..3).journal(path).map(drop);
    let refused = |path: &Path| open(path).expect_err("no journal").to_string();
    let held = predictor
        .submit_all(0..3)
        .journal(&path)
        .expect("a journal");
    assert!(
        refused(&path).contains("wait for the process"),
        "{}",
        refused(&path)
    );
    drop(held);
    assert!(open(&path).is_ok());
    for content in [
        "no json\n",
        "{\"version\":2,\"input\":0,\"begun\":\"a\"}\n",
        "[]\n",
    ] {
        std::fs::write(&path, content).expect("a file");
        let error = refused(&path);
        assert!(error.contains("journal.jsonl"), "{error}");
        assert_eq!(read(&path), content.as_bytes());
    }
    std::fs::write(&path, "x".repeat(50_000)).expect("a file");
    assert!(refused(&path).contains("too long"));
    assert!(refused(&folder.path().join("no/such/folder")).contains("check the path"));
    assert_eq!(endpoint.requests().len(), 0);
}
