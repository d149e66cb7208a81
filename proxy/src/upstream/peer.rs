//! From an endpoint to the peer Pingora connects to.

use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

use crate::config::model::{EndpointAddress, UpstreamTimeouts};

/// One prepared peer per member, in their order: a request copies it instead of putting it together.
#[derive(Debug)]
pub struct Peers {
    /// `None` where Pingora can make nothing of an address, which no address of ours is.
    prepared: Box<[Option<HttpPeer>]>,
}

impl Peers {
    /// Prepares a peer for each address.
    pub(super) fn new<'a>(addresses: impl Iterator<Item = &'a EndpointAddress>, timeouts: &UpstreamTimeouts) -> Self {
        Self { prepared: addresses.map(|address| prepare(address, timeouts)).collect() }
    }

    /// The peer of the member at this index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Box<HttpPeer>> {
        self.prepared.get(index)?.clone().map(Box::new)
    }
}

/// A plain HTTP peer with every deadline set: Pingora's own defaults wait for ever.
///
/// Hop-by-hop fields are left to `wire`, which seals each head in one pass after the last policy; Pingora's own
/// stripping runs before policies and would not see what they add. TCP keep-alive is off: idle connections are closed
/// by `idle`, and one that waits for an answer by `read`.
fn prepare(address: &EndpointAddress, timeouts: &UpstreamTimeouts) -> Option<HttpPeer> {
    let mut peer = match address {
        EndpointAddress::Ip(address) => HttpPeer::new(*address, false, String::new()),
        EndpointAddress::Unix(path) => HttpPeer::new_uds(path.to_str()?, false, String::new()).ok()?,
    };
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    options.read_timeout = Some(timeouts.read);
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.idle);
    options.tcp_keepalive = None;
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
