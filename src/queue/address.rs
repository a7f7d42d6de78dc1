//! Where a queue is: by URL, ARN or name.

use http::Uri;

use crate::aws::endpoints::{Partition, check_region};
use crate::aws::{Caller, Service, sqs};
use crate::error::{Error, Result};
use crate::invalid_input::InvalidInput;
use crate::session::Session;

const LIMIT: &str = "a URL https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, an ARN arn:aws:sqs:REGION:ACCOUNT:NAME, or a name";

/// A queue as the user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) region: String,
    pub(super) name: String,
    /// The account, where an ARN names it.
    owner: Option<String>,
    url: Option<String>,
}

impl Address {
    pub(super) fn parse(queue: &str, session: &Session) -> Result<Self> {
        if queue.contains("://") {
            Self::of_url(queue, session)
        } else if queue.starts_with("arn:") {
            Self::of_arn(queue)
        } else {
            check_name(queue, queue)?;
            Ok(Self {
                region: session.region().to_owned(),
                name: queue.to_owned(),
                owner: None,
                url: None,
            })
        }
    }

    /// The region is the one that the host names; at an endpoint of the user's, that of the session.
    fn of_url(url: &str, session: &Session) -> Result<Self> {
        let remedy = "copy it from GetQueueUrl or the console";
        let uri: Option<Uri> = url.parse().ok();
        let parts = uri.as_ref().and_then(|uri| {
            let scheme = uri.scheme_str()?;
            let plain = uri.query().is_none() && !url.contains(['@', '#']);
            (matches!(scheme, "http" | "https") && plain).then_some((uri.host()?, uri.path()))
        });
        let Some((host, path)) = parts else {
            // It may hold a password or a signature.
            return Err(InvalidInput::redacted("queue URL", LIMIT, remedy).into());
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        check_name(name, url)?;
        let region = match region_of_host(host) {
            named if session.endpoints().is_custom(Service::Sqs) => {
                named.unwrap_or_else(|| session.region().to_owned())
            }
            Some(region) if is_public(host, &region) => region,
            // Requests would go to the region's public endpoint, whatever this host is.
            _ => {
                let remedy = "set AWS_ENDPOINT_URL_SQS to the endpoint of such a queue, or name the \
                              queue by its ARN";
                let limit = "a host of Amazon SQS, which names the region";
                return Err(InvalidInput::new("queue URL", url, limit, remedy).into());
            }
        };
        check_region(&region)?;
        Ok(Self {
            region,
            name: name.to_owned(),
            owner: None,
            url: Some(url.to_owned()),
        })
    }

    fn of_arn(arn: &str) -> Result<Self> {
        let parts: Vec<_> = arn.split(':').collect();
        let ["arn", _, "sqs", region, owner, name] = parts[..] else {
            let remedy = "take the QueueArn of the queue";
            return Err(InvalidInput::new("queue ARN", arn, LIMIT, remedy).into());
        };
        check_name(name, arn)?;
        check_region(region)?;
        Ok(Self {
            region: region.to_owned(),
            name: name.to_owned(),
            owner: Some(owner.to_owned()).filter(|owner| !owner.is_empty()),
            url: None,
        })
    }

    /// Whether it is a FIFO queue, which its name says.
    pub(super) fn is_fifo(&self) -> bool {
        self.name.strip_suffix(".fifo").is_some()
    }

    /// The session's client and endpoints, in the queue's region.
    pub(super) fn caller<'a>(&'a self, session: &'a Session) -> Caller<'a> {
        Caller {
            region: &self.region,
            ..session.caller()
        }
    }

    /// The URL, from the service unless it is known. Where the caller may not ask for it, that of an ARN is
    /// made by the service's rule: to a caller of another account a queue whose policy does not allow `GetQueueUrl` does
    /// not exist.
    pub(super) fn url(&self, session: &Session) -> Result<String> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        let owner = self.owner.as_deref();
        let found = sqs::get_queue_url(self.caller(session), &self.name, owner);
        match (found.map_err(Error::from), owner) {
            (Err(error), Some(owner))
                if sqs::is_access_denied(&error) || sqs::is_missing_queue(&error) =>
            {
                let suffix = Partition::of(&self.region).dns_suffix;
                let Self { region, name, .. } = self;
                Ok(format!("https://sqs.{region}.{suffix}/{owner}/{name}"))
            }
            (found, _) => found,
        }
    }
}

fn check_name(name: &str, whole: &str) -> Result<()> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=80).contains(&name.len()) && !stem.is_empty() && stem.bytes().all(allowed) {
        return Ok(());
    }
    let remedy =
        "a name has 1 to 80 letters, digits, hyphens and underscores, and may end with .fifo";
    Err(InvalidInput::new("queue", whole, LIMIT, remedy).into())
}

/// The region that a host of SQS names: `sqs.REGION..`, `sqs-fips.REGION..`, `VPCE.sqs.REGION.vpce..`, and
/// the old `REGION.queue..` and `queue.amazonaws.com`.
fn region_of_host(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    if host == "queue.amazonaws.com" {
        return Some("us-east-1".to_owned());
    }
    let labels: Vec<_> = host.split('.').collect();
    let after = labels
        .iter()
        .position(|label| matches!(*label, "sqs" | "sqs-fips"))
        .and_then(|index| labels.get(index + 1));
    let before = labels
        .iter()
        .position(|label| *label == "queue")
        .filter(|index| *index > 0)
        .map(|index| &labels[index - 1]);
    let region = after.or(before)?;
    // Hosts of the user's may have other names there, such as sqs.my-team.internal.
    let (place, number) = region.rsplit_once('-')?;
    let is_region = !place.is_empty() && number.parse::<u8>().is_ok();
    is_region.then(|| (*region).to_owned())
}

/// Whether this is one of the service's own hosts in the region, which an emulator's and those of VPC endpoints are not.
fn is_public(host: &str, region: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let partition = Partition::of(region);
    let suffixes = [partition.dns_suffix, partition.dual_stack_dns_suffix];
    let rest = suffixes
        .iter()
        .find_map(|suffix| host.strip_suffix(suffix)?.strip_suffix('.'));
    let Some(rest) = rest else {
        return false;
    };
    let hosts = ["sqs", "sqs-fips"].map(|prefix| format!("{prefix}.{region}"));
    rest == "queue" || rest == format!("{region}.queue") || hosts.iter().any(|host| host == rest)
}

#[cfg(test)]
mod tests {
    use super::region_of_host;

    #[test]
    fn hosts_name_their_region() {
        for (host, region) in [
            ("sqs.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("sqs-fips.us-east-2.api.aws", Some("us-east-2")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("eu-central-1.queue.amazonaws.com", Some("eu-central-1")),
            ("queue.amazonaws.com", Some("us-east-1")),
            (
                "vpce-0a1b-c2d3.sqs.us-west-2.vpce.amazonaws.com",
                Some("us-west-2"),
            ),
            (
                "sqs.eu-west-1.localhost.localstack.cloud",
                Some("eu-west-1"),
            ),
            ("localhost", None),
            ("127.0.0.1", None),
            ("queue.example.com", None),
            ("sqs.my-team.internal", None),
            ("sqs.us-iso-east-1.c2s.ic.gov", Some("us-iso-east-1")),
        ] {
            assert_eq!(region_of_host(host).as_deref(), region, "{host}");
        }
    }
}
