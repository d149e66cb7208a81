//! Which clients are meant.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;
use tidegate_plugin_sdk::Request;

use crate::config::{By, Whom};

/// The parts that clients are divided into: hundredths of a percent.
pub(crate) const BUCKETS: u64 = 10_000;

/// How many buckets a percentage is; what was checked is between 0 and 100.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10 000")]
pub(crate) fn share(percent: f64) -> u64 {
    (percent * 100.0).round() as u64
}

/// The bucket of whoever sent this: always the same one, on every gateway.
pub(crate) fn bucket(by: &By, salt: &str, request: &Request) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(salt.as_bytes());
    // Apart from each other, so that no two kinds of key meet.
    match key(by, request) {
        Key::Consumer(number) => {
            hasher.write(b"\0consumer\0");
            hasher.write_u64(number);
        }
        Key::Header(value) => {
            hasher.write(b"\0header\0");
            hasher.write(&value);
        }
        Key::V4(address) => hasher.write(&address),
        Key::V6(network) => hasher.write(&network),
    }
    hasher.finish() % BUCKETS
}

enum Key {
    Consumer(u64),
    Header(Vec<u8>),
    V4([u8; 4]),
    /// The /64 of an address.
    V6([u8; 8]),
}

fn key(by: &By, request: &Request) -> Key {
    let known = match by {
        By::Consumer => request.consumer().map(|consumer| Key::Consumer(consumer.number())),
        By::Header(name) => request.sole_header(name.as_str()).ok().map(Key::Header),
        By::ClientAddress => None,
    };
    known.unwrap_or_else(|| match request.client_address() {
        IpAddr::V4(address) => Key::V4(address.octets()),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            Key::V6([a, b, c, d, e, f, g, h])
        }
    })
}

impl Whom {
    /// Whether this request is of one of them.
    pub(crate) fn means(&self, request: &Request) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|(name, value)| request.sole_header(name).is_ok_and(|sent| sent == value.as_bytes()))
            || self.means_consumer(request)
    }

    fn means_consumer(&self, request: &Request) -> bool {
        if self.consumers.is_empty() && self.tags.is_empty() {
            return false;
        }
        let Some(consumer) = request.consumer() else { return false };
        let is_named = |name: String| self.consumers.contains(&name);
        (!self.consumers.is_empty() && consumer.name().is_some_and(is_named))
            || (!self.tags.is_empty() && consumer.tags().iter().any(|tag| self.tags.contains(tag)))
    }
}
