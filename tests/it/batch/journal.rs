//! A job that is run again continues after its last record.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Error, Json, submit_all};

use sha2::{Digest, Sha256};

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

    // The refused one is submitted now, the lost one is reported again under its id.
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

fn ids(outcomes: &Outcomes) -> Vec<String> {
    let responses = outcomes.iter().map(|o| o.as_ref().expect("submitted"));
    responses
        .map(|response| response.output_path().to_string())
        .collect()
}

#[test]
fn inputs_may_be_added_left_out_and_reordered() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let first = ids(&run(&predictor, [1, 2, 3, 3], &path));

    // A new one in front, the order turned round, one of two equal ones and another one left out.
    let mut second = predictor
        .submit_all([10, 3, 1])
        .journal(&path)
        .expect("a journal");
    let outcomes: Outcomes = second.by_ref().collect();
    assert_eq!(endpoint.jobs().len(), 5);
    // Which of equal inputs takes up which of their jobs is open.
    let second_ids = ids(&outcomes);
    assert!(first[2..4].contains(&second_ids[1]));
    assert_eq!(second_ids[2], first[0]);
    let left = second.journal_entries_left().expect("entries");
    // Inputs are recorded as their submits begin, concurrently, so that the order is open.
    let left: BTreeSet<_> = left
        .iter()
        .map(|entry| entry.handle.as_ref().expect("a handle").output_path())
        .map(ToString::to_string)
        .collect();
    let other = first[2..4].iter().find(|job| **job != second_ids[1]);
    let expected = [&first[1], other.expect("two jobs")];
    assert_eq!(left, expected.map(Clone::clone).into());
    drop(second);

    let third = ids(&run(&predictor, [3, 3, 10, 2, 1, 3], &path));
    assert_eq!(endpoint.jobs().len(), 6);
    // Which of equal inputs takes up which of their jobs is open; only one of the three is new.
    let equal = [&third[0], &third[1], &third[5]];
    assert!(first[2..4].iter().all(|job| equal.contains(&job)));
    assert_eq!(equal.iter().filter(|job| !first.contains(job)).count(), 1);
}

/// Files: by name and content, wherever they lie and whenever they were written.
#[test]
fn a_copied_folder_is_the_same_job() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let submit = |sub: &str| {
        let paths = ["a.txt", "b.txt"].map(|name| folder.path().join(sub).join(name));
        let requests = paths.map(|path| predictor.request_file(&path).expect("a file"));
        let outcomes = submit_all(requests).journal(&path).expect("a journal");
        ids(&outcomes.collect())
    };
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    };
    write("one/a.txt", "\"a\"");
    write("one/b.txt", "\"b\"");
    let first = submit("one");
    write("two/a.txt", "\"a\"");
    write("two/b.txt", "\"b\"");
    assert_eq!(submit("two"), first);
    assert_eq!(submit("one/../two/."), first);
    assert_eq!(endpoint.jobs().len(), 2);
    // Another content under the same name is another input.
    write("two/b.txt", "\"changed\"");
    let changed = submit("two");
    assert_eq!(changed[0], first[0]);
    assert_ne!(changed[1], first[1]);
    assert_eq!(endpoint.jobs().len(), 3);
}

#[test]
fn a_reader_is_known_by_the_callers_key() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let submit = |keys: &[Option<&str>]| -> Outcomes {
        let requests = keys.iter().map(|key| {
            let request = predictor.request_reader(&b"1"[..]);
            match key {
                Some(key) => request.journal_key(*key),
                None => request,
            }
        });
        let requests: Vec<_> = requests.collect();
        submit_all(requests)
            .journal(&path)
            .expect("a journal")
            .collect()
    };
    let first = ids(&submit(&[Some("monday"), Some("tuesday")]));
    let second = ids(&submit(&[
        Some("tuesday"),
        Some("wednesday"),
        Some("monday"),
    ]));
    assert_eq!(
        (&second[0], &second[2]),
        (&first[1], &first[0]),
        "{second:?}"
    );
    assert_eq!(endpoint.jobs().len(), 3);
    let refused = submit(&[None]);
    let error = refused[0].as_ref().expect_err("no key").to_string();
    assert!(error.contains("journal_key"), "{error}");
    assert_eq!(endpoint.jobs().len(), 3);
}

