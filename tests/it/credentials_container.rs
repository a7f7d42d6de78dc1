//! Credentials of containers, over a real connection to a loopback server.

use crate::support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::credentials::{
    ContainerProvider, Credentials, DefaultChain, ProvideCredentials,
};
use sagemaker_async_inference::sys::{Environment, Files, ManualClock, Sys};
use support::raw::{Raw, read_head, unused_address};

const GOOD: &str = r#"{"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "hush-secret",
    "Token": "hush-token", "Expiration": "2030-01-02T03:04:05Z", "AccountId": "123456789012",
    "RoleArn": "arn:aws:iam::123456789012:role/a"}"#;

/// Responds to the requests with these statuses and bodies, one after another and the last one repeatedly, and records
/// the requests' heads.
fn serve<const N: usize>(responses: [(u16, &str); N]) -> (Raw, Arc<Mutex<Vec<String>>>) {
    let responses = responses.map(|(status, body)| (status, body.to_owned()));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    let server = Raw::start(move |mut stream| {
        let head = read_head(&stream)?;
        let mut heads = seen.lock().map_err(|_| io::Error::other("poisoned"))?;
        let (status, body) = &responses[heads.len().min(N - 1)];
        heads.push(head);
        write!(
            stream,
            "HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    });
    (server, heads)
}

fn fetch(variables: &[(&str, &str)], files: Files) -> Result<Credentials, CredentialsError> {
    let sys = Sys::real()
        .with_clock(ManualClock::new())
        .with_environment(Environment::from_pairs(variables.iter().copied()))
        .with_files(files);
    ContainerProvider::new(&sys).provide_credentials()
}

fn full(url: &str) -> Result<Credentials, CredentialsError> {
    fetch(
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)],
        Files::none(),
    )
}

#[test]
fn a_relative_uri_is_requested_with_the_token() {
    let (server, heads) = serve([(200, GOOD)]);
    let sys = Sys::real().with_environment(Environment::from_pairs([
        (
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "/v2/credentials/abc?x=1",
        ),
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "http://example.com/no",
        ),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic tok=="),
    ]));
    let provider = ContainerProvider::new(&sys).with_relative_base(server.url());
    let credentials = provider.provide_credentials().expect("credentials");
    assert_eq!(credentials.access_key_id(), "ASIAEXAMPLE");
    assert_eq!(credentials.secret_access_key(), "hush-secret");
    assert_eq!(credentials.session_token(), Some("hush-token"));
    let account = credentials.account_id().expect("an account");
    assert_eq!(account.as_str(), "123456789012");
    assert!(credentials.expiry().is_some());
    let head = heads.lock().expect("heads")[0].clone();
    assert!(
        head.starts_with("GET /v2/credentials/abc?x=1 HTTP/1.1\r\n"),
        "{head}"
    );
    let head = head.to_ascii_lowercase();
    assert!(head.contains("authorization: basic tok==\r\n"), "{head}");
    assert!(head.contains("accept: application/json\r\n"), "{head}");
}

#[test]
fn the_token_file_takes_precedence_and_is_read_each_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    let (server, heads) = serve([(200, GOOD)]);
    let sys = Sys::real().with_environment(Environment::from_pairs([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "other".to_owned()),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            path.display().to_string(),
        ),
    ]));
    let provider = ContainerProvider::new(&sys);
    for token in ["first\n", "second"] {
        std::fs::write(&path, token).expect("a file");
        provider.provide_credentials().expect("credentials");
    }
    let heads = heads.lock().expect("heads");
    assert!(heads[0].contains("uthorization: first\r\n"), "{}", heads[0]);
    assert!(
        heads[1].contains("uthorization: second\r\n"),
        "{}",
        heads[1]
    );
    drop(directory);
    let error = provider.provide_credentials().unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

#[test]
fn without_its_variables_it_is_not_configured() {
    assert!(fetch(&[], Files::none()).unwrap_err().is_not_configured());
}

