//! Locations in S3 arrive exactly as they were given, are refused before anything is sent, or are stored unchanged.

use crate::support::client::{
    accepted, accepting, invalid, is_submit, predictor, session_at, session_in, uri,
};
use crate::support::verifier::{Reply, Rules, Seen, Verifier};

use sagemaker_async_inference::sys::{Environment, Files, ManualClock, Sys};
use sagemaker_async_inference::{
    AsyncInferenceResponse, Bytes, Error, InferenceHandle, S3Uri, Session, WaiterConfig,
    as_completed,
};

#[test]
fn a_key_that_a_header_does_not_carry_is_refused_before_anything_is_sent() {
    let server = accepting();
    let predictor = predictor(&session_at(&server.url()));
    let large = vec![b'x'; 200_000];
    for key in [
        "k/x ",
        "k/x\t",
        " k",
        "\tk",
        "k/x\ty",
        "k\n",
        "k\r\nx: y",
        "k\0",
        "k\u{7f}",
        "k\u{85}",
        " ",
    ] {
        let place = S3Uri::new("my-bucket", key).expect("a key of S3's");
        let at = predictor.request_at(place.clone()).submit();
        let to = predictor.request(&large).upload_to(place).submit();
        for refused in [at, to] {
            let refused = invalid(refused.expect_err(key));
            assert_eq!(refused.what(), "input location", "{key:?}");
            assert!(refused.remedy().contains("a key without them"), "{refused}");
        }
    }
    assert!(server.seen().is_empty(), "something was sent");
    for key in ["k/a b", "k/ x", "k /x", "ü", "a%20b", "a+b", "~"] {
        let place = S3Uri::new("my-bucket", key).expect("a key");
        let _ = predictor.request_at(place.clone()).submit().expect(key);
        let seen = server.seen().pop().expect("a submit");
        let location = seen.header("x-amzn-sagemaker-inputlocation");
        assert_eq!(location, Some(place.to_string().as_str()), "{key}");
    }
}

#[test]
fn outputs_with_odd_keys_are_fetched_from_their_own_place() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "1"));
    let predictor = predictor(&session_at(&server.url()));
    for (key, path) in [
        ("out/1 ", "/my-bucket/out/1%20"),
        (" out", "/my-bucket/%20out"),
        ("out\t1\n", "/my-bucket/out%091%0A"),
    ] {
        let place = S3Uri::new("my-bucket", key).expect("a key");
        let result: Vec<u8> = AsyncInferenceResponse::new(&predictor, place, None)
            .expect("valid locations")
            .get_result(&WaiterConfig::default())
            .expect("a result");
        assert_eq!(result, b"1");
        assert_eq!(server.seen().pop().expect("a GET").path, path);
    }
}

#[test]
fn buckets_whose_names_are_no_hosts_are_addressed_in_the_path() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "1"));
    let predictor = predictor(&session_at(&server.url()));
    let long = "a".repeat(255);
    for (bucket, path) in [
        ("My_Bucket", "/My_Bucket/out"),
        ("under_score", "/under_score/out"),
        ("a..b", "/a..b/out"),
        ("-dash-", "/-dash-/out"),
        (&long, &format!("/{long}/out")),
    ] {
        let place = S3Uri::new(bucket, "out").expect("a bucket");
        let result: Vec<u8> = AsyncInferenceResponse::new(&predictor, place, None)
            .expect("valid locations")
            .get_result(&WaiterConfig::default())
            .expect("a result");
        assert_eq!(result, b"1");
        assert_eq!(server.seen().pop().expect("a GET").path, path);
    }
}

/// Submits are accepted with this output location, and everything else is a result.
fn responding(output: &'static str) -> Verifier {
    Verifier::start(Rules::new(), move |seen: &Seen| {
        if is_submit(seen) {
            accepted(output).header("X-Amzn-SageMaker-FailureLocation", "arn:of:the-failure")
        } else {
            Reply::new(200, "1")
        }
    })
}

