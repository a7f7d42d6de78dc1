//! Combinations of FIPS, dual-stack and custom endpoints that cannot work.

use crate::support;

use sagemaker_async_inference::Session;
use sagemaker_async_inference::sys::{Environment, Files, Sys};

/// An inference whose result could not be polled is not submitted: with these settings the runtime has an address, and
/// S3 has none.
#[test]
fn settings_with_which_no_result_can_be_polled_are_refused_before_the_submit() {
    let runtime = support::verifier::Verifier::start(support::verifier::Rules::new(), |_| {
        support::client::accepted("s3://out-bucket/1.out")
    });
    for (name, variables, words) in [
        (
            "FIPS and an S3 of one's own",
            [
                ("AWS_USE_FIPS_ENDPOINT", "true"),
                ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
            ],
            "use_fips_endpoint: cannot be combined with the custom endpoint",
        ),
        (
            "dual-stack and an S3 of one's own",
            [
                ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
                ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
            ],
            "use_dualstack_endpoint: cannot be combined with the custom endpoint",
        ),
        (
            "FIPS in a partition whose S3 has none",
            [
                ("AWS_USE_FIPS_ENDPOINT", "true"),
                ("AWS_REGION", "cn-north-1"),
            ],
            "S3 has no FIPS endpoints in the partition aws-cn",
        ),
        (
            "FIPS and a runtime of one's own",
            [
                ("AWS_USE_FIPS_ENDPOINT", "true"),
                ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", &runtime.url()),
            ],
            "use_fips_endpoint: cannot be combined with the custom endpoint",
        ),
    ] {
        let others = [("AWS_REGION", "us-east-1")];
        let environment = Environment::from_pairs(others.into_iter().chain(variables));
        // Whatever leads elsewhere would be found by nobody.
        let elsewhere = ureq::Agent::config_builder()
            .proxy(Some(ureq::Proxy::new(&runtime.url()).expect("a proxy")))
            .build();
        let session = Session::builder()
            .sys(
                Sys::real()
                    .with_environment(environment)
                    .with_files(Files::none()),
            )
            .agent(elsewhere.into())
            .credentials(support::client::keys("AKID", "hush", None))
            .default_bucket("my-bucket")
            .build()
            .expect("a session");
        let predictor = support::client::predictor(&session);
        let outcome = predictor.request("x").submit();
        let error = outcome.expect_err(name).to_string();
        assert!(error.contains(words), "{name}: {error}");
        assert_eq!(runtime.seen().len(), 0, "{name}");
    }
}
