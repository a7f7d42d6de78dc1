//! Which settings a session takes from a profile, and what takes precedence over it.

use crate::support;

use std::net::TcpListener;
use std::thread;

use sagemaker_async_inference::session::{RetryConfig, Service};
use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::{Error, Session, SessionBuilder};
use support::{client::caller_identity, raw::respond};

type Variables<'a> = &'a [(&'a str, &'a str)];

fn builder(environment: Variables, config: &str) -> SessionBuilder {
    let home = [("HOME", "/h")];
    Session::builder().sys(
        Sys::real()
            .with_environment(Environment::from_pairs(
                home.into_iter().chain(environment.iter().copied()),
            ))
            .with_files(Files::from_pairs([("/h/.aws/config", config)])),
    )
}

fn config_error(builder: SessionBuilder) -> String {
    match builder.build() {
        Err(Error::Config(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn region() {
    let config = "[default]\nregion = eu-south-1\n[profile a]\nregion = eu-south-2\n[profile b]\n";
    let first = ("AWS_REGION", "us-east-1");
    let second = ("AWS_DEFAULT_REGION", "us-east-2");
    let profile = ("AWS_PROFILE", "a");
    let cases: [(Variables, Option<&str>, &str); 7] = [
        (&[], None, "eu-south-1"),
        (&[profile], None, "eu-south-2"),
        (&[], Some("a"), "eu-south-2"),
        (&[second], Some("a"), "us-east-2"),
        (&[first, second], None, "us-east-1"),
        (&[profile], Some("default"), "eu-south-1"),
        (&[first], Some("b"), "us-east-1"),
    ];
    for (environment, profile, expected) in cases {
        let mut builder = builder(environment, config);
        if let Some(name) = profile {
            builder = builder.profile(name);
        }
        assert_eq!(builder.build().unwrap().region(), expected);
    }
    let given = builder(&[first], config).region("ap-east-1");
    assert_eq!(given.build().unwrap().region(), "ap-east-1");
    let off = ("AWS_EC2_METADATA_DISABLED", "true");
    let nowhere = builder(&[("AWS_PROFILE", "b"), off], config);
    assert!(config_error(nowhere).contains("AWS_REGION"));
}

/// The session's endpoints are seen in its `Debug`, which shows the URLs in use.
fn endpoints(builder: SessionBuilder) -> String {
    format!("{:?}", builder.region("eu-west-1").build().unwrap())
}

const ENDPOINTS: &str = "[default]
services = local
endpoint_url = http://profile-all
[services local]
s3 =
    endpoint_url = http://profile-s3
sagemaker_runtime =
    endpoint_url = http://profile-runtime
";

#[test]
fn endpoint_urls() {
    let all = ("AWS_ENDPOINT_URL", "http://env-all");
    let s3 = ("AWS_ENDPOINT_URL_S3", "http://env-s3");
    let off = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True");
    let cases: [(Variables, &[&str]); 4] = [
        (&[], &["profile-all", "profile-s3", "profile-runtime"]),
        (&[s3], &["profile-all", "env-s3", "profile-runtime"]),
        (&[all], &["env-all"]),
        (&[all, s3, off], &[]),
    ];
    for (environment, expected) in cases {
        let shown = endpoints(builder(environment, ENDPOINTS));
        for host in expected {
            assert!(shown.contains(&format!("http://{host}\"")), "{shown}");
        }
        assert_eq!(shown.matches("http://").count(), expected.len(), "{shown}");
    }
}

#[test]
fn endpoint_urls_of_the_builder_go_first() {
    let shown = endpoints(builder(&[], ENDPOINTS).endpoint_url("http://mine"));
    assert_eq!(shown.matches("http://").count(), 1, "{shown}");
    let mine = builder(&[], ENDPOINTS).endpoint_url_for(Service::S3, "http://mine");
    let shown = endpoints(mine);
    assert!(shown.contains("http://mine"), "{shown}");
    assert!(!shown.contains("profile-s3"), "{shown}");
    assert!(shown.contains("profile-runtime"), "{shown}");
}

#[test]
fn configured_endpoint_urls_can_be_turned_off_in_the_profile() {
    let off = ENDPOINTS.replace(
        "services = local\n",
        "services = local\nignore_configured_endpoint_urls = true\n",
    );
    let environment = [("AWS_ENDPOINT_URL", "http://env-all")];
    let shown = endpoints(builder(&environment, &off));
    assert!(!shown.contains("http://"), "{shown}");
    let mine = builder(&environment, &off).endpoint_url_for(Service::Sts, "http://mine");
    assert_eq!(endpoints(mine).matches("http://").count(), 1);

    let on = [("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false")];
    let shown = endpoints(builder(&on, &off));
    assert!(shown.contains("http://profile-all"), "{shown}");
}

#[test]
fn an_invalid_profile_setting_is_named() {
    let cases: [(&str, &str); 8] = [
        ("services = gone", "there is no section [services gone]"),
        (
            "max_attempts = many",
            "max_attempts of profile \"default\": \"many\" is not a whole number",
        ),
        ("endpoint_url = nowhere", "has no scheme"),
        (
            "endpoint_url = http://x\n aws_secret_access_key = hush",
            "spans more than one line",
        ),
        (
            "sdk_ua_app_id = x\n aws_secret_access_key = hush",
            "spans more than one line",
        ),
        (
            "ignore_configured_endpoint_urls = hush",
            "not true or false",
        ),
        ("hush", "/h/.aws/config, line 2: Expected an '=' sign"),
        (
            "s3 =\n hush",
            "/h/.aws/config, line 3: Expected an '=' sign",
        ),
    ];
    for (lines, words) in cases {
        let config = format!("[default]\n{lines}\n");
        let error = config_error(builder(&[], &config).region("eu-west-1"));
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    let region = "[default]\nregion = eu-west-1\n aws_secret_access_key = hush\n";
    let error = config_error(builder(&[], region));
    assert!(error.contains("spans more than one line"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}

#[test]
fn environment_and_builder_go_before_the_profile() {
    let config = "[default]\nmax_attempts = many\nsdk_ua_app_id = a b\n";
    let environment = [("AWS_MAX_ATTEMPTS", "2"), ("AWS_SDK_UA_APP_ID", "mine")];
    assert!(builder(&environment, config).region("x").build().is_ok());
    let given = builder(&[], config)
        .region("x")
        .retry(RetryConfig::default())
        .app_name("mine");
    assert!(given.build().is_ok());
}

#[test]
fn buckets_stand_where_the_profile_says() {
    let url = |style: &str, force: Option<bool>| {
        let config = format!("[default]\nendpoint_url = http://minio:9000\ns3 =\n  {style}\n");
        let mut builder = builder(&[], &config).region("eu-west-1");
        if let Some(yes) = force {
            builder = builder.force_path_style(yes);
        }
        builder
            .build()
            .and_then(|session| Ok(session.bucket_endpoint("my-bucket")?.url().to_owned()))
    };
    let (path, host) = ("http://minio:9000/my-bucket", "http://my-bucket.minio:9000");
    for (style, force, expected) in [
        ("addressing_style = path", None, path),
        ("addressing_style = virtual", None, host),
        ("addressing_style = auto", None, host),
        ("addressing_style =", None, host),
        ("max_concurrent_requests = 20", None, host),
        ("addressing_style = path", Some(false), host),
        ("addressing_style = hush", Some(true), path),
    ] {
        assert_eq!(url(style, force).unwrap(), expected, "{style}");
    }
    let error = url("addressing_style = hush", None)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("s3.addressing_style of profile \"default\": is not path, virtual"),
        "{error}"
    );
    assert!(!error.contains("hush"), "{error}");
}

#[test]
fn the_modes_of_retrying_are_known_and_others_refused() {
    for mode in ["standard", "adaptive", "legacy", "Standard", " "] {
        let variables = [("AWS_RETRY_MODE", mode)];
        let session = builder(&variables, "[default]\nretry_mode = standard\n");
        assert!(session.region("x").build().is_ok(), "{mode}");
    }
    let in_environment = builder(&[("AWS_RETRY_MODE", "often")], "").region("x");
    assert_eq!(
        config_error(in_environment),
        "AWS_RETRY_MODE: \"often\" is not a retry mode; set it to standard, adaptive or legacy, or \
         remove it"
    );
    let often = "[default]\nretry_mode = often\n";
    let error = config_error(builder(&[], often).region("x"));
    assert!(
        error.starts_with("retry_mode of profile \"default\": "),
        "{error}"
    );
    let given = builder(&[], often).region("x").retry(RetryConfig::off());
    assert!(given.build().is_ok());
    let first = builder(&[("AWS_RETRY_MODE", "standard")], often);
    assert!(first.region("x").build().is_ok());
}

#[test]
fn a_number_of_attempts_beyond_the_limits_is_the_limit() {
    for attempts in ["0", "101", "-1", "+4", "99999999999"] {
        let variables = [("AWS_MAX_ATTEMPTS", attempts)];
        let session = builder(&variables, "").region("x").build();
        assert!(session.is_ok(), "{attempts} {session:?}");
    }
    for attempts in ["3.5", "many", "-", "1 000"] {
        let variables = [("AWS_MAX_ATTEMPTS", attempts)];
        let error = config_error(builder(&variables, "").region("x"));
        let words = format!("AWS_MAX_ATTEMPTS: \"{attempts}\" is not a whole number from 1 to 100");
        assert!(error.starts_with(&words), "{error}");
    }
}

#[test]
fn an_app_name_that_does_not_fit_is_made_to_fit() {
    let long = "x".repeat(60);
    for (name, sent) in [
        ("team#1", "team#1"),
        ("o'neil", "o'neil"),
        ("back`tick", "back`tick"),
        ("ABC DEF", "ABC-DEF"),
        ("AwsSolution/SO0001/v1.0.0", "AwsSolution-SO0001-v1.0.0"),
        ("é(1)\u{7f}", "--1--"),
        (&long, &long[..50]),
    ] {
        let variables = [("AWS_SDK_UA_APP_ID", name)];
        let head = head_of_a_request(&variables, None);
        assert!(head.contains(&format!(" app/{sent}\r\n")), "{head}");
    }
}

#[test]
fn a_profile_that_was_requested_must_exist() {
    let config = "[profile here]\nregion = eu-west-1\n";
    let error = config_error(builder(&[], config).profile("gone").region("x"));
    assert!(error.contains("the profiles are: here"), "{error}");
    let error = config_error(builder(&[("AWS_PROFILE", "gone")], config).region("x"));
    assert!(error.contains("(from AWS_PROFILE)"), "{error}");
    assert!(
        builder(&[], config).region("x").build().is_ok(),
        "default need not be there"
    );
}

/// A session that is given every setting does not fail because of files that it does not use.
#[test]
fn files_are_not_read_unless_they_are_needed() {
    let session = builder(&[], "no grammar at all")
        .region("eu-west-1")
        .endpoint_url("http://127.0.0.1:1")
        .use_fips(false)
        .use_dual_stack(false)
        .force_path_style(true)
        .agent(ureq::agent())
        .retry(RetryConfig::default())
        .app_name("mine");
    assert!(session.build().is_ok());
}

/// The head of the request that asks for the caller's account, sent by a session that knows only
/// the profile's settings.
fn head_of_a_request(environment: Variables, profile: Option<&str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "[default]\nservices = local\nregion = eu-west-1\nsdk_ua_app_id = nightly\nmax_attempts = 1\n\
         aws_access_key_id = AKIDPROFILE\naws_secret_access_key = hush\n\
         [services local]\nsts =\n  endpoint_url = http://{}\n",
        listener.local_addr().unwrap()
    );
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        respond(&mut stream, &caller_identity().body).unwrap()
    });
    let mut builder = builder(environment, &config);
    if let Some(name) = profile {
        builder = builder.profile(name);
    }
    let bucket = builder.build().unwrap().default_bucket().unwrap();
    assert_eq!(bucket, "sagemaker-eu-west-1-123456789012");
    server.join().unwrap()
}

#[test]
fn credentials_region_endpoint_and_app_name_reach_the_wire() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];
    let cases: [(Variables, Option<&str>, &str); 3] = [
        (&[], None, "AKIDPROFILE"),
        (&keys, None, "AKIDENVIRONMENT"),
        (&keys, Some("default"), "AKIDPROFILE"),
    ];
    for (environment, profile, key) in cases {
        let head = head_of_a_request(environment, profile);
        assert!(head.contains(&format!("Credential={key}/")), "{head}");
        assert!(head.contains("/eu-west-1/sts/"), "{head}");
        assert!(head.contains("app/nightly"), "{head}");
    }
}
