//! Endpoints and who lists them, as the admin API shows it.

use serde_json::{Value, json};

use super::{texts, time};
use crate::config::model::{Dns, Source, SourceKind, Upstream};

pub(super) fn endpoints(upstream: &Upstream) -> Vec<Value> {
    let listed = upstream
        .endpoints
        .iter()
        .map(|endpoint| entry(&endpoint.address.to_string(), endpoint.weight, &endpoint.zone, endpoint.priority));
    let named = upstream.named.iter().filter_map(|source| match &source.kind {
        SourceKind::Name(named, _) => {
            Some(entry(&format!("{}:{}", named.name, named.port), named.weight, &named.zone, named.priority))
        }
        _ => None,
    });
    listed.chain(named).collect()
}

fn entry(address: &str, weight: u32, zone: &str, priority: u8) -> Value {
    json!({ "address": address, "weight": weight, "zone": zone, "priority": priority })
}

pub(super) fn source(source: &Source) -> Value {
    let most = source.max_endpoints;
    match &source.kind {
        SourceKind::File(path) => json!({ "file": path, "max_endpoints": most }),
        SourceKind::Name(named, _) => json!({ "dns": named.name, "port": named.port, "max_endpoints": most }),
        SourceKind::Service(name, _) => json!({ "srv": name, "max_endpoints": most }),
        SourceKind::Etcd(keys) => {
            json!({ "etcd": texts(&keys.servers), "prefix": keys.prefix, "max_endpoints": most })
        }
    }
}

pub(super) fn dns(dns: &Dns) -> Value {
    json!({
        "nameservers": texts(&dns.nameservers),
        "min_ttl": time(dns.min_ttl),
        "max_ttl": time(dns.max_ttl),
        "timeout": time(dns.timeout),
    })
}
