//! What of a request is its key.

use std::net::IpAddr;

use super::hash_of;
use crate::balance::cookie;
use crate::config::model::HashKey;
use crate::policy::view::RequestView;

/// The hash of the key; `None` where the request has none, or an empty one.
pub(super) fn key_of(key: &HashKey, request: &dyn RequestView) -> Option<u64> {
    match key {
        HashKey::Header(name) => hash_of_some(request.header(name.as_str())?),
        HashKey::Cookie(name) => cookie::value(request, name, hash_of_some),
        HashKey::Query(name) => {
            let mut pairs = form_urlencoded::parse(request.query()?.as_bytes());
            hash_of_some(pairs.find(|(key, _)| key == name)?.1.as_bytes())
        }
        HashKey::Path => hash_of_some(request.path().as_bytes()),
        HashKey::ClientAddress => Some(match request.client_address().to_canonical() {
            IpAddr::V4(address) => hash_of(&address.octets()),
            IpAddr::V6(address) => hash_of(&address.octets()),
        }),
    }
}

fn hash_of_some(value: &[u8]) -> Option<u64> {
    (!value.is_empty()).then(|| hash_of(value))
}
