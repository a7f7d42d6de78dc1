//! Where an input is sent: in the request, or to which object of S3.

use crate::support;
use crate::support::service_code;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sagemaker_async_inference::Session;
use sagemaker_async_inference::sys::ManualClock;
use support::{
    client::{
        ACCOUNT, accepted, accepting, builder, caller_identity, invalid, is_submit, predictor,
        s3_error, session_at, session_without_bucket, sys, uri,
    },
    verifier::{Reply, Rules, Seen, Verifier},
};

const MAX_INLINE: usize = 128_000;
#[test]
fn up_to_128000_bytes_go_inline_and_one_more_goes_through_s3() {
    let server = accepting();
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
    let server = accepting();
    let predictor = predictor(&session_at(&server.url()));
    let body = vec![b'x'; MAX_INLINE + 1];
    let _ = predictor
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
        assert!(format!("{error:#}").contains(part), "{error}");
    }
    assert_eq!(server.seen().len(), 1);
    let response = predictor.request("").via_s3().submit().expect("a submit");
    assert!(response.input_location().is_some());
}

#[test]
fn an_upload_goes_where_the_sdk_puts_it() {
    let server = accepting();
    let session = builder()
        .endpoint_url(server.url())
        .default_bucket_prefix("/team-a/inputs/")
        .build()
        .expect("a session");
    let _ = predictor(&session)
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
    let server = accepting();
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
        // A bucket of another account: its owner is not known.
        assert_eq!(put.header("x-amz-expected-bucket-owner"), None);
    }
}

#[test]
fn the_default_bucket_is_requested_once_and_its_owner_is_enforced() {
    let server = accepting();
    let predictor = predictor(&session_without_bucket(&server.url()));
    for _ in 0..2 {
        let _ = predictor.request("x").via_s3().submit().expect("a submit");
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
fn a_default_bucket_of_another_account_is_reported() {
    // S3 responds to the same to a missing grant and to another owner than expected.
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
    let text = format!("{error:#}");
    for part in ["s3:PutObject", "belongs to account 123456789012"] {
        assert!(text.contains(part), "{text}");
    }
    // Without an expected owner there is nothing to report.
    let error = predictor(&session_at(&server.url()))
        .request("x")
        .via_s3()
        .submit()
        .expect_err("a refusal");
    assert!(!format!("{error:#}").contains("belongs to"), "{error}");
}

#[test]
fn an_inline_submit_needs_no_bucket() {
    let server = accepting();
    let _ = predictor(&session_without_bucket(&server.url()))
        .predict_async("x")
        .expect("a submit");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn the_sessions_expected_owner_goes_with_every_request_to_s3() {
    let server = accepting();
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

/// The bucket does not exist until it is created.
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
        let _ = predictor(&session)
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

/// The first submits of a batch find it missing at the same time, and all create it; S3 finds a new bucket only after a
/// moment.
#[test]
fn a_default_bucket_that_others_are_creating_is_waited_for() {
    let conflict =
        "A conflicting conditional operation is currently in progress against this resource.";
    let owned =
        "Your previous request to create the named bucket succeeded and you already own it.";
    for create in [
        s3_error(409, "OperationAborted", conflict),
        s3_error(409, "BucketAlreadyOwnedByYou", owned),
        Reply::new(200, ""),
    ] {
        for (missing, arrives) in [(1, true), (2, true), (4, true), (usize::MAX, false)] {
            let (create, puts) = (create.clone(), AtomicUsize::new(0));
            let server = Verifier::start(Rules::new(), move |seen: &Seen| {
                let is_bucket = seen.path.trim_matches('/').split('/').count() == 1;
                match seen {
                    seen if is_submit(seen) => accepted("s3://my-bucket/out"),
                    seen if seen.path == "/" => caller_identity(),
                    _ if is_bucket => create.clone(),
                    _ if puts.fetch_add(1, Ordering::SeqCst) < missing => {
                        s3_error(404, "NoSuchBucket", "The specified bucket does not exist")
                    }
                    _ => Reply::new(200, ""),
                }
            });
            let clock = ManualClock::new();
            let session = Session::builder()
                .region("us-east-1")
                .credentials(support::client::keys(
                    support::ACCESS_KEY,
                    support::SECRET_KEY,
                    None,
                ))
                .endpoint_url(server.url())
                .sys(sys().with_clock(clock.clone()))
                .build()
                .expect("a session");
            let predictor = predictor(&session);
            let submit = predictor
                .request_reader(&b"content"[..])
                .via_s3()
                .submit()
                .map(drop);
            assert!(
                clock.slept() <= Duration::from_secs(30),
                "{:?}",
                clock.slept()
            );
            if arrives {
                submit.expect("a submit");
                let seen = server.seen();
                let put = seen.iter().rfind(|seen| seen.method == "PUT");
                assert_eq!(put.expect("an upload").body, b"content");
                let created = |seen: &&Seen| seen.path.trim_matches('/').split('/').count() == 1;
                let created = seen
                    .iter()
                    .filter(|seen| seen.method == "PUT")
                    .filter(created);
                assert_eq!(created.count(), 1);
            } else {
                let error = submit.expect_err("no bucket");
                assert_eq!(service_code(&error), Some("NoSuchBucket"), "{error}");
            }
        }
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
    assert!(service_code(&error) == Some("AccessDenied"), "{error}");
    assert!(format!("{error:#}").contains("s3:CreateBucket"), "{error}");
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
        assert!(service_code(&error) == Some("NoSuchBucket"), "{error}");
        assert!(
            format!("{error:#}").contains("create the bucket"),
            "{error}"
        );
    }
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn an_upload_is_encrypted_with_the_requested_key() {
    let server = accepting();
    let predictor = predictor(&session_at(&server.url()));
    let _ = predictor
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
    let _ = predictor
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
