//! `[counters]`: where gateways share what they count.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::SharedSecret;

/// Where a plugin's policies count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// In this gateway.
    #[default]
    Local,
    /// Where other gateways count as well.
    Shared(Arc<SharedStore>),
}

impl Counting {
    /// The store, where it is a shared one.
    #[must_use]
    pub fn store(&self) -> Option<&Arc<SharedStore>> {
        match self {
            Self::Local => None,
            Self::Shared(store) => Some(store),
        }
    }
}

/// A Redis that gateways count in, and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedStore {
    /// Who is asked.
    pub server: RedisServer,
    /// For one answer; then the gateway counts by itself.
    pub timeout: Duration,
    /// What every key of ours begins with.
    pub prefix: String,
}

/// Where a Redis listens, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisServer {
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    /// Not 0.
    pub port: u16,
    /// Number of the database.
    pub database: u16,
    /// Who we are; the default user where there is none.
    pub user: Option<String>,
    /// What proves it: UTF-8.
    pub password: Option<SharedSecret>,
}

/// As it is written, without the password.
impl fmt::Display for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, database, user, password } = self;
        let user = user.as_deref().unwrap_or_default();
        let identity = password.as_ref().map_or_else(String::new, |_| format!("{user}:<redacted>@"));
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        write!(f, "redis://{identity}{host}:{port}/{database}")
    }
}
