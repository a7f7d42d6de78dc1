//! Saved handles: plain data that survives the process.

use crate::support;

use std::time::Duration;

use proptest::prelude::*;
use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::{AsyncPredictor, InferenceHandle};
use support::client::{accepted, session_at, session_in, uri};
use support::raw::unused_address;
use support::verifier::{Reply, Rules, Verifier};
use support::wait::waiter;

const LINE: &str = r#"{"version":1,"endpoint_name":"my-endpoint","output_path":"s3://my-bucket/out/1.out","failure_path":"s3://my-bucket/failures/1.out","inference_id":"id-1","input_location":"s3://my-bucket/in/1","submitted_at":1795646400123}"#;

fn refused(line: &str) -> String {
    let handle = line.parse::<InferenceHandle>();
    handle.expect_err("no handle").to_string()
}

#[test]
fn a_handle_is_one_line_and_the_same_again() {
    let handle: InferenceHandle = LINE.parse().expect("a handle");
    assert_eq!(handle.endpoint_name(), "my-endpoint");
    assert_eq!(handle.output_path(), &uri("s3://my-bucket/out/1.out"));
    assert_eq!(
        handle.failure_path(),
        Some(&uri("s3://my-bucket/failures/1.out"))
    );
    assert_eq!(handle.inference_id(), Some("id-1"));
    assert_eq!(handle.input_location(), Some(&uri("s3://my-bucket/in/1")));
    let since = handle
        .submitted_at()
        .expect("a time")
        .duration_since(std::time::UNIX_EPOCH);
    assert_eq!(
        since.map(|since| since.as_millis()).ok(),
        Some(1_795_646_400_123)
    );
    assert_eq!(handle.to_string(), LINE);
    assert_eq!(
        serde_json::from_str::<InferenceHandle>(LINE).ok(),
        Some(handle.clone())
    );
    assert_eq!(serde_json::to_string(&handle).ok().as_deref(), Some(LINE));
}

#[test]
fn a_handle_has_the_uploaded_input_and_the_services_time_limit() {
    let old: InferenceHandle = LINE.parse().expect("a handle of an earlier release");
    assert!(!old.input_uploaded());
    assert_eq!(old.service_limit(), None);
    let reported = ",\"input_uploaded\":true,\"service_limit\":5400}";
    let line = format!("{}{reported}", LINE.trim_end_matches('}'));
    let handle: InferenceHandle = line.parse().expect("a handle");
    assert!(handle.input_uploaded());
    assert_eq!(handle.service_limit(), Some(Duration::from_mins(90)));
    assert_eq!(handle.to_string(), line);
    for wrong in ["\"input_uploaded\":7", "\"service_limit\":-1"] {
        refused(&format!("{},{wrong}}}", LINE.trim_end_matches('}')));
    }
}

#[test]
fn what_a_later_version_adds_is_passed_over_and_a_later_version_refused() {
    let more = LINE.replace("\"version\":1", "\"version\":1,\"new\":[1]");
    let handle: InferenceHandle = more.parse().expect("a handle");
    assert_eq!(handle.to_string(), LINE);
    let later = refused(&LINE.replace("\"version\":1", "\"version\":2"));
    assert!(
        later.contains("version 1") && later.contains("later one"),
        "{later}"
    );
}

