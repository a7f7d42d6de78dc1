//! Hosts that requests reach without the proxy.

use std::net::IpAddr;

/// The entries of `NO_PROXY`, separated by commas or spaces: names, each of which matches itself and
/// all names below it (a leading `.` or `*.` makes no difference), IP addresses, and networks such as
/// `10.0.0.0/8`; names and addresses may have a port; `*` matches every host. This is how curl and the Python SDK
/// read it. ureq's own list has no networks and ports, and a name there matches only itself.
#[derive(Debug, Clone, Default)]
pub(super) struct NoProxy {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    Everything,
    Name(String, Option<u16>),
    Address(IpAddr, Option<u16>),
    Network(IpAddr, u32),
}

impl NoProxy {
    pub(super) fn parse(list: &str) -> Self {
        let entries = list
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter_map(Entry::parse)
            .collect();
        Self { entries }
    }

    /// `host` as in a URL: an IPv6 address has brackets.
    pub(super) fn has(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = address(&host);
        self.entries.iter().any(|entry| match (entry, address) {
            (Entry::Everything, _) => true,
            (Entry::Name(name, at), None) => is_below(&host, name) && is_at(*at, port),
            (Entry::Address(one, at), Some(address)) => *one == address && is_at(*at, port),
            (Entry::Network(network, bits), Some(address)) => is_in(address, *network, *bits),
            _ => false,
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everything);
        }
        if let Some(address) = address(text) {
            return Some(Self::Address(address, None));
        }
        if let Some((network, bits)) = text.split_once('/') {
            return Some(Self::Network(address(network)?, bits.parse().ok()?));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        if let Some(address) = address(host) {
            return Some(Self::Address(address, port));
        }
        let name = host.strip_prefix('*').unwrap_or(host).trim_matches('.');
        (!name.is_empty()).then(|| Self::Name(name.to_ascii_lowercase(), port))
    }
}

/// An IP address, an IPv6 one perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok()
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_at(only: Option<u16>, port: u16) -> bool {
    only.is_none_or(|only| only == port)
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (address, network, length) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => (
            u128::from(address.to_bits()),
            u128::from(network.to_bits()),
            32,
        ),
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let Some(rest) = u32::checked_sub(length, bits) else {
        return false;
    };
    let differ = address ^ network;
    // For /0 the shift by the whole width leaves nothing to compare.
    differ.checked_shr(rest).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::NoProxy;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_list_and_any_host_are_accepted(list in ".*", host in ".*", port: u16) {
            NoProxy::parse(&list).has(&host, port);
        }

        #[test]
        fn a_host_that_is_listed_is_found(
            before in "[a-z0-9.,:/\\[\\]* ]*",
            host in "[a-z]{1,9}(\\.[a-z0-9]{1,9}){0,3}",
            below in "([a-z]{1,9}\\.){0,2}",
        ) {
            let list = NoProxy::parse(&format!("{before},{host}"));
            let below = below + &host;
            prop_assert!(list.has(&below, 443));
        }
    }

    #[test]
    fn hosts_of_the_list_and_no_others() {
        let cases = [
            ("example.com", "example.com", true),
            ("example.com", "EXAMPLE.com.", true),
            ("example.com", "a.b.example.com", true),
            ("example.com", "notexample.com", false),
            (".example.com", "example.com", true),
            ("*.example.com", "a.example.com", true),
            ("example.com:443", "example.com", true),
            ("example.com:8443", "example.com", false),
            ("a.com,b.com", "b.com", true),
            (" a.com\tb.com ", "b.com", true),
            ("*", "anything", true),
            ("", "anything", false),
            (",.,*.,:1,a:b,/8", "anything", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1:443", "127.0.0.1", true),
            ("127.0.0.1:80", "127.0.0.1", false),
            ("0.0.1", "127.0.0.1", false),
            ("127.0.0.0/8", "127.1.2.3", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/33", "10.1.2.3", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "[::1]", false),
            ("::/0", "[2001:db8::1]", true),
            ("::1", "[::1]", true),
            ("[::1]:443", "[0:0::1]", true),
            ("[::1]:80", "[::1]", false),
            ("fd00::/8", "[fd12::1]", true),
            ("localhost", "127.0.0.1", false),
        ];
        for (list, host, expected) in cases {
            assert_eq!(
                NoProxy::parse(list).has(host, 443),
                expected,
                "{list} {host}"
            );
        }
    }
}
