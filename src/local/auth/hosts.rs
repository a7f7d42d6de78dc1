//! The hosts that the endpoint accepts, and the refusal of requests from other sites' web pages.
//!
//! A page may send requests to any address, and a name of its own may resolve to this machine (DNS
//! rebinding). `Host` and `Origin` name the page's site then, and `Sec-Fetch-Site` says that it is another.

use std::net::{IpAddr, Ipv6Addr};

use http::Method;

use super::presigned_v2;
use crate::local::http::head::Head;
use crate::local::http::response::Refusal;
use crate::local::operation::{Service, decoded_query};

/// The one name that means this machine everywhere (RFC 6761); names below it do, too.
const LOCALHOST: &str = "localhost";

/// The hosts that requests may be addressed to.
#[derive(Debug)]
pub(in crate::local) struct Hosts {
    listens: IpAddr,
    /// Names in lower case, longest first.
    names: Vec<String>,
}

impl Hosts {
    /// The address that is listened on, and the names that the caller gave.
    pub(in crate::local) fn new(listens: IpAddr, names: &[String]) -> Self {
        let mut names: Vec<_> = names.iter().map(|name| normal(name)).collect();
        names.push(LOCALHOST.to_owned());
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self { listens, names }
    }

    /// Checks the `Host` of a request and the web page that it comes from.
    pub(in crate::local) fn check(&self, head: &Head, service: Service) -> Result<(), Refusal> {
        let host = head.text("host").unwrap_or_default();
        if !self.is_own(host) {
            return Err(refused(
                service,
                &format!(
                    "The local endpoint does not serve host {host:?}. Address it as localhost or by its IP \
                     address, or name the host with --host-name (LocalEndpointBuilder::host_name)."
                ),
            ));
        }
        let any = |name: &str, is: &dyn Fn(&[u8]) -> bool| {
            let mut values = head.headers.get_all(name).iter();
            values.any(|value| is(value.as_bytes()))
        };
        let from_elsewhere = any("origin", &|origin| !is_same_origin(origin, host));
        let cross_site = any("sec-fetch-site", &|site| {
            !matches!(site, b"same-origin" | b"none")
        });
        if from_elsewhere || (cross_site && !is_link_to_presigned(head)) {
            let message = "Web pages of other sites may not use the local endpoint (see the headers Origin \
                           and Sec-Fetch-Site of this request).";
            return Err(refused(service, message));
        }
        Ok(())
    }

    fn is_own(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        // An address resolves to nothing but itself.
        if let Some(address) = address(name) {
            return address.is_loopback()
                || self.listens.is_unspecified()
                || address == self.listens;
        }
        let name = normal(name);
        self.names.contains(&name) || self.bucket_of(&name).is_some()
    }

    /// The bucket that stands before one of the names: of `BUCKET.localhost`, for one.
    pub(in crate::local) fn bucket(&self, host: &str) -> Option<String> {
        let name = without_port(host)?;
        if address(name).is_some() {
            return None;
        }
        self.bucket_of(&normal(name))
    }

    fn bucket_of(&self, name: &str) -> Option<String> {
        if self.names.iter().any(|own| own == name) {
            return None;
        }
        let bucket = self
            .names
            .iter()
            .find_map(|own| name.strip_suffix(own.as_str())?.strip_suffix('.'));
        bucket
            .filter(|bucket| !bucket.is_empty())
            .map(str::to_owned)
    }
}

/// Whether this can be a host name.
pub(in crate::local) fn is_host_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let labels = || normal(name).split('.').all(|label| !label.is_empty());
    address(name).is_some() || (name.len() <= 253 && name.bytes().all(plain) && labels())
}

/// Host names ignore case and a trailing dot.
fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn without_port(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') {
        host.find(']')? + 1
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let (name, port) = host.split_at(end);
    let digits = port.strip_prefix(':').unwrap_or_default();
    let is_port =
        port.is_empty() || (port.starts_with(':') && digits.bytes().all(|b| b.is_ascii_digit()));
    (is_port && !name.is_empty()).then_some(name)
}

fn address(name: &str) -> Option<IpAddr> {
    let bracketed = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let address = match bracketed {
        Some(inside) => inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok(),
    };
    address.map(|address| address.to_canonical())
}

/// Behind a proxy the page may use TLS.
fn is_same_origin(origin: &[u8], host: &str) -> bool {
    ["http://", "https://"].into_iter().any(|scheme| {
        let page = origin.strip_prefix(scheme.as_bytes());
        page.is_some_and(|page| page.eq_ignore_ascii_case(host.as_bytes()))
    })
}

/// A link from another page to a presigned URL: reads an object, shows it to the user and not to the page.
fn is_link_to_presigned(head: &Head) -> bool {
    let is = |name: &str, value: &str| head.text(name) == Some(value);
    head.method == Method::GET
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
        && {
            let query = decoded_query(&head.query);
            let mut names = query.iter().map(|(name, _)| name);
            names.any(|name| name == "X-Amz-Signature") || presigned_v2::is_signed(&query)
        }
}

fn refused(service: Service, message: &str) -> Refusal {
    let code = match service {
        Service::S3 | Service::Sts => "AccessDenied",
        _ => "AccessDeniedException",
    };
    Refusal::new(403, code, message)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn hosts(listens: impl Into<IpAddr>) -> Hosts {
        Hosts::new(
            listens.into(),
            &["s3.test".to_owned(), "Sagemaker".to_owned()],
        )
    }

    #[test]
    fn own_addresses_and_names_are_known() {
        let loopback = hosts(Ipv4Addr::LOCALHOST);
        for own in [
            "127.0.0.1",
            "127.0.0.1:4566",
            "[::1]:1",
            "localhost",
            "LOCALHOST:80",
            "localhost.",
            "b.c.localhost:1",
            "s3.test",
            "b.s3.test",
            "sagemaker:4566",
        ] {
            assert!(loopback.is_own(own), "{own}");
        }
        for foreign in [
            "",
            ":80",
            "evil.example",
            "evil.example:4566",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "127.0.0.1:x",
            "10.0.0.1",
            "[::1",
            "[::1]x",
            "127.0.0.1@evil",
            "127",
            ".localhost",
            "test",
        ] {
            assert!(!loopback.is_own(foreign), "{foreign}");
        }
        assert!(hosts(Ipv4Addr::UNSPECIFIED).is_own("10.0.0.1:80"));
        assert!(hosts([10, 0, 0, 1]).is_own("10.0.0.1:80"));
        assert!(!hosts([10, 0, 0, 1]).is_own("10.0.0.2:80"));
    }

    #[test]
    fn buckets_stand_before_names_only() {
        let hosts = hosts(Ipv4Addr::LOCALHOST);
        assert_eq!(hosts.bucket("b.c.localhost:80").as_deref(), Some("b.c"));
        assert_eq!(hosts.bucket("b.s3.test").as_deref(), Some("b"));
        for none in [
            "localhost",
            "s3.test:1",
            "127.0.0.1:80",
            "127.0.0.1",
            "[::1]",
            "sagemaker",
        ] {
            assert_eq!(hosts.bucket(none), None, "{none}");
        }
    }
}
