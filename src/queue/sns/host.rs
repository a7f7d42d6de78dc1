//! Where SNS publishes its certificates, and the names in them, by region (the AWS SDK for Java 2,
//! `SnsHostProvider`).

use super::form::Topic;
use crate::aws::endpoints::Partition;

pub(super) struct Names {
    /// The host of a `SigningCertURL`.
    pub(super) url_host: String,
    /// The name in the certificate.
    pub(super) subject: String,
}

/// Regions whose certificates have a name of their own.
const OPT_IN: [&str; 20] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "eusc-de-east-1",
    "eu-isoe-west-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "us-isof-east-1",
];

pub(super) fn of(topic: &Topic) -> Names {
    let region = topic.region.as_str();
    let partition = Partition::of(region);
    let suffix = partition.dns_suffix;
    // An ARN that puts a region in another partition has no host.
    let url_host = if partition.name == topic.partition {
        format!("sns.{region}.{suffix}")
    } else {
        String::from("(no host: partition and region of the topic do not belong together)")
    };
    let subject = match (partition.name, region) {
        ("aws-cn", region) => format!("sns-{region}.{suffix}"),
        ("aws-us-gov", _) => format!("sns-us-gov-west-1.{suffix}"),
        ("aws-iso", _) => format!("sns-us-iso-east-1.{suffix}"),
        ("aws-iso-b", _) => format!("sns-us-isob-east-1.{suffix}"),
        ("aws-iso-f" | "aws-iso-e" | "aws-eusc", region) => {
            format!("sns-signing.{region}.{suffix}")
        }
        (_, region) if OPT_IN.contains(&region) => format!("sns-signing.{region}.{suffix}"),
        _ => format!("sns.{suffix}"),
    };
    Names { url_host, subject }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::queue::sns::form::Topic;

    #[test]
    fn hosts_and_names_of_the_partitions() {
        for (partition, region, host, subject) in [
            (
                "aws",
                "us-west-2",
                "sns.us-west-2.amazonaws.com",
                "sns.amazonaws.com",
            ),
            (
                "aws",
                "af-south-1",
                "sns.af-south-1.amazonaws.com",
                "sns-signing.af-south-1.amazonaws.com",
            ),
            (
                "aws-cn",
                "cn-north-1",
                "sns.cn-north-1.amazonaws.com.cn",
                "sns-cn-north-1.amazonaws.com.cn",
            ),
            (
                "aws-us-gov",
                "us-gov-east-1",
                "sns.us-gov-east-1.amazonaws.com",
                "sns-us-gov-west-1.amazonaws.com",
            ),
            (
                "aws-iso",
                "us-iso-east-1",
                "sns.us-iso-east-1.c2s.ic.gov",
                "sns-us-iso-east-1.c2s.ic.gov",
            ),
            (
                "aws-eusc",
                "eusc-de-east-1",
                "sns.eusc-de-east-1.amazonaws.eu",
                "sns-signing.eusc-de-east-1.amazonaws.eu",
            ),
        ] {
            let names = of(&Topic {
                arn: String::new(),
                partition: partition.to_owned(),
                region: region.to_owned(),
            });
            assert_eq!((&*names.url_host, &*names.subject), (host, subject));
        }
    }
}
