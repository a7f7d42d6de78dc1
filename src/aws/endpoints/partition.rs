//! Partitions: groups of regions with common DNS suffixes.

use crate::error::Result;
use crate::invalid_input::InvalidInput;

/// A partition, as in `partitions.json` of the published endpoint rules. By that file all of them have FIPS and
/// dual-stack hosts; a service's own rules may differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) name: &'static str,
    pub(crate) dns_suffix: &'static str,
    pub(crate) dual_stack_dns_suffix: &'static str,
    /// The prefixes of its regions' names, before `-WORD-NUMBER`.
    prefixes: &'static [&'static str],
    /// The pseudo-region for global hosts.
    global_region: Option<&'static str>,
}

/// The first one is the default.
const PARTITIONS: [Partition; 8] = [
    Partition {
        name: "aws",
        dns_suffix: "amazonaws.com",
        dual_stack_dns_suffix: "api.aws",
        prefixes: &["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"],
        global_region: Some(AWS_GLOBAL),
    },
    Partition {
        name: "aws-cn",
        dns_suffix: "amazonaws.com.cn",
        dual_stack_dns_suffix: "api.amazonwebservices.com.cn",
        prefixes: &["cn"],
        global_region: Some("aws-cn-global"),
    },
    Partition {
        name: "aws-eusc",
        dns_suffix: "amazonaws.eu",
        dual_stack_dns_suffix: "api.amazonwebservices.eu",
        prefixes: &["eusc-de"],
        global_region: None,
    },
    Partition {
        name: "aws-iso",
        dns_suffix: "c2s.ic.gov",
        dual_stack_dns_suffix: "api.aws.ic.gov",
        prefixes: &["us-iso"],
        global_region: Some("aws-iso-global"),
    },
    Partition {
        name: "aws-iso-b",
        dns_suffix: "sc2s.sgov.gov",
        dual_stack_dns_suffix: "api.aws.scloud",
        prefixes: &["us-isob"],
        global_region: Some("aws-iso-b-global"),
    },
    Partition {
        name: "aws-iso-e",
        dns_suffix: "cloud.adc-e.uk",
        dual_stack_dns_suffix: "api.cloud-aws.adc-e.uk",
        prefixes: &["eu-isoe"],
        global_region: Some("aws-iso-e-global"),
    },
    Partition {
        name: "aws-iso-f",
        dns_suffix: "csp.hci.ic.gov",
        dual_stack_dns_suffix: "api.aws.hci.ic.gov",
        prefixes: &["us-isof"],
        global_region: Some("aws-iso-f-global"),
    },
    Partition {
        name: "aws-us-gov",
        dns_suffix: "amazonaws.com",
        dual_stack_dns_suffix: "api.aws",
        prefixes: &["us-gov"],
        global_region: Some("aws-us-gov-global"),
    },
];

/// The pseudo-region of global hosts, which S3 and STS have.
pub(super) const AWS_GLOBAL: &str = "aws-global";

/// The signing region of [`AWS_GLOBAL`].
const GLOBAL_SIGNING_REGION: &str = "us-east-1";

impl Partition {
    /// The partition of a region by its name, `aws` if no other matches.
    pub(crate) fn of(region: &str) -> &'static Self {
        let prefix = prefix(region);
        PARTITIONS
            .iter()
            .find(|partition| {
                partition.global_region == Some(region)
                    || prefix.is_some_and(|prefix| partition.prefixes.contains(&prefix))
            })
            .unwrap_or(&PARTITIONS[0])
    }
}

/// The prefix before `-WORD-NUMBER`.
fn prefix(region: &str) -> Option<&str> {
    let mut parts = region.rsplitn(3, '-');
    let (number, word, prefix) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (is_number && !word.is_empty()).then_some(prefix)
}

/// The signing region.
pub(crate) fn signing_region(region: &str) -> &str {
    if region == AWS_GLOBAL {
        GLOBAL_SIGNING_REGION
    } else {
        region
    }
}

/// A region becomes part of host names, so it must be a valid label. Names that are mistaken for a public region are
/// refused, because their hosts do not exist.
pub(crate) fn check_region(region: &str) -> Result<()> {
    let invalid = |limit, remedy| Err(InvalidInput::new("region", region, limit, remedy).into());
    if !is_host_label(region) {
        return invalid(
            "at most 63 letters, digits and inner hyphens",
            "write it as in eu-west-1".to_owned(),
        );
    }
    let public = |name: &str| {
        let known = |prefix| PARTITIONS.iter().any(|one| one.prefixes.contains(&prefix));
        prefix(name).is_some_and(known)
    };
    let lower = region.to_ascii_lowercase();
    let without_fips = lower
        .strip_prefix("fips-")
        .or_else(|| lower.strip_suffix("-fips"));
    let without_letter = lower.strip_suffix(|last: char| last.is_ascii_lowercase());
    match (without_fips, without_letter) {
        (Some(name), _) if public(name) => invalid(
            "a region, not the name of its FIPS endpoints",
            format!("write {name}, and set use_fips_endpoint or AWS_USE_FIPS_ENDPOINT to true"),
        ),
        (_, Some(name)) if public(name) => invalid(
            "a region, not an availability zone",
            format!("write {name}"),
        ),
        _ if lower != region && public(&lower) => invalid("lower case", format!("write {lower}")),
        _ => Ok(()),
    }
}

/// Whether it is a valid label of a host name (RFC 1123).
pub(crate) fn is_host_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
