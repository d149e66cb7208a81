//! What of a new configuration a running process cannot take over.

use super::model::{Config, Listener, Protocol};

/// The keys whose change needs a restart; empty where a reload suffices.
///
/// Certificate files are not among them: the TLS table is rebuilt at each reload.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Vec<&'static str> {
    let checks = [
        ("server", old.server != new.server),
        ("admin", old.admin != new.admin),
        ("listener", sockets(old) != sockets(new)),
        ("limits.connections", old.limits.connections != new.limits.connections),
    ];
    checks.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

/// What is bound or fixed when a listener starts, whatever the order in the file.
fn sockets(config: &Config) -> Vec<(&str, std::net::SocketAddr, Option<bool>, bool)> {
    let mut sockets: Vec<_> = config
        .listeners
        .iter()
        .map(|Listener { name, address, protocol, tls, .. }| {
            let http2 = match protocol {
                Protocol::Http { http2 } => Some(*http2),
                Protocol::Tcp(_) => None,
            };
            (name.as_str(), *address, http2, tls.is_some())
        })
        .collect();
    sockets.sort_unstable();
    sockets
}
