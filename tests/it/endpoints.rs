//! Where requests go: the published cases of the endpoint rules, hosts that the rules were
//! evaluated for, and what wins among the settings.

use sagemaker_async_inference::session::Service;
use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::{Error, Session, SessionBuilder};

type Variables<'a> = &'a [(&'a str, &'a str)];

fn builder(environment: Variables) -> SessionBuilder {
    let environment = Environment::from_pairs(environment.iter().copied());
    Session::builder().sys(
        Sys::real()
            .with_environment(environment)
            .with_files(Files::none()),
    )
}

/// One line of the published cases.
struct Case<'a> {
    region: Option<&'a str>,
    bucket: Option<&'a str>,
    fips: bool,
    dual_stack: bool,
    path_style: bool,
    url: Option<&'a str>,
    expected: Result<&'a str, &'a str>,
    signing_region: Option<&'a str>,
}

impl<'a> Case<'a> {
    fn parse(line: &'a str) -> Self {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let set = |text: &'a str| (text != "-").then_some(text);
        let settings: Vec<_> = fields[2].split(", ").filter(|s| !s.is_empty()).collect();
        let url = settings.iter().find_map(|s| s.strip_prefix("at "));
        let case = Self {
            region: set(fields[0]),
            bucket: set(fields[1]),
            fips: settings.contains(&"fips"),
            dual_stack: settings.contains(&"dual-stack"),
            path_style: settings.contains(&"path-style"),
            url,
            expected: fields[3].strip_prefix("error: ").map_or(Ok(fields[3]), Err),
            signing_region: fields.get(4).copied(),
        };
        let flags = [case.fips, case.dual_stack, case.path_style, url.is_some()];
        let understood = flags.iter().filter(|flag| **flag).count();
        assert_eq!(understood, settings.len(), "{line}");
        case
    }

    /// Everything given in code.
    fn in_code(&self, service: Service) -> SessionBuilder {
        let mut builder = builder(&[])
            .use_fips(self.fips)
            .use_dual_stack(self.dual_stack);
        if let Some(region) = self.region {
            builder = builder.region(region);
        }
        if let Some(url) = self.url {
            builder = builder.endpoint_url_for(service, url);
        }
        self.styled(builder)
    }

    /// Everything given in the environment that can be.
    fn in_environment(&self, service: Service) -> SessionBuilder {
        let variable = match service {
            Service::S3 => "AWS_ENDPOINT_URL_S3",
            Service::SageMaker => "AWS_ENDPOINT_URL_SAGEMAKER",
            Service::Sts => "AWS_ENDPOINT_URL_STS",
            other => panic!("{other:?}"),
        };
        let variables = [
            ("AWS_REGION", self.region),
            ("AWS_USE_FIPS_ENDPOINT", self.fips.then_some("true")),
            (
                "AWS_USE_DUALSTACK_ENDPOINT",
                self.dual_stack.then_some("TRUE"),
            ),
            (variable, self.url),
        ];
        let set: Vec<_> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        self.styled(builder(&set))
    }

    fn styled(&self, builder: SessionBuilder) -> SessionBuilder {
        if self.path_style {
            builder.force_path_style(true)
        } else {
            builder
        }
    }

    fn check(&self, service: Service, builder: SessionBuilder, line: &str) {
        let outcome = builder.build().and_then(|session| match self.bucket {
            Some(bucket) => session.bucket_endpoint(bucket),
            None => session.service_endpoint(service),
        });
        match (outcome, self.expected) {
            (Ok(endpoint), Ok(url)) => {
                assert_eq!(endpoint.url(), url, "{line}");
                if let Some(region) = self.signing_region {
                    assert_eq!(endpoint.signing_region(), region, "{line}");
                }
            }
            (Err(error), Err(words)) => {
                assert!(error.to_string().contains(words), "{line}: {error}");
            }
            (outcome, _) => panic!("{line}: {outcome:?}"),
        }
    }
}

