//! Any value of a setting: nothing panics, and no request goes to an unintended host.

use http::Uri;
use proptest::prelude::*;
use sagemaker_async_inference::session::Service;
use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::{Session, SessionBuilder};

const SERVICES: [Service; 9] = [
    Service::S3,
    Service::SageMakerRuntime,
    Service::SageMaker,
    Service::Sts,
    Service::Sso,
    Service::SsoOidc,
    Service::ApplicationAutoScaling,
    Service::CloudWatch,
    Service::Sqs,
];

/// What ends the hosts of AWS.
const SUFFIXES: [&str; 14] = [
    ".amazonaws.com",
    ".api.aws",
    ".amazonaws.com.cn",
    ".api.amazonwebservices.com.cn",
    ".amazonaws.eu",
    ".api.amazonwebservices.eu",
    ".c2s.ic.gov",
    ".api.aws.ic.gov",
    ".sc2s.sgov.gov",
    ".api.aws.scloud",
    ".cloud.adc-e.uk",
    ".api.cloud-aws.adc-e.uk",
    ".csp.hci.ic.gov",
    ".api.aws.hci.ic.gov",
];

fn builder(environment: &[(&str, &str)]) -> SessionBuilder {
    let environment = Environment::from_pairs(environment.iter().copied());
    Session::builder().sys(
        Sys::real()
            .with_environment(environment)
            .with_files(Files::none()),
    )
}

fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Anything at all, or something near a region.
fn region() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9./@:#?-]{0,70}",
        "(us|cn|us-gov|us-iso|us-isob|eu-isoe|eusc-de|us-isof)-[a-z]{1,5}-[0-9]{1,2}[./@:#? ]?",
    ]
}

/// Anything at all, or something near a bucket.
fn bucket() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9./@:#?%A-Z-]{0,70}",
        "[a-z0-9.-]{3,63}",
        "[0-9]{1,4}(\\.[0-9]{1,4}){3}",
    ]
}

/// Anything at all, or something near a URL.
fn url() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "https?://[a-z0-9.:@/?#%\\[\\]-]{0,30}",
        "https?://[a-z]{1,9}(\\.[a-z]{1,9}){0,2}(:[0-9]{1,6})?(/[a-z]{0,3}){0,3}",
        "https?://[0-9]{1,3}(\\.[0-9]{1,3}){3}(:[0-9]{1,5})?",
    ]
}

/// A failure is reported and not written beside the tests.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_region_stays_one_label_of_a_host_of_aws(
        region in region(), fips: bool, dual_stack: bool,
    ) {
        let builder = builder(&[]).region(region.as_str()).use_fips(fips).use_dual_stack(dual_stack);
        let built = builder.build();
        prop_assert_eq!(built.is_ok(), is_label(&region));
        let Ok(session) = built else { return Ok(()) };
        for service in SERVICES {
            let Ok(endpoint) = session.service_endpoint(service) else { continue };
            let uri: Uri = endpoint.url().parse().unwrap();
            prop_assert_eq!(uri.scheme_str(), Some("https"));
            let host = uri.authority().unwrap().as_str();
            let before = SUFFIXES.iter().filter_map(|suffix| host.strip_suffix(suffix)).next_back();
            prop_assert!(before.is_some_and(|before| before.split('.').all(is_label)), "{}", host);
            let label = format!(".{region}.");
            prop_assert!(host.contains(&label) || region == "aws-global", "{}", host);
        }
    }

    #[test]
    fn a_bucket_stays_before_the_host_or_in_one_segment_of_the_path(
        bucket in bucket(), fips: bool, dual_stack: bool, path_style: bool,
    ) {
        let session = builder(&[])
            .region("eu-west-1")
            .use_fips(fips)
            .use_dual_stack(dual_stack)
            .force_path_style(path_style)
            .build()
            .unwrap();
        let own = session.service_endpoint(Service::S3).unwrap();
        let own = own.url().strip_prefix("https://").unwrap();
        let Ok(endpoint) = session.bucket_endpoint(&bucket) else { return Ok(()) };
        let uri: Uri = endpoint.url().parse().unwrap();
        let host = uri.authority().unwrap().as_str();
        if host == own {
            prop_assert!(uri.query().is_none() && uri.path().len() > 1);
            prop_assert_eq!(uri.path().matches('/').count(), 1);
        } else {
            prop_assert!(!path_style && is_label(&bucket));
            prop_assert_eq!(host, format!("{bucket}.{own}"));
            prop_assert!(uri.path() == "/");
        }
    }

    #[test]
    fn a_custom_endpoint_is_kept_or_refused(url in url(), bucket in bucket(), path_style: Option<bool>) {
        let mut builder = builder(&[("AWS_ENDPOINT_URL", &url)]).region("eu-west-1");
        if let Some(yes) = path_style {
            builder = builder.force_path_style(yes);
        }
        let Ok(session) = builder.build() else { return Ok(()) };
        let given = url.trim();
        for service in SERVICES {
            let endpoint = session.service_endpoint(service).unwrap();
            if given.is_empty() {
                prop_assert!(endpoint.url().ends_with("amazonaws.com"));
                continue;
            }
            let uri: Uri = given.parse().unwrap();
            prop_assert!(!given.contains(['?', '#']));
            prop_assert!(!uri.authority().unwrap().as_str().contains('@'));
            let port = uri.port_u16().map_or(String::new(), |port| format!(":{port}"));
            let (host, path) = (uri.host().unwrap(), uri.path().trim_end_matches('/'));
            let kept = format!("{}://{host}{port}{path}", uri.scheme().unwrap());
            prop_assert_eq!(endpoint.url(), kept);
        }
        if let (false, Ok(endpoint)) = (given.is_empty(), session.bucket_endpoint(&bucket)) {
            let s3 = session.service_endpoint(Service::S3).unwrap();
            let (own, made): (Uri, Uri) = (s3.url().parse().unwrap(), endpoint.url().parse().unwrap());
            let own = own.authority().unwrap().as_str();
            let host = made.authority().unwrap().as_str();
            let labels = bucket.split('.').all(is_label);
            let before = format!("{bucket}.{own}");
            prop_assert!(host == own || (labels && host == before), "{}", host);
        }
    }

    #[test]
    fn no_proxy_variable_or_bundle_panics(
        proxy in prop_oneof![any::<String>(), url(), "(http|socks5)://[a-z:%@0-9]{0,20}"],
        list: String,
        pem in prop_oneof![
            any::<Vec<u8>>(),
            "(-----BEGIN CERTIFICATE-----\n)?[A-Za-z0-9+/=\n]{0,200}(-----END CERTIFICATE-----)?".prop_map(String::into_bytes),
        ],
    ) {
        let variables = [("HTTPS_PROXY", &*proxy), ("ALL_PROXY", &*proxy), ("NO_PROXY", &*list)];
        let _ = builder(&variables).region("eu-west-1").build();
        let _ = builder(&[]).region("eu-west-1").ca_bundle_pem(pem).build();
    }
}
