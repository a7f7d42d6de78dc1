//! Where credentials come from, case by case: the table in `fixtures/credentials/sources.json`, through
//! the public API, against a server that verifies signatures and represents STS, IAM Identity Center, its
//! OIDC service, a container's and an instance's metadata.
//!
//! A case has the environment, the lines of both files, other files; the requests in their order, each with its host
//! and signer (`asked`); and the outcome: `gives` (key, account, expiry), `fails` (words of the error of a broken
//! source) or `passes_on` (words of the error of one that is not configured). `secret:X` is the secret of the key X.

use crate::support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use aws_credential_types::attributes::AccountId;
use sagemaker_async_inference::credentials::{
    Credentials, DefaultChain, ProfileProvider, ProvideCredentials, ProviderConfig,
};
use sagemaker_async_inference::sys::{Environment, Files, ManualClock, Processes, Sys};
use sagemaker_async_inference::{CredentialsError, Session};
use serde_json::{Map, Value, json};
use support::anywhere;
use support::verifier::{Reply, Rules, Seen, Verifier};

const EXPIRY: &str = "2033-05-18T03:33:19Z";

/// Every identity of these tests has a secret of its own, of 40 characters.
fn secret_of(access_key: &str) -> String {
    format!("{access_key:s<40}")
}

/// Replaces `secret:X` by the secrets.
fn with_secrets(text: &str) -> String {
    let mut parts = text.split("secret:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(part.len());
        out.push_str(&secret_of(&part[..end]));
        out.push_str(&part[end..]);
    }
    out
}

fn sts(seen: &Seen, number: usize) -> Reply {
    let action = form(seen)["Action"].clone();
    let key = match action.as_str() {
        Some("AssumeRole") => format!("ASIAROLE{number}"),
        _ => format!("ASIAWEB{number}"),
    };
    let action = action.as_str().unwrap_or_default();
    Reply::new(
        200,
        format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
             <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn></AssumedRoleUser>\
             <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>token-of-{key}</SessionToken><Expiration>{EXPIRY}</Expiration></Credentials>\
             </{action}Result></{action}Response>",
            secret_of(&key)
        ),
    )
}

fn metadata(key: &str) -> Reply {
    let body = json!({
        "Code": "Success", "AccessKeyId": key, "SecretAccessKey": secret_of(key),
        "Token": format!("token-of-{key}"), "Expiration": EXPIRY,
    });
    Reply::new(200, body.to_string())
}

fn response(seen: &Seen, number: usize) -> Reply {
    let path = seen.path.split('?').next().unwrap_or_default();
    match path {
        "/" => sts(seen, number),
        "/federation/credentials" => {
            let body = json!({"roleCredentials": {
                "accessKeyId": "ASIASSO", "secretAccessKey": secret_of("ASIASSO"),
                "sessionToken": "token-of-ASIASSO", "expiration": 1_999_999_999_000_i64,
            }});
            Reply::new(200, body.to_string())
        }
        "/token" => {
            let body = json!({"accessToken": "access-2", "expiresIn": 3600, "tokenType": "Bearer",
                "refreshToken": "refresh-2"});
            Reply::new(200, body.to_string())
        }
        "/latest/api/token" => Reply::new(200, "imds-token"),
        _ if path.starts_with("/latest/") && seen.header("x-aws-ec2-metadata-token").is_none() => {
            Reply::new(401, "")
        }
        "/latest/meta-data/iam/security-credentials/" => Reply::new(200, "the-role"),
        "/latest/meta-data/iam/security-credentials/the-role" => metadata("ASIAINSTANCE"),
        "/container" => metadata("ASIACONTAINER"),
        other => Reply::new(404, format!("nothing at {other}")),
    }
}

/// The members of a form.
fn form(seen: &Seen) -> Map<String, Value> {
    let body = String::from_utf8(seen.body.clone()).expect("a form");
    pairs(&body)
}

fn pairs(text: &str) -> Map<String, Value> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .expect("UTF-8")
            .into_owned()
    };
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), json!(decode(value))))
        .collect()
}

