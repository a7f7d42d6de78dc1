//! Credentials that services hand out, over their lives: roles and SSO, in virtual time, against a server
//! that verifies signatures.

mod sso;

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::credentials::{
    AssumeRoleProvider, CachedCredentials, Credentials, DefaultChain, ProfileProvider,
    ProvideCredentials, ProviderConfig,
};
use sagemaker_async_inference::sys::{Clock, Environment, Files, ManualClock, Sys, SystemClock};
use sagemaker_async_inference::{
    AsyncPredictor, CancelToken, CredentialsError, Error, Session, WaiterConfig,
};
use serde_json::{Value, json};
use support::client::{not_found, uri};
use support::raw::Raw;
use support::verifier::{Reply, Rules, Seen, Verifier};
use support::{ACCESS_KEY, SECRET_KEY, anywhere};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const ROLE: &str = "arn:aws:iam::123456789012:role/invoker";
const HOUR: Duration = Duration::from_hours(1);

fn own() -> Credentials {
    Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test")
}

fn written(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).expect("a time")
}

/// Credentials of a role whose key has this number, signed for with the same secret as all.
fn role_response(number: usize, expiry: SystemTime) -> Reply {
    Reply::new(
        200,
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{number}</AccessKeyId>\
             <SecretAccessKey>{SECRET_KEY}</SecretAccessKey><SessionToken>hush-{number}</SessionToken>\
             <Expiration>{}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
            written(expiry)
        ),
    )
}

/// The server's time is the clock's.
fn rules(clock: &ManualClock) -> Rules {
    let mut rules = Rules::new();
    rules.secret_of = Some(|_key| SECRET_KEY.to_owned());
    rules.clock = Some(clock.clone());
    rules
}

fn sys(clock: &ManualClock, variables: &[(&str, &str)], files: Files) -> Sys {
    let always = [("HOME", "/h"), ("AWS_EC2_METADATA_DISABLED", "true")];
    Sys::real()
        .with_clock(clock.clone())
        .with_environment(Environment::from_pairs(
            always.into_iter().chain(variables.iter().copied()),
        ))
        .with_files(files)
}

fn config(sys: &Sys, server: &Verifier) -> ProviderConfig {
    ProviderConfig::new(sys)
        .with_region("us-east-1")
        .with_agent(anywhere::agent(&server.url()))
}

const PROFILE: &str = "[default]\nregion = us-east-1\nrole_arn = ROLE\nsource_profile = base\n";

/// A profile with a role, and one with keys.
fn role_files(more: &str) -> Files {
    let profile = PROFILE.replace("ROLE", ROLE);
    let config = format!(
        "{profile}{more}[profile base]\naws_access_key_id = {ACCESS_KEY}\n\
         aws_secret_access_key = {SECRET_KEY}\n"
    );
    Files::from_pairs([("/h/.aws/config", config)])
}

fn session(sys: Sys, server: &Verifier) -> Session {
    let builder = Session::builder()
        .sys(sys)
        .agent(anywhere::agent(&server.url()));
    builder.build().expect("a session")
}

/// A wait of hours outlives the role's credentials: new ones are fetched before each end, and every
/// poll is signed, for a server in the same time, with ones that are valid.
#[test]
fn a_role_is_assumed_again_during_a_long_wait() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (roles, polls) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Verifier::start(rules(&clock), move |seen| match seen.path.as_str() {
        "/" => role_response(roles.fetch_add(1, Ordering::SeqCst) + 1, time.now() + HOUR),
        _ if polls.fetch_add(1, Ordering::SeqCst) < 18 => not_found(),
        _ => Reply::new(200, "[1]"),
    });
    let session = session(sys(&clock, &[], role_files("")), &server);
    let predictor = AsyncPredictor::new("my-endpoint", &session);
    let response = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out"), None)
        .expect("valid locations");
    let waiter = WaiterConfig::new(30, Duration::from_mins(10)).expect("a waiter");
    let result: Vec<i32> = response.get_result(&waiter).expect("a result");
    assert_eq!(result, [1]);

    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.verified == Ok(())));
    let token = |seen: &Seen| seen.header("x-amz-security-token").map(str::to_owned);
    let mut tokens: Vec<_> = seen
        .iter()
        .filter(|seen| seen.path != "/")
        .map(token)
        .collect();
    assert_eq!(tokens.len(), 19);
    tokens.dedup();
    // From 15 minutes before the end on: at 50, 100 and 150 minutes.
    let expected = ["hush-1", "hush-2", "hush-3", "hush-4"].map(|token| Some(token.to_owned()));
    assert_eq!(tokens, expected);
}