#[test]
fn http_is_for_the_machine_itself_and_the_metadata_hosts() {
    for url in [
        "http://example.com/a",
        "http://169.254.170.3/a",
        "http://[fd00:ec2::24]/a",
        "http://127.0.0.1.example.com/a",
        "ftp://127.0.0.1/a",
        "/credentials",
    ] {
        let error = full(url).unwrap_err();
        assert!(!error.is_not_configured());
        assert!(error.to_string().contains("FULL_URI"), "{url}: {error}");
    }
}

#[test]
fn a_host_may_be_in_capital_letters() {
    let (server, _) = serve([(200, GOOD)]);
    let url = server.url().replace("127.0.0.1", "LocalHost");
    assert!(full(&url).is_ok());
}

#[test]
fn a_failing_server_gets_three_requests() {
    let (server, heads) = serve([(500, ""), (429, ""), (200, GOOD)]);
    assert!(full(&server.url()).is_ok());
    assert_eq!(heads.lock().expect("heads").len(), 3);

    let (server, heads) = serve([(503, "hush")]);
    let error = full(&server.url()).unwrap_err();
    assert!(
        error.to_string().ends_with("returned status 503"),
        "{error}"
    );
    assert_eq!(heads.lock().expect("heads").len(), 3);

    let (server, heads) = serve([(404, "hush")]);
    let error = full(&server.url()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("returned status 404; check AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        "{error}"
    );
    assert_eq!(heads.lock().expect("heads").len(), 1);

    let error = full(&unused_address()).unwrap_err();
    assert!(!error.is_not_configured());
    assert!(error.to_string().contains("no usable response"), "{error}");
}

#[test]
fn errors_of_malformed_responses_name_the_field_and_show_nothing() {
    let long = format!("{GOOD}{}", " ".repeat(70_000));
    for (body, reported) in [
        ("", "not a JSON object"),
        ("[\"hush\"]", "not a JSON object"),
        ("hush", "not a JSON object"),
        (&GOOD.replace("AccessKeyId", "Other"), "no AccessKeyId"),
        (
            &GOOD.replace("\"hush-secret\"", "17"),
            "SecretAccessKey in the response is not a string",
        ),
        (&GOOD.replace("hush-token", " "), "no Token"),
        (
            &GOOD.replace("2030-01-02T03:04:05Z", "hush"),
            "Expiration in the response is not a time",
        ),
        (&long, "no usable response"),
    ] {
        let (server, _) = serve([(200, body)]);
        let error = full(&server.url()).unwrap_err();
        assert!(error.to_string().contains(reported), "{reported}: {error}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        assert!(!error.is_not_configured());
    }
}

#[test]
fn the_default_chain_comes_to_it_after_environment_and_profile() {
    let (server, _) = serve([(200, GOOD)]);
    let with = |url: &str| {
        let sys = Sys::real()
            .with_environment(Environment::from_pairs([
                ("HOME", "/home/me"),
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
            ]))
            .with_files(Files::none());
        DefaultChain::new(&sys).provide_credentials()
    };
    let credentials = with(&server.url()).expect("credentials");
    assert_eq!(credentials.access_key_id(), "ASIAEXAMPLE");
    let error = with("http://example.com/a").unwrap_err();
    assert!(!error.is_not_configured());
    for source in ["environment: ", "profile: ", "container: "] {
        assert!(error.to_string().contains(source), "{error}");
    }
}

#[test]
fn a_refusal_names_the_token_that_was_sent() {
    let url = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let file = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    let token = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    for status in [400, 401, 403] {
        let (server, _) = serve([(status, "hush")]);
        let server = server.url();
        let files = Files::from_pairs([("/run/token", "hush-token")]);
        for (variables, remedy) in [
            (
                vec![(file, "/run/token"), (token, "hush")],
                format!("check the token in /run/token, which {file} names"),
            ),
            (vec![(token, "hush")], format!("check the token in {token}")),
            (vec![], format!("set {file} or {token}")),
        ] {
            let variables = [vec![(url, server.as_str())], variables].concat();
            let error = fetch(&variables, files.clone()).unwrap_err();
            let text = error.to_string();
            assert!(text.ends_with(&remedy), "{text}");
            assert!(
                text.contains(&format!("returned status {status}; ")),
                "{text}"
            );
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }
}
