//! Credentials and region of an EC2 instance, over real connections to a loopback server that demands a
//! token.

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sagemaker_async_inference::credentials::{
    CachedCredentials, ContainerProvider, Credentials, InstanceMetadataProvider,
    ProvideCredentials, ProviderConfig,
};
use sagemaker_async_inference::sys::{Clock, Environment, Files, ManualClock, Sys, SystemClock};
use sagemaker_async_inference::{CredentialsError, Error, Session};
use serde_json::json;
use support::raw::{Raw, unused_address};
use support::verifier::{Reply, Rules, Seen, Verifier};

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

fn keys(expiration: &str) -> Reply {
    let body = json!({
        "Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC",
        "AccessKeyId": "ASIAINSTANCE", "SecretAccessKey": "hush-secret", "Token": "hush-token",
        "Expiration": expiration,
    });
    Reply::new(200, body.to_string())
}

/// As the service responds, with version 2 only.
fn imds(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.path.as_str()) {
        ("PUT", "/latest/api/token") => {
            assert_eq!(
                seen.header("x-aws-ec2-metadata-token-ttl-seconds"),
                Some("21600")
            );
            Reply::new(200, "imds-token")
        }
        _ if seen.header("x-aws-ec2-metadata-token") != Some("imds-token") => Reply::new(401, ""),
        ("GET", ROLES) => Reply::new(200, "the-role\n"),
        ("GET", "/latest/meta-data/iam/security-credentials/the-role") => {
            keys("2033-05-18T03:33:19Z")
        }
        ("GET", "/latest/meta-data/placement/region") => Reply::new(200, "eu-central-2"),
        _ => Reply::new(404, ""),
    }
}

fn serve(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Verifier {
    Verifier::start(Rules::new(), script)
}

fn sys(variables: &[(&str, &str)]) -> Sys {
    Sys::real()
        .with_clock(ManualClock::new())
        .with_environment(Environment::from_pairs(variables.iter().copied()))
        .with_files(Files::none())
}

fn at(url: &str, more: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
    let mut variables = vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)];
    variables.extend(more);
    InstanceMetadataProvider::new(sys(&variables)).provide_credentials()
}

fn paths(server: &Verifier) -> Vec<String> {
    let seen = server.seen();
    seen.iter()
        .map(|seen| format!("{} {}", seen.method, seen.path))
        .collect()
}

#[test]
fn a_token_is_requested_first() {
    let server = serve(imds);
    let credentials = at(&server.url(), &[]).expect("credentials");
    assert_eq!(credentials.access_key_id(), "ASIAINSTANCE");
    assert_eq!(credentials.secret_access_key(), "hush-secret");
    assert_eq!(credentials.session_token(), Some("hush-token"));
    assert!(credentials.expiry().is_some());
    let expected = [
        "PUT /latest/api/token".to_owned(),
        format!("GET {ROLES}"),
        format!("GET {ROLES}the-role"),
    ];
    assert_eq!(paths(&server), expected);
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );
}

#[test]
fn a_configured_role_is_not_requested() {
    let server = serve(imds);
    let named = [("AWS_EC2_INSTANCE_PROFILE_NAME", "the-role")];
    assert!(at(&server.url(), &named).is_ok());
    assert_eq!(paths(&server).len(), 2);
    let other = [("AWS_EC2_INSTANCE_PROFILE_NAME", "a/../b ?")];
    assert!(at(&server.url(), &other).unwrap_err().is_not_configured());
    assert_eq!(paths(&server)[3], format!("GET {ROLES}a%2F..%2Fb%20%3F"));
}

/// Version 1 where no token is given, unless it is switched off.
#[test]
fn version_1() {
    for status in [403, 404, 405] {
        let server = serve(move |seen| match seen.method.as_str() {
            "PUT" => Reply::new(status, ""),
            _ if seen.header("x-aws-ec2-metadata-token").is_some() => Reply::new(400, ""),
            _ if seen.path == ROLES => Reply::new(200, "the-role"),
            _ => keys("2033-05-18T03:33:19Z"),
        });
        let credentials = at(&server.url(), &[]).expect("credentials");
        assert_eq!(credentials.access_key_id(), "ASIAINSTANCE");
        let off = [("AWS_EC2_METADATA_V1_DISABLED", "True")];
        let error = at(&server.url(), &off).unwrap_err();
        assert!(!error.is_not_configured());
        assert!(
            error.to_string().contains(&format!("status {status}")),
            "{error}"
        );
        assert_eq!(paths(&server).len(), 4);
    }
    let refused = serve(|_| Reply::new(400, ""));
    assert!(!at(&refused.url(), &[]).unwrap_err().is_not_configured());
    assert_eq!(paths(&refused).len(), 1);
}

