//! `[upstream.discovery]` and `[dns]`.

use std::path::PathBuf;
use std::time::Duration;

use super::keyset::one_of;
use super::{At, values};
use crate::config::fields::Fields;
use crate::config::model::{Dns, EtcdPrefix};
use crate::config::value::quantity::{count, duration};
use crate::config::value::{self, Wrong, net};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// What one upstream can hold without being slow to change.
pub(in crate::config) const MAX_ENDPOINTS: usize = 10_000;
const KINDS: [&str; 4] = ["file", "dns", "srv", "etcd"];

/// Who is asked for endpoints, as written.
#[derive(Debug)]
pub(in crate::config) struct Discovery {
    pub(in crate::config) origin: Origin,
    pub(in crate::config) max_endpoints: usize,
}

/// The one who is asked.
#[derive(Debug)]
pub(in crate::config) enum Origin {
    File(PathBuf),
    Name { name: String, port: u16 },
    Service(String),
    Etcd(EtcdPrefix),
}

/// The discovery of an upstream, where it has one.
pub(super) fn discovery(fields: &mut Fields<'_, '_>) -> Option<Discovery> {
    let read = |fields: &mut Fields<'_, '_>| {
        let max_endpoints = fields.or("max_endpoints", count(1..=100_000), MAX_ENDPOINTS);
        Some(Discovery { origin: origin(fields)?, max_endpoints })
    };
    fields.section("discovery", read).flatten()
}

fn origin(fields: &mut Fields<'_, '_>) -> Option<Origin> {
    let before = fields.problem_count();
    let file = fields.file("file").map(|file| Origin::File(file.value));
    let name = name(fields);
    let service = fields.optional("srv", net::dns_name).map(|name| Origin::Service(name.value));
    let etcd = etcd(fields);
    let at = fields.at().clone();
    one_of(fields, &at, before, "`file`, `dns`, `srv` and `etcd`", [file, name, service, etcd])
}

fn name(fields: &mut Fields<'_, '_>) -> Option<Origin> {
    let port = belonging(fields, "port", "dns", count(1..=u16::MAX), "8080");
    let name = fields.optional("dns", net::dns_name)?.value;
    Some(Origin::Name { name, port: port?.value })
}

fn etcd(fields: &mut Fields<'_, '_>) -> Option<Origin> {
    let prefix = belonging(fields, "prefix", "etcd", value::text, "\"/services/shop/\"");
    let before = fields.problem_count();
    let servers = fields.list("etcd", net::etcd_server)?;
    if servers.is_empty() && fields.problem_count() == before {
        let wrong = Wrong::new("there is no server to ask").hint("as in [\"http://127.0.0.1:2379\"]");
        fields.problem_at(&fields.at().key("etcd"), wrong);
    }
    Some(Origin::Etcd(EtcdPrefix { servers: values(Some(servers)), prefix: prefix?.value }))
}

/// A key that one kind of source needs and the others have no use for.
fn belonging<T>(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    kind: &str,
    read: impl FnOnce(&toml::de::DeValue<'_>) -> Result<T, Wrong>,
    example: &str,
) -> Option<At<T>> {
    if fields.is_written(kind) {
        return fields.required(key, read, example);
    }
    let found = fields.optional(key, read)?;
    if KINDS.iter().any(|kind| fields.is_written(kind)) {
        fields.problem_at(&found.at, Wrong::new(format!("`{key}` goes with `{kind}`")));
    }
    None
}

/// How names are looked up.
pub(super) fn dns(fields: &mut Fields<'_, '_>) -> Dns {
    let dns = Dns {
        nameservers: values(fields.list("nameservers", net::nameserver)),
        min_ttl: fields.or("min_ttl", duration(SECOND / 10..=HOUR), SECOND),
        max_ttl: fields.or("max_ttl", duration(SECOND / 10..=24 * HOUR), 300 * SECOND),
        timeout: fields.or("timeout", duration(SECOND / 10..=60 * SECOND), 2 * SECOND),
    };
    if dns.min_ttl > dns.max_ttl {
        let wrong = Wrong::new("`min_ttl` is longer than `max_ttl`").hint("a time to live is kept between the two");
        fields.problem_at(&fields.at().key("min_ttl"), wrong);
    }
    dns
}

pub(super) fn default_dns() -> Dns {
    Dns { nameservers: Vec::new(), min_ttl: SECOND, max_ttl: 300 * SECOND, timeout: 2 * SECOND }
}
