//! A bucket in another region than the session's is found whatever S3's error response says of it.

use crate::support;

use sagemaker_async_inference::Error;
use support::{
    client::{not_found, s3_error, session_at},
    verifier::{Reply, Rules, Verifier},
    wait::{is_output, response},
};

/// A server whose bucket is in eu-west-1. `head` responds to `HeadBucket` from elsewhere, `wrong` to all else.
fn elsewhere(wrong: Reply, head: Reply) -> Verifier {
    let rules = Rules {
        regions: vec!["us-east-1".to_owned(), "eu-west-1".to_owned()],
        ..Rules::new()
    };
    Verifier::start(rules, move |seen| {
        let scope = seen.header("authorization").unwrap_or_default();
        if !scope.contains("/eu-west-1/s3/") {
            let reply = if seen.method == "HEAD" { &head } else { &wrong };
            reply.clone()
        } else if is_output(seen) {
            Reply::new(200, "result")
        } else {
            not_found()
        }
    })
}

/// The number of requests that the first result took, and the second.
fn requests(server: &Verifier) -> [usize; 2] {
    let session = session_at(&server.url());
    let mut before = 0;
    [(); 2].map(|()| {
        let result: Option<Vec<u8>> = response(&session)
            .try_get_result()
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(result.as_deref(), Some(&b"result"[..]));
        let all = server.seen().len();
        assert!(server.seen().iter().all(|seen| seen.verified.is_ok()));
        all - std::mem::replace(&mut before, all)
    })
}

fn redirect(endpoint: &str) -> Reply {
    let endpoint = format!(
        "<Error><Code>PermanentRedirect</Code><Message>must be addressed using the specified endpoint</Message>\
         <Endpoint>{endpoint}</Endpoint></Error>"
    );
    Reply::new(301, endpoint)
}

#[test]
fn the_message_or_the_host_that_s3_refers_to_names_the_region() {
    let nothing = || Reply::new(500, "");
    let malformed = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'";
    for wrong in [
        s3_error(400, "AuthorizationHeaderMalformed", malformed),
        s3_error(
            400,
            "IllegalLocationConstraintException",
            "The eu-west-1 location constraint is incompatible for the region specific endpoint this request was sent to.",
        ),
        redirect("bucket.s3.eu-west-1.amazonaws.com"),
        redirect("bucket.s3-eu-west-1.amazonaws.com"),
        redirect("s3.dualstack.eu-west-1.amazonaws.com"),
        s3_error(307, "TemporaryRedirect", "elsewhere").header(
            "location",
            "https://bucket.s3.eu-west-1.amazonaws.com/out/1",
        ),
    ] {
        let server = elsewhere(wrong, nothing());
        assert_eq!(requests(&server), [2, 1]);
    }
}

#[test]
fn head_bucket_finds_a_region_that_nothing_else_names() {
    let named = |status| Reply::new(status, "").header("x-amz-bucket-region", "eu-west-1");
    for head in [named(200), named(301), named(400), named(403)] {
        for wrong in [
            s3_error(301, "PermanentRedirect", "elsewhere"),
            redirect("bucket.s3.amazonaws.com"),
            s3_error(400, "AuthorizationHeaderMalformed", "it is wrong"),
        ] {
            let server = elsewhere(wrong, head.clone());
            assert_eq!(requests(&server), [3, 1]);
        }
    }
}

#[test]
fn an_unnamed_region_is_the_first_error_after_one_more_request() {
    for head in [
        Reply::new(200, ""),
        Reply::new(404, ""),
        Reply::new(301, "").header("x-amz-bucket-region", "us-east-1"),
        Reply::new(301, "").header("x-amz-bucket-region", "evil.example/"),
    ] {
        let server = elsewhere(s3_error(301, "PermanentRedirect", "elsewhere"), head);
        let outcome = response(&session_at(&server.url())).try_get_result::<Vec<u8>>();
        match outcome {
            Err(Error::Service(error)) => assert_eq!(error.code(), Some("PermanentRedirect")),
            other => panic!("{other:?}"),
        }
        assert_eq!(server.seen().len(), 2);
    }
}
