//! What the Gate asks of the rest of the program, and tells it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::admission::Admission;
use super::entrance::ProxyFault;
use super::refusal::Refusal;
use super::tls::{HandshakeFailure, TlsTerminator};
use crate::config::model::Limits;

/// The terms on which a listener takes requests.
#[derive(Debug)]
pub struct Terms {
    /// What a client may send, and how slowly.
    pub limits: Limits,
    /// Whether HTTP/2 is spoken: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// Terminates TLS; plain text where there is none.
    pub tls: Option<Arc<TlsTerminator>>,
    /// Who must introduce each connection by the PROXY protocol; `None` where clients connect by themselves.
    pub introduced_by: Option<Vec<IpNet>>,
    /// Whether the server name is read off a TLS handshake that is passed on.
    pub reads_server_name: bool,
    /// How long an idle connection may still send one last request once the listener closes.
    pub drain: Duration,
}

/// The Gate's side door to the rest of the program, one for each listener.
///
/// The Gate refuses requests before the proxy, its hooks and its logs see anything; what it did it tells here.
pub trait Doorkeeper: Send + Sync + 'static {
    /// The terms now in force: asked for each connection, and again for each request on it.
    fn terms(&self) -> Arc<Terms>;

    /// A place for one more connection. `None` closes it at once; who answers so counts it.
    fn admit(&self) -> Option<Admission>;

    /// A request was refused. Called after the answer has been sent, outside any lock.
    fn refused(&self, refused: &Refused<'_>);

    /// A connection came without the introduction that its listener asks for, and was closed.
    fn not_introduced(&self, peer: Option<SocketAddr>, fault: ProxyFault);

    /// A TLS handshake came to nothing.
    fn handshake_failed(&self, client: Option<SocketAddr>, failure: HandshakeFailure);
}

/// A request that was refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// Who sent it.
    pub client: Option<SocketAddr>,
    /// Why.
    pub refusal: Refusal,
    /// The request line as far as it is known, as the client wrote it: escape it before it is shown.
    pub request_line: &'a [u8],
}
