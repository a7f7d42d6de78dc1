//! The test servers themselves: a request signed with the right key passes, any other does not.

use crate::support;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use support::{
    ACCESS_KEY, SECRET_KEY,
    s3::S3Server,
    verifier::{NOT_SIGNED, Reply, Rules, Verifier},
};

const WRONG_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX";

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

fn signed(
    (method, url, body): (&str, &str, &str),
    secret: &str,
    service: &str,
    time: SystemTime,
) -> http::Request<String> {
    let identity = Credentials::new(ACCESS_KEY, secret, None, None, "test").into();
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(time)
        .settings(settings)
        .build()
        .expect("all parameters");
    let headers = std::iter::empty();
    let signable = SignableRequest::new(method, url, headers, SignableBody::Bytes(body.as_bytes()));
    let signed = sign(signable.expect("a request"), &params.into()).expect("a signature");
    let request = http::Request::builder()
        .method(method)
        .uri(url)
        .body(body.to_owned());
    let mut request = request.expect("a request");
    signed.into_parts().0.apply_to_request_http1x(&mut request);
    request
}

/// Sends it; status and body of the response.
fn send(request: http::Request<String>) -> (u16, String) {
    let mut reply = agent().run(request).expect("a response");
    let body = reply.body_mut().read_to_string().expect("text");
    (reply.status().as_u16(), body)
}

#[test]
fn the_s3_server_keeps_objects_for_its_key_only() {
    let server = S3Server::start(ACCESS_KEY, SECRET_KEY);
    server.create_bucket("my-bucket");
    let now = SystemClock.now();
    let url = format!("{}/my-bucket/dir/a%20b%2Bc.txt", server.url());
    let (status, body) = send(signed(("PUT", &url, "hello"), SECRET_KEY, "s3", now));
    assert_eq!(status, 200, "{body}");
    assert!(server.dir().join("my-bucket/dir/a b+c.txt").is_file());
    let reply = send(signed(("GET", &url, ""), SECRET_KEY, "s3", now));
    assert_eq!(reply, (200, "hello".to_owned()));

    let (status, body) = send(signed(("GET", &url, ""), WRONG_KEY, "s3", now));
    assert!(
        status == 403 && body.contains("SignatureDoesNotMatch"),
        "{status} {body}"
    );
    let missing = format!("{}/my-bucket/missing", server.url());
    let (status, body) = send(signed(("GET", &missing, ""), SECRET_KEY, "s3", now));
    assert!(
        status == 404 && body.contains("NoSuchKey"),
        "{status} {body}"
    );
}

#[test]
fn the_verifier_accepts_valid_and_rejects_invalid_signatures() {
    let replies = [
        Reply::new(202, "first").header("x-a", "b"),
        Reply::new(200, "second"),
        Reply::new(200, "third"),
    ];
    let server = Verifier::with_replies(Rules::new(), replies);
    let now = SystemClock.now();
    let invoke = format!(
        "{}/endpoints/my-endpoint/async-invocations?a=b%20c",
        server.url()
    );
    let object = format!("{}/bucket//a%20b/../%C3%BC~%2B", server.url());

    assert_eq!(
        send(signed(
            ("POST", &invoke, "{}"),
            SECRET_KEY,
            "sagemaker",
            now
        )),
        (202, "first".to_owned())
    );
    assert_eq!(
        send(signed(("GET", &object, ""), SECRET_KEY, "s3", now)),
        (200, "second".to_owned())
    );

    let wrong = signed(("POST", &invoke, "{}"), WRONG_KEY, "sagemaker", now);
    assert_eq!(send(wrong).0, 403);
    let mut changed = signed(("POST", &invoke, "{}"), SECRET_KEY, "sagemaker", now);
    changed.body_mut().push(' ');
    assert_eq!(send(changed).0, 403);
    let old = signed(
        ("POST", &invoke, "{}"),
        SECRET_KEY,
        "sagemaker",
        now - Duration::from_hours(1),
    );
    assert_eq!(send(old).0, 403);
    assert_eq!(
        send(signed(
            ("POST", &invoke, "{}"),
            SECRET_KEY,
            "elsewhere",
            now
        ))
        .0,
        403
    );

    let plain = http::Request::get(server.url())
        .body(String::new())
        .expect("a request");
    assert_eq!(send(plain), (200, "third".to_owned()));

    let seen = server.seen();
    let verified: Vec<_> = seen.iter().map(|seen| seen.verified.is_ok()).collect();
    assert_eq!(
        verified,
        [true, true, false, false, false, false, false],
        "{seen:?}"
    );
    assert_eq!(seen[0].method, "POST");
    assert_eq!(
        seen[0].path,
        "/endpoints/my-endpoint/async-invocations?a=b%20c"
    );
    assert_eq!(seen[0].body, b"{}");
    assert!(seen[0].header("X-Amz-Date").is_some());
    assert_eq!(seen[6].verified, Err(NOT_SIGNED.to_owned()));
}

#[test]
fn the_verifier_can_live_in_another_time_and_hang_up() {
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let rules = Rules {
        now: Some(then),
        ..Rules::new()
    };
    let server = Verifier::with_replies(rules, [Reply::new(204, ""), Reply::hang_up()]);
    assert_eq!(
        send(signed(("GET", &server.url(), ""), SECRET_KEY, "sts", then)).0,
        204
    );
    assert!(
        agent()
            .run(signed(
                ("POST", &server.url(), "x"),
                SECRET_KEY,
                "sts",
                then
            ))
            .is_err()
    );
    assert_eq!(server.seen().len(), 2);
}
