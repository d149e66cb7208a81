//! `[[listener]]`

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{At, name};
use crate::config::fields::Fields;
use crate::config::key_path::KeyPath;
use crate::config::model::HostPattern;
use crate::config::value::{self, boolean, net, word};

/// A listener as written.
#[derive(Debug)]
pub(in crate::config) struct Listener {
    pub(in crate::config) at: KeyPath,
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) address: Option<At<SocketAddr>>,
    /// `None` where what is written is none.
    pub(in crate::config) protocol: Option<Protocol>,
    pub(in crate::config) http2: Option<At<bool>>,
    pub(in crate::config) upstream: Option<At<String>>,
    /// Whether an upstream is named, rightly or wrongly.
    pub(in crate::config) names_upstream: bool,
    pub(in crate::config) routes: Vec<ServerNameRoute>,
    pub(in crate::config) proxy_protocol: Option<At<bool>>,
    pub(in crate::config) tls: Option<Tls>,
}

/// What is spoken, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Protocol {
    Http,
    Tcp,
}

/// A route of a tcp listener as written.
#[derive(Debug)]
pub(in crate::config) struct ServerNameRoute {
    pub(in crate::config) at: KeyPath,
    pub(in crate::config) server_names: Vec<At<HostPattern>>,
    pub(in crate::config) upstream: Option<At<String>>,
}

/// Certificate and key as written.
#[derive(Debug)]
pub(in crate::config) struct Tls {
    pub(in crate::config) certificate: Option<At<PathBuf>>,
    pub(in crate::config) key: Option<At<PathBuf>>,
    pub(in crate::config) client_ca: Option<At<PathBuf>>,
    /// Whether a client must show a certificate.
    pub(in crate::config) client_certificate: Option<At<bool>>,
}

impl Listener {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let protocols = [("http", Protocol::Http), ("tcp", Protocol::Tcp)];
        Self {
            at: fields.at().clone(),
            name: name(fields),
            address: fields.required("address", net::listen_address, "\"0.0.0.0:8080\""),
            protocol: match fields.is_written("protocol") {
                true => fields.optional("protocol", word(&protocols)).map(|protocol| protocol.value),
                false => Some(fields.or("protocol", word(&protocols), Protocol::Http)),
            },
            http2: fields.optional("http2", boolean),
            names_upstream: fields.is_written("upstream"),
            upstream: fields.optional("upstream", value::name),
            routes: fields.sections("route", ServerNameRoute::read),
            proxy_protocol: fields.optional("proxy_protocol", boolean),
            tls: fields.section("tls", |fields| Tls {
                certificate: fields.required_file("certificate", "\"fullchain.pem\""),
                key: fields.required_file("key", "\"key.pem\""),
                client_ca: fields.file("client_ca"),
                client_certificate: fields
                    .optional("client_certificate", word(&[("required", true), ("optional", false)])),
            }),
        }
    }
}

impl ServerNameRoute {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let server_names = fields.list("server_names", net::server_name);
        if !fields.is_written("server_names") {
            let wrong = value::Wrong::new("missing key `server_names`");
            let at = fields.at().clone();
            fields.problem_at(&at, wrong.hint("add `server_names = [\"db.example.com\"]`"));
        }
        Self {
            at: fields.at().clone(),
            server_names: server_names.unwrap_or_default(),
            upstream: fields.required("upstream", value::name, "\"...\""),
        }
    }
}
