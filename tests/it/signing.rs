//! Signatures of every service, checked by an independent verifier, and requests compared with recorded ones of boto3
//! and the SDK.

use crate::support;

use std::collections::BTreeMap;
use std::time::Duration;

use sagemaker_async_inference::{AsyncPredictor, Json, WaiterConfig};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{accepted, builder, caller_identity, is_submit, predictor, session_at, sys, uri},
    verifier::{Reply, Rules, Seen, Verifier},
};

fn runtime() -> Verifier {
    Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else {
            Reply::new(200, "")
        }
    })
}

fn signed_headers(seen: &Seen) -> Vec<String> {
    let authorization = seen.header("authorization").expect("a signature");
    let (_, rest) = authorization
        .split_once("SignedHeaders=")
        .expect("a list of headers");
    let list = rest.split(',').next().unwrap_or_default();
    list.split(';').map(str::to_owned).collect()
}

/// Headers that need not be signed: those that proxies may change, the framing of the body, and the signature.
const UNSIGNED: [&str; 5] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "user-agent",
];

fn assert_all_signed(seen: &Seen) {
    let signed = signed_headers(seen);
    for (name, _) in &seen.headers {
        let name = name.to_ascii_lowercase();
        assert!(
            UNSIGNED.contains(&&*name) || signed.contains(&name),
            "{name} is not signed: {signed:?}"
        );
    }
    for needed in ["host", "x-amz-date"] {
        assert!(signed.iter().any(|name| name == needed), "{signed:?}");
    }
}

#[test]
fn every_header_of_a_submit_is_signed() {
    let server = runtime();
    let _ = predictor(&session_at(&server.url()))
        .request("body")
        .inference_id("id with  two spaces")
        .custom_attributes("a=b; c=\"d\"  e")
        .content_type("text/plain; charset=utf-8")
        .accept("application/json, */*;q=0.1")
        .request_ttl(Duration::from_mins(1))
        .invocation_timeout(Duration::from_secs(1))
        .filename("out.json")
        .output_path_extension("a/b(c)'!_*.-d")
        .submit()
        .expect("a submit");
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].verified, Ok(()));
    assert_all_signed(&seen[0]);
    let ours = signed_headers(&seen[0])
        .into_iter()
        .filter(|name| name.starts_with("x-amzn-sagemaker-"));
    assert_eq!(ours.count(), 8);
    assert_eq!(
        seen[0].header("x-amzn-sagemaker-custom-attributes"),
        Some("a=b; c=\"d\"  e")
    );
}

#[test]
fn the_session_token_is_sent_and_signed() {
    let server = runtime();
    let token = "FwoGZXIvYXdzEBYaDK/+=";
    let session = builder()
        .credentials(support::client::keys(
            ACCESS_KEY,
            SECRET_KEY,
            Some(token.into()),
        ))
        .endpoint_url(server.url())
        .build()
        .expect("a session");
    let response = predictor(&session)
        .request("x")
        .via_s3()
        .submit()
        .expect("a submit");
    let _: Vec<u8> = response
        .get_result(&WaiterConfig::default())
        .expect("a result");
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for seen in &seen {
        assert_eq!(seen.verified, Ok(()));
        assert_eq!(seen.header("x-amz-security-token"), Some(token));
        assert_all_signed(seen);
    }
}

#[test]
fn bodies_of_0_1_and_128000_bytes_verify() {
    let server = runtime();
    let predictor = predictor(&session_at(&server.url()));
    for length in [0, 1, 128_000] {
        let body: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
        let _ = predictor.predict_async(&body).expect("a submit");
        let seen = server.seen();
        let last = seen.last().expect("a request");
        assert_eq!(last.verified, Ok(()));
        assert!(last.body == body, "{} bytes", last.body.len());
        assert_eq!(last.header("content-length"), Some(&*length.to_string()));
        assert_eq!(last.header("transfer-encoding"), None);
    }
}