#[test]
fn what_is_not_configured_passes_on() {
    let off = [("AWS_EC2_METADATA_DISABLED", "TRUE")];
    let error = at(&unused_address(), &off).unwrap_err();
    assert!(error.is_not_configured());

    let no_role = serve(|seen| match seen.method.as_str() {
        "PUT" => Reply::new(200, "imds-token"),
        _ => Reply::new(404, ""),
    });
    let error = at(&no_role.url(), &[]).unwrap_err();
    assert!(error.is_not_configured(), "{error}");
    assert!(error.to_string().contains("no role attached"), "{error}");
    let blank = serve(|seen| match seen.method.as_str() {
        "PUT" => Reply::new(200, "imds-token"),
        _ => Reply::new(200, " \n"),
    });
    assert!(at(&blank.url(), &[]).unwrap_err().is_not_configured());
}

/// A proxy would respond for another machine, or receive this one's credentials.
#[test]
fn a_proxy_is_never_used() {
    let (server, proxy) = (serve(imds), unused_address());
    let url = server.url();
    let proxies = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ];
    let mut variables: Vec<_> = proxies.iter().map(|name| (*name, proxy.as_str())).collect();
    assert!(at(&url, &variables).is_ok());
    let container = format!("{url}/latest/meta-data/iam/security-credentials/the-role");
    variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container));
    let error = ContainerProvider::new(&sys(&variables))
        .provide_credentials()
        .unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
}

/// A URL that the user set is intended, so that no response from it is an error.
#[test]
fn no_server_at_a_configured_url() {
    let error = at(&unused_address(), &[]).unwrap_err();
    assert!(!error.is_not_configured());
    assert!(
        error
            .to_string()
            .contains("no usable response at http://127.0.0.1:"),
        "{error}"
    );
}

#[test]
fn malformed_settings_are_named() {
    let url = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "not a url");
    let mode = ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5");
    let timeout = ("AWS_METADATA_SERVICE_TIMEOUT", "long");
    let attempts = ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "many");
    for (name, value) in [url, mode, timeout, attempts] {
        let error = InstanceMetadataProvider::new(sys(&[(name, value)]))
            .provide_credentials()
            .unwrap_err();
        assert!(!error.is_not_configured());
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn numbers_beyond_the_limits_are_the_limits() {
    let server = serve(imds);
    for (name, value) in [
        ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "50"),
        ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "0"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "61"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "2.5"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "1e300"),
    ] {
        let found = at(&server.url(), &[(name, value)]);
        assert!(found.is_ok(), "{name} {value} {found:?}");
    }
}

#[test]
fn the_profile_has_the_settings_too() {
    let server = serve(imds);
    let config = format!(
        "[profile a]\nec2_metadata_service_endpoint = {}/\nec2_metadata_v1_disabled = true\n\
         ec2_instance_profile_name = the-role\nmetadata_service_num_attempts = 2\n",
        server.url()
    );
    let sys = sys(&[("HOME", "/h")]).with_files(Files::from_pairs([("/h/.aws/config", config)]));
    let provider = InstanceMetadataProvider::new(ProviderConfig::new(&sys).with_profile("a"));
    assert!(provider.provide_credentials().is_ok());
    assert_eq!(paths(&server).len(), 2);
}

#[test]
fn throttled_requests_are_attempted_three_times() {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = count.clone();
    let server = serve(move |seen| {
        if seen.path == ROLES && asked.fetch_add(1, Ordering::SeqCst) < 2 {
            return Reply::new(503, "");
        }
        imds(seen)
    });
    assert!(at(&server.url(), &[]).is_ok());
    assert_eq!(count.load(Ordering::SeqCst), 3);

    let down = serve(|_| Reply::new(500, ""));
    let error = at(&down.url(), &[]).unwrap_err();
    assert!(!error.is_not_configured());
    assert_eq!(paths(&down).len(), 3);
}

/// Services accept them while the metadata service recovers.
#[test]
fn expired_credentials_are_good_for_ten_minutes() {
    let server = serve(|seen| match seen.path.as_str() {
        "/latest/meta-data/iam/security-credentials/the-role" => keys("2020-01-01T00:00:00Z"),
        _ => imds(seen),
    });
    let url = server.url();
    let sys = sys(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url)]);
    let provider = InstanceMetadataProvider::new(&sys);
    let credentials = provider.provide_credentials().expect("credentials");
    let expected = sys.clock().now() + Duration::from_mins(10);
    assert_eq!(credentials.expiry(), Some(expected));
    assert_eq!(credentials.session_token(), Some("hush-token"));
}

