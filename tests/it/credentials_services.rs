//! Credentials that services hand out, over their lives: roles and SSO, in virtual time, against a server
//! that verifies signatures.

use crate::support;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::credentials::{
    AssumeRoleProvider, CachedCredentials, Credentials, ProvideCredentials, ProviderConfig,
    SsoProvider,
};
use sagemaker_async_inference::sys::{Clock, Environment, Files, ManualClock, Sys};
use sagemaker_async_inference::{AsyncPredictor, CredentialsError, Error, Session, WaiterConfig};
use serde_json::{Value, json};
use support::client::{not_found, uri};
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

// ---- SSO ----

const CACHE: &str = "/h/.aws/sso/cache/34c6fceca75e456f25e7e99531e2425c6c1de443.json";

fn cached_token(clock: &ManualClock, lives: Duration) -> Value {
    json!({
        "accessToken": "hush-access-0", "expiresAt": written(clock.now() + lives),
        "refreshToken": "hush-refresh-0", "clientId": "client", "clientSecret": "hush-client",
        "registrationExpiresAt": written(clock.now() + 1000 * HOUR), "region": "us-east-1",
        "startUrl": "https://example.awsapps.com/start", "somethingNew": {"kept": true},
    })
}

fn sso(sys: &Sys, server: &Verifier) -> SsoProvider {
    SsoProvider::for_session(
        config(sys, server),
        "dev",
        "us-east-1",
        "https://example.awsapps.com/start",
        "123456789012",
        "Invoker",
    )
}

/// The portal and the OIDC service; tokens are `hush-access-1` and so on. `refreshes` returns whether a refresh of
/// this number works.
fn portal(clock: &ManualClock, refreshes: fn(usize) -> bool) -> Verifier {
    let time = clock.clone();
    let count = AtomicUsize::new(0);
    Verifier::start(rules(clock), move |seen| {
        if seen.path == "/token" {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            if !refreshes(number) {
                let body = r#"{"error": "invalid_grant", "error_description": "Invalid token"}"#;
                return Reply::new(400, body).header("x-amzn-errortype", "InvalidGrantException");
            }
            let body = json!({
                "accessToken": format!("hush-access-{number}"), "expiresIn": 3600,
                "refreshToken": format!("hush-refresh-{number}"), "tokenType": "Bearer",
            });
            return Reply::new(200, body.to_string());
        }
        let expiry = time.now() + HOUR;
        let millis = expiry
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_millis();
        let millis = u64::try_from(millis).expect("a time");
        let body = json!({"roleCredentials": {
            "accessKeyId": "ASIASSO", "secretAccessKey": "hush", "sessionToken": "hush",
            "expiration": millis,
        }});
        Reply::new(200, body.to_string())
    })
}

fn tokens(server: &Verifier) -> Vec<String> {
    let seen = server.seen();
    seen.iter()
        .filter_map(|seen| seen.header("x-amz-sso_bearer_token"))
        .map(str::to_owned)
        .collect()
}

fn refresh_tokens(server: &Verifier) -> Vec<String> {
    let seen = server.seen();
    seen.iter()
        .filter(|seen| seen.path == "/token")
        .map(|seen| {
            let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
            body["refreshToken"].as_str().expect("a token").to_owned()
        })
        .collect()
}

#[test]
fn a_token_is_refreshed_before_its_end_and_written_back() {
    let clock = ManualClock::new();
    let token = cached_token(&clock, HOUR);
    let files = Files::from_pairs([(CACHE, token.to_string())]);
    let server = portal(&clock, |_| true);
    let sys = sys(&clock, &[], files.clone());
    let provider = sso(&sys, &server);

    assert!(provider.provide_credentials().is_ok());
    clock.advance(Duration::from_mins(54));
    assert!(provider.provide_credentials().is_ok());
    assert_eq!(tokens(&server), ["hush-access-0", "hush-access-0"]);

    clock.advance(Duration::from_mins(2));
    assert!(provider.provide_credentials().is_ok());
    assert_eq!(tokens(&server)[2], "hush-access-1");
    let file: Value = serde_json::from_slice(&files.read(CACHE).expect("a file")).expect("JSON");
    assert_eq!(file["accessToken"], "hush-access-1");
    assert_eq!(file["refreshToken"], "hush-refresh-1");
    assert_eq!(file["expiresAt"], written_seconds(clock.now() + HOUR));
    for kept in [
        "clientId",
        "clientSecret",
        "region",
        "startUrl",
        "somethingNew",
    ] {
        assert_eq!(file[kept], token[kept]);
    }

    // Another program, with the file alone, goes on from there.
    clock.advance(HOUR);
    assert!(sso(&sys, &server).provide_credentials().is_ok());
    assert_eq!(
        refresh_tokens(&server),
        ["hush-refresh-0", "hush-refresh-1"]
    );
    // And what it wrote is taken up here.
    assert!(provider.provide_credentials().is_ok());
    assert_eq!(tokens(&server)[3..], ["hush-access-2", "hush-access-2"]);
}