fn published(service: Service, file: &str, run: usize, not_run: usize) {
    let (mut ran, mut left_out) = (0, 0);
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with("not run, ") {
            left_out += 1;
            continue;
        }
        let case = Case::parse(line);
        case.check(service, case.in_code(service), line);
        case.check(service, case.in_environment(service), line);
        ran += 1;
    }
    assert_eq!((ran, left_out), (run, not_run));
}

#[test]
fn published_cases_of_s3() {
    published(
        Service::S3,
        include_str!("../fixtures/endpoints/s3.txt"),
        52,
        0,
    );
}

#[test]
fn published_cases_of_sagemaker() {
    let file = include_str!("../fixtures/endpoints/sagemaker.txt");
    published(Service::SageMaker, file, 46, 1);
}

#[test]
fn published_cases_of_sts() {
    published(
        Service::Sts,
        include_str!("../fixtures/endpoints/sts.txt"),
        26,
        9,
    );
}

#[test]
fn hosts_of_all_services_in_all_partitions() {
    let mut checked = 0;
    let file = include_str!("../fixtures/endpoints/hosts.txt");
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split(" | ").collect();
        let service = match fields[0] {
            "s3" => Service::S3,
            "sagemaker-runtime" => Service::SageMakerRuntime,
            "sagemaker" => Service::SageMaker,
            "sts" => Service::Sts,
            "sso" => Service::Sso,
            "sso-oidc" => Service::SsoOidc,
            "application-autoscaling" => Service::ApplicationAutoScaling,
            "cloudwatch" => Service::CloudWatch,
            "sqs" => Service::Sqs,
            other => panic!("{other}"),
        };
        let variants = [(false, false), (true, false), (false, true), (true, true)];
        assert_eq!(fields.len(), 2 + variants.len(), "{line}");
        for ((fips, dual_stack), expected) in variants.into_iter().zip(&fields[2..]) {
            let session = builder(&[])
                .region(fields[1])
                .use_fips(fips)
                .use_dual_stack(dual_stack)
                .build()
                .unwrap();
            let host = match session.service_endpoint(service) {
                Ok(endpoint) => endpoint.url().strip_prefix("https://").unwrap().to_owned(),
                Err(error) => error.to_string(),
            };
            match expected.strip_prefix("error: ") {
                Some(words) => assert!(host.contains(words), "{line}: {host}"),
                None => assert_eq!(host, *expected, "{line}"),
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 9 * 12 * 4);
}

/// The URL of `my-bucket` and of `my.bucket`.
fn buckets(builder: SessionBuilder) -> [String; 2] {
    let session = builder.region("eu-west-1").build().unwrap();
    ["my-bucket", "my.bucket"].map(|bucket| {
        let endpoint = session.bucket_endpoint(bucket).unwrap();
        assert_eq!(endpoint.signing_name(), "s3");
        endpoint.url().to_owned()
    })
}

#[test]
fn buckets_stand_in_the_path_where_no_name_can_hold_them() {
    let cases = [
        (
            "http://127.0.0.1:9000",
            [
                "http://127.0.0.1:9000/my-bucket",
                "http://127.0.0.1:9000/my.bucket",
            ],
        ),
        (
            "https://[::1]:9000/",
            [
                "https://[::1]:9000/my-bucket",
                "https://[::1]:9000/my.bucket",
            ],
        ),
        (
            "http://localhost:9000",
            [
                "http://localhost:9000/my-bucket",
                "http://localhost:9000/my.bucket",
            ],
        ),
        (
            "http://S3.LocalHost",
            [
                "http://S3.LocalHost/my-bucket",
                "http://S3.LocalHost/my.bucket",
            ],
        ),
        (
            "http://minio:9000",
            ["http://my-bucket.minio:9000", "http://my.bucket.minio:9000"],
        ),
        (
            "http://minio:080",
            ["http://my-bucket.minio:80", "http://my.bucket.minio:80"],
        ),
        (
            "https://minio/base/",
            [
                "https://my-bucket.minio/base",
                "https://minio/base/my.bucket",
            ],
        ),
    ];
    for (url, expected) in cases {
        assert_eq!(buckets(builder(&[]).endpoint_url(url)), expected);
        assert_eq!(buckets(builder(&[("AWS_ENDPOINT_URL_S3", url)])), expected);
    }
}

#[test]
fn the_style_of_buckets_can_be_chosen() {
    let path = builder(&[]).force_path_style(true);
    assert_eq!(
        buckets(path),
        [
            "https://s3.eu-west-1.amazonaws.com/my-bucket",
            "https://s3.eu-west-1.amazonaws.com/my.bucket"
        ]
    );
    let at_minio = builder(&[]).endpoint_url("http://minio:9000");
    assert_eq!(
        buckets(at_minio.force_path_style(true)),
        ["http://minio:9000/my-bucket", "http://minio:9000/my.bucket"]
    );
    let at_localhost = builder(&[]).endpoint_url("http://localhost:9000");
    assert_eq!(
        buckets(at_localhost.force_path_style(false)),
        [
            "http://my-bucket.localhost:9000",
            "http://my.bucket.localhost:9000"
        ]
    );
    // No setting puts a name before an address.
    let at_address = builder(&[]).endpoint_url("http://127.0.0.1:9000");
    assert_eq!(
        buckets(at_address.force_path_style(false)),
        [
            "http://127.0.0.1:9000/my-bucket",
            "http://127.0.0.1:9000/my.bucket"
        ]
    );
}

#[test]
fn what_is_no_general_purpose_bucket_is_refused() {
    let session = builder(&[]).region("eu-west-1").build().unwrap();
    let outpost = format!(
        "test-accessp-o0b1d075431d83bebde8xz5w8{}--op-s3",
        "i".repeat(5)
    );
    let cases = [
        (
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine",
            "instead of the ARN",
        ),
        ("arn:", "instead of the ARN"),
        ("my-bucket--use1-az4--x-s3", "directory buckets"),
        ("my-point--use1-az4--xa-s3", "directory buckets"),
        (&outpost, "Outposts"),
        ("", "give its name"),
        (".", "path segment"),
        ("..", "path segment"),
    ];
    for (bucket, words) in cases {
        match session.bucket_endpoint(bucket) {
            Err(Error::InvalidInput(invalid)) => {
                assert!(invalid.remedy().contains(words), "{bucket}");
            }
            other => panic!("{bucket}: {other:?}"),
        }
    }
    let alias = session.bucket_endpoint("my-point-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias");
    assert_eq!(
        alias.unwrap().url(),
        "https://my-point-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias.s3.eu-west-1.amazonaws.com"
    );
}

#[test]
fn fips_and_dual_stack_from_environment_and_profile() {
    let in_profile =
        "[default]\nregion = us-east-1\nuse_fips_endpoint = true\nuse_dualstack_endpoint = True\n";
    let session = |environment: Variables, config: &str| {
        let home = [("HOME", "/h")].into_iter();
        let environment = Environment::from_pairs(home.chain(environment.iter().copied()));
        let files = Files::from_pairs([("/h/.aws/config", config)]);
        Session::builder().sys(Sys::real().with_environment(environment).with_files(files))
    };
    let url = |builder: SessionBuilder| {
        let session = builder.build().unwrap();
        session
            .service_endpoint(Service::Sts)
            .unwrap()
            .url()
            .to_owned()
    };
    let both = session(&[], in_profile);
    assert_eq!(url(both), "https://sts-fips.us-east-1.api.aws");
    let no_fips = [("AWS_USE_FIPS_ENDPOINT", "false")];
    assert_eq!(
        url(session(&no_fips, in_profile)),
        "https://sts.us-east-1.api.aws"
    );
    let neither = [no_fips[0], ("AWS_USE_DUALSTACK_ENDPOINT", "false")];
    assert_eq!(
        url(session(&neither, in_profile)),
        "https://sts.us-east-1.amazonaws.com"
    );
    let in_code = session(&neither, in_profile).use_fips(true);
    assert_eq!(url(in_code), "https://sts-fips.us-east-1.amazonaws.com");
    let blank = [("AWS_USE_FIPS_ENDPOINT", " ")];
    assert_eq!(
        url(session(&blank, in_profile)),
        "https://sts-fips.us-east-1.api.aws"
    );

    for (environment, config, setting) in [
        (
            &[("AWS_USE_FIPS_ENDPOINT", "yes")],
            "",
            "AWS_USE_FIPS_ENDPOINT",
        ),
        (
            &[("AWS_USE_DUALSTACK_ENDPOINT", "1")],
            "",
            "AWS_USE_DUALSTACK_ENDPOINT",
        ),
        (
            &[("X", "")],
            "[default]\nuse_fips_endpoint = on\n",
            "use_fips_endpoint of profile \"default\"",
        ),
        (
            &[("X", "")],
            "[default]\nuse_dualstack_endpoint = on\n",
            "use_dualstack_endpoint of profile \"default\"",
        ),
    ] {
        match session(environment, config).region("us-east-1").build() {
            Err(Error::Config(error)) => {
                assert_eq!(error.setting(), setting);
                assert!(error.to_string().contains("not true or false"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// With an endpoint for everything nothing is left that the variant could be of; with one for a
/// service only that one is refused.
#[test]
fn variants_of_custom_endpoints_are_refused() {
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let region = ("AWS_REGION", "us-east-1");
    let all = ("AWS_ENDPOINT_URL", "https://user.example.com/");
    match builder(&[fips, region, all]).build() {
        Err(Error::Config(error)) => assert_eq!(
            error.to_string(),
            "use_fips_endpoint: cannot be combined with the custom endpoint \
             https://user.example.com; turn it off, or remove the endpoint URL \
             (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true does so for those of environment and profile)"
        ),
        other => panic!("{other:?}"),
    }
    let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert!(builder(&[fips, region, all, ignored]).build().is_ok());
    let dual_stack = builder(&[region])
        .endpoint_url("https://example.com")
        .use_dual_stack(true);
    assert!(
        dual_stack
            .build()
            .unwrap_err()
            .to_string()
            .contains("use_dualstack_endpoint")
    );

    let one = ("AWS_ENDPOINT_URL_STS", "https://example.com");
    let session = builder(&[fips, region, one]).build().unwrap();
    assert!(session.service_endpoint(Service::Sts).is_err());
    assert!(session.service_endpoint(Service::S3).is_ok());
}

#[test]
fn endpoint_urls_that_are_none_are_refused_without_their_secrets() {
    let cases = [
        ("nowhere", "has no scheme"),
        ("ftp://example.com", "has no scheme http or https"),
        ("http://", "is not a URL"),
        (
            "https://example.com:port",
            "has a port that is not a number up to 65535",
        ),
        (
            "https://example.com:99999",
            "has a port that is not a number up to 65535",
        ),
        (
            "https://example.com:",
            "has a port that is not a number up to 65535",
        ),
        ("https://example.com/?token=hush", "has a query"),
        ("https://example.com/#hush", "has a fragment"),
        (
            "https://me:hush@example.com",
            "has a user or password in it",
        ),
        ("https://a b", "is not a URL"),
        ("https://exämple.com", "is not a URL"),
    ];
    for (url, words) in cases {
        let error = builder(&[])
            .region("us-east-1")
            .endpoint_url(url)
            .build()
            .unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(words), "{url}: {shown}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
    let debug = format!(
        "{:?}",
        builder(&[]).endpoint_url("https://me:hush@example.com/?hush")
    );
    assert!(!debug.contains("hush"), "{debug}");
}
