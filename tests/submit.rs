//! Submits: what is checked before anything is sent, where inputs go, what is tried again.

mod support;

use std::time::Duration;

use sagemaker_async_inference::{
    AsyncPredictor, AsyncRequest, Bytes, Error, InvalidInput, RetryConfig, Session,
    TransportErrorKind,
    sys::{Clock, ManualClock, SystemClock},
};
use support::{
    client::{
        ACCOUNT, accepted, builder, caller_identity, is_submit, predictor, refused, s3_error,
        session_at, session_in, sys, uri,
    },
    raw,
    verifier::{Reply, Rules, Seen, Verifier},
};

const MAX_INLINE: usize = 128_000;

/// Takes every submit and every upload.
fn willing() -> Verifier {
    Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else if seen.path == "/" {
            caller_identity()
        } else {
            Reply::new(200, "")
        }
    })
}

/// Without a default bucket, so that it has to be derived.
fn session_without_bucket(url: &str) -> Session {
    Session::builder()
        .region("us-east-1")
        .credentials(support::client::keys(
            support::ACCESS_KEY,
            support::SECRET_KEY,
            None,
        ))
        .endpoint_url(url)
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session")
}

fn invalid(error: Error) -> InvalidInput {
    match error {
        Error::InvalidInput(invalid) => *invalid,
        other => panic!("{other:?}"),
    }
}

