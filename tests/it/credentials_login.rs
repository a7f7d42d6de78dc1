//! Profiles that `aws login` makes: the cached login is used, and refreshed with its key.

use crate::support;

use std::time::{Duration, SystemTime};

use aws_credential_types::attributes::AccountId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::credentials::{Credentials, ProfileProvider, ProvideCredentials};
use sagemaker_async_inference::sys::{Clock, Environment, Files, ManualClock, Sys};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::verifier::{NOT_SIGNED, Reply, Rules, Seen, Verifier};

const SESSION: &str = "arn:aws:iam::123456789012:user/me";
const CONFIG: (&str, &str) = (
    "/h/.aws/config",
    "[default]\nregion = eu-west-1\nlogin_session = arn:aws:iam::123456789012:user/me\n",
);

/// The name of the login's file.
fn file_name() -> String {
    let digest = Sha256::digest(SESSION.as_bytes());
    let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.json", hex.concat())
}

fn written(time: SystemTime) -> String {
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::from(time)
        .format(format)
        .expect("a time")
}

struct Bench {
    server: Verifier,
    clock: ManualClock,
    files: Files,
    sys: Sys,
}

/// With a cached login that has this much time left; `change` sees it before it is written.
fn bench(
    left: i64,
    change: impl FnOnce(&mut Value),
    script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> Bench {
    let server = Verifier::start(Rules::new(), script);
    let clock = ManualClock::new();
    let distance = Duration::from_secs(left.unsigned_abs());
    let end = if left < 0 {
        clock.now() - distance
    } else {
        clock.now() + distance
    };
    let mut login = json!({
        "accessToken": {
            "accessKeyId": "ASIAOLD",
            "secretAccessKey": "hush-old",
            "sessionToken": "hush-token",
            "accountId": "123456789012",
            "expiresAt": written(end),
        },
        "tokenType": "urn:aws:params:oauth:token-type:access_token_sigv4",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "refreshToken": "hush-refresh",
        "idToken": "kept",
        "dpopKey": rcgen::KeyPair::generate().expect("a key").serialize_pem(),
    });
    change(&mut login);
    let path = format!("/h/.aws/login/cache/{}", file_name());
    let files = Files::from_pairs([
        (CONFIG.0.to_owned(), CONFIG.1.to_owned()),
        (path, login.to_string()),
    ]);
    let sys = sys(&server, &clock, &files);
    Bench {
        server,
        clock,
        files,
        sys,
    }
}

fn sys(server: &Verifier, clock: &ManualClock, files: &Files) -> Sys {
    Sys::real()
        .with_clock(clock.clone())
        .with_files(files.clone())
        .with_environment(Environment::from_pairs([
            ("HOME", "/h"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL_SIGNIN", &server.url()),
            ("AWS_MAX_ATTEMPTS", "1"),
        ]))
}

fn provide(sys: &Sys) -> Result<Credentials, CredentialsError> {
    ProfileProvider::new(sys).provide_credentials()
}

fn new_login(_: &Seen) -> Reply {
    let body = json!({
        "accessToken": {
            "accessKeyId": "ASIANEW",
            "secretAccessKey": "hush-new",
            "sessionToken": "hush-token-2",
        },
        "tokenType": "aws_sigv4",
        "expiresIn": 900,
        "refreshToken": "hush-refresh-2",
    });
    Reply::new(200, body.to_string())
}

#[test]
fn a_login_that_is_valid_is_used_as_it_is() {
    let bench = bench(600, |_| {}, new_login);
    let found = provide(&bench.sys).expect("credentials");
    assert_eq!(found.access_key_id(), "ASIAOLD");
    assert_eq!(found.session_token(), Some("hush-token"));
    assert_eq!(
        found.account_id().map(AccountId::as_str),
        Some("123456789012")
    );
    assert!(found.expiry().is_some());
    assert_eq!(bench.server.seen().len(), 0);
}

#[test]
fn a_login_is_refreshed_with_its_key_and_written_back() {
    for left in [200, -3600] {
        let bench = bench(left, |_| {}, new_login);
        let now = bench.clock.now();
        let found = provide(&bench.sys).expect("credentials");
        assert_eq!(found.access_key_id(), "ASIANEW");
        assert_eq!(
            found.account_id().map(AccountId::as_str),
            Some("123456789012")
        );
        let seen = &bench.server.seen()[0];
        assert_eq!((&*seen.method, &*seen.path), ("POST", "/v1/token"));
        assert_eq!(seen.verified, Err(NOT_SIGNED.to_owned()));
        let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
        let expected = json!({
            "clientId": "arn:aws:signin:::devtools/same-device",
            "refreshToken": "hush-refresh",
            "grantType": "refresh_token",
        });
        assert_eq!(body, expected);
        check_proof(seen.header("dpop").expect("a proof"), &bench.server, now);

        // Another program, and this one later, find the new one.
        let again = provide(&bench.sys).expect("credentials");
        assert_eq!(again.access_key_id(), "ASIANEW");
        assert_eq!(bench.server.seen().len(), 1);
        let file = bench
            .files
            .read(format!("/h/.aws/login/cache/{}", file_name()));
        let file: Value = serde_json::from_slice(&file.expect("a file")).expect("JSON");
        assert_eq!(file["refreshToken"], "hush-refresh-2");
        assert_eq!(file["accessToken"]["accountId"], "123456789012");
        assert_eq!(file["idToken"], "kept");
        assert!(
            file["dpopKey"]
                .as_str()
                .is_some_and(|key| key.contains("BEGIN"))
        );
    }
}

fn check_proof(proof: &str, server: &Verifier, now: SystemTime) {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64");
    let (signed, signature) = proof.rsplit_once('.').expect("a signature");
    let (header, payload) = signed.split_once('.').expect("two parts");
    let header: Value = serde_json::from_slice(&decode(header)).expect("JSON");
    let payload: Value = serde_json::from_slice(&decode(payload)).expect("JSON");
    let point = |name: &str| decode(header["jwk"][name].as_str().expect("a coordinate"));
    let public = [vec![4], point("x"), point("y")].concat();
    ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, public)
        .verify(signed.as_bytes(), &decode(signature))
        .expect("the key's signature");
    assert_eq!(payload["htu"], format!("{}/v1/token", server.url()));
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    assert_eq!(payload["iat"], since.as_secs());
}

#[test]
fn a_region_of_the_login_goes_before_the_profiles() {
    let given = |login: &mut Value| login["signInRegion"] = "us-west-2".into();
    let bench = bench(-1, given, new_login);
    let environment = Environment::from_pairs([("HOME", "/h"), ("AWS_MAX_ATTEMPTS", "1")]);
    // Of its own host, which nobody here can reach, the error has the name.
    let sys = bench.sys.clone().with_environment(environment);
    let proxy = ureq::Proxy::new(&support::raw::unused_address()).expect("a proxy");
    let agent = ureq::Agent::config_builder().proxy(Some(proxy)).build();
    let config = sagemaker_async_inference::credentials::ProviderConfig::new(&sys);
    let provider = ProfileProvider::new(config.with_agent(agent.into()));
    let error = provider.provide_credentials().expect_err("nobody is there");
    assert!(
        error
            .to_string()
            .contains("us-west-2.signin.aws.amazon.com"),
        "{error}"
    );
}

#[test]
fn the_cache_may_be_elsewhere() {
    let bench = bench(600, |_| {}, new_login);
    let file = bench
        .files
        .read(format!("/h/.aws/login/cache/{}", file_name()));
    let file = file.expect("a file");
    for (directory, path) in [("/var/logins", "/var/logins"), ("~/logins", "/h/logins")] {
        let files = Files::from_pairs([
            (CONFIG.0.to_owned(), CONFIG.1.into()),
            (format!("{path}/{}", file_name()), file.clone()),
        ]);
        let environment = [("HOME", "/h"), ("AWS_LOGIN_CACHE_DIRECTORY", directory)];
        let sys = sys(&bench.server, &bench.clock, &files);
        let sys = sys.with_environment(Environment::from_pairs(environment));
        assert_eq!(
            provide(&sys).expect("credentials").access_key_id(),
            "ASIAOLD"
        );
    }
}

#[test]
fn a_failing_refresh_leaves_what_is_valid() {
    let bench = bench(200, |_| {}, |_| Reply::new(500, ""));
    let provider = ProfileProvider::new(&bench.sys);
    for _ in 0..3 {
        let found = provider.provide_credentials().expect("credentials");
        assert_eq!(found.access_key_id(), "ASIAOLD");
    }
    assert_eq!(bench.server.seen().len(), 1);
    bench.clock.advance(Duration::from_secs(31));
    assert!(provider.provide_credentials().is_ok());
    assert_eq!(bench.server.seen().len(), 2);
    bench.clock.advance(Duration::from_secs(200));
    let error = provider.provide_credentials().expect_err("it has expired");
    assert!(
        error
            .to_string()
            .contains("run aws login --profile default"),
        "{error}"
    );
}

type Change = fn(&mut Value);

#[test]
fn errors_say_what_to_run_and_show_no_secret() {
    let denied = |error: &'static str| {
        move |_: &Seen| {
            let body = json!({"error": error, "message": "no more"});
            Reply::new(400, body.to_string()).header("x-amzn-errortype", "AccessDeniedException")
        }
    };
    let nothing: Change = |_| {};
    let mut errors = Vec::new();
    for (error, words) in [
        ("TOKEN_EXPIRED", "TOKEN_EXPIRED"),
        ("USER_CREDENTIALS_CHANGED", "no more"),
        (
            "INSUFFICIENT_PERMISSIONS",
            "grant the user signin:CreateOAuth2Token",
        ),
    ] {
        let bench = bench(-1, nothing, denied(error));
        let error = provide(&bench.sys).expect_err("a refusal");
        errors.push((error, words));
    }
    let changes: [(Change, &str); 5] = [
        (
            |login| login["dpopKey"] = "hush".into(),
            "not a key on the curve",
        ),
        (|login| login["dpopKey"] = Value::Null, "has no dpopKey"),
        (
            |login| login["refreshToken"] = Value::Null,
            "has no refreshToken",
        ),
        (
            |login| login["accessToken"] = "hush".into(),
            "is not what aws login writes",
        ),
        (
            |login| login["accessToken"]["expiresAt"] = "hush".into(),
            "has no known expiry",
        ),
    ];
    for (change, words) in changes {
        let bench = bench(-1, change, new_login);
        errors.push((provide(&bench.sys).expect_err("a damaged login"), words));
        assert_eq!(bench.server.seen().len(), 0);
    }
    let bench = bench(-1, nothing, new_login);
    let none = bench.sys.with_files(Files::from_pairs([CONFIG]));
    errors.push((
        provide(&none).expect_err("no login"),
        "cannot be read from /h/.aws/login/cache/",
    ));
    for (error, words) in errors {
        assert!(!error.is_not_configured(), "{error}");
        let text = format!("{error:#}");
        assert!(text.contains(words), "{text}");
        assert!(text.contains("run aws login --profile default"), "{text}");
        assert!(!text.contains("sts"), "{text}");
        assert!(!format!("{text} {error:?}").contains("hush"), "{error:?}");
    }
}