#[test]
fn a_session_requests_the_code_of_an_mfa_device_from_its_user() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let server = Verifier::start(rules(&clock), move |seen| match seen.path.as_str() {
        "/" => role_response(1, time.now() + HOUR),
        _ => Reply::new(200, "[1]"),
    });
    let files = || role_files("mfa_serial = GAHT12345678\n");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let session = Session::builder()
        .sys(sys(&clock, &[], files()))
        .agent(anywhere::agent(&server.url()))
        .mfa(move |device| {
            assert_eq!(device, "GAHT12345678");
            count.fetch_add(1, Ordering::SeqCst);
            Ok("654321".to_owned())
        })
        .build()
        .expect("a session");
    let predictor = AsyncPredictor::new("my-endpoint", &session);
    let response = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out"), None)
        .expect("valid locations");
    for _ in 0..3 {
        let result: Option<Vec<i32>> = response.try_get_result().expect("a result");
        assert_eq!(result, Some(vec![1]));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let form = String::from_utf8(server.seen()[0].body.clone()).expect("a form");
    assert!(
        form.contains("&SerialNumber=GAHT12345678&TokenCode=654321"),
        "{form}"
    );

    let refusing = ProviderConfig::new(&sys(&clock, &[], files()))
        .with_mfa(|_device| Err("the user went home".into()));
    let error = sagemaker_async_inference::credentials::ProfileProvider::new(refusing)
        .provide_credentials()
        .unwrap_err();
    assert!(!error.is_not_configured());
    assert!(error.to_string().contains("none was given"), "{error}");
    let source = std::error::Error::source(&error)
        .expect("a source")
        .to_string();
    assert_eq!(source, "the user went home");
}

#[test]
fn a_role_by_other_credentials() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let server = Verifier::start(rules(&clock), move |_| role_response(7, time.now() + HOUR));
    let sys = sys(&clock, &[], Files::none());
    let role = AssumeRoleProvider::new(config(&sys, &server), ROLE, own())
        .and_then(|role| role.with_session_name("nightly"))
        .and_then(|role| role.with_external_id("tenant/7"))
        .and_then(|role| role.with_duration(2 * HOUR))
        .expect("a role");
    let credentials = role.provide_credentials().expect("credentials");
    assert_eq!(credentials.access_key_id(), "ASIA7");
    let seen = &server.seen()[0];
    assert_eq!(seen.verified, Ok(()));
    let form = String::from_utf8(seen.body.clone()).expect("a form");
    let expected = format!(
        "Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName=nightly\
         &DurationSeconds=7200&ExternalId=tenant%2F7",
        "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Finvoker"
    );
    assert_eq!(form, expected);

    let missing = CredentialsError::not_configured("vault", "no vault here");
    let error_of_source = AssumeRoleProvider::new(config(&sys, &server), ROLE, Never(missing));
    let error = error_of_source
        .expect("a role")
        .provide_credentials()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no credentials from vault: no vault here"
    );
}

/// Keys of a file have no known expiry, and another program replaces them.
#[test]
fn the_source_of_a_role_is_read_again_when_its_keys_have_expired() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let server = Verifier::start(rules(&clock), move |seen| {
        if seen
            .header("authorization")
            .is_some_and(|value| value.contains("ASIAOLD"))
        {
            return Reply::new(
                403,
                "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>",
            );
        }
        role_response(7, time.now() + HOUR)
    });
    let file = |key: &str| {
        format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET_KEY}\n")
    };
    let files = Files::from_pairs([("/h/.aws/credentials", file("ASIAOLD"))]);
    let sys = sys(&clock, &[], files.clone());
    let source = Arc::new(CachedCredentials::new(ProfileProvider::new(&sys)).with_sys(&sys));
    let role = AssumeRoleProvider::new(config(&sys, &server), ROLE, source);
    let role = role.expect("a role");

    let error = role.provide_credentials().unwrap_err();
    assert!(error.to_string().contains("ExpiredToken"), "{error}");
    assert_eq!(server.seen().len(), 1, "the same keys are not sent twice");

    let new = file("ASIANEW");
    files
        .write("/h/.aws/credentials", new.as_bytes())
        .expect("a file");
    let credentials = role.provide_credentials().expect("credentials");
    assert_eq!(credentials.access_key_id(), "ASIA7");
}