#[test]
fn what_is_no_handle_is_refused_with_its_reason() {
    for (line, reason) in [
        ("", "EOF"),
        ("s3://my-bucket/out", "expected"),
        ("{}", "version"),
        (r#"{"version":1}"#, "endpoint_name"),
        (r#"{"version":1,"endpoint_name":"e"}"#, "output_path"),
        (
            r#"{"version":1,"endpoint_name":"-","output_path":"s3://my-bucket/o"}"#,
            "endpoint name",
        ),
        (
            r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/"}"#,
            "object",
        ),
        (
            r#"{"version":1,"endpoint_name":"e","output_path":"https://x/?X-Amz-Signature=s"}"#,
            "S3 URI",
        ),
        (
            r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/o","inference_id":""}"#,
            "inference id",
        ),
    ] {
        let error = refused(line);
        assert!(error.contains(reason), "{line}: {error}");
    }
    assert!(refused(&"x".repeat(20_000)).contains("16384 bytes"));
}

#[test]
fn a_response_is_resumed_by_any_predictor_of_any_session() {
    let server = Verifier::start(Rules::new(), |seen| {
        if seen.path.ends_with("/async-invocations") {
            accepted("s3://my-bucket/out/1.out")
        } else {
            Reply::new(200, "\"here\"")
        }
    });
    let predictor = AsyncPredictor::new("my-endpoint", &session_at(&server.url()));
    let submitted = predictor
        .request("x")
        .inference_id("mine")
        .submit()
        .expect("a submit");
    let line = submitted.handle().to_string();
    assert!(!line.contains('\n'));

    let clock = sagemaker_async_inference::sys::ManualClock::new();
    let other = AsyncPredictor::new("another-endpoint", &session_in(&server.url(), clock));
    let response = other.resume(line.parse().expect("a handle"));
    assert_eq!(response.endpoint_name(), "my-endpoint");
    assert_eq!(response.handle().to_string(), line);
    let reply: String = response.get_result(&waiter(|w| w)).expect("a response");
    assert_eq!(reply, "here");
}

#[test]
fn files_of_handles_appear_whole_and_private_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("handles.jsonl");
    let predictor = AsyncPredictor::new("my-endpoint", &session_at(&unused_address()));
    let handles: Vec<InferenceHandle> = (0..1000)
        .map(|number| {
            let output = uri(&format!("s3://my-bucket/out/{number} \"ü\"\n.out"));
            AsyncInferenceResponse::new(&predictor, output, None)
                .expect("valid locations")
                .handle()
        })
        .collect();
    InferenceHandle::save_all(&handles, &path).expect("a file");
    assert_eq!(InferenceHandle::load_all(&path).expect("handles"), handles);
    // Written again, it replaces the existing file; nothing else is left.
    InferenceHandle::save_all(&handles[..10], &path).expect("a file");
    assert_eq!(InferenceHandle::load_all(&path).expect("handles").len(), 10);
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        1
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(InferenceHandle::save_all(&handles, folder.path().join("no/such/place")).is_err());
    assert!(InferenceHandle::save_all(&handles, folder.path()).is_err());
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        1
    );
    std::fs::write(&path, format!("{LINE}\n\n{LINE}\nbroken\n")).expect("a file");
    let error = InferenceHandle::load_all(&path).expect_err("broken");
    assert!(error.to_string().contains("line 4"), "{error}");
}

proptest! {
    #[test]
    fn any_handle_is_read_as_it_was_written(
        output in "[^\u{0}]{1,200}",
        failure in proptest::option::of(".{1,100}"),
        id in proptest::option::of("[!-~][ -~]{0,63}"),
        at in proptest::option::of(0_u64..1 << 45),
    ) {
        let text = |key: &str| format!("s3://my-bucket/{key}");
        let line = serde_json::json!({
            "version": 1,
            "endpoint_name": "e",
            "output_path": text(&output),
            "failure_path": failure.as_deref().map(text),
            "inference_id": id,
            "submitted_at": at,
        });
        let handle: InferenceHandle = line.to_string().parse()?;
        prop_assert_eq!(handle.output_path().key(), output);
        prop_assert_eq!(handle.inference_id(), id.as_deref());
        let written = handle.to_string();
        prop_assert!(!written.contains('\n'));
        prop_assert_eq!(written.parse::<InferenceHandle>()?, handle);
    }

    #[test]
    fn no_text_at_all_makes_it_panic(text in ".{0,300}", cut in 0_usize..200, byte in any::<char>()) {
        let _ = text.parse::<InferenceHandle>();
        let mut damaged: Vec<char> = LINE.chars().collect();
        damaged[cut] = byte;
        let damaged: String = damaged.into_iter().collect();
        if let Ok(handle) = damaged.parse::<InferenceHandle>() {
            prop_assert_eq!(handle.to_string().parse::<InferenceHandle>()?, handle);
        }
    }
}
