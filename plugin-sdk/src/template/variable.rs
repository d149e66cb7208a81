//! What a template may name.

use crate::Request;

/// A name and how its value is read; `None` where the request has none.
///
/// What reads is linked into a component only with the list it stands in: a plugin that does not offer [`CONSUMER`] wants
/// no grant for it.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// As it is written between `${` and `}`.
    pub name: &'static str,
    /// How it is read.
    pub read: fn(&Request) -> Option<Vec<u8>>,
}

/// What every request has to tell.
pub const REQUEST: &[Variable] = &[
    Variable { name: "request.id", read: |request| some(request.request_id()) },
    Variable { name: "request.method", read: |request| some(request.method()) },
    Variable { name: "request.scheme", read: |request| some(request.scheme()) },
    Variable { name: "request.authority", read: |request| some(request.authority()) },
    Variable { name: "request.host", read: |request| some(host_of(&request.authority()).to_owned()) },
    Variable { name: "request.path", read: |request| some(request.path()) },
    Variable { name: "request.query", read: |request| request.query().and_then(some) },
    Variable { name: "route", read: |request| some(request.route()) },
    Variable { name: "client.address", read: |request| some(request.client_address().to_string()) },
    Variable { name: "tls.version", read: |request| request.tls().and_then(|tls| some(tls.version)) },
    Variable { name: "tls.server-name", read: |request| request.tls().and_then(|tls| some(tls.server_name?)) },
];

/// Who an earlier policy found the client to be. Grant: `consumers`.
pub const CONSUMER: &[Variable] = &[
    Variable { name: "consumer.name", read: |request| request.consumer()?.name().and_then(some) },
    Variable { name: "consumer.tags", read: |request| some(request.consumer()?.tags().join(", ")) },
];

/// Nothing is no value: a template says what stands in its place.
fn some(text: String) -> Option<Vec<u8>> {
    if text.is_empty() { None } else { Some(text.into_bytes()) }
}

/// The host of an authority, without its port; an IPv6 address keeps its brackets.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}
