//! Any content of files, outputs of commands and responses of services: credentials, or an error that names the source
//! and shows no secret, and never a panic.

use crate::support;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::credentials::{
    AssumeRoleProvider, ContainerProvider, Credentials, InstanceMetadataProvider, ProcessProvider,
    ProfileProvider, ProvideCredentials, ProviderConfig, SsoProvider, WebIdentityProvider,
};
use sagemaker_async_inference::sys::{
    Environment, Files, ManualClock, ProcessOutput, Processes, Sys,
};
use support::anywhere;
use support::raw::unused_address;
use support::verifier::{Reply, Rules, Verifier};

/// In inputs in the place of a secret; in no error.
const SECRET: &str = "hushhushhush";
const ROLE: &str = "arn:aws:iam::123456789012:role/invoker";

fn sys(files: Files) -> Sys {
    Sys::real()
        .with_clock(ManualClock::new())
        .with_environment(Environment::from_pairs([
            ("HOME", "/h"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_REGION", "us-east-1"),
        ]))
        .with_files(files)
        .with_processes(Processes::from_fn(|_command| {
            Ok(ProcessOutput {
                exit_code: None,
                stdout: SECRET.into(),
            })
        }))
}

fn check(outcome: Result<Credentials, CredentialsError>) -> Result<(), TestCaseError> {
    if let Err(error) = outcome {
        let text = error.to_string();
        prop_assert!(text.starts_with("no credentials from "), "{}", text);
        let shown = format!("{text} {error:?}");
        prop_assert!(!shown.contains(SECRET), "{}", shown);
    }
    Ok(())
}

/// Lines such as stand in the files, and others.
fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "role_arn",
        "source_profile",
        "credential_source",
        "web_identity_token_file",
        "sso_session",
        "sso_region",
        "sso_start_url",
        "sso_account_id",
        "sso_role_name",
        "credential_process",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "duration_seconds",
        "mfa_serial",
        "services",
    ]);
    let value = prop::sample::select(vec![
        "default",
        "a",
        "b",
        ROLE,
        "Environment",
        "EcsContainer",
        "/token",
        "900",
        "",
        " x # y",
        "\u{7f}",
    ]);
    prop_oneof![
        8 => (name, value).prop_map(|(name, value)| format!("{name} = {value}")),
        2 => prop::sample::select(vec!["[default]", "[profile a]", "[profile b]", "[sso-session a]",
            "[a]", "[services b]"]).prop_map(str::to_owned),
        1 => "[ \\t]{0,2}[a-z_\\[\\]=#; ]{0,12}",
        1 => "\\PC{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn profiles(config in prop::collection::vec(line(), 0..14), keys in prop::collection::vec(line(), 0..6)) {
        let files = Files::from_pairs([
            ("/h/.aws/config", config.join("\n")),
            ("/h/.aws/credentials", keys.join("\n")),
            ("/token", SECRET.to_owned()),
        ]);
        let config = ProviderConfig::new(&sys(files)).with_agent(anywhere::agent(&unused_address()));
        let outcome = ProfileProvider::new(config).provide_credentials();
        prop_assert!(outcome.is_err() || outcome.is_ok_and(|found| found.expiry().is_none()));
    }

    #[test]
    fn bytes_for_files(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let files = Files::from_pairs([
            ("/h/.aws/config", bytes.clone()),
            ("/h/.aws/credentials", bytes),
        ]);
        check(ProfileProvider::new(sys(files)).provide_credentials())?;
    }

    #[test]
    fn what_a_command_writes(document in document("SessionToken")) {
        let sys = sys(Files::none()).with_processes(Processes::from_fn(move |_command| {
            Ok(ProcessOutput { exit_code: Some(0), stdout: document.clone() })
        }));
        check(ProcessProvider::new(&sys, "keys").provide_credentials())?;
    }

    #[test]
    fn what_is_in_the_sso_cache(document in token()) {
        let path = "/h/.aws/sso/cache/34c6fceca75e456f25e7e99531e2425c6c1de443.json";
        let sys = sys(Files::from_pairs([(path, document)]));
        let config = ProviderConfig::new(&sys).with_agent(anywhere::agent(&unused_address()));
        let provider = SsoProvider::for_session(config, "dev", "us-east-1", "https://x", "1", "r");
        check(provider.provide_credentials())?;
    }

    #[test]
    fn tokens_of_other_providers(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let sys = sys(Files::from_pairs([("/token", bytes)]))
            .with_environment(Environment::from_pairs([
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
                ("AWS_ROLE_ARN", ROLE),
                ("AWS_REGION", "us-east-1"),
            ]));
        let config = ProviderConfig::new(&sys).with_agent(anywhere::agent(&unused_address()));
        check(WebIdentityProvider::new(config).provide_credentials())?;
    }
}

