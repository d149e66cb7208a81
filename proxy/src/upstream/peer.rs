//! From an endpoint to the peer Pingora connects to.

use std::sync::Arc;
use std::time::Duration;

use pingora_core::protocols::ALPN;
use pingora_core::protocols::tls::CaType;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};

use super::tls::TlsSettings;
use super::transport::Transport;
use crate::config::model::{EndpointAddress, UpstreamProtocol, UpstreamTimeouts};

/// Requests that one HTTP/2 connection to an endpoint carries at a time, where that allows as many.
const MOST_STREAMS: usize = 100;
/// How often an HTTP/2 connection is asked whether it still lives.
const PING: Duration = Duration::from_secs(30);

/// One prepared peer per member, in their order: a request copies it instead of putting it together.
#[derive(Debug)]
pub struct Peers {
    /// `None` where Pingora can make nothing of an address, which no address of ours is.
    prepared: Box<[Option<HttpPeer>]>,
}

impl Peers {
    /// Prepares a peer for each address.
    pub(super) fn new<'a>(
        addresses: impl Iterator<Item = &'a EndpointAddress>,
        timeouts: &UpstreamTimeouts,
        transport: &Transport,
    ) -> Self {
        let security = transport.tls.as_deref().map(Security::new);
        let prepare = |address| prepare(address, timeouts, transport, security.as_ref());
        Self { prepared: addresses.map(prepare).collect() }
    }

    /// The peer of the member at this index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Box<HttpPeer>> {
        self.prepared.get(index)?.clone().map(Box::new)
    }
}

/// The TLS settings of an upstream in Pingora's types.
struct Security<'t> {
    settings: &'t TlsSettings,
    roots: Option<Arc<CaType>>,
    identity: Option<Arc<CertKey>>,
}

impl<'t> Security<'t> {
    fn new(settings: &'t TlsSettings) -> Self {
        let parts = settings.parts();
        // That they can be parsed was seen when they were read.
        let wrapped = |der: &Vec<u8>| WrappedX509::new(der.clone(), parse_x509);
        Self {
            settings,
            roots: parts.roots.as_ref().map(|roots| roots.iter().map(wrapped).collect()),
            identity: parts.identity.clone().map(|(chain, key)| Arc::new(CertKey::new(chain, key))),
        }
    }

    /// Never empty: Pingora verifies nothing where it knows no name.
    fn name_for(&self, address: &EndpointAddress) -> String {
        self.settings.name_for(address).unwrap_or_else(|| "localhost".to_owned())
    }

    fn apply(&self, peer: &mut HttpPeer) {
        peer.options.ca.clone_from(&self.roots);
        peer.options.verify_cert = self.settings.parts().verify;
        peer.options.verify_hostname = peer.options.verify_cert;
        peer.client_cert_key.clone_from(&self.identity);
        peer.group_key = self.settings.identity();
    }
}

/// A peer with every deadline set: Pingora's own defaults wait for ever.
///
/// Hop-by-hop fields are left to `wire`, which seals each head in one pass after the last policy; Pingora's own
/// stripping runs before policies and would not see what they add. TCP keep-alive is off: idle connections are closed
/// by `idle`, and one that waits for an answer by `read`.
fn prepare(
    address: &EndpointAddress,
    timeouts: &UpstreamTimeouts,
    transport: &Transport,
    security: Option<&Security<'_>>,
) -> Option<HttpPeer> {
    let name = security.map(|security| security.name_for(address)).unwrap_or_default();
    let mut peer = match address {
        EndpointAddress::Ip(address) => HttpPeer::new(*address, security.is_some(), name),
        EndpointAddress::Unix(path) => HttpPeer::new_uds(path.to_str()?, security.is_some(), name).ok()?,
    };
    if let Some(security) = security {
        security.apply(&mut peer);
    }
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    options.read_timeout = Some(timeouts.read);
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.idle);
    options.tcp_keepalive = None;
    if transport.protocol == UpstreamProtocol::Http2 {
        options.alpn = ALPN::H2;
        options.max_h2_streams = MOST_STREAMS;
        options.h2_ping_interval = Some(PING);
    }
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::preserve();
    Some(peer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pingora_core::upstreams::peer::{H1UpgradePolicy, Peer};

    use crate::upstream::tests::{build, spec};

    #[test]
    fn a_peer_has_its_members_address_and_every_deadline() {
        let upstream = build(&spec("shop", &[1, 2]), None);
        let peer = upstream.peers().get(1).unwrap();
        assert_eq!(peer.address().to_string(), "127.0.0.1:2");
        assert!(!peer.is_tls());
        let options = &peer.options;
        assert_eq!(options.connection_timeout, Some(Duration::from_secs(1)));
        assert_eq!(options.total_connection_timeout, Some(Duration::from_secs(1)));
        assert_eq!(options.read_timeout, Some(Duration::from_secs(2)));
        assert_eq!(options.write_timeout, Some(Duration::from_secs(3)));
        assert_eq!(options.idle_timeout, Some(Duration::from_secs(4)));
        assert!(!options.http_upstream_request_policy.strip_hop_by_hop);
        assert_eq!(options.http_upstream_request_policy.h1_upgrade, H1UpgradePolicy::Preserve);
    }

    #[test]
    fn connections_are_shared_between_snapshots_of_the_same_endpoint() {
        let spec = spec("shop", &[1]);
        let (old, new) = (build(&spec, None), build(&spec, None));
        let peer = |upstream: &crate::upstream::Upstream| upstream.peers().get(0).unwrap().reuse_hash();
        assert_eq!(peer(&old), peer(&new));
    }
}
