//! `balancer` and `sticky` of an upstream.

use std::time::Duration;

use http::header::HeaderName;
use toml::de::DeValue;

use super::At;
use crate::config::fields::Fields;
use crate::config::model::{
    Balancer, ConsistentHash, HashKey, HashTable, LoadFactor, MissingKey, SameSite, SharedSecret, Sticky,
};
use crate::config::value::http::{cookie_name, header_name, parameter_name};
use crate::config::value::quantity::{count, duration, hundredths};
use crate::config::value::{self, Wrong, secret, string, word};

const SLOTS: u32 = 65_536;
const MOST_SLOTS: u32 = 1 << 20;
const FACTOR: u32 = 125;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What kind of key is hashed, before its name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
    Header,
    Cookie,
    Query,
    Path,
    ClientAddress,
}

const KEY_KINDS: [(&str, KeyKind); 5] = [
    ("header", KeyKind::Header),
    ("cookie", KeyKind::Cookie),
    ("query", KeyKind::Query),
    ("path", KeyKind::Path),
    ("client-address", KeyKind::ClientAddress),
];

/// The balancer of an upstream, where one is written.
pub(super) fn balancer(fields: &mut Fields<'_, '_>) -> Option<At<Balancer>> {
    fields.text_or_section("balancer", by_word, by_table)
}

fn by_word(written: &str) -> Result<Balancer, Wrong> {
    value::one_of(&Balancer::WORDS, written).map_err(|wrong| match (wrong.hint.is_some(), written) {
        (_, "consistent-hash" | "hash") => wrong.hint("as in `balancer = { hash = \"client-address\" }`"),
        (true, _) => wrong,
        (false, _) => wrong.hint("a policy balances by `balancer = { policy = \"...\" }`"),
    })
}

fn by_table(fields: &mut Fields<'_, '_>) -> Option<Balancer> {
    if fields.is_written("policy") || fields.is_empty() {
        return fields.required("policy", value::name, "\"...\"").map(|policy| Balancer::Policy(policy.value));
    }
    consistent_hash(fields).map(Balancer::ConsistentHash)
}

fn consistent_hash(fields: &mut Fields<'_, '_>) -> Option<ConsistentHash> {
    let key = hash_key(fields);
    let missing = [("client-address", MissingKey::ClientAddress), ("round-robin", MissingKey::RoundRobin)];
    let hash = ConsistentHash {
        missing: fields.or("missing", word(&missing), MissingKey::ClientAddress),
        table: fields.or("table", word(&[("ring", HashTable::Ring), ("maglev", HashTable::Maglev)]), HashTable::Ring),
        slots: fields.or("slots", count(64..=MOST_SLOTS), SLOTS),
        load_factor: fields.or("load_factor", load_factor, LoadFactor::from_hundredths(FACTOR)),
        key: HashKey::Path,
    };
    Some(ConsistentHash { key: key?, ..hash })
}

/// The key, whose name only some kinds have.
fn hash_key(fields: &mut Fields<'_, '_>) -> Option<HashKey> {
    let Some(kind) = fields.required("hash", word(&KEY_KINDS), "\"client-address\"") else {
        // Whether it has a name cannot be told.
        fields.optional("name", string_of_any_kind);
        return None;
    };
    match kind.value {
        KeyKind::Header => named(fields, header, "\"x-user\"").map(HashKey::Header),
        KeyKind::Cookie => named(fields, cookie, "\"session\"").map(HashKey::Cookie),
        KeyKind::Query => named(fields, parameter, "\"user\"").map(HashKey::Query),
        KeyKind::Path => Some(HashKey::Path),
        KeyKind::ClientAddress => Some(HashKey::ClientAddress),
    }
}

fn named<T>(fields: &mut Fields<'_, '_>, kind: fn(&DeValue<'_>) -> Result<T, Wrong>, example: &str) -> Option<T> {
    fields.required("name", kind, example).map(|name| name.value)
}

fn string_of_any_kind(value: &DeValue<'_>) -> Result<(), Wrong> {
    string(value).map(|_| ())
}

fn header(value: &DeValue<'_>) -> Result<HeaderName, Wrong> {
    header_name(string(value)?)
}

fn cookie(value: &DeValue<'_>) -> Result<String, Wrong> {
    cookie_name(string(value)?)
}

fn parameter(value: &DeValue<'_>) -> Result<String, Wrong> {
    parameter_name(string(value)?)
}

/// A factor from 1 up, or 0 for none.
fn load_factor(value: &DeValue<'_>) -> Result<Option<LoadFactor>, Wrong> {
    let written = hundredths(value)?;
    let factor = LoadFactor::from_hundredths(written);
    if factor.is_none() && written != 0 {
        return Err(Wrong::new("not a load factor").hint("1 to 100, as in 1.25; 0 sets no limit"));
    }
    Ok(factor)
}

/// The cookie of an upstream, where it has one.
pub(super) fn sticky(fields: &mut Fields<'_, '_>) -> Option<Sticky> {
    let same_site = [("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];
    let read = |fields: &mut Fields<'_, '_>| {
        let cookie = fields.required("cookie", cookie, "\"endpoint\"");
        let same_site = fields.or("same_site", word(&same_site), SameSite::Lax);
        let max_age = fields.optional("max_age", duration(Duration::from_secs(1)..=400 * DAY));
        let secret = fields.optional("secret", sticky_secret);
        Some(Sticky {
            cookie: cookie?.value,
            same_site,
            max_age: max_age.map(|age| age.value),
            secret: secret.map(|secret| secret.value),
        })
    };
    fields.section("sticky", read).flatten()
}

/// Enough that nobody finds it by trying: the values it makes are in the hands of every client.
fn sticky_secret(value: &DeValue<'_>) -> Result<SharedSecret, Wrong> {
    const SHORTEST: usize = 16;
    let secret = secret::shared(value)?;
    if secret.bytes().len() < SHORTEST {
        let message = format!("a secret of {} bytes can be found by trying", secret.bytes().len());
        return Err(Wrong::new(message).hint(format!("at least {SHORTEST}, as `openssl rand -hex 16` makes them")));
    }
    Ok(secret)
}