/// JSON much like that of credentials, whole, cut or changed.
fn document(token: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        4 => Just(format!("\"{SECRET}\"")),
        1 => Just("null".to_owned()),
        1 => Just("\"\"".to_owned()),
        1 => Just(format!("[\"{SECRET}\", 1e999]")),
        1 => Just("\"2030-01-02T03:04:05Z\"".to_owned()),
        1 => Just("\"-9999-01-01T00:00:00Z\"".to_owned()),
        1 => Just("\"9999-12-31T23:59:60Z\"".to_owned()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
    ];
    let names = [
        "Version",
        "AccessKeyId",
        "SecretAccessKey",
        token,
        "Expiration",
        "AccountId",
        "Code",
    ];
    let values = prop::collection::vec(prop::option::weighted(0.9, value), names.len());
    let whole = values.prop_map(move |values| {
        let fields: Vec<_> = names
            .iter()
            .zip(values)
            .filter_map(|(name, value)| Some(format!("\"{name}\": {}", value?)))
            .collect();
        let text = format!("{{{}}}", fields.join(", "));
        text.replacen(&format!("\"Version\": \"{SECRET}\""), "\"Version\": 1", 1)
    });
    damaged(whole)
}

fn token() -> impl Strategy<Value = Vec<u8>> {
    let time = prop::sample::select(vec![
        "2199-01-02T03:04:05Z",
        "2020-01-02T03:04:05UTC",
        "+99999-01-01T00:00:00Z",
        "",
    ]);
    let whole = (time.clone(), time, any::<bool>()).prop_map(|(expires, registered, refreshes)| {
        let refresh = if refreshes { format!("\"{SECRET}\"") } else { "null".to_owned() };
        format!(
            "{{\"accessToken\": \"{SECRET}\", \"expiresAt\": \"{expires}\", \"refreshToken\": {refresh}, \
             \"clientId\": \"{SECRET}\", \"clientSecret\": \"{SECRET}\", \
             \"registrationExpiresAt\": \"{registered}\"}}"
        )
    });
    damaged(whole)
}

/// Some as they are, some cut off, some with a byte changed.
fn damaged(whole: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::option::of((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()));
    (whole, damage).prop_map(|(whole, damage)| {
        let mut bytes = whole.into_bytes();
        if let Some((at, byte, cut)) = damage {
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] = byte;
            }
        }
        bytes
    })
}

/// One server for all cases of a test, which responds with what the case puts in.
fn server() -> (Verifier, Arc<Mutex<Vec<u8>>>) {
    let body = Arc::new(Mutex::new(Vec::new()));
    let response = body.clone();
    let server = Verifier::start(Rules::new(), move |seen| {
        if seen.path == "/latest/api/token" {
            return Reply::new(200, "t");
        }
        Reply::new(200, response.lock().expect("a body").clone())
    });
    (server, body)
}

#[test]
fn responses_over_a_connection() {
    let (server, body) = server();
    let url = server.url();
    let at = |name: &'static str| {
        sys(Files::none()).with_environment(Environment::from_pairs([
            (name, url.as_str()),
            ("AWS_EC2_INSTANCE_PROFILE_NAME", "r"),
            ("AWS_REGION", "us-east-1"),
        ]))
    };
    let container = ContainerProvider::new(&at("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    let instance = InstanceMetadataProvider::new(at("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
    let config = ProviderConfig::new(&sys(Files::none())).with_agent(anywhere::agent(&url));
    let own = Credentials::new(support::ACCESS_KEY, support::SECRET_KEY, None, None, "test");
    let role = AssumeRoleProvider::new(config.clone(), ROLE, own).expect("a role");
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let xml = damaged(Just(format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{SECRET}</AccessKeyId>\
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>&#x68;{SECRET}</SessionToken>\
         <Expiration>2030-01-02T03:04:05Z</Expiration></Credentials><AssumedRoleUser><Arn>a:b:c:d:e</Arn>\
         </AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    )));
    let responses = prop_oneof![document("Token"), xml];
    let outcome = runner.run(&responses, |response| {
        *body.lock().expect("a body") = response;
        check(container.provide_credentials())?;
        check(instance.provide_credentials())?;
        check(role.provide_credentials())
    });
    outcome.expect("every response is handled");
}

/// A response that does not end is cut at its bound, and at its deadline.
#[test]
fn an_endless_response() {
    let endless = support::raw::Raw::start(|mut stream| {
        use std::io::Write;
        support::raw::read_head(&stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"5\r\n{\"a\":\r\n")?;
        }
    });
    let url = endless.url();
    let config = ProviderConfig::new(&sys(Files::none())).with_agent(anywhere::agent(&url));
    let own = Credentials::new(support::ACCESS_KEY, support::SECRET_KEY, None, None, "test");
    let role = AssumeRoleProvider::new(config, ROLE, own).expect("a role");
    let error = role.provide_credentials().unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");

    let sys = sys(Files::none()).with_environment(Environment::from_pairs([
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
    ]));
    assert!(
        InstanceMetadataProvider::new(&sys)
            .provide_credentials()
            .is_err()
    );
    assert!(ContainerProvider::new(&sys).provide_credentials().is_err());
}