type Change = fn(AsyncRequest<'static, Bytes>, &str) -> AsyncRequest<'static, Bytes>;

/// Sends each of `good`, sends none of `bad`.
fn assert_limits(what: &str, change: Change, good: &[&str], bad: &[&str]) {
    let server = willing();
    let predictor = predictor(&session_at(&server.url()));
    let request = || predictor.request_at(uri("s3://my-bucket/in"));
    for value in good {
        change(request(), value)
            .submit()
            .unwrap_or_else(|error| panic!("{value:?}: {error}"));
    }
    let sent = server.seen().len();
    assert_eq!(sent, good.len());
    for value in bad {
        let error = match change(request(), value).submit() {
            Err(error) => invalid(error),
            Ok(_) => panic!("{value:?} was sent"),
        };
        assert_eq!(error.what(), what);
        let text = error.to_string();
        assert!(!error.limit().is_empty() && text.contains(error.limit()));
        assert!(!error.remedy().is_empty() && text.contains(error.remedy()));
        match error.value() {
            Some(shown) => assert!(
                value.starts_with(shown.trim_end_matches('\u{2026}')),
                "{shown}"
            ),
            None => assert_eq!(what, "custom attributes", "{text}"),
        }
    }
    assert_eq!(server.seen().len(), sent, "something was sent");
}

#[test]
fn inference_ids_of_1_to_64_characters_are_sent() {
    let (most, over) = ("i".repeat(64), "i".repeat(65));
    assert_limits(
        "inference id",
        |request, value| request.inference_id(value.to_owned()),
        &["i", "a b~", &most],
        &["", &over, " a", "\u{e9}", "a\tb", "a\nb"],
    );
}

#[test]
fn custom_attributes_of_up_to_1024_visible_characters_are_sent() {
    let (most, over) = ("c".repeat(1024), "c".repeat(1025));
    assert_limits(
        "custom attributes",
        |request, value| request.custom_attributes(value.to_owned()),
        &["", "a=b", &most],
        &[&over, "\u{e9}", "a\r\nx-injected: b"],
    );
}

#[test]
fn content_types_of_up_to_1024_ascii_characters_are_sent() {
    let (most, over) = ("t".repeat(1024), "t".repeat(1025));
    assert_limits(
        "content type",
        |request, value| request.content_type(value.to_owned()),
        &["a/b", &most],
        &["", &over, "text/\u{e9}", "a\nb"],
    );
    assert_limits(
        "accept",
        |request, value| request.accept(value.to_owned()),
        &["a/b", &most],
        &["", &over, "text/\u{e9}", "a\nb"],
    );
}

#[test]
fn filenames_of_up_to_32_characters_with_one_dot_are_sent() {
    let (most, over) = ("f".repeat(32), "f".repeat(33));
    assert_limits(
        "filename",
        |request, value| request.filename(value.to_owned()),
        &["f", "0-_.json", &most],
        &["", &over, "a.b.c", ".a", "-a", "_a", "a/b", "a b"],
    );
}

#[test]
fn output_path_extensions_of_up_to_512_characters_are_sent() {
    let (most, over) = ("e".repeat(512), "e".repeat(513));
    assert_limits(
        "output path extension",
        |request, value| request.output_path_extension(value.to_owned()),
        &["e", "a/b!_.*'()/-0", &most],
        &["", &over, "s3:a", "https:a", "a b", "a+b", "\u{e9}"],
    );
}

#[test]
fn endpoint_names_of_1_to_63_characters_are_sent() {
    let server = willing();
    let session = session_at(&server.url());
    let (most, over) = ("n".repeat(63), "n".repeat(64));
    for name in ["n", "a--b-9", &most] {
        AsyncPredictor::new(name, &session)
            .predict_async(&1)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in [
        "",
        &over,
        "-a",
        "a-",
        "a_b",
        "a/b",
        "a\u{e9}",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/a",
    ] {
        let error = AsyncPredictor::new(name, &session)
            .predict_async(&1)
            .map(drop);
        let error = invalid(error.expect_err(name));
        assert_eq!(error.what(), "endpoint name");
    }
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn input_locations_of_up_to_1024_characters_are_sent() {
    let server = willing();
    let predictor = predictor(&session_at(&server.url()));
    let start = "s3://my-bucket/";
    let key = |length: usize| format!("{start}{}", "k".repeat(length - start.len()));
    predictor
        .request_at(uri(&key(1024)))
        .submit()
        .expect("at the limit");
    assert_eq!(server.seen().len(), 1);
    for place in [key(1025), "s3://my-bucket".to_owned()] {
        let error = invalid(
            predictor
                .request_at(uri(&place))
                .submit()
                .expect_err("over the limit"),
        );
        assert_eq!(error.what(), "input location");
        // An upload there would be in vain: it is not begun.
        if uri(&place).has_key() {
            let error = predictor.request("x").upload_to(uri(&place)).submit();
            invalid(error.expect_err("over the limit"));
        }
    }
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn the_servers_own_time_limits_are_whole_seconds_in_range() {
    let server = willing();
    let predictor = predictor(&session_at(&server.url()));
    let seconds = Duration::from_secs;
    for (ttl, timeout) in [(60, 1), (21_600, 3600)] {
        predictor
            .request("x")
            .request_ttl(seconds(ttl))
            .invocation_timeout(seconds(timeout))
            .submit()
            .expect("at the limit");
        let seen = server.seen();
        let last = seen.last().expect("a request");
        let header = |name: &str| last.header(&format!("x-amzn-sagemaker-{name}"));
        assert_eq!(header("requestttlseconds"), Some(&*ttl.to_string()));
        assert_eq!(
            header("invocationtimeoutseconds"),
            Some(&*timeout.to_string())
        );
    }
    for ttl in [
        Duration::ZERO,
        seconds(59),
        seconds(21_601),
        Duration::from_millis(60_500),
        Duration::MAX,
    ] {
        let error = invalid(
            predictor
                .request("x")
                .request_ttl(ttl)
                .submit()
                .expect_err("out of range"),
        );
        assert_eq!(error.what(), "request TTL");
        assert!(error.to_string().contains("60 s to 21600 s"), "{error}");
    }
    for timeout in [Duration::ZERO, seconds(3601), Duration::from_millis(999)] {
        let error = predictor.request("x").invocation_timeout(timeout).submit();
        assert_eq!(
            invalid(error.expect_err("out of range")).what(),
            "invocation timeout"
        );
    }
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn up_to_128000_bytes_go_inline_and_one_more_goes_through_s3() {
    let server = willing();
    let predictor = predictor(&session_at(&server.url()));
    let body = vec![b'x'; MAX_INLINE + 1];

    let inline = predictor
        .predict_async(&body[..MAX_INLINE])
        .expect("a submit");
    assert_eq!(inline.input_location(), None);
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].body.len(), MAX_INLINE);
    assert_eq!(seen[0].header("x-amzn-sagemaker-inputlocation"), None);

    let uploaded = predictor.predict_async(&body[..]).expect("a submit");
    let place = uploaded.input_location().expect("an upload").to_string();
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(
        (&*seen[1].method, seen[1].body.len()),
        ("PUT", MAX_INLINE + 1)
    );
    assert_eq!(format!("s3:/{}", seen[1].path), place);
    assert!(seen[2].body.is_empty());
    assert_eq!(
        seen[2].header("x-amzn-sagemaker-inputlocation"),
        Some(&*place)
    );
}

#[test]
fn inline_refuses_more_than_128000_bytes_and_via_s3_takes_any_size() {
    let server = willing();
    let predictor = predictor(&session_at(&server.url()));
    let body = vec![b'x'; MAX_INLINE + 1];
    predictor
        .request(&body[..MAX_INLINE])
        .inline()
        .submit()
        .expect("at the limit");
    assert_eq!(server.seen().len(), 1);
    let error = invalid(
        predictor
            .request(&body)
            .inline()
            .submit()
            .expect_err("over the limit"),
    );
    for part in ["128001", "128000", "leave out inline()"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(server.seen().len(), 1);
    let response = predictor.request("").via_s3().submit().expect("a submit");
    assert!(response.input_location().is_some());
}

#[test]
fn an_upload_goes_where_the_sdk_puts_it() {
    let server = willing();
    let session = builder()
        .endpoint_url(server.url())
        .default_bucket_prefix("/team-a/inputs/")
        .build()
        .expect("a session");
    predictor(&session)
        .request("x")
        .via_s3()
        .submit()
        .expect("a submit");
    let seen = server.seen();
    let parts: Vec<_> = seen[0].path.split('/').collect();
    let [
        "",
        "my-bucket",
        "team-a",
        "inputs",
        "async-endpoint-inputs",
        folder,
        name,
    ] = parts[..]
    else {
        panic!("{parts:?}")
    };
    // `my-endpoint-yymmdd-hhmm`, `yyyy-mm-dd-hh-mm-ss-mmm-` and a UUID.
    let digits = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect()
    };
    assert_eq!(digits(folder), "my-endpoint-000000-0000");
    assert_eq!(digits(&name[..24]), "0000-00-00-00-00-00-000-");
    assert_eq!(name[24..].len(), 36);
}

#[test]
fn an_upload_goes_to_the_callers_object_or_below_the_callers_prefix() {
    let server = willing();
    let predictor = predictor(&session_at(&server.url()));
    for (place, start, exact) in [
        ("s3://other-bucket/my/key", "/other-bucket/my/key", true),
        ("s3://other-bucket/my/", "/other-bucket/my/20", false),
        ("s3://other-bucket", "/other-bucket/20", false),
    ] {
        let response = predictor
            .request("x")
            .upload_to(uri(place))
            .submit()
            .expect("a submit");
        let seen = server.seen();
        let put = &seen[seen.len() - 2];
        assert!(put.path.starts_with(start), "{}", put.path);
        assert_eq!(put.path == start, exact);
        let location = response.input_location().expect("an upload").to_string();
        assert_eq!(format!("s3:/{}", put.path), location);
        // Somebody else's bucket: its owner is not known.
        assert_eq!(put.header("x-amz-expected-bucket-owner"), None);
    }
}

#[test]
fn the_default_bucket_is_asked_for_once_and_its_owner_is_enforced() {
    let server = willing();
    let predictor = predictor(&session_without_bucket(&server.url()));
    for _ in 0..2 {
        predictor.request("x").via_s3().submit().expect("a submit");
    }
    let seen = server.seen();
    let kinds: Vec<_> = seen
        .iter()
        .map(|seen| match &*seen.method {
            "PUT" => "put",
            _ if is_submit(seen) => "submit",
            _ => "sts",
        })
        .collect();
    assert_eq!(kinds, ["sts", "put", "submit", "put", "submit"]);
    for put in [&seen[1], &seen[3]] {
        assert!(put.path.starts_with("/sagemaker-us-east-1-123456789012/"));
        assert_eq!(put.header("x-amz-expected-bucket-owner"), Some(ACCOUNT));
        assert_eq!(put.verified, Ok(()));
    }
}

#[test]
fn a_default_bucket_that_somebody_else_may_own_is_told() {
    // S3 answers the same to a missing grant and to another owner than expected.
    let server = Verifier::start(Rules::new(), |seen| {
        if seen.path == "/" {
            caller_identity()
        } else {
            s3_error(403, "AccessDenied", "Access Denied")
        }
    });
    let error = predictor(&session_without_bucket(&server.url()))
        .request("x")
        .via_s3()
        .submit()
        .expect_err("a refusal");
    let text = error.to_string();
    for part in ["s3:PutObject", "owned by account 123456789012"] {
        assert!(text.contains(part), "{text}");
    }
    // Without an expectation there is nothing to tell.
    let error = predictor(&session_at(&server.url()))
        .request("x")
        .via_s3()
        .submit()
        .expect_err("a refusal");
    assert!(!error.to_string().contains("owned by"), "{error}");
}

#[test]
fn an_inline_submit_needs_no_bucket() {
    let server = willing();
    predictor(&session_without_bucket(&server.url()))
        .predict_async("x")
        .expect("a submit");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn the_sessions_expected_owner_goes_with_every_request_to_s3() {
    let server = willing();
    let session = builder()
        .endpoint_url(server.url())
        .expected_bucket_owner("000000000001")
        .build()
        .expect("a session");
    let response = predictor(&session)
        .request("x")
        .upload_to(uri("s3://other-bucket/k"))
        .submit()
        .expect("a submit");
    let _ = response.try_get_result::<Vec<u8>>().expect("a look");
    for seen in server.seen() {
        let owner = seen.header("x-amz-expected-bucket-owner");
        assert_eq!(owner, (!is_submit(&seen)).then_some("000000000001"));
    }
}

/// No bucket is there until it is created.
fn no_bucket(create: Reply, region: &str) -> Verifier {
    let rules = Rules {
        regions: vec![region.to_owned()],
        ..Rules::new()
    };
    let created = std::sync::atomic::AtomicBool::new(false);
    Verifier::start(rules, move |seen: &Seen| {
        use std::sync::atomic::Ordering::SeqCst;
        let is_bucket = seen.path.trim_matches('/').split('/').count() == 1;
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else if seen.path == "/" {
            caller_identity()
        } else if is_bucket {
            created.store(create.status == 200, SeqCst);
            create.clone()
        } else if created.load(SeqCst) {
            Reply::new(200, "")
        } else {
            s3_error(404, "NoSuchBucket", "The specified bucket does not exist")
        }
    })
}

#[test]
fn the_derived_default_bucket_is_created_when_it_is_missing() {
    for (region, constraint) in [
        ("us-east-1", None),
        ("eu-west-1", Some("<LocationConstraint>eu-west-1<")),
    ] {
        let server = no_bucket(Reply::new(200, ""), region);
        let session = Session::builder()
            .region(region)
            .credentials(support::client::keys(
                support::ACCESS_KEY,
                support::SECRET_KEY,
                None,
            ))
            .endpoint_url(server.url())
            .sys(sys())
            .build()
            .expect("a session");
        predictor(&session)
            .request("x")
            .via_s3()
            .submit()
            .expect("a submit");
        let seen = server.seen();
        assert_eq!(seen.len(), 5);
        let create = &seen[2];
        assert_eq!(create.method, "PUT");
        assert_eq!(
            create.path.trim_end_matches('/'),
            format!("/sagemaker-{region}-{ACCOUNT}")
        );
        assert_eq!(create.header("x-amz-expected-bucket-owner"), None);
        assert_eq!(create.verified, Ok(()));
        let body = String::from_utf8_lossy(&create.body).into_owned();
        match constraint {
            None => assert_eq!(body, ""),
            Some(constraint) => assert!(body.contains(constraint), "{body}"),
        }
        assert_eq!(seen[1].path, seen[3].path);
    }
}

#[test]
fn a_default_bucket_that_cannot_be_created_is_an_error_of_its_creation() {
    let server = no_bucket(s3_error(403, "AccessDenied", "Access Denied"), "us-east-1");
    let error = predictor(&session_without_bucket(&server.url()))
        .request("x")
        .via_s3()
        .submit()
        .expect_err("a refusal");
    assert!(error.is_service_code("AccessDenied"), "{error}");
    assert!(error.to_string().contains("s3:CreateBucket"), "{error}");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_bucket_that_the_user_named_is_never_created() {
    let server = no_bucket(Reply::new(200, ""), "us-east-1");
    for destination in [None, Some("s3://other-bucket/k")] {
        let predictor = predictor(&session_at(&server.url()));
        let mut request = predictor.request("x").via_s3();
        if let Some(place) = destination {
            request = request.upload_to(uri(place));
        }
        let error = request.submit().expect_err("no bucket");
        assert!(error.is_service_code("NoSuchBucket"), "{error}");
        assert!(error.to_string().contains("create the bucket"), "{error}");
    }
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn an_upload_is_encrypted_with_the_key_that_was_asked_for() {
    let server = willing();
    let predictor = predictor(&session_at(&server.url()));
    predictor
        .request("x")
        .via_s3()
        .upload_kms_key_id("alias/my-key")
        .submit()
        .expect("a submit");
    let put = &server.seen()[0];
    assert_eq!(put.header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(
        put.header("x-amz-server-side-encryption-aws-kms-key-id"),
        Some("alias/my-key")
    );
    assert_eq!(put.verified, Ok(()));
    let (most, over) = ("k".repeat(2048), "k".repeat(2049));
    predictor
        .request("x")
        .via_s3()
        .upload_kms_key_id(most)
        .submit()
        .expect("at the limit");
    for key in ["", &over, "a b", "a\nb"] {
        let error = predictor
            .request("x")
            .via_s3()
            .upload_kms_key_id(key.to_owned())
            .submit()
            .expect_err("not a key");
        assert_eq!(invalid(error).what(), "KMS key");
    }
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn the_services_inference_id_is_told_and_the_callers_where_it_tells_none() {
    let server = Verifier::with_replies(
        Rules::new(),
        [
            accepted("s3://my-bucket/out"),
            Reply::new(202, "").header("X-Amzn-SageMaker-OutputLocation", "s3://my-bucket/out"),
        ],
    );
    let predictor = predictor(&session_at(&server.url()));
    let submit = || {
        let request = predictor.request("x").inference_id("mine");
        request.submit().expect("a submit")
    };
    assert_eq!(submit().inference_id(), Some("from-the-service"));
    assert_eq!(submit().inference_id(), Some("mine"));
}

#[test]
fn an_absent_or_empty_failure_location_is_none() {
    let server = Verifier::with_replies(
        Rules::new(),
        [
            accepted("s3://my-bucket/out"),
            accepted("s3://my-bucket/out").header("X-Amzn-SageMaker-FailureLocation", ""),
            accepted("s3://my-bucket/out")
                .header("X-Amzn-SageMaker-FailureLocation", "s3://my-bucket/failure"),
        ],
    );
    let predictor = predictor(&session_at(&server.url()));
    let mut locations = Vec::new();
    for _ in 0..3 {
        let response = predictor.predict_async("x").expect("a submit");
        locations.push(response.failure_path().map(ToString::to_string));
    }
    assert_eq!(
        locations,
        [None, None, Some("s3://my-bucket/failure".to_owned())]
    );
}

#[test]
fn a_refused_connection_is_tried_again_and_then_told_as_never_sent() {
    let clock = ManualClock::new();
    let session = session_in(&raw::nobody(), clock.clone());
    match predictor(&session).predict_async("x").map(drop) {
        Err(Error::Transport(error)) => {
            assert_eq!(error.kind(), TransportErrorKind::Connect);
            assert!(error.never_sent());
            assert_eq!(error.attempts(), 3);
            assert_eq!(error.elapsed(), clock.slept());
            assert!(clock.slept() <= Duration::from_secs(3), "1 s and 2 s");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn throttling_and_unavailability_are_tried_again() {
    for refusal in [
        refused(503, "ServiceUnavailable", "later"),
        refused(429, "ModelNotReadyException", "later"),
        refused(400, "ThrottlingException", "Rate exceeded"),
        Reply::new(503, "<html>a proxy's page</html>"),
    ] {
        let replies = [
            refusal.clone(),
            refusal.clone(),
            accepted("s3://my-bucket/out"),
        ];
        let server = Verifier::with_replies(Rules::new(), replies);
        let clock = ManualClock::new();
        predictor(&session_in(&server.url(), clock.clone()))
            .predict_async("x")
            .expect("a submit at last");
        let seen = server.seen();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|seen| seen.verified.is_ok()));
        assert!(!clock.slept().is_zero());
        let id = |seen: &Seen| {
            seen.header("x-amzn-sagemaker-inference-id")
                .map(str::to_owned)
        };
        assert_eq!(id(&seen[0]), id(&seen[2]));
    }
}

#[test]
fn throttling_without_end_is_an_error_that_tells_the_attempts() {
    let server = Verifier::start(Rules::new(), |_| {
        refused(400, "ThrottlingException", "Rate exceeded")
    });
    let session = builder()
        .endpoint_url(server.url())
        .retry(
            RetryConfig::default()
                .with_max_attempts(4)
                .expect("a number"),
        )
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session");
    match predictor(&session).predict_async("x").map(drop) {
        Err(Error::Service(fault)) => {
            assert_eq!(fault.code(), Some("ThrottlingException"));
            assert_eq!(fault.attempts(), 4);
            assert!(fault.to_string().contains("4 attempts"), "{fault}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn the_services_own_pause_goes_first() {
    let replies = [
        refused(503, "ServiceUnavailable", "later").header("retry-after", "7"),
        refused(503, "ServiceUnavailable", "later").header("x-amz-retry-after", "1500"),
        accepted("s3://my-bucket/out"),
    ];
    let server = Verifier::with_replies(Rules::new(), replies);
    let clock = ManualClock::new();
    predictor(&session_in(&server.url(), clock.clone()))
        .predict_async("x")
        .expect("a submit at last");
    assert_eq!(clock.slept(), Duration::from_millis(8500));
}

/// One request, and an error with which the user can look for it.
fn assert_maybe_submitted(server: &Verifier) -> Error {
    let session = session_in(&server.url(), ManualClock::new());
    let request = predictor(&session).request("x").inference_id("job-7");
    let error = request.submit().map(drop).expect_err("no answer");
    match &error {
        Error::MaybeSubmitted(maybe) => {
            assert_eq!(maybe.inference_id(), "job-7");
            assert_eq!(maybe.endpoint_name(), "my-endpoint");
            assert_eq!(maybe.input_location(), None);
            assert!(
                error
                    .to_string()
                    .contains("job-7 on endpoint my-endpoint may have been submitted"),
                "{error}"
            );
            assert!(
                error
                    .to_string()
                    .contains("/aws/sagemaker/Endpoints/my-endpoint"),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.seen().len(), 1);
    error
}

#[test]
fn a_5xx_that_leaves_open_what_happened_is_never_sent_again() {
    for (status, code) in [
        (500, "InternalFailure"),
        (530, "InternalDependencyException"),
        (502, "BadGateway"),
        (504, "GatewayTimeout"),
    ] {
        let server = Verifier::start(Rules::new(), move |_| refused(status, code, "no idea"));
        let Error::MaybeSubmitted(maybe) = assert_maybe_submitted(&server) else {
            unreachable!()
        };
        match maybe.cause() {
            Error::Service(fault) => {
                assert_eq!((fault.status(), fault.code()), (status, Some(code)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_hang_up_is_never_sent_again() {
    let server = Verifier::start(Rules::new(), |_| Reply::hang_up());
    let Error::MaybeSubmitted(maybe) = assert_maybe_submitted(&server) else {
        unreachable!()
    };
    match maybe.cause() {
        Error::Transport(error) => {
            assert_eq!(error.kind(), TransportErrorKind::Broken);
            assert!(!error.never_sent());
            assert_eq!(error.attempts(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hang_up_on_a_kept_connection_is_never_sent_again_either() {
    let replies = [accepted("s3://my-bucket/out"), Reply::hang_up()];
    let server = Verifier::with_replies(Rules::new(), replies);
    let predictor = predictor(&session_in(&server.url(), ManualClock::new()));
    predictor.predict_async("x").expect("a submit");
    let error = predictor.predict_async("x").map(drop);
    assert!(matches!(error, Err(Error::MaybeSubmitted(_))), "{error:?}");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_kept_connection_that_the_server_has_closed_is_not_used() {
    // It never says that it will close, and does so after every answer.
    let server = raw::Raw::start(|mut stream| {
        use std::io::{Read, Write};
        let head = raw::read_head(&stream)?;
        assert!(head.contains("content-length: 0"), "{head}");
        stream.set_nonblocking(true)?;
        let _ = stream.read(&mut [0; 64]);
        stream.set_nonblocking(false)?;
        stream.write_all(
            b"HTTP/1.1 202 Accepted\r\nx-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\
              content-length: 0\r\n\r\n",
        )
    });
    let predictor = predictor(&session_in(&server.url(), ManualClock::new()));
    for number in 1..=3 {
        predictor
            .request_at(uri("s3://my-bucket/in"))
            .submit()
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(server.connections(), number);
        // Until the end of the connection has come over the loopback.
        SystemClock.sleep(Duration::from_millis(30));
    }
}

#[test]
fn an_answer_that_is_not_http_may_be_to_a_submitted_request() {
    let server = raw::Raw::start(|stream| {
        use std::io::Write;
        raw::read_head(&stream)?;
        (&stream).write_all(b"220 mail.example ESMTP\r\n\r\n")
    });
    let session = session_in(&server.url(), ManualClock::new());
    let error = predictor(&session).predict_async("x").map(drop);
    assert!(matches!(error, Err(Error::MaybeSubmitted(_))), "{error:?}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_accepted_submit_without_a_usable_output_location_says_what_is_wrong() {
    for (reply, problem) in [
        (Reply::new(202, "{}"), "OutputLocation"),
        (accepted("https://my-bucket/out"), "S3 URI"),
        (
            Reply::new(200, "<html>a proxy's page</html>"),
            "OutputLocation",
        ),
    ] {
        let server = Verifier::start(Rules::new(), move |_| reply.clone());
        let error = assert_maybe_submitted(&server);
        let mut chain = String::new();
        let mut next: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = next {
            chain.push_str(&error.to_string());
            chain.push('\n');
            next = error.source();
        }
        assert!(chain.contains(problem), "{chain}");
    }
}

#[test]
fn a_lost_answer_tells_where_the_upload_is() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            Reply::hang_up()
        } else {
            Reply::new(200, "")
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let request = predictor(&session).request("x");
    match request
        .upload_to(uri("s3://my-bucket/k"))
        .submit()
        .map(drop)
    {
        Err(Error::MaybeSubmitted(maybe)) => {
            assert_eq!(maybe.input_location(), Some("s3://my-bucket/k"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_tells_code_message_and_request_id() {
    for (status, code) in [
        (400, "ValidationError"),
        (424, "ModelError"),
        (403, "AccessDeniedException"),
    ] {
        let server = Verifier::start(Rules::new(), move |_| {
            refused(status, code, "Endpoint my-endpoint of account 1 not found.")
        });
        match predictor(&session_at(&server.url()))
            .predict_async("x")
            .map(drop)
        {
            Err(Error::Service(fault)) => {
                assert_eq!((fault.status(), fault.code()), (status, Some(code)));
                assert_eq!(
                    fault.message(),
                    Some("Endpoint my-endpoint of account 1 not found.")
                );
                assert_eq!(fault.request_id(), Some("d1e5b0b4-request"));
                assert_eq!(fault.operation(), "InvokeEndpointAsync");
                assert_eq!(fault.service(), "sagemaker-runtime");
                assert!(fault.remedy().is_some());
                let text = fault.to_string();
                for part in ["my-endpoint", code, "d1e5b0b4-request"] {
                    assert!(text.contains(part), "{text}");
                }
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn the_errors_code_is_found_wherever_a_service_puts_it() {
    for reply in [
        Reply::new(400, "{}").header("x-amzn-errortype", "ValidationError:http://internal/"),
        Reply::new(
            400,
            r#"{"__type": "com.amazon.coral#ValidationError", "message": "m"}"#,
        ),
        Reply::new(400, r#"{"code": "ValidationError"}"#),
    ] {
        let server = Verifier::start(Rules::new(), move |_| reply.clone());
        let error = predictor(&session_at(&server.url()))
            .predict_async("x")
            .map(drop);
        let error = error.expect_err("a refusal");
        assert!(error.is_service_code("ValidationError"), "{error:?}");
    }
}

#[test]
fn an_upload_that_fails_on_the_way_is_tried_again_and_nothing_is_submitted() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else {
            s3_error(500, "InternalError", "We encountered an internal error.")
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let error = predictor(&session).request("x").via_s3().submit();
    let error = error.map(drop).expect_err("no upload");
    assert!(error.is_service_code("InternalError"), "{error:?}");
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(!seen.iter().any(is_submit));
}

#[test]
fn an_expired_token_is_renewed_once() {
    let server = Verifier::start(Rules::new(), |_| {
        refused(
            403,
            "ExpiredTokenException",
            "The security token is expired",
        )
    });
    let session = session_in(&server.url(), ManualClock::new());
    let error = predictor(&session).predict_async("x").map(drop);
    let error = error.expect_err("a refusal");
    assert!(error.is_service_code("ExpiredTokenException"), "{error:?}");
    assert!(error.to_string().contains("obtain new credentials"));
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_failure_location_that_cannot_be_read_does_not_hide_the_output() {
    let server = Verifier::start(Rules::new(), |_| {
        accepted("s3://my-bucket/out").header("X-Amzn-SageMaker-FailureLocation", "nowhere")
    });
    let session = session_at(&server.url());
    let response = predictor(&session).predict_async("x").expect("submitted");
    assert_eq!(response.output_path(), &uri("s3://my-bucket/out"));
    assert_eq!(response.failure_path(), None);
}
