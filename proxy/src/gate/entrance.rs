//! What a connection goes through before anybody reads what its client says: the introduction by a proxy, and TLS.

use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use bytes::BytesMut;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{GetSocketDigest as _, SocketDigest, Stream, l4};
use tokio::io::AsyncReadExt as _;

use super::connection::client_of;
use super::doorkeeper::{Doorkeeper, Terms};
use super::tls::HandshakeFailure;
use crate::wire::proxy_protocol::{self, Ends, LONGEST};

/// Room for the usual header, and a little more.
const ROOM: usize = 512;

/// Why a connection was not taken that a proxy should have introduced. Closed: it is a label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// Who connected is no trusted proxy.
    Untrusted,
    /// It did not begin with a PROXY protocol header.
    NoHeader,
    /// The header did not come in time.
    Timeout,
    /// It ended before a whole header.
    Closed,
}

impl ProxyFault {
    /// Its label in metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Untrusted => "proxy-untrusted",
            Self::NoHeader => "proxy-no-header",
            Self::Timeout => "proxy-timeout",
            Self::Closed => "proxy-closed",
        }
    }
}

/// Learns from the proxy in front who the client is, where the listener wants that; the stream says so from then on.
pub(super) async fn introduce<D: Doorkeeper>(stream: Stream, terms: &Terms, door: &D) -> Option<Stream> {
    let Some(trusted) = &terms.introduced_by else { return Some(stream) };
    let peer = client_of(&*stream);
    let is_trusted = peer.is_some_and(|peer| {
        let address = peer.ip().to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    });
    let introduced = match is_trusted {
        true => tokio::time::timeout(terms.limits.head_timeout, introduced(stream)).await,
        false => Ok(Err(ProxyFault::Untrusted)),
    };
    match introduced.unwrap_or(Err(ProxyFault::Timeout)) {
        Ok(stream) => Some(stream),
        Err(fault) => {
            door.not_introduced(peer, fault);
            None
        }
    }
}

async fn introduced(stream: Stream) -> Result<Stream, ProxyFault> {
    let mut stream = plain(stream).ok_or(ProxyFault::Closed)?;
    let mut held = BytesMut::with_capacity(ROOM);
    let introduction = loop {
        if let Some(introduction) = proxy_protocol::read(&held).map_err(|_| ProxyFault::NoHeader)? {
            break introduction;
        }
        held.reserve(ROOM.min(LONGEST - held.len()));
        if !matches!(stream.read_buf(&mut held).await, Ok(1..)) {
            return Err(ProxyFault::Closed);
        }
    };
    stream.rewind(held.get(introduction.length..).unwrap_or_default());
    if let Some(ends) = introduction.ends {
        stream.set_socket_digest(digest(&stream, ends));
    }
    Ok(stream)
}

/// The socket, with the ends the client sees.
fn digest(stream: &l4::stream::Stream, ends: Ends) -> SocketDigest {
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    // Both are empty in a new one.
    let _ = digest.peer_addr.set(Some(ends.client.into()));
    let _ = digest.local_addr.set(Some(ends.reached.into()));
    digest
}

/// The connection under a stream that is no TLS session.
pub(super) fn plain(stream: Stream) -> Option<Box<l4::stream::Stream>> {
    stream.into_any().downcast().ok()
}

/// Terminates TLS, where the listener does; the deadline is that of a head.
pub(super) async fn terminate<D: Doorkeeper>(
    stream: Stream,
    terms: &Terms,
    client: Option<SocketAddr>,
    door: &D,
) -> Option<(Stream, Option<Arc<ProxyDigest>>)> {
    let Some(tls) = &terms.tls else { return Some((stream, None)) };
    let handshake = tokio::time::timeout(terms.limits.head_timeout, tls.terminate(stream)).await;
    match handshake.unwrap_or(Err(HandshakeFailure::Timeout)) {
        Ok((session, facts)) => Some((session, Some(facts))),
        Err(failure) => {
            door.handshake_failed(client, failure);
            None
        }
    }
}
