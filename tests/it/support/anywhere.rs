//! An agent all of whose connections go to one server, in the clear, whatever the URL says: what would be
//! sent to AWS's hosts is seen by a server on this machine.

use std::net::SocketAddr;

use ureq::Agent;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};

/// To the server at this URL, `http://address:port`.
pub fn agent(url: &str) -> Agent {
    let address = url.strip_prefix("http://").expect("an http URL");
    let address = address.parse().expect("an address and a port");
    let config = Agent::config_builder().proxy(None).build();
    Agent::with_parts(config, AsIfTls(TcpConnector::default()), Fixed(address))
}

#[derive(Debug)]
struct Fixed(SocketAddr);

impl Resolver for Fixed {
    fn resolve(
        &self,
        _uri: &http::Uri,
        _config: &ureq::config::Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

#[derive(Debug)]
struct AsIfTls(TcpConnector);

impl Connector<()> for AsIfTls {
    type Out = Claimed;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Claimed>, ureq::Error> {
        let transport = self.0.connect(details, chained)?;
        Ok(transport.map(|transport| Claimed(Box::new(transport))))
    }
}

/// Claims to be secured, which ureq asks for where the URL is https.
#[derive(Debug)]
struct Claimed(Box<dyn Transport>);

impl Transport for Claimed {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
