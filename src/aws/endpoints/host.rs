//! The services' public hosts, by the published rules (`endpoint-rule-set-1.json` of each service).

use std::borrow::Cow;

use super::Variant;
use super::partition::{AWS_GLOBAL, Partition};
use crate::aws::Service;
use crate::error::ConfigError;

/// The host of a service in a region, which must be a valid label.
pub(super) fn of(service: Service, region: &str, variant: Variant) -> Result<String, ConfigError> {
    let partition = Partition::of(region);
    if service == Service::S3 {
        return of_s3(partition, region, variant);
    }
    if service == Service::Signin && !variant.dual_stack {
        return Ok(of_signin(partition, region, variant));
    }
    let plain = !variant.fips && !variant.dual_stack;
    if service == Service::Sts && region == AWS_GLOBAL && plain {
        return Ok("sts.amazonaws.com".to_owned());
    }
    let suffix = if variant.dual_stack {
        partition.dual_stack_dns_suffix
    } else {
        partition.dns_suffix
    };
    let prefix = prefix(service, partition, variant);
    Ok(format!("{prefix}.{region}.{suffix}"))
}

/// The part before the region. If all hosts of a partition are FIPS hosts, as most in `GovCloud` are, the name has
/// no `-fips`.
fn prefix(service: Service, partition: &Partition, variant: Variant) -> Cow<'static, str> {
    let plain = service.host_prefix();
    if !variant.fips {
        return plain.into();
    }
    match (service, partition.name, variant.dual_stack) {
        (Service::SageMaker, "aws" | "aws-us-gov", false) => "api-fips.sagemaker".into(),
        (Service::SageMakerRuntime, "aws", false) => "runtime-fips.sagemaker".into(),
        (Service::CloudWatch, "aws-us-gov", true) | (_, "aws-us-gov", false) => plain.into(),
        _ => format!("{plain}-fips").into(),
    }
}

/// Sign-In uses the console's domains.
fn of_signin(partition: &Partition, region: &str, variant: Variant) -> String {
    if variant.fips {
        return match (partition.name, region) {
            ("aws-us-gov", "us-gov-west-1") => "signin-fips.amazonaws-us-gov.com".to_owned(),
            ("aws-us-gov", _) => format!("{region}.signin-fips.amazonaws-us-gov.com"),
            _ => format!("signin-fips.{region}.{}", partition.dns_suffix),
        };
    }
    let domain = match partition.name {
        "aws" => "aws.amazon.com",
        "aws-cn" => "amazonaws.cn",
        "aws-us-gov" => "amazonaws-us-gov.com",
        "aws-eusc" => "amazonaws-eusc.eu",
        "aws-iso" => "c2shome.ic.gov",
        "aws-iso-b" => "sc2shome.sgov.gov",
        "aws-iso-e" => "csphome.adc-e.uk",
        "aws-iso-f" => "csphome.hci.ic.gov",
        _ => partition.dns_suffix,
    };
    format!("{region}.signin.{domain}")
}

/// S3's dual-stack hosts are under the partition's ordinary suffix.
fn of_s3(partition: &Partition, region: &str, variant: Variant) -> Result<String, ConfigError> {
    if variant.fips && partition.name == "aws-cn" {
        return Err(ConfigError::new(
            "use_fips_endpoint",
            format!(
                "S3 has no FIPS endpoints in the partition aws-cn, which has the region {region}"
            ),
            "turn it off for this region",
        ));
    }
    let fips = if variant.fips { "-fips" } else { "" };
    let dual_stack = if variant.dual_stack { ".dualstack" } else { "" };
    let region = match (region, fips, dual_stack) {
        (AWS_GLOBAL, "", "") => String::new(),
        (AWS_GLOBAL, ..) => ".us-east-1".to_owned(),
        _ => format!(".{region}"),
    };
    Ok(format!(
        "s3{fips}{dual_stack}{region}.{}",
        partition.dns_suffix
    ))
}