fn written_seconds(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
    written(UNIX_EPOCH + Duration::from_secs(since.as_secs()))
}

#[test]
fn a_home_that_cannot_be_written_does_not_lose_the_refreshed_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).expect("a folder");
    let path = cache.join(Path::new(CACHE).file_name().expect("a name"));
    let clock = ManualClock::new();
    std::fs::write(&path, cached_token(&clock, Duration::ZERO).to_string()).expect("a file");
    let home = folder.path().to_str().expect("a path").to_owned();
    let server = portal(&clock, |_| true);
    let real = Sys::real()
        .with_clock(clock.clone())
        .with_environment(Environment::from_pairs([("HOME", home)]));
    let provider = sso(&real, &server);
    assert!(provider.provide_credentials().is_ok());
    let file: Value =
        serde_json::from_slice(&Files::disk().read(&path).expect("a file")).expect("JSON");
    assert_eq!(file["accessToken"], "hush-access-1");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let names = std::fs::read_dir(&cache).expect("a folder").count();
        assert_eq!(names, 1, "nothing is left beside it");
    }

    // The file is gone, and nobody can write one.
    std::fs::remove_dir_all(folder.path().join(".aws")).expect("a folder");
    assert!(provider.provide_credentials().is_ok());
    clock.advance(HOUR);
    assert!(provider.provide_credentials().is_ok());
    assert_eq!(
        refresh_tokens(&server),
        ["hush-refresh-0", "hush-refresh-1"]
    );
}

#[test]
fn a_refresh_that_fails_leaves_the_token_while_it_is_valid() {
    let clock = ManualClock::new();
    let token = cached_token(&clock, Duration::from_mins(4)).to_string();
    let files = Files::from_pairs([(CACHE, token)]);
    let server = portal(&clock, |_| false);
    let provider = sso(&sys(&clock, &[], files), &server);
    for _ in 0..3 {
        assert!(provider.provide_credentials().is_ok());
        clock.advance(Duration::from_secs(10));
    }
    assert_eq!(refresh_tokens(&server).len(), 1);
    clock.advance(Duration::from_secs(5));
    assert!(provider.provide_credentials().is_ok());
    assert_eq!(refresh_tokens(&server).len(), 2);

    clock.advance(Duration::from_mins(4));
    let error = provider.provide_credentials().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("InvalidGrantException"), "{text}");
    assert!(
        text.contains("run aws sso login --sso-session dev"),
        "{text}"
    );
    assert!(!format!("{error:?} {text}").contains("hush"), "{error:?}");
}

#[test]
fn sixty_four_threads_refresh_a_token_once() {
    let clock = ManualClock::new();
    let token = cached_token(&clock, Duration::ZERO).to_string();
    let files = Files::from_pairs([(CACHE, token)]);
    let server = portal(&clock, |_| true);
    let provider = sso(&sys(&clock, &[], files), &server);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| provider.provide_credentials().expect("credentials"));
        }
    });
    assert_eq!(refresh_tokens(&server), ["hush-refresh-0"]);
}

#[test]
fn a_token_that_the_portal_refuses_says_to_log_in() {
    let clock = ManualClock::new();
    let files = Files::from_pairs([(CACHE, cached_token(&clock, HOUR).to_string())]);
    let body = r#"{"message": "Session token not found or invalid"}"#;
    let refused = Reply::new(401, body).header("x-amzn-errortype", "UnauthorizedException");
    let server = Verifier::with_replies(rules(&clock), [refused]);
    let error = sso(&sys(&clock, &[], files), &server)
        .provide_credentials()
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("run aws sso login --sso-session dev"),
        "{text}"
    );
    assert!(text.contains("UnauthorizedException"), "{text}");

    let denied = Files::none().with_error(CACHE, ErrorKind::PermissionDenied);
    let error = sso(&sys(&clock, &[], denied), &server)
        .provide_credentials()
        .unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    assert!(!error.is_not_configured());
}

#[test]
fn sso_credentials_behind_the_cache_are_fetched_once_an_hour() {
    let clock = ManualClock::new();
    let token = cached_token(&clock, 100 * HOUR).to_string();
    let files = Files::from_pairs([(CACHE, token)]);
    let server = portal(&clock, |_| true);
    let sys = sys(&clock, &[], files);
    let cached = CachedCredentials::new(sso(&sys, &server)).with_sys(&sys);
    for _ in 0..100 {
        assert!(cached.provide_credentials().is_ok());
        clock.advance(Duration::from_mins(1));
    }
    // At 0, 45 and 90 minutes.
    assert_eq!(tokens(&server).len(), 3);
}
