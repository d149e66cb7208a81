//! Endpoints that the configuration does not list itself, and who is asked for them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

/// How names are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Who is asked; where there is none, whom `/etc/resolv.conf` names.
    pub nameservers: Vec<SocketAddr>,
    /// A name is not asked for again before, whatever its records say.
    pub min_ttl: Duration,
    /// It is asked for again after this at the latest.
    pub max_ttl: Duration,
    /// For one question to one server.
    pub timeout: Duration,
}

/// Somebody who knows endpoints of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Who, and what is asked.
    pub kind: SourceKind,
    /// Endpoints it may name at most; who names more is not believed.
    pub max_endpoints: usize,
}

/// Who is asked for endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A file of endpoints that is read again when it changes.
    File(PathBuf),
    /// DNS for the addresses of a name (A and AAAA).
    Name(NamedEndpoints, Arc<Dns>),
    /// DNS for the hosts and ports of a service (SRV), by its name.
    Service(String, Arc<Dns>),
    /// etcd for the values of keys.
    Etcd(EtcdPrefix),
}

/// Endpoints that share a name, a port and everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEndpoints {
    /// What DNS is asked for.
    pub name: String,
    /// Where each of its addresses listens.
    pub port: u16,
    /// Of each.
    pub weight: u32,
    /// Of each.
    pub zone: Arc<str>,
    /// Of each.
    pub priority: u8,
}

/// Keys of etcd, each with an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdPrefix {
    /// Members of one cluster, tried in turn.
    pub servers: Vec<Uri>,
    /// What the keys begin with.
    pub prefix: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SourceKind::File(path) => write!(f, "file {}", path.display()),
            SourceKind::Name(named, _) => write!(f, "dns {}:{}", named.name, named.port),
            SourceKind::Service(name, _) => write!(f, "srv {name}"),
            SourceKind::Etcd(keys) => write!(f, "etcd {}", keys.prefix),
        }
    }
}
