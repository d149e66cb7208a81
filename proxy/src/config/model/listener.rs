//! Where clients connect, and what they speak there.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::HostPattern;

/// An address that clients connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Unique.
    pub name: String,
    /// Port 0 asks the system for one.
    pub address: SocketAddr,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// TLS is terminated here.
    pub tls: Option<ListenerTls>,
    /// Every connection begins with a PROXY protocol header, and only trusted proxies may connect.
    pub proxy_protocol: bool,
}

/// What is spoken on a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Requests, which are routed one by one.
    Http {
        /// HTTP/2 as well: by ALPN with TLS, by prior knowledge (h2c) without.
        http2: bool,
    },
    /// Anything: a connection is passed on as a whole.
    Tcp(TcpTargets),
}

/// Where the connections of a tcp listener go. One of the two is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpTargets {
    /// The upstream of connections that no route is for.
    pub upstream: Option<String>,
    /// By the server name in the TLS handshake; no name is there twice.
    pub routes: Vec<ServerNameRoute>,
}

/// Connections for some server names, and their upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNameRoute {
    /// At least one.
    pub server_names: Vec<HostPattern>,
    /// The upstream.
    pub upstream: String,
}

/// Certificate chain and key, both PEM, read and checked when the configuration is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// Path of the chain, leaf first.
    pub certificate: PathBuf,
    /// Path of the private key.
    pub key: PathBuf,
    /// Whom clients have vouch for them; `None` where none is asked for a certificate.
    pub clients: Option<ClientAuthorities>,
}

/// Who vouches for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthorities {
    /// Path of their certificates, PEM.
    pub ca: PathBuf,
    /// Whether a client without a certificate is turned away.
    pub is_required: bool,
}

impl ListenerTls {
    /// The files it names.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let clients = self.clients.as_ref().map(|clients| clients.ca.clone());
        [self.certificate.clone(), self.key.clone()].into_iter().chain(clients)
    }
}

/// How the client of a connection is told to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// One line of text.
    V1,
    /// Binary.
    V2,
}

impl Listener {
    /// Whether HTTP/2 is spoken on it.
    #[must_use]
    pub fn speaks_http2(&self) -> bool {
        self.protocol == Protocol::Http { http2: true }
    }

    /// Where its connections go, where they are passed on as a whole.
    #[must_use]
    pub fn tcp(&self) -> Option<&TcpTargets> {
        match &self.protocol {
            Protocol::Http { .. } => None,
            Protocol::Tcp(targets) => Some(targets),
        }
    }
}
