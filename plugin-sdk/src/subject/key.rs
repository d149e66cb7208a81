//! The bytes a counter is found by.

use std::net::IpAddr;

use super::Part;
use crate::Request;

/// The longest header value that is a key. Longer ones would let a client fill the gateway's counters with its text.
const LONGEST: u8 = 128;

/// Bytes of an IPv6 address that name a customer's network, the least one is given.
const NETWORK: usize = 8;

/// Enough for every key but those with long header values.
const USUAL: usize = 32;

/// The key of a counter, for [`counters`](crate::counters).
///
/// Each part begins with a byte that says what it is, and says how long it is where that varies: no two combinations of
/// values share a key, and a consumer never meets an address that is spelt like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterKey(Vec<u8>);

impl CounterKey {
    pub(super) fn of(parts: &[Part], request: &Request) -> Self {
        let mut bytes = Vec::with_capacity(USUAL);
        for part in parts {
            push(&mut bytes, part, request);
        }
        Self(bytes)
    }

    /// As the gateway's counters take it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same, to be given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The key of one of several counters that a subject has; each is told apart by bytes of one common length.
    #[must_use]
    pub fn of_counter<const N: usize>(&self, counter: [u8; N]) -> Vec<u8> {
        [self.0.as_slice(), &counter].concat()
    }
}

fn push(key: &mut Vec<u8>, part: &Part, request: &Request) {
    let is_known = match part {
        Part::Consumer => request.consumer().map(|consumer| fixed(key, b'c', consumer.number().to_be_bytes())),
        Part::Header(name) => request.sole_header(name.as_str()).ok().and_then(|value| text(key, b'h', &value)),
        Part::Route => text(key, b'r', request.route().as_bytes()),
        Part::ClientAddress => None,
    };
    if is_known.is_none() {
        network(key, request.client_address());
    }
}

fn fixed<const N: usize>(key: &mut Vec<u8>, kind: u8, value: [u8; N]) {
    key.push(kind);
    key.extend_from_slice(&value);
}

/// Plain short text; `None`, and nothing written, where it is something else.
fn text(key: &mut Vec<u8>, kind: u8, value: &[u8]) -> Option<()> {
    let length = u8::try_from(value.len()).ok().filter(|length| (1..=LONGEST).contains(length))?;
    value.iter().all(u8::is_ascii_graphic).then(|| {
        key.extend_from_slice(&[kind, length]);
        key.extend_from_slice(value);
    })
}

/// IPv6 by its network: a client that owns a network would have 2^64 counts of its own otherwise.
fn network(key: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => fixed(key, b'4', address.octets()),
        IpAddr::V6(address) => {
            key.push(b'6');
            key.extend(address.octets().iter().take(NETWORK));
        }
    }
}