/// What a request asked for, in the table's words. `None` for requests that only prepare another.
fn asked(seen: &Seen) -> Option<Map<String, Value>> {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let mut asked = match path {
        "/" => {
            let mut form = form(seen);
            assert_eq!(form.remove("Version"), Some(json!("2011-06-15")));
            let action = form.remove("Action").expect("an action");
            form.insert("ask".into(), action);
            form
        }
        "/federation/credentials" => {
            let mut pairs = pairs(query);
            pairs.insert("ask".into(), json!("GetRoleCredentials"));
            pairs.insert("token".into(), json!(seen.header("x-amz-sso_bearer_token")));
            pairs
        }
        "/token" => {
            let mut body: Map<String, Value> = serde_json::from_slice(&seen.body).expect("JSON");
            assert_eq!(body["grantType"], "refresh_token");
            assert_eq!(body["clientSecret"], "client-secret");
            body.insert("ask".into(), json!("CreateToken"));
            body
        }
        "/container" => return json!({"ask": "container"}).as_object().cloned(),
        "/latest/meta-data/iam/security-credentials/the-role" => {
            return json!({"ask": "metadata"}).as_object().cloned();
        }
        _ if path.starts_with("/latest/") => return None,
        other => panic!("nobody should ask for {other}"),
    };
    asked.insert("host".into(), json!(seen.header("host")));
    let by = seen.header("authorization").map(|authorization| {
        assert_eq!(seen.verified, Ok(()));
        let (_, rest) = authorization.split_once("Credential=").expect("a scope");
        let key = rest.split('/').next().expect("a key");
        let token = key.starts_with("ASIA").then(|| format!("token-of-{key}"));
        assert_eq!(seen.header("x-amz-security-token"), token.as_deref());
        key.to_owned()
    });
    asked.insert("by".into(), json!(by));
    Some(asked)
}

fn lines(case: &Value, name: &str) -> Option<String> {
    let lines = case[name].as_array()?.iter().map(|line| line.as_str());
    let lines: Vec<_> = lines.map(|line| line.expect("a line")).collect();
    Some(with_secrets(&lines.join("\n")))
}

/// The server of a case. It responds with the case's statuses one after another, if it has some.
fn serve(case: &Value) -> Verifier {
    let statuses: Vec<u16> = serde_json::from_value(case["statuses"].clone()).unwrap_or_default();
    let mut rules = Rules::new();
    rules.secret_of = Some(secret_of);
    rules.regions = ["us-east-1", "us-east-2", "eu-west-1", "cn-north-1"]
        .map(str::to_owned)
        .to_vec();
    let count = AtomicUsize::new(0);
    Verifier::start(rules, move |seen| {
        let leads = asked(seen).is_none();
        let number = count.fetch_add(usize::from(!leads), Ordering::SeqCst);
        match statuses.get(number) {
            Some(status) if *status != 200 => Reply::new(*status, ""),
            _ => response(seen, number + 1),
        }
    })
}

fn sys(case: &Value, server: &Verifier) -> Sys {
    let mut environment = vec![("HOME".to_owned(), "/home/me".to_owned())];
    if case["metadata"] == true {
        environment.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT".into(), server.url()));
    } else {
        environment.push(("AWS_EC2_METADATA_DISABLED".into(), "true".into()));
    }
    if case["container"] == true {
        let url = format!("{}/container", server.url());
        environment.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI".into(), url));
    }
    for (name, value) in case["env"].as_object().expect("an environment") {
        let value = with_secrets(value.as_str().expect("a value"));
        environment.push((name.clone(), value));
    }
    let mut files: Vec<(String, String)> = Vec::new();
    files.extend(lines(case, "config").map(|text| ("/home/me/.aws/config".into(), text)));
    files.extend(lines(case, "credentials").map(|text| ("/home/me/.aws/credentials".into(), text)));
    for (path, content) in case["files"].as_object().into_iter().flatten() {
        files.push((
            path.clone(),
            content.as_str().expect("a content").to_owned(),
        ));
    }
    let sys = Sys::real()
        .with_clock(ManualClock::new())
        .with_environment(Environment::from_pairs(environment))
        .with_files(Files::from_pairs(files));
    if case["shell"] == true {
        sys
    } else {
        sys.with_processes(Processes::from_fn(|_| panic!("no process should be run")))
    }
}

fn provide(case: &Value, sys: &Sys, server: &Verifier) -> Result<Credentials, CredentialsError> {
    let mut config = ProviderConfig::new(sys).with_agent(anywhere::agent(&server.url()));
    if let Some(code) = case["mfa"].as_str().map(str::to_owned) {
        config = config.with_mfa(move |_device| Ok(code.clone()));
    }
    match case["through"].as_str() {
        Some("profile") => ProfileProvider::new(config).provide_credentials(),
        _ => DefaultChain::new(config).provide_credentials(),
    }
}

