//! Whether this build of ureq decodes bodies. Cargo unites features: another crate that enables ureq's `gzip` or
//! `brotli` makes it decode stored objects, and leaves out `Content-Encoding` and `Content-Length`.

use std::sync::OnceLock;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG};
use http::{Response, Uri};
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Agent, Error};

use crate::error::ConfigError;

/// Refuses a stored object that may have been decoded: one without a length. (An `ETag` distinguishes an object from a
/// document that a service generates for its response.)
pub(super) fn check<B>(response: &Response<B>) -> Result<(), ConfigError> {
    let headers = response.headers();
    if !response.status().is_success()
        || !headers.contains_key(ETAG)
        || headers.contains_key(CONTENT_LENGTH)
    {
        return Ok(());
    }
    match feature() {
        Some(feature) => Err(refusal(feature)),
        None => Ok(()),
    }
}

fn refusal(feature: &str) -> ConfigError {
    ConfigError::new(
        format!("the feature `{feature}` of ureq"),
        "is enabled by another crate of this program, which changes the bytes of stored objects that have a \
         Content-Encoding",
        "find that crate with `cargo tree -e features -i ureq` and disable the feature there, or store objects \
         without Content-Encoding",
    )
}

/// The first of ureq's features by which it decodes; detected once.
fn feature() -> Option<&'static str> {
    static FEATURE: OnceLock<Option<&str>> = OnceLock::new();
    *FEATURE.get_or_init(|| {
        let decodes = |encoding: &str| {
            let response = format!(
                "HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 1\r\n\r\nx"
            );
            let config = Agent::config_builder().proxy(None).build();
            let agent = Agent::with_parts(config, Scripted(response), Nowhere);
            let response = agent.get("http://localhost/").call();
            response.is_ok_and(|response| !response.headers().contains_key(CONTENT_ENCODING))
        };
        [("gzip", "gzip"), ("brotli", "br")]
            .into_iter()
            .find_map(|(feature, encoding)| decodes(encoding).then_some(feature))
    })
}

/// Connects to a server that gives one response, in memory.
#[derive(Debug)]
struct Scripted(String);

impl Connector<()> for Scripted {
    type Out = InMemory;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<InMemory>, Error> {
        Ok(Some(InMemory {
            input: self.0.clone().into_bytes(),
            scratch: vec![0; 8 << 10],
        }))
    }
}

#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

#[derive(Debug)]
struct InMemory {
    input: Vec<u8>,
    scratch: Vec<u8>,
}

impl Buffers for InMemory {
    fn output(&mut self) -> &mut [u8] {
        &mut self.scratch
    }
    fn input(&self) -> &[u8] {
        &self.input
    }
    fn input_append_buf(&mut self) -> &mut [u8] {
        &mut []
    }
    fn input_appended(&mut self, _: usize) {}
    fn input_consume(&mut self, amount: usize) {
        self.input.drain(..amount);
    }
    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.scratch.split_at_mut(4 << 10)
    }
    fn can_use_input(&self) -> bool {
        !self.input.is_empty()
    }
}

impl Transport for InMemory {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self
    }
    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }
    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        Ok(false)
    }
    fn is_open(&mut self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::{check, feature, refusal};

    /// Nothing in this crate's own tree enables one of them.
    #[test]
    fn this_build_does_not_decode() {
        assert_eq!(feature(), None);
        let chunked = Response::builder().header("etag", "\"1\"").body(());
        assert!(check(&chunked.expect("a response")).is_ok());
    }

    #[test]
    fn the_refusal_names_the_feature_and_how_to_find_who_enables_it() {
        let shown = refusal("gzip").to_string();
        assert!(shown.contains("`gzip` of ureq"), "{shown}");
        assert!(shown.contains("cargo tree -e features -i ureq"), "{shown}");
    }
}
