use crate::aws::Service;
use crate::aws::endpoints::signing_region;

/// Where requests to a service are sent, and what they are signed for.
///
/// # Precedence
///
/// From first to last:
/// 1. [`SessionBuilder::endpoint_url_for`](crate::SessionBuilder::endpoint_url_for), then
///    [`endpoint_url`](crate::SessionBuilder::endpoint_url);
/// 2. unless `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` (or, if it is not set, the profile's
///    `ignore_configured_endpoint_urls`) is true: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`,
///    `endpoint_url` of the service in the profile's `services` section, the profile's
///    `endpoint_url`;
/// 3. the service's own host.
///
/// # The services' own hosts
///
/// | | host | FIPS | dual-stack | both |
/// |---|---|---|---|---|
/// | S3 | `s3.R.S` | `s3-fips.R.S` | `s3.dualstack.R.S` | `s3-fips.dualstack.R.S` |
/// | `SageMakerRuntime` | `runtime.sagemaker.R.S` | `runtime-fips.sagemaker.R.S` | `runtime.sagemaker.R.D` | `runtime.sagemaker-fips.R.D` |
/// | `SageMaker` | `api.sagemaker.R.S` | `api-fips.sagemaker.R.S` | `api.sagemaker.R.D` | `api.sagemaker-fips.R.D` |
/// | STS | `sts.R.S` | `sts-fips.R.S` | `sts.R.D` | `sts-fips.R.D` |
/// | SSO | `portal.sso.R.S` | `portal.sso-fips.R.S` | `portal.sso.R.D` | `portal.sso-fips.R.D` |
/// | `SsoOidc` | `oidc.R.S` | `oidc-fips.R.S` | `oidc.R.D` | `oidc-fips.R.D` |
/// | `Signin` | `R.signin.` and the domain of the partition's console | `signin-fips.R.S` | `signin.R.D` | `signin-fips.R.D` |
/// | `ApplicationAutoScaling` | `application-autoscaling.R.S` | `application-autoscaling-fips.R.S` | `application-autoscaling.R.D` | `application-autoscaling-fips.R.D` |
/// | `CloudWatch` | `monitoring.R.S` | `monitoring-fips.R.S` | `monitoring.R.D` | `monitoring-fips.R.D` |
///
/// `R` is the region; `S` and `D` are its partition's suffixes:
///
/// | partition | regions | `S` | `D` |
/// |---|---|---|---|
/// | `aws` | all others | `amazonaws.com` | `api.aws` |
/// | `aws-cn` | `cn-*` | `amazonaws.com.cn` | `api.amazonwebservices.com.cn` |
/// | `aws-eusc` | `eusc-de-*` | `amazonaws.eu` | `api.amazonwebservices.eu` |
/// | `aws-iso` | `us-iso-*` | `c2s.ic.gov` | `api.aws.ic.gov` |
/// | `aws-iso-b` | `us-isob-*` | `sc2s.sgov.gov` | `api.aws.scloud` |
/// | `aws-iso-e` | `eu-isoe-*` | `cloud.adc-e.uk` | `api.cloud-aws.adc-e.uk` |
/// | `aws-iso-f` | `us-isof-*` | `csp.hci.ic.gov` | `api.aws.hci.ic.gov` |
/// | `aws-us-gov` | `us-gov-*` | `amazonaws.com` | `api.aws` |
///
/// The exceptions:
/// - In `aws-us-gov` the FIPS host of every service but S3 and `SageMaker` is its ordinary host; that
///   of `CloudWatch` also with dual-stack.
/// - In the other partitions but `aws`, the FIPS hosts of `SageMaker` (there and not in `aws-us-gov`)
///   and `SageMakerRuntime` are `api.sagemaker-fips.R.S` and `runtime.sagemaker-fips.R.S`.
/// - STS is called in the region, never at its global host, unless the region is `aws-global`: then its host is
///   `sts.amazonaws.com` and S3's is `s3.amazonaws.com` (with FIPS or dual-stack, that of `us-east-1`), and
///   requests are signed for `us-east-1`.
///
/// Source: the endpoint rules that AWS publishes for its SDKs (`partitions.json` and
/// `endpoint-rule-set-1.json` of each service in botocore 1.44.8).
///
/// # What is refused
///
/// - FIPS or dual-stack with a custom endpoint: it is not known whether it has such variants. With one for all
///   services, this is an error when the session is built.
/// - FIPS with S3 in `aws-cn`, which has no such hosts.
/// - A region that is not one label of a host's name (letters, digits, inner hyphens).
///
/// # Where a bucket's name is
///
/// In the host's name, as in `https://my-bucket.s3.eu-west-1.amazonaws.com`, also at a custom
/// endpoint; but in the path, as in `https://s3.eu-west-1.amazonaws.com/my.bucket`,
/// - if its name is not a label of a host name: it has dots, capitals or other characters, is shorter than 3 or looks
///   like an IP address. At a custom `http` endpoint, where no certificate has to match, dots are allowed;
/// - if the custom endpoint is an IP address, or `localhost` (or below it), where few resolvers know
///   names of buckets. (The rules put buckets before `localhost`, and such with dots even before an
///   IP address.)
/// - if [`SessionBuilder::force_path_style`](crate::SessionBuilder::force_path_style) or the profile's
///   `addressing_style` sets it.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Sys};
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::session::Service;
///
/// let sys = Sys::real().with_environment(Environment::from_pairs([
///     ("AWS_REGION", "us-gov-west-1"),
///     ("AWS_USE_FIPS_ENDPOINT", "true"),
///     ("AWS_ENDPOINT_URL_STS", "https://sts.example.com"),
/// ]));
/// let session = Session::builder().sys(sys).build()?;
///
/// let endpoint = session.service_endpoint(Service::SageMaker)?;
/// assert_eq!(endpoint.url(), "https://api-fips.sagemaker.us-gov-west-1.amazonaws.com");
/// assert_eq!(endpoint.signing_name(), "sagemaker");
/// let bucket = session.bucket_endpoint("my-bucket")?;
/// assert_eq!(bucket.url(), "https://my-bucket.s3-fips.us-gov-west-1.amazonaws.com");
///
/// let refused = session.service_endpoint(Service::Sts).unwrap_err();
/// assert!(refused.to_string().starts_with("use_fips_endpoint: cannot be combined with"));
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEndpoint {
    url: String,
    signing_region: String,
    signing_name: &'static str,
}

impl ServiceEndpoint {
    pub(super) fn new(url: String, service: Service, region: &str) -> Self {
        Self {
            url,
            signing_region: signing_region(region).to_owned(),
            signing_name: service.signing_name(),
        }
    }

    /// The URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The region in a signature's scope.
    pub fn signing_region(&self) -> &str {
        &self.signing_region
    }

    /// The service's name in a signature's scope.
    pub fn signing_name(&self) -> &'static str {
        self.signing_name
    }
}