#[test]
fn an_error_of_a_setting_has_its_remedy_once() {
    let config = |more: &str| {
        let profile = PROFILE.replace("ROLE", ROLE).replace("base", "default");
        let keys =
            format!("aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
        Files::from_pairs([("/h/.aws/config", format!("{profile}{keys}{more}"))])
    };
    let clock = ManualClock::new();
    for (more, remedy) in [
        ("role_session_name = a b\n", "change it"),
        ("external_id = ?\n", "change it"),
        ("duration_seconds = 5\n", "choose a value"),
        ("region =\n", "set AWS_REGION"),
    ] {
        let provider = ProfileProvider::new(sys(&clock, &[], config(more)));
        let error = provider.provide_credentials().unwrap_err();
        let text = format!("{error:#}");
        assert_eq!(text.matches(remedy).count(), 1, "{text}");
        let chained = DefaultChain::new(sys(&clock, &[], config(more)));
        let text = format!("{:#}", chained.provide_credentials().unwrap_err());
        assert_eq!(text.matches(remedy).count(), 1, "{text}");
    }
}

/// By its own timeouts and retries such a request ends after three minutes.
#[test]
fn a_service_of_credentials_that_hangs_takes_no_more_time_than_the_wait_has() {
    let hanging =
        Raw::start(|mut stream| std::io::copy(&mut stream, &mut std::io::sink()).map(drop));
    let web_identity = format!("[default]\nrole_arn = {ROLE}\nweb_identity_token_file = /token\n");
    let sso = "[default]\nsso_region = us-east-1\nsso_start_url = https://a.example/start\n\
        sso_account_id = 123456789012\nsso_role_name = Invoker\n";
    let token = json!({"accessToken": "hush", "expiresAt": "2100-01-01T00:00:00Z"});
    let files = |profile: &str| {
        Files::from_pairs([
            ("/h/.aws/config", profile),
            ("/token", "a token"),
            (
                "/h/.aws/sso/cache/556613736b76cf49ce482ee536411eadde74247c.json",
                &token.to_string(),
            ),
        ])
    };
    let url = hanging.url();
    let wait = |files: Files, cancel: Option<CancelToken>| {
        let variables = [
            ("HOME", "/h"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &url),
        ];
        let environment = Environment::from_pairs(variables);
        let sys = Sys::real().with_environment(environment).with_files(files);
        let session = Session::builder().sys(sys).build().expect("a session");
        let predictor = AsyncPredictor::new("my-endpoint", &session);
        let response = AsyncInferenceResponse::new(&predictor, "s3://my-bucket/out", None);
        let mut waiter = WaiterConfig::builder().deadline(Duration::from_secs(1));
        if let Some(token) = cancel {
            waiter = waiter.cancel(token);
        }
        let waiter = waiter.build();
        let result = response
            .expect("valid locations")
            .get_result::<Value>(&waiter.expect("a waiter"));
        let error = format!("{:#}", result.unwrap_err());
        assert!(error.contains("in time"), "{error}");
    };
    let began = SystemClock.monotonic();
    std::thread::scope(|scope| {
        for files in [role_files(""), files(&web_identity), files(sso)] {
            let wait = &wait;
            scope.spawn(move || {
                wait(files.clone(), None);
                wait(files, Some(CancelToken::new()));
            });
        }
    });
    let took = SystemClock.monotonic().saturating_sub(began);
    assert!(took < Duration::from_secs(50), "{took:?}");
    assert!(hanging.connections() >= 6, "{}", hanging.connections());
}

#[derive(Debug)]
struct Never(CredentialsError);

impl ProvideCredentials for Never {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        Err(self.0.clone())
    }
}

#[test]
fn what_a_role_cannot_have_is_refused_before_anything_is_sent() {
    let clock = ManualClock::new();
    let server = Verifier::with_replies(rules(&clock), []);
    let sys = sys(&clock, &[], Files::none());
    let role = || AssumeRoleProvider::new(config(&sys, &server), ROLE, own()).expect("a role");
    let refused = [
        (
            AssumeRoleProvider::new(&sys, "invoker", own()),
            "role ARN \"invoker\"",
        ),
        (role().with_session_name("a"), "role session name \"a\""),
        (role().with_session_name("a b"), "2 to 64 letters, digits"),
        (role().with_external_id("ü?"), "external id"),
        (role().with_duration(HOUR * 13), "46800 s"),
        (
            role().with_duration(Duration::from_secs(1)),
            "900 s to 43200 s",
        ),
        (role().with_mfa_serial("short"), "MFA serial"),
    ];
    for (outcome, words) in refused {
        match outcome {
            Err(error @ Error::InvalidInput(_)) => {
                assert!(error.to_string().contains(words), "{error}");
            }
            other => panic!("{words}: {other:?}"),
        }
    }
    assert!(server.seen().is_empty());
}

#[test]
fn responses_of_sts_without_credentials() {
    let clock = ManualClock::new();
    let whole = |middle: &str| {
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>hush</AccessKeyId>\
             {middle}</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
    };
    let secret = "<SecretAccessKey>hush</SecretAccessKey><SessionToken>hush</SessionToken>";
    let bodies = [
        String::new(),
        "hush".to_owned(),
        "<AssumeRoleResponse><AssumeRoleResult><Cred".to_owned(),
        whole(""),
        whole(secret),
        whole(&format!("{secret}<Expiration>hush</Expiration>")),
        whole(&format!("{secret}<Expiration> </Expiration>")),
        "\u{0}\u{1}\u{2}".to_owned(),
        "<a>".repeat(100_000),
    ];
    for body in bodies {
        let server = Verifier::with_replies(rules(&clock), [Reply::new(200, body)]);
        let sys = sys(&clock, &[], Files::none());
        let role = AssumeRoleProvider::new(config(&sys, &server), ROLE, own()).expect("a role");
        let error = role.provide_credentials().unwrap_err();
        assert!(!error.is_not_configured());
        assert!(error.to_string().contains("the response of STS"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
}
