//! Balancers and sticky cookies as they are shown.

use serde_json::{Value, json};

use super::{REDACTED, time};
use crate::config::model::{Balancer, ConsistentHash, HashKey, HashTable, MissingKey, SameSite, Sticky};

pub(super) fn balancer(balancer: &Balancer) -> Value {
    match balancer {
        Balancer::ConsistentHash(hash) => consistent_hash(hash),
        Balancer::Policy(policy) => json!({ "policy": policy }),
        word => json!(word.to_string()),
    }
}

fn consistent_hash(hash: &ConsistentHash) -> Value {
    let (kind, name) = match &hash.key {
        HashKey::Header(name) => ("header", Some(name.as_str())),
        HashKey::Cookie(name) => ("cookie", Some(name.as_str())),
        HashKey::Query(name) => ("query", Some(name.as_str())),
        HashKey::Path => ("path", None),
        HashKey::ClientAddress => ("client-address", None),
    };
    json!({
        "hash": kind,
        "name": name,
        "missing": match hash.missing {
            MissingKey::ClientAddress => "client-address",
            MissingKey::RoundRobin => "round-robin",
        },
        "table": match hash.table {
            HashTable::Ring => "ring",
            HashTable::Maglev => "maglev",
        },
        "slots": hash.slots,
        "load_factor": hash.load_factor.map_or(0.0, |factor| f64::from(factor.hundredths()) / 100.0),
    })
}

pub(super) fn sticky(sticky: &Sticky) -> Value {
    json!({
        "cookie": sticky.cookie,
        "same_site": match sticky.same_site {
            SameSite::Lax => "lax",
            SameSite::Strict => "strict",
            SameSite::None => "none",
        },
        "max_age": sticky.max_age.map(time),
        "secret": sticky.secret.as_ref().map(|_| REDACTED),
    })
}
