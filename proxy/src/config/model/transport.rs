//! How the endpoints of an upstream are spoken to.

use std::path::PathBuf;

/// The version of HTTP that endpoints are asked in. Connections of tcp listeners have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: over TLS agreed on by ALPN, else with prior knowledge (RFC 9113 section 3.3).
    Http2,
}

impl UpstreamProtocol {
    /// All of them, as they are written.
    pub const WORDS: [(&str, Self); 2] = [("http/1.1", Self::Http1), ("http/2", Self::Http2)];

    /// How it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "http/2",
        }
    }
}

/// TLS towards endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// The name in the endpoints' certificates, which is also asked for in the handshake; an address stands for itself.
    /// `None` where each endpoint is known by its own address.
    pub server_name: Option<String>,
    /// A PEM file with the certificates of those who may vouch for the endpoints; those the system trusts where there is none.
    pub ca: Option<PathBuf>,
    /// By what the gateway shows who it is.
    pub identity: Option<ClientIdentity>,
    /// Whether an endpoint must show who it is.
    pub verify: bool,
}

impl UpstreamTls {
    /// The files it names.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let identity = self.identity.iter().flat_map(|identity| [identity.certificate.clone(), identity.key.clone()]);
        self.ca.iter().cloned().chain(identity)
    }
}

/// A certificate of the gateway's own, for endpoints that ask for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// A PEM file: the certificate, then those between it and its root.
    pub certificate: PathBuf,
    /// A PEM file with its private key.
    pub key: PathBuf,
}