/// The lines of release 0.1: no names, inputs by their position.
#[test]
fn journals_of_release_0_1_are_read_and_continued() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let first = ids(&run(&predictor, [1, 2], &path));
    let text = String::from_utf8(read(&path)).expect("a text");
    std::fs::write(&path, text.replace("{\"version\":2,", "{\"version\":1,")).expect("a file");
    let second = ids(&run(&predictor, [5, 2, 1], &path));
    assert_eq!(second[1..], [first[1].clone(), first[0].clone()]);
    let third = ids(&run(&predictor, [1, 5, 2], &path));
    assert_eq!(
        third,
        [first[0].clone(), second[0].clone(), first[1].clone()]
    );
    assert_eq!(endpoint.jobs().len(), 3);
}

/// It identified files by path, length and time of modification.
#[test]
fn files_in_a_journal_of_release_0_1() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let (path, file) = (place(&folder), folder.path().join("a.txt"));
    std::fs::write(&file, "\"a\"").expect("a file");
    let submit = || -> Outcomes {
        let request = predictor.request_file(&file).expect("a file");
        let outcomes = submit_all([request]).journal(&path).expect("a journal");
        outcomes.collect()
    };
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let mut hash = Sha256::new();
    hash.update(format!(
        "{}\0file\0{}\0{}\0{:?}",
        endpoint.name(),
        file.display(),
        3,
        modified.ok()
    ));
    let digest: String = hash
        .finalize()
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let handle = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/old.out"}"#;
    let line =
        format!("{{\"version\":1,\"input\":0,\"sha256\":\"{digest}\",\"submitted\":{handle}}}\n");
    std::fs::write(&path, line).expect("a journal");
    assert_eq!(ids(&submit()), ["s3://my-bucket/old.out"]);
    // One that could be a copy is not submitted a second time silently.
    let later = std::time::SystemTime::UNIX_EPOCH;
    let opened = std::fs::File::options().write(true).open(&file);
    let touched = opened.and_then(|file| file.set_modified(later));
    touched.expect("another time");
    let refused = submit();
    let error = refused[0].as_ref().expect_err("refused").to_string();
    assert!(error.contains("release 0.1"), "{error}");
    assert!(endpoint.jobs().is_empty());
}

#[test]
fn handles_are_reported_before_their_turn() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let reported = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&reported);
    let outcomes: Outcomes = predictor
        .submit_all(0..20)
        .on_submitted(move |index, handle| {
            let output = handle.output_path().to_string();
            kept.lock().expect("a lock").push((index, output));
        })
        .collect();
    let mut reported = reported.lock().expect("a lock").clone();
    reported.sort();
    let expected: Vec<_> = (0..).zip(ids(&outcomes)).collect();
    assert_eq!(reported, expected);
}

