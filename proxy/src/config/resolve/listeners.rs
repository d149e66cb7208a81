//! Listeners: no two on one address.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::check_file;
use crate::config::key_path::KeyPath;
use crate::config::model;
use crate::config::problems::Problems;
use crate::config::value::Wrong;
use crate::config::written::{Admin, At, Listener};

/// Two listeners cannot share an address, nor can one share the admin listener's.
pub(super) fn check_addresses(listeners: &[Listener], admin: &Admin, problems: &mut Problems<'_>) {
    let mut taken: HashMap<SocketAddr, &KeyPath> = HashMap::new();
    let admin = Some(&admin.address).filter(|_| admin.enabled);
    for At { value, at } in listeners.iter().filter_map(|listener| listener.address.as_ref()).chain(admin) {
        if value.port() == 0 {
            continue;
        }
        let Some(first) = taken.insert(*value, at) else { continue };
        let hint = format!("the other is on {}", problems.line_of(first));
        problems.at_value(at, Wrong::new(format!("two listeners have the address {value}")).hint(hint));
    }
}

/// One listener.
pub(super) fn resolve(written: Listener, problems: &mut Problems<'_>) -> Option<model::Listener> {
    let tls = match written.tls {
        None => None,
        Some(tls) => {
            let files = [tls.certificate.as_ref(), tls.key.as_ref()];
            files.into_iter().flatten().for_each(|file| check_file(file, problems));
            Some(
                tls.certificate
                    .zip(tls.key)
                    .map(|(certificate, key)| model::ListenerTls { certificate: certificate.value, key: key.value })?,
            )
        }
    };
    Some(model::Listener { name: written.name?.value, address: written.address?.value, http2: written.http2, tls })
}