#[test]
fn the_callers_identity_is_requested_with_a_valid_signature() {
    let server = Verifier::start(Rules::new(), |_| caller_identity());
    let session = sagemaker_async_inference::Session::builder()
        .region("us-east-1")
        .credentials(support::client::keys(ACCESS_KEY, SECRET_KEY, None))
        .endpoint_url(server.url())
        .sys(sys())
        .build()
        .expect("a session");
    assert_eq!(
        session.default_bucket().ok().as_deref(),
        Some("sagemaker-us-east-1-123456789012")
    );
    let seen = &server.seen()[0];
    assert_eq!(seen.verified, Ok(()));
    assert_all_signed(seen);
    // As captured from boto3.
    assert_eq!((&*seen.method, &*seen.path), ("POST", "/"));
    assert_eq!(seen.body, b"Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded; charset=utf-8")
    );
}

/// Headers of a submit that boto3 and the SDK sent, as they were recorded.
fn recorded(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned()))
        .collect()
}

/// Our headers without those that differ in every request.
fn sent(seen: &Seen) -> BTreeMap<String, String> {
    const EACH_TIME: [&str; 4] = ["authorization", "host", "user-agent", "x-amz-date"];
    seen.headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| !EACH_TIME.contains(&&**name))
        .collect()
}

#[test]
fn a_submit_with_options_is_the_recorded_one() {
    // boto3 1.44 and the SageMaker Python SDK 2.257, `predict` with `initial_args`.
    let expected = recorded(&[
        ("Accept-Encoding", "identity"),
        ("X-Amzn-SageMaker-Content-Type", "application/json"),
        ("X-Amzn-SageMaker-Accept", "application/json"),
        ("X-Amzn-SageMaker-Custom-Attributes", "k=v"),
        ("X-Amzn-SageMaker-RequestTTLSeconds", "600"),
        ("X-Amzn-SageMaker-InvocationTimeoutSeconds", "900"),
        (
            "X-Amzn-SageMaker-InputLocation",
            "s3://my-async-bucket/in/a b+c-\u{e9}.json",
        ),
        ("X-Amzn-SageMaker-Inference-Id", "inf-0001"),
        ("Content-Length", "0"),
    ]);

    let server = runtime();
    let session = session_at(&server.url());
    let _ = AsyncPredictor::new("async-ep", &session)
        .request_at(uri("s3://my-async-bucket/in/a b+c-\u{e9}.json"))
        .content_type("application/json")
        .inference_id("inf-0001")
        .custom_attributes("k=v")
        .request_ttl(Duration::from_mins(10))
        .invocation_timeout(Duration::from_mins(15))
        .submit()
        .expect("a submit");
    let seen = &server.seen()[0];
    assert_eq!(seen.verified, Ok(()));
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.path, "/endpoints/async-ep/async-invocations");
    assert_eq!(sent(seen), expected);
}

#[test]
fn a_plain_submit_matches_the_recorded_one_and_sends_the_content_type() {
    // As above, `predict` with no arguments.
    let mut expected = recorded(&[
        ("Accept-Encoding", "identity"),
        ("X-Amzn-SageMaker-Accept", "application/json"),
        ("X-Amzn-SageMaker-InputLocation", "s3://my-bucket/in"),
        ("Content-Length", "0"),
    ]);
    // Intended: the SDK leaves the content type out, and the model has to guess.
    expected.insert(
        "x-amzn-sagemaker-content-type".into(),
        "application/json".into(),
    );
    // Intended: every submit has an id, so that one whose response is lost can be searched for.
    expected.insert("x-amzn-sagemaker-inference-id".into(), "any".into());

    let server = runtime();
    let session = session_at(&server.url());
    let _ = AsyncPredictor::new("async-ep", &session)
        .with_serializer(Json::default())
        .request(&[1])
        .upload_to(uri("s3://my-bucket/in"))
        .submit()
        .expect("a submit");
    let seen = server.seen();
    let mut ours = sent(&seen[1]);
    let id = ours
        .insert("x-amzn-sagemaker-inference-id".into(), "any".into())
        .expect("an id");
    assert_eq!(id.len(), 36);
    assert_eq!(ours, expected);
}

