//! Requests with missing or wrong signatures.

use std::time::Duration;

use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::{Clock, ManualClock};

use crate::local_endpoint::client::{Call, Client, Reply, client};

/// The responses of S3, SageMaker and STS to the same mistake.
fn all(client: &Client, mistake: impl Fn(&mut Call<'_>)) -> (Reply, Reply, Reply) {
    let wrong = |call: Call<'_>| call.with(&mistake).send();
    (
        wrong(client.put("/b/k", "x")),
        wrong(client.invoke("local-endpoint").body("x")),
        wrong(client.sts()),
    )
}

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

#[test]
fn right_ones_are_taken() {
    let endpoint = start();
    let (s3, sagemaker, sts) = all(&client(&endpoint), |_| {});
    assert_eq!((s3.status, sagemaker.status, sts.status), (200, 202, 200));
    assert_eq!(sts.xml("Account"), "123456789012");
}

#[test]
fn unknown_key() {
    let endpoint = start();
    let (s3, sagemaker, sts) = all(&client(&endpoint), |call| {
        call.access_key = "AKIDOTHER".into();
    });
    s3.is_error(403, "InvalidAccessKeyId");
    let message = sagemaker.is_json_error(403, "UnrecognizedClientException");
    assert_eq!(
        message,
        "The security token included in the request is invalid."
    );
    sts.is_error(403, "InvalidClientTokenId");
}

#[test]
fn wrong_secret() {
    let endpoint = start();
    let (s3, sagemaker, sts) = all(&client(&endpoint), |call| call.secret_key = "other".into());
    s3.is_error(403, "SignatureDoesNotMatch");
    sagemaker.is_json_error(403, "InvalidSignatureException");
    sts.is_error(403, "SignatureDoesNotMatch");
    assert!(endpoint.objects("b").is_empty() && endpoint.jobs().is_empty());
}

#[test]
fn clock_too_far_off() {
    let clock = ManualClock::new();
    let endpoint = LocalEndpoint::builder()
        .bucket("b")
        .clock(clock.clone())
        .start();
    let endpoint = endpoint.expect("start");
    let client = client(&endpoint);
    let now = clock.now();
    clock.advance(Duration::from_mins(14));
    assert_eq!(
        client
            .put("/b/k", "x")
            .with(|call| call.time = now)
            .send()
            .status,
        200
    );
    clock.advance(Duration::from_mins(2));
    let (s3, sagemaker, sts) = all(&client, |call| call.time = now);
    s3.is_error(403, "RequestTimeTooSkewed");
    assert_eq!(s3.xml("MaxAllowedSkewMilliseconds"), "900000");
    assert!(
        !s3.header("date").is_empty(),
        "by which a client can set its clock"
    );
    let message = sagemaker.is_json_error(403, "InvalidSignatureException");
    assert!(message.starts_with("Signature expired: "), "{message}");
    sts.is_error(403, "SignatureDoesNotMatch");
    let (s3, sagemaker, _) = all(&client, |call| call.time = now + Duration::from_mins(40));
    s3.is_error(403, "RequestTimeTooSkewed");
    let message = sagemaker.is_json_error(403, "InvalidSignatureException");
    assert!(
        message.starts_with("Signature not yet current: "),
        "{message}"
    );
}

#[test]
fn wrong_region_or_service() {
    let endpoint = start();
    let client = client(&endpoint);
    let (s3, sagemaker, sts) = all(&client, |call| call.region = "eu-west-1".into());
    s3.is_error(400, "AuthorizationHeaderMalformed");
    assert_eq!(s3.xml("Region"), "us-east-1");
    assert_eq!(s3.header("x-amz-bucket-region"), "us-east-1");
    sagemaker.is_json_error(403, "InvalidSignatureException");
    sts.is_error(403, "SignatureDoesNotMatch");
    let (s3, sagemaker, _) = all(&client, |call| call.scope = "ec2");
    s3.is_error(400, "AuthorizationHeaderMalformed");
    sagemaker.is_json_error(403, "InvalidSignatureException");
}

#[test]
fn payload_that_was_not_signed() {
    let endpoint = start();
    let (s3, sagemaker, sts) = all(&client(&endpoint), |call| {
        call.signed_body = Some(b"other".to_vec());
    });
    s3.is_error(400, "XAmzContentSHA256Mismatch");
    sagemaker.is_json_error(403, "InvalidSignatureException");
    sts.is_error(403, "SignatureDoesNotMatch");
    let client = client(&endpoint);
    let unsigned = client.put("/b/k", "x");
    assert_eq!(
        unsigned
            .with(|call| call.unsigned_payload = true)
            .send()
            .status,
        200
    );
}

#[test]
fn headers_that_were_not_signed() {
    let endpoint = start();
    let added = ("x-amz-meta-a".to_owned(), "b".to_owned());
    let (s3, sagemaker, _) = all(&client(&endpoint), |call| {
        call.unsigned_headers.push(added.clone());
    });
    s3.is_error(403, "AccessDenied");
    assert_eq!(s3.xml("HeadersNotSigned"), "x-amz-meta-a");
    assert_eq!(sagemaker.status, 202, "only S3 minds");
}

#[test]
fn session_token() {
    let endpoint = LocalEndpoint::builder()
        .bucket("b")
        .session_token("token")
        .start();
    let endpoint = endpoint.expect("start");
    let client = client(&endpoint);
    let (s3, sagemaker, sts) = all(&client, |_| {});
    assert_eq!((s3.status, sagemaker.status, sts.status), (200, 202, 200));
    let (s3, sagemaker, sts) = all(&client, |call| call.token = None);
    s3.is_error(403, "InvalidAccessKeyId");
    sagemaker.is_json_error(403, "UnrecognizedClientException");
    sts.is_error(403, "InvalidClientTokenId");
    let (s3, sagemaker, _) = all(&client, |call| call.token = Some("other".into()));
    s3.is_error(400, "InvalidToken");
    sagemaker.is_json_error(403, "UnrecognizedClientException");
}

#[test]
fn secrets_are_not_shown() {
    let endpoint = LocalEndpoint::builder()
        .bucket("b")
        .session_token("to-ken")
        .start();
    let endpoint = endpoint.expect("start");
    client(&endpoint).put("/b/k", "pay-load").send();
    let recorded = endpoint.requests().pop().expect("a request");
    assert_eq!(recorded.header("authorization"), Some("(redacted)"));
    assert_eq!(recorded.header("x-amz-security-token"), Some("(redacted)"));
    let shown = format!(
        "{endpoint:?} {recorded:?} {:?}",
        endpoint.get_object("b", "k")
    );
    for secret in ["to-ken", "pay-load", endpoint.secret_key()] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
