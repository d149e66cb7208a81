//! Which clients are meant.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use tidegate_plugin_sdk::Request;
use tidegate_plugin_sdk::subject::Subject;

use crate::config::Whom;

/// The parts that clients are divided into: hundredths of a percent.
pub(crate) const BUCKETS: u64 = 10_000;

/// How many buckets a percentage is; what was checked is between 0 and 100.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10 000")]
pub(crate) fn share(percent: f64) -> u64 {
    (percent * 100.0).round() as u64
}

/// The bucket of whoever sent this: always the same one, on every gateway.
pub(crate) fn bucket(by: &Subject, salt: &str, request: &Request) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(salt.as_bytes());
    // No text has this byte: salt and client stay apart.
    hasher.write_u8(0xff);
    hasher.write(by.key_of(request).as_bytes());
    hasher.finish() % BUCKETS
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