#[test]
fn an_upload_has_the_recorded_headers_less_the_optional_checksum() {
    // boto3: Accept-Encoding, Content-Type, Expect, x-amz-checksum-crc32 and its algorithm,
    // X-Amz-Content-SHA256, Content-Length. Meant: no CRC, since the signed SHA-256 guards the body;
    // no Expect, which costs a round trip for a body that is at hand.
    let expected = recorded(&[
        ("Accept-Encoding", "identity"),
        ("Content-Type", "application/json"),
        (
            "X-Amz-Content-SHA256",
            "613fe5aa65343dbb1b9abe6abac6773f5c91bd60d3f2ffb7e2eae69e1db8b227",
        ),
        ("Content-Length", "8"),
    ]);
    let server = runtime();
    let _ = predictor(&session_at(&server.url()))
        .request("{\"x\": 1}")
        .content_type("application/json")
        .upload_to(uri("s3://my-async-bucket/in/a b+c-\u{e9}.json"))
        .submit()
        .expect("a submit");
    let seen = &server.seen()[0];
    assert_eq!(seen.method, "PUT");
    assert_eq!(seen.path, "/my-async-bucket/in/a%20b%2Bc-%C3%A9.json");
    assert_eq!(seen.verified, Ok(()));
    assert_eq!(sent(seen), expected);
}

#[test]
fn an_input_location_goes_as_raw_utf_8_and_its_signature_is_over_those_bytes() {
    let server = runtime();
    let predictor = predictor(&session_at(&server.url()));
    for key in [
        "\u{e9}",
        "\u{65e5}\u{672c} +%.json",
        "\u{1f600}",
        "a b",
        "a  b",
    ] {
        let place = uri(&format!("s3://my-bucket/{key}"));
        let _ = predictor
            .request_at(place.clone())
            .submit()
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        let seen = server.seen();
        let last = seen.last().expect("a request");
        assert_eq!(last.verified, Ok(()), "{key}");
        assert_eq!(
            last.header("x-amzn-sagemaker-inputlocation"),
            Some(&*place.to_string())
        );
    }
}

#[test]
fn an_output_location_that_comes_as_raw_utf_8_is_read() {
    let server = Verifier::start(Rules::new(), |_| {
        accepted("s3://my-bucket/\u{e9}/a b.out").header(
            "X-Amzn-SageMaker-FailureLocation",
            "s3://my-bucket/\u{65e5}",
        )
    });
    let response = predictor(&session_at(&server.url()))
        .predict_async("x")
        .expect("a submit");
    assert_eq!(response.output_path().key(), "\u{e9}/a b.out");
    assert_eq!(
        response.failure_path().map(ToString::to_string).as_deref(),
        Some("s3://my-bucket/\u{65e5}")
    );
}

#[test]
fn requests_are_signed_for_the_sessions_region() {
    let rules = Rules {
        regions: vec!["eu-west-1".to_owned()],
        ..Rules::new()
    };
    let server = Verifier::start(rules, |_| accepted("s3://my-bucket/out"));
    let session = builder()
        .region("eu-west-1")
        .endpoint_url(server.url())
        .build()
        .expect("a session");
    let _ = predictor(&session).predict_async("x").expect("a submit");
    assert_eq!(server.seen()[0].verified, Ok(()));
}

#[test]
fn an_endpoint_url_with_a_path_is_signed_as_it_is_sent() {
    let server = runtime();
    let session = session_at(&format!("{}/gate~way/", server.url()));
    let _ = predictor(&session)
        .request("x")
        .upload_to(uri("s3://my-bucket/a b"))
        .submit()
        .expect("a submit");
    let seen = server.seen();
    assert_eq!(seen[0].path, "/gate~way/my-bucket/a%20b");
    assert_eq!(
        seen[1].path,
        "/gate~way/endpoints/my-endpoint/async-invocations"
    );
    assert!(seen.iter().all(|seen| seen.verified.is_ok()));
}

#[test]
fn every_request_says_who_sends_it() {
    let server = runtime();
    let session = builder()
        .endpoint_url(server.url())
        .app_name("nightly-batch")
        .build()
        .expect("a session");
    let _ = predictor(&session)
        .request("x")
        .via_s3()
        .submit()
        .expect("a submit");
    for seen in server.seen() {
        let agent = seen.header("user-agent").unwrap_or_default();
        assert!(
            agent.starts_with("sagemaker-async-inference/") && agent.contains("app/nightly-batch"),
            "{agent}"
        );
    }
}
