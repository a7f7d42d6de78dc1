//! Stores that speak S3's protocol and have none of its checksums, or other ones.

use crate::support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::transfer::UploadChecksum;
use sagemaker_async_inference::{Error, SessionBuilder, TransferConfig};
use support::client::{builder, predictor, s3_error, session_at, uri};
use support::raw::{Raw, read_request};
use support::tls::{Authority, accept, close};
use support::verifier::{Reply, Rules, Verifier};
use support::wait::{response, waiter};

type Variables<'a> = &'a [(&'a str, &'a str)];

/// The settings of an environment and of a profile's lines.
fn configured(environment: Variables, profile: &str) -> SessionBuilder {
    let home = [("HOME", "/h")];
    let variables = home.into_iter().chain(environment.iter().copied());
    let config = format!("[default]\nregion = us-east-1\n{profile}");
    let sys = Sys::real()
        .with_environment(Environment::from_pairs(variables))
        .with_files(Files::from_pairs([("/h/.aws/config", config)]));
    builder().sys(sys)
}

/// The head of the request that uploads a file over TLS.
fn uploaded(settings: SessionBuilder, how: TransferConfig) -> String {
    let authority = Authority::new();
    let (server, heads) = (
        authority.server(&["localhost"]),
        Arc::new(Mutex::new(Vec::new())),
    );
    let seen = heads.clone();
    let raw = Raw::start(move |stream| {
        let mut stream = accept(&server, stream)?;
        let head = read_request(&mut stream)?.to_lowercase();
        seen.lock().expect("nobody panics").push(head);
        stream.write_all(
            b"HTTP/1.1 202 Accepted\r\nX-Amzn-SageMaker-OutputLocation: s3://my-bucket/out\r\n\
              Content-Length: 2\r\nConnection: close\r\n\r\n{}",
        )?;
        close(stream)
    });
    let url = raw.url().replace("http://127.0.0.1", "https://localhost");
    let session = settings
        .endpoint_url(&url)
        .ca_bundle_pem(authority.root())
        .build()
        .expect("a session");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("input");
    std::fs::write(&path, "content").expect("an input");
    let request = predictor(&session).request_file(&path).expect("a file");
    let request = request.upload_to(uri("s3://my-bucket/in")).transfer(how);
    let _ = request.submit().expect("submitted");
    let heads = heads.lock().expect("nobody panics");
    heads[0].clone()
}

#[test]
fn checksums_of_uploads_are_sent_unless_only_required_ones_are_wanted() {
    let required = "AWS_REQUEST_CHECKSUM_CALCULATION";
    let (auto, crc32c) = (UploadChecksum::Auto, UploadChecksum::Crc32c);
    for (environment, profile, chosen, sent) in [
        (&[][..], "", auto, true),
        (&[(required, "when_required")][..], "", auto, false),
        (&[(required, "WHEN_REQUIRED")][..], "", auto, false),
        (
            &[(required, "when_supported")][..],
            "request_checksum_calculation = when_required",
            auto,
            true,
        ),
        (
            &[][..],
            "request_checksum_calculation = WHEN_REQUIRED",
            auto,
            false,
        ),
        // What is chosen in code counts.
        (&[(required, "when_required")][..], "", crc32c, true),
    ] {
        let how = TransferConfig::builder().upload_checksum(chosen).build();
        let head = uploaded(
            configured(environment, profile),
            how.expect("a way of transfer"),
        );
        assert!(head.starts_with("put /my-bucket/in "), "{head}");
        assert_eq!(
            head.contains("\r\nx-amz-checksum-crc32c: "),
            sent,
            "{environment:?}, {profile}"
        );
        let unsigned = head.contains("\r\nx-amz-content-sha256: unsigned-payload\r\n");
        assert_eq!(unsigned, sent, "{head}");
    }
}

#[test]
fn checksums_of_results_are_not_compared_unless_they_are_wanted() {
    let variable = "AWS_RESPONSE_CHECKSUM_VALIDATION";
    let server = Verifier::start(Rules::new(), |_| {
        Reply::new(200, "result")
            .header("etag", "\"1\"")
            .header("x-amz-checksum-crc32", "AAAAAA==")
    });
    for (environment, profile, compared) in [
        (&[][..], "", true),
        (&[(variable, "when_supported")][..], "", true),
        (&[(variable, "When_Required")][..], "", false),
        (
            &[][..],
            "response_checksum_validation = when_required",
            false,
        ),
    ] {
        let settings = configured(environment, profile).endpoint_url(server.url());
        let session = settings.build().expect("a session");
        let result = response(&session).get_result::<Vec<u8>>(&waiter(|w| w.max_attempts(1)));
        assert_eq!(
            matches!(result, Err(Error::Transfer(_))),
            compared,
            "{result:?}"
        );
        assert_eq!(result.is_ok(), !compared);
        let seen = server.seen();
        let mode = seen
            .last()
            .expect("a request")
            .header("x-amz-checksum-mode");
        assert_eq!(
            mode,
            compared.then_some("ENABLED"),
            "{environment:?}, {profile}"
        );
    }
}

#[test]
fn other_values_are_refused_with_the_two_there_are() {
    for (environment, profile, name) in [
        (
            &[("AWS_REQUEST_CHECKSUM_CALCULATION", "never")][..],
            "",
            "AWS_REQUEST_CHECKSUM_CALCULATION",
        ),
        (
            &[][..],
            "response_checksum_validation = off",
            "response_checksum_validation",
        ),
    ] {
        let Err(Error::Config(error)) = configured(environment, profile).build() else {
            panic!("{name} was accepted");
        };
        let shown = error.to_string();
        assert!(shown.contains(name), "{shown}");
        assert!(
            shown.contains("when_supported") && shown.contains("when_required"),
            "{shown}"
        );
    }
}

#[test]
fn a_store_that_refuses_a_checksum_is_told_apart_from_a_service_that_fails() {
    for (status, code, message) in [
        (
            501,
            "NotImplemented",
            "Header 'x-amz-checksum-crc32c' with value 'AAAA' not implemented",
        ),
        (
            400,
            "InvalidArgument",
            "Unsupported header 'x-amz-checksum-crc32c' received for this API call.",
        ),
    ] {
        let body = s3_error(status, code, message).body;
        let server = Raw::start(move |mut stream| {
            read_request(&mut stream)?;
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} No\r\nContent-Length: {length}\r\n\r\n"
            )?;
            stream.write_all(&body)
        });
        let how = TransferConfig::builder()
            .upload_checksum(UploadChecksum::Crc32c)
            .build();
        let session = session_at(&server.url());
        let error = predictor(&session)
            .request_reader(&b"content"[..])
            .upload_to(uri("s3://my-bucket/in"))
            .transfer(how.expect("a way of transfer"))
            .submit()
            .expect_err("refused");
        let remedy = error.remedy().expect("a remedy");
        assert!(
            remedy.contains("AWS_REQUEST_CHECKSUM_CALCULATION"),
            "{remedy}"
        );
        assert!(remedy.contains("when_required"), "{remedy}");
    }
}
