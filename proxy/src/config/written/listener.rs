//! `[[listener]]`

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{At, name};
use crate::config::fields::Fields;
use crate::config::value::{boolean, net};

/// A listener as written.
#[derive(Debug)]
pub(in crate::config) struct Listener {
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) address: Option<At<SocketAddr>>,
    pub(in crate::config) http2: bool,
    pub(in crate::config) tls: Option<Tls>,
}

/// Certificate and key as written.
#[derive(Debug)]
pub(in crate::config) struct Tls {
    pub(in crate::config) certificate: Option<At<PathBuf>>,
    pub(in crate::config) key: Option<At<PathBuf>>,
}

impl Listener {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            name: name(fields),
            address: fields.required("address", net::listen_address, "\"0.0.0.0:8080\""),
            http2: fields.or("http2", boolean, true),
            tls: fields.section("tls", |fields| Tls {
                certificate: fields.required_file("certificate", "\"fullchain.pem\""),
                key: fields.required_file("key", "\"key.pem\""),
            }),
        }
    }
}