#[test]
fn invalid_responses_are_reported_without_their_content() {
    let huge = "hush".repeat(40_000);
    let bodies = [
        r#"{"Code": "AssumeRoleUnauthorizedAccess"}"#,
        r#"{"Code": "hush hush"}"#,
        r#"{"Code": "Success", "AccessKeyId": "hush"}"#,
        r#"["hush"]"#,
        r#"{"AccessKeyId": 7, "SecretAccessKey": "hush"}"#,
        "hush \u{0} \u{7f}",
        "",
        &huge,
    ];
    for body in bodies {
        let body = body.to_owned();
        let server = serve(move |seen| match seen.path.as_str() {
            "/latest/meta-data/iam/security-credentials/the-role" => Reply::new(200, body.as_str()),
            _ => imds(seen),
        });
        let error = at(&server.url(), &[]).unwrap_err();
        assert!(!error.is_not_configured(), "{error}");
        assert!(error.to_string().contains("instance metadata"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
}

/// A server that accepts the connection and sends nothing is given up after a second; version 1 as well.
#[test]
fn a_silent_server_does_not_block() {
    let silent = Raw::start(|stream| {
        let mut nothing = [0; 1];
        while std::io::Read::read(&mut &stream, &mut nothing)? > 0 {}
        Ok(())
    });
    let before = SystemClock.monotonic();
    assert!(at(&silent.url(), &[]).is_err());
    let took = SystemClock.monotonic().saturating_sub(before);
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(silent.connections(), 2);
}

#[test]
fn a_session_without_a_region_uses_that_of_the_instance() {
    let server = serve(imds);
    let url = server.url();
    let endpoint = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str());
    let session = Session::builder()
        .sys(sys(&[endpoint]))
        .build()
        .expect("a session");
    assert_eq!(session.region(), "eu-central-2");
    let given = [endpoint, ("AWS_DEFAULT_REGION", "us-west-2")];
    let session = Session::builder()
        .sys(sys(&given))
        .build()
        .expect("a session");
    assert_eq!(session.region(), "us-west-2");

    let strange = serve(|seen| match seen.method.as_str() {
        "PUT" => Reply::new(200, "imds-token"),
        _ => Reply::new(200, "evil.example/"),
    });
    let url = strange.url();
    let endpoint = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str());
    let error = Session::builder()
        .sys(sys(&[endpoint]))
        .build()
        .unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error}");
}

#[test]
fn sixty_four_threads_make_one_fetch_and_one_refresh() {
    let fetches = AtomicUsize::new(0);
    let server = serve(move |seen| match seen.path.as_str() {
        "/latest/meta-data/iam/security-credentials/the-role" => {
            let first = fetches.fetch_add(1, Ordering::SeqCst) == 0;
            keys(if first {
                "2033-05-18T03:33:19Z"
            } else {
                "2043-05-18T03:33:19Z"
            })
        }
        _ => imds(seen),
    });
    let url = server.url();
    let clock = ManualClock::new();
    let sys = sys(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url)]).with_clock(clock.clone());
    let cached = CachedCredentials::new(InstanceMetadataProvider::new(&sys)).with_sys(&sys);
    let ask_all = || {
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| cached.provide_credentials().expect("credentials"));
            }
        });
    };
    ask_all();
    assert_eq!(paths(&server).len(), 3);
    let expiry = cached.provide_credentials().expect("credentials").expiry();
    let left = expiry.and_then(|expiry| expiry.duration_since(clock.now()).ok());
    let left = left.expect("time left");
    clock.advance(left.saturating_sub(Duration::from_mins(14)));
    ask_all();
    assert_eq!(paths(&server).len(), 6);
}

#[test]
fn a_refusal_names_the_service_and_what_to_check() {
    let off = ("AWS_EC2_METADATA_V1_DISABLED", "true");
    for (token, rest, variables, remedy) in [
        (403, 401, &[][..], "HttpPutResponseHopLimit"),
        (200, 401, &[], "status 401"),
        (200, 403, &[], "HttpEndpoint"),
        (404, 200, &[off], "AWS_EC2_METADATA_V1_DISABLED"),
        (400, 200, &[], "status 400"),
    ] {
        let server = serve(move |seen| match seen.method.as_str() {
            "PUT" => Reply::new(token, "hush"),
            _ => Reply::new(rest, "hush"),
        });
        let error = at(&server.url(), variables).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(remedy), "{text}");
        assert!(text.contains(&server.url()), "{text}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}

#[test]
fn an_empty_token_is_an_error() {
    let server = serve(|seen| match seen.method.as_str() {
        "PUT" => Reply::new(200, "\n"),
        _ => imds(seen),
    });
    let text = at(&server.url(), &[]).unwrap_err().to_string();
    assert!(text.contains("empty token"), "{text}");
    assert_eq!(paths(&server).len(), 1);
}

#[test]
fn expired_credentials_keep_their_account() {
    let server = serve(|seen| match seen.path.as_str() {
        "/latest/meta-data/iam/security-credentials/the-role" => Reply::new(
            200,
            r#"{"Code": "Success", "AccessKeyId": "ASIAINSTANCE", "SecretAccessKey": "hush",
                "Token": "hush", "Expiration": "2020-01-01T00:00:00Z", "AccountId": "123456789012"}"#,
        ),
        _ => imds(seen),
    });
    let credentials = at(&server.url(), &[]).expect("credentials");
    let account = credentials.account_id().expect("an account");
    assert_eq!(account.as_str(), "123456789012");
}