fn check_outcome(case: &Value, outcome: &Result<Credentials, CredentialsError>) {
    match outcome {
        Ok(credentials) => {
            let gives = &case["gives"];
            assert_eq!(gives["key"], credentials.access_key_id(), "{case}");
            if let Some(account) = gives["account"].as_str() {
                let found = credentials.account_id().map(AccountId::as_str);
                assert_eq!(found, Some(account), "{case}");
            }
            if let Some(expiry) = gives["expiry"].as_u64() {
                let found = credentials.expiry().expect("an expiry");
                let found = found.duration_since(UNIX_EPOCH).expect("after 1970");
                assert_eq!(found.as_secs(), expiry, "{case}");
            }
        }
        Err(error) => {
            let (words, passes_on) = match (&case["fails"], &case["passes_on"]) {
                (Value::String(words), _) => (words, false),
                (_, Value::String(words)) => (words, true),
                _ => panic!("{case}: {error}"),
            };
            assert!(error.to_string().contains(words), "{case}: {error}");
            assert_eq!(error.is_not_configured(), passes_on, "{case}: {error}");
            let shown = format!("{error} {error:?}");
            for secret in ["hush", "sssss", "access-1", "refresh-1", "client-secret"] {
                assert!(!shown.contains(secret), "{case}: {shown}");
            }
        }
    }
}

#[test]
fn every_case_of_the_table() {
    let text = include_str!("../fixtures/credentials/sources.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("the table");
    assert!(cases.len() >= 80, "{}", cases.len());
    for case in &cases {
        if case["shell"] == true && !cfg!(unix) {
            println!(
                "left out, for its command is for a Unix shell: {}",
                case["case"]
            );
            continue;
        }
        let server = serve(case);
        let sys = sys(case, &server);
        let outcome = provide(case, &sys, &server);
        check_outcome(case, &outcome);
        let found: Vec<_> = server.seen().iter().filter_map(asked).collect();
        let expected = case["asked"].as_array().expect("what is asked");
        assert_eq!(found.len(), expected.len(), "{case}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            for (name, value) in expected.as_object().expect("members") {
                assert_eq!(found.get(name), Some(value), "{case}: {found:?}");
            }
        }
    }
}

/// Commands that do not end, or write without end, are killed.
#[cfg(unix)]
#[test]
fn commands_have_limits() {
    use sagemaker_async_inference::credentials::ProcessProvider;
    use std::time::Duration;

    let sys = Sys::real();
    let slow = ProcessProvider::new(&sys, "exec sleep 60").with_timeout(Duration::from_millis(50));
    let error = slow.provide_credentials().unwrap_err();
    assert!(
        error.to_string().contains("did not end within 50ms"),
        "{error}"
    );
    let closed = "exec 1>&-; exec sleep 60";
    let closed = ProcessProvider::new(&sys, closed).with_timeout(Duration::from_millis(50));
    let error = closed.provide_credentials().unwrap_err();
    assert!(
        error.to_string().contains("did not end within 50ms"),
        "{error}"
    );
    let endless = ProcessProvider::new(&sys, "exec yes hush");
    let error = endless.provide_credentials().unwrap_err();
    assert!(
        error.to_string().contains("wrote more than 256 KiB"),
        "{error}"
    );
    assert!(!format!("{error:?} {endless:?}").contains("hush"));
    let killed = ProcessProvider::new(&sys, "kill -9 $$");
    let error = killed.provide_credentials().unwrap_err();
    assert!(
        error.to_string().contains("was ended by a signal"),
        "{error}"
    );
}

/// The AWS CLI takes this path as it is written; only the files of settings and bundles may be below `~`.
#[test]
fn the_home_directory_is_not_expanded_in_a_token_files_path_and_the_error_says_so() {
    let sys = Sys::real()
        .with_environment(Environment::from_pairs([
            ("HOME", "/h"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/a"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "~/token"),
        ]))
        .with_files(Files::from_pairs([("/h/token", "hush-token")]));
    let session = Session::builder().sys(sys).build().expect("a session");
    let error = session.default_bucket().expect_err("no credentials");
    let mut shown = format!("{error:#}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        shown = format!("{shown}: {error:#}");
        source = error.source();
    }
    assert!(shown.contains("write the whole path"), "{shown}");
}