#[test]
fn a_location_that_cannot_be_read_does_not_lose_the_submitted_job() {
    for location in [
        "arn:aws:s3:::my-bucket/out",
        "https://my-bucket.s3.amazonaws.com/out?X-Amz-Signature=hush",
        "s3://my-bucket",
        "s3://b/",
        "somewhere else",
    ] {
        let server = responding(location);
        let session = session_in(&server.url(), ManualClock::new());
        let predictor = predictor(&session);
        let response = predictor.predict_async("x").expect("it is submitted");
        assert_eq!(response.unread_output_location(), Some(location));
        assert_eq!(response.output_path().to_string(), location);
        assert_eq!(response.failure_path(), None);
        assert_eq!(response.inference_id(), Some("from-the-service"));

        let line = response.handle().to_string();
        let handle: InferenceHandle = line.parse().expect("a handle");
        assert_eq!(handle.unread_output_location(), Some(location));
        assert_eq!(handle.to_string(), line);
        assert!(line.contains("arn:of:the-failure"), "{line}");

        let sent = server.seen().len();
        let waiter = WaiterConfig::default();
        let file = std::env::temp_dir().join(format!("unread-{}", std::process::id()));
        let resumed = || -> AsyncInferenceResponse<Bytes> { predictor.resume(handle.clone()) };
        for refused in [
            response.get_result::<Vec<u8>>(&waiter).map(drop),
            resumed().try_get_result::<Vec<u8>>().map(drop),
            resumed().download(&file, &waiter).map(drop),
        ] {
            let refused = refused.expect_err("it cannot be fetched");
            let about = refused.handle().expect("the handle");
            assert_eq!(about.unread_output_location(), Some(location));
            let refused = invalid(refused);
            assert_eq!(refused.what(), "location of the service's");
            assert!(!format!("{refused} {refused:?}").contains("hush"));
        }
        assert_eq!(server.seen().len(), sent, "something was asked for");
    }
}

#[test]
fn such_a_job_ends_alone_in_a_batch() {
    let server = responding("arn:aws:s3:::my-bucket/out");
    let session = session_in(&server.url(), ManualClock::new());
    let predictor = predictor(&session);
    let unread = predictor.predict_async("x").expect("it is submitted");
    let good = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out"), None)
        .expect("valid locations");
    let mut outcomes: Vec<_> = as_completed([unread, good], &WaiterConfig::default())
        .map(|done| (done.index(), done.result::<Vec<u8>>()))
        .collect();
    outcomes.sort_by_key(|(index, _)| *index);
    assert!(matches!(outcomes[0].1, Err(Error::InvalidInput(_))));
    assert!(matches!(&outcomes[1].1, Ok(result) if **result == *b"1"));
}

#[test]
fn handles_whose_id_ends_with_a_blank_are_still_read() {
    let line = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/out","inference_id":"job 7 "}"#;
    let handle: InferenceHandle = line.parse().expect("an earlier version wrote it");
    assert_eq!(handle.inference_id(), Some("job 7 "));
    for neither in [
        r#"{"version":1,"endpoint_name":"e"}"#,
        r#"{"version":1,"endpoint_name":"e","output_location":""}"#,
        r#"{"version":1,"endpoint_name":"e","output_path":"somewhere"}"#,
    ] {
        assert!(neither.parse::<InferenceHandle>().is_err(), "{neither}");
    }
    let later = r#"{"version":1,"endpoint_name":"e","output_location":"s3://my-bucket/out"}"#;
    let handle: InferenceHandle = later.parse().expect("a handle");
    assert_eq!(handle.unread_output_location(), None);
    assert_eq!(handle.output_path().to_string(), "s3://my-bucket/out");
}

fn in_region(name: &str) -> Result<Session, Error> {
    let sys = Sys::real()
        .with_environment(Environment::empty())
        .with_files(Files::none());
    Session::builder().sys(sys).region(name).build()
}

#[test]
fn names_that_resemble_a_region_are_refused_with_the_region() {
    for (name, remedies) in [
        (
            "fips-us-east-1",
            &["write us-east-1", "AWS_USE_FIPS_ENDPOINT"][..],
        ),
        (
            "us-gov-west-1-fips",
            &["write us-gov-west-1", "use_fips_endpoint"],
        ),
        ("eu-west-1a", &["availability zone", "write eu-west-1"]),
        ("EU-West-1", &["lower case", "write eu-west-1"]),
    ] {
        let error = in_region(name).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
        let text = error.to_string();
        for remedy in remedies {
            assert!(text.contains(remedy), "{text}");
        }
    }
    for name in [
        "aws-global",
        "local",
        "eu-west-12",
        "my-own-region-a",
        "Lab",
    ] {
        assert!(in_region(name).is_ok(), "{name}");
    }
}
