//! `AWS_CA_BUNDLE` for credentials that come over https from a container's or an instance's metadata.

use crate::support;

use std::io::Write;

use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::credentials::{
    ContainerProvider, Credentials, InstanceMetadataProvider, ProvideCredentials,
};
use sagemaker_async_inference::sys::{Environment, Files, ManualClock, Sys};
use support::{
    raw::{Raw, read_only_head},
    tls::{Authority, accept, close},
};

const KEYS: &str = r#"{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "hush-secret", "Token": "hush-token", "Expiration": "2033-05-18T03:33:19Z"}"#;

/// Both services, behind a certificate of an authority of their own.
fn start(authority: &Authority) -> Raw {
    let names = authority.server(&["localhost", "127.0.0.1"]);
    Raw::start(move |stream| {
        let mut stream = accept(&names, stream)?;
        let head = read_only_head(&mut stream)?;
        let body = match head.split(' ').nth(1) {
            Some("/latest/api/token") => "imds-token",
            Some("/latest/meta-data/iam/security-credentials/") => "the-role",
            _ => KEYS,
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )?;
        close(stream)
    })
}

fn sys(environment: &[(&str, &str)], root: &str) -> Sys {
    let files = [
        ("/ca.pem", root),
        ("/h/.aws/config", "[default]\nca_bundle = ~/ca.pem\n"),
        ("/h/ca.pem", root),
    ];
    let environment = environment.iter().copied();
    Sys::real()
        .with_clock(ManualClock::new())
        .with_environment(Environment::from_pairs(environment))
        .with_files(Files::from_pairs(files))
}

type Fetched = Result<Credentials, CredentialsError>;

fn of_container(sys: &Sys) -> Fetched {
    ContainerProvider::new(sys).provide_credentials()
}

fn of_instance(sys: &Sys) -> Fetched {
    InstanceMetadataProvider::new(sys).provide_credentials()
}

#[test]
fn a_bundle_of_the_environment_or_the_profile_holds_for_metadata_too() {
    let authority = Authority::new();
    let server = start(&authority);
    let url = server.url().replace("http://", "https://");
    let keys = format!("{url}/keys");
    for (variable, value, fetch) in [
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            &keys,
            of_container as fn(&Sys) -> Fetched,
        ),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url, of_instance),
    ] {
        let from = (variable, value.as_str());
        for trusted in [("AWS_CA_BUNDLE", "/ca.pem"), ("HOME", "/h")] {
            let fetched = fetch(&sys(&[from, trusted], &authority.root()));
            let credentials = fetched.unwrap_or_else(|error| panic!("{variable}: {error:?}"));
            assert_eq!(credentials.access_key_id(), "ASIAEXAMPLE");
        }
        for untrusted in [
            sys(&[from], &authority.root()),
            sys(
                &[from, ("AWS_CA_BUNDLE", "/ca.pem")],
                &Authority::new().root(),
            ),
        ] {
            let error = fetch(&untrusted).expect_err("nobody vouches for it");
            let mut shown = format!("{error:#}");
            let mut source = std::error::Error::source(&error);
            while let Some(error) = source {
                shown = format!("{shown}: {error:#}");
                source = error.source();
            }
            assert!(shown.contains("AWS_CA_BUNDLE"), "{variable}: {shown}");
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
