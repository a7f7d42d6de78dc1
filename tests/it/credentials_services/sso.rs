//! Credentials of IAM Identity Center: tokens that are refreshed and kept.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sagemaker_async_inference::credentials::{
    CachedCredentials, ProfileProvider, ProvideCredentials, SsoProvider,
};
use sagemaker_async_inference::sys::{Clock, Environment, Files, ManualClock, Sys, SystemClock};
use serde_json::{Value, json};

use super::support::verifier::{Reply, Verifier};
use super::{HOUR, config, rules, sys, written};

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
fn a_token_that_another_process_refreshed_first_is_taken_from_its_file() {
    let clock = ManualClock::new();
    let old = cached_token(&clock, Duration::ZERO);
    let files = Files::from_pairs([(CACHE, old.to_string())]);
    let mut new = old;
    new["accessToken"] = "hush-access-theirs".into();
    new["expiresAt"] = written(clock.now() + HOUR).into();
    let (theirs, content) = (files.clone(), new.to_string());
    // It used the refresh token, which is valid once, and writes its file a moment later.
    let server = Verifier::start(rules(&clock), move |seen| {
        if seen.path != "/token" {
            return Reply::new(403, "{}");
        }
        let (files, content) = (theirs.clone(), content.clone());
        std::thread::spawn(move || {
            SystemClock.sleep(Duration::from_millis(30));
            files.write(CACHE, content.as_bytes())
        });
        let body = r#"{"error": "invalid_grant"}"#;
        Reply::new(400, body).header("x-amzn-errortype", "InvalidGrantException")
    });
    // In real time, as the other process.
    let sys = Sys::real()
        .with_environment(Environment::from_pairs([("HOME", "/h")]))
        .with_files(files);
    let refused = sso(&sys, &server).provide_credentials();
    assert!(refused.is_err(), "by the portal");
    assert_eq!(tokens(&server), ["hush-access-theirs"]);
    assert_eq!(refresh_tokens(&server), ["hush-refresh-0"]);
}

/// The profile of a role has no settings of the login.
#[test]
fn the_login_command_is_for_the_profile_that_has_its_settings() {
    const SSO: &str = "sso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n\
        sso_account_id = 123456789012\nsso_role_name = Invoker\n";
    let role =
        "[profile app]\nrole_arn = arn:aws:iam::123456789012:role/app\nsource_profile = login\n";
    let text = format!("{role}[profile login]\n{SSO}[default]\n{SSO}");
    let files = Files::from_pairs([("/h/.aws/config", text)]);
    let clock = ManualClock::new();
    for (profile, command) in [
        ("app", "run aws sso login --profile login"),
        ("login", "run aws sso login --profile login"),
        ("default", "run aws sso login --profile default"),
    ] {
        for variables in [vec![], vec![("AWS_PROFILE", "other")]] {
            let provider = ProfileProvider::new(sys(&clock, &variables, files.clone()));
            let error = provider.with_profile(profile).provide_credentials();
            let text = error.unwrap_err().to_string();
            assert!(text.ends_with(command), "{text}");
        }
    }
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

/// A login does not help where the service is not reached or fails, and the account is no cause either.
#[test]
fn a_portal_that_does_not_work_names_the_region() {
    let clock = ManualClock::new();
    let refused = |status: u16| Reply::new(status, r#"{"message": "no"}"#);
    for lives in [HOUR, Duration::ZERO] {
        for (status, of_settings) in [(500, false), (429, false), (403, true), (401, true)] {
            let files = Files::from_pairs([(CACHE, cached_token(&clock, lives).to_string())]);
            let server = Verifier::start(rules(&clock), move |_| refused(status));
            let error = sso(&sys(&clock, &[], files), &server)
                .provide_credentials()
                .unwrap_err();
            let text = error.to_string();
            let names_login = text.contains("run aws sso login --sso-session dev");
            let names_account = text.contains("check sso_account_id");
            let names_region = text.contains("check sso_region \"us-east-1\"");
            assert_eq!(names_login || names_account, of_settings, "{status} {text}");
            assert!(!(names_login && names_account), "{status} {text}");
            assert!(names_region || of_settings, "{status} {text}");
            if lives == HOUR && status == 401 {
                assert!(names_login && names_region, "{text}");
            }
            assert!(!format!("{error:?}{text}").contains("hush"), "{error:?}");
        }
    }
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
