//! What the user wrote: values are parsed and defaults filled in, references between sections are still names.
//!
//! What a later check may have to point at keeps its place ([`At`]). A required value that is missing or wrong is
//! `None`: its problem is noted already, and the rest of its section can still be checked.

mod balancer;
mod consumer;
mod counters;
mod discovery;
mod keyset;
mod listener;
pub(super) mod plugin;
mod process;
mod route;
mod upstream;

use std::path::PathBuf;

use toml::de::DeTable;

use super::fields::{Fields, Reader};
use super::key_path::KeyPath;
use super::model::{Dns, SharedStore};
use super::value::net;

pub(super) use consumer::Consumer;
pub(super) use counters::CountingWord;
pub(super) use discovery::{Discovery, MAX_ENDPOINTS, Origin};
pub(super) use keyset::{Key, Keyset, KeysetOrigin, Material, Remote};
pub(super) use listener::{Listener, Protocol as ListenerProtocol, ServerNameRoute, Tls as ListenerTls};
pub(super) use plugin::{Plugin, Policy};
pub(super) use process::{Admin, Process};
pub(super) use route::{Route, Step};
pub(super) use upstream::{Endpoint, EndpointHost, Health, Upstream};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) at: KeyPath,
}

/// A whole document.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) process: Process,
    pub(super) trusted_proxies: Vec<ipnet::IpNet>,
    pub(super) counters: Option<SharedStore>,
    pub(super) dns: Dns,
    pub(super) listeners: Vec<Listener>,
    pub(super) upstreams: Vec<Upstream>,
    pub(super) plugins: Vec<Plugin>,
    pub(super) policies: Vec<Policy>,
    pub(super) consumers_file: Option<At<PathBuf>>,
    pub(super) consumers: Vec<Consumer>,
    pub(super) keysets: Vec<Keyset>,
    pub(super) routes: Vec<Route>,
}

impl Config {
    /// Takes everything the document holds.
    pub(super) fn read<'d>(reader: &mut Reader<'d>, document: &'d DeTable<'d>) -> Self {
        reader.table(KeyPath::root(), document, |fields| Self {
            process: Process::read(fields),
            trusted_proxies: fields
                .section("forwarded", |fields| values(fields.list("trusted", net::network)))
                .unwrap_or_default(),
            counters: fields.section("counters", counters::store).flatten(),
            dns: fields.section("dns", discovery::dns).unwrap_or_else(discovery::default_dns),
            listeners: fields.sections("listener", Listener::read),
            upstreams: fields.sections("upstream", Upstream::read),
            plugins: fields.sections("plugin", Plugin::read),
            policies: fields.sections("policy", Policy::read),
            consumers_file: fields.section("consumers", |fields| fields.file("file")).flatten(),
            consumers: fields.sections("consumer", Consumer::read),
            keysets: fields.sections("keyset", Keyset::read),
            routes: fields.sections("route", Route::read),
        })
    }
}

/// The name that other sections call this one by.
fn name(fields: &mut Fields<'_, '_>) -> Option<At<String>> {
    fields.required("name", super::value::name, "\"...\"")
}

/// The values of a list, where nobody will point at one of them.
pub(super) fn values<T>(list: Option<Vec<At<T>>>) -> Vec<T> {
    list.unwrap_or_default().into_iter().map(|item| item.value).collect()
}