/// What `cat` makes of the journals of two machines, or two processes on a file system without locks: both number their
/// entries from 0.
#[test]
fn joined_journals_are_one() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (folder.path().join("1"), folder.path().join("2"));
    let mut submitted = ids(&run(&predictor, 0..3, &one));
    submitted.extend(ids(&run(&predictor, 3..7, &other)));
    let (one, other) = (read(&one), read(&other));
    let split = |journal: &[u8]| -> Vec<Vec<u8>> {
        let lines = journal.split_inclusive(|byte| *byte == b'\n');
        lines.map(<[u8]>::to_vec).collect()
    };
    let (mut mixed, mut rest) = (Vec::new(), split(&one).into_iter());
    for line in split(&other) {
        mixed.extend(rest.next().unwrap_or_default());
        mixed.extend(line);
    }
    // Its process was killed while it wrote a record.
    let cut = [&*one, &split(&one)[1][..40]].concat();
    // Of the last input it is not known whether it was submitted.
    let uncertain: Vec<u8> = split(&other)[..7].concat();
    for (joined, known) in [
        ([&*one, &*other].concat(), 7),
        ([&*other, &*one].concat(), 7),
        (mixed, 7),
        ([&*cut, &*other].concat(), 7),
        ([one.trim_ascii_end(), &*other].concat(), 7),
        ([&*one, other.trim_ascii_end()].concat(), 7),
        ([&*one, &*uncertain].concat(), 6),
    ] {
        let path = place(&folder);
        std::fs::write(&path, joined).expect("a journal");
        let jobs = endpoint.jobs().len();
        let mut batch = predictor.submit_all(0..7).journal(&path).expect("one");
        let outcomes: Outcomes = batch.by_ref().collect();
        assert_eq!(batch.journal_entries_left().expect("entries").len(), 0);
        drop(batch);
        let found = outcomes.iter().zip(&submitted);
        let found = found.filter_map(|(outcome, before)| Some((outcome.as_ref().ok()?, before)));
        let found: Vec<_> = found
            .map(|(response, before)| assert_eq!(response.output_path().to_string(), *before))
            .collect();
        assert_eq!(found.len(), known);
        assert_eq!(endpoint.jobs().len(), jobs);
        // What is added is recognized beside the others.
        let batch = predictor.submit_all(0..9).journal(&path).expect("one");
        let outcomes: Outcomes = batch.resubmit_uncertain().collect();
        let jobs = endpoint.jobs().len();
        assert_eq!(ids(&outcomes), ids(&run(&predictor, 0..9, &path)));
        assert_eq!(endpoint.jobs().len(), jobs);
    }
}

/// What editors and transfers between machines make of a text.
#[test]
fn a_journal_with_other_line_ends_empty_lines_or_a_byte_order_mark_is_continued() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let submitted = ids(&run(&predictor, 0..3, &path));
    let text = String::from_utf8(read(&path)).expect("a text");
    let jobs = endpoint.jobs().len();
    for changed in [
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
        format!("\n{text}\n"),
        text.replace('\n', "\n\n"),
        format!("\u{feff}{}\r\n", text.replace('\n', "\r\n")),
    ] {
        std::fs::write(&path, changed).expect("a journal");
        assert_eq!(ids(&run(&predictor, 0..3, &path)), submitted);
        assert_eq!(endpoint.jobs().len(), jobs);
    }
    let more = ids(&run(&predictor, 0..5, &path));
    assert_eq!(more[..3], submitted);
    assert_eq!(ids(&run(&predictor, 0..5, &path)), more);
}

#[test]
fn a_journal_that_is_in_use_or_is_none_is_refused() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let path = place(&folder);
    let open = |path: &Path| predictor.submit_all(0..3).journal(path).map(drop);
    let refused = |path: &Path| format!("{:#}", open(path).expect_err("no journal"));
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
        "{\"version\":3,\"input\":0,\"begun\":\"a\"}\n",
        "[]\n",
    ] {
        std::fs::write(&path, content).expect("a file");
        let error = refused(&path);
        assert!(error.contains("journal.jsonl"), "{error}");
        assert_eq!(read(&path), content.as_bytes());
    }
    std::fs::write(&path, "x".repeat(100_000)).expect("a file");
    assert!(refused(&path).contains("too long"));
    // A line without an end is removed only if it is the beginning of a record.
    for content in [
        "precious",
        "{\"inputs\":1}",
        "{\"version\":1,\"input\":\"a text\"}",
        "{\"version\":1,\"input\":5}",
        "{\"version\":1,\"endpoint_name\":\"e\",\"output_path\":\"s3://my-bucket/1.out\"}",
        "{\"version\":2,\"input\":0,\"begun\":\"a\"}\nprecious",
    ] {
        std::fs::write(&path, content).expect("a file");
        let error = refused(&path);
        assert!(error.contains("not a journal"), "{content} {error}");
        assert_eq!(read(&path), content.as_bytes());
    }
    // As after a power cut.
    for content in [
        "",
        "{\"version\":2,\"inp",
        "{\"version\":2,\"input\":12,\"sha",
        "\0\0\0",
    ] {
        std::fs::write(&path, content).expect("a file");
        assert!(open(&path).is_ok(), "{content}");
        assert!(read(&path).is_empty());
    }
    assert!(refused(&folder.path().join("no/such/folder")).contains("check the path"));
    assert_eq!(endpoint.requests().len(), 0);
}
