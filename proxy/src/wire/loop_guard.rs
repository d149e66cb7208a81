//! Requests that come back to the gateway that sent them on, over an upstream that leads to it.
//!
//! Each request that leaves carries a name of this process in `CDN-Loop` (RFC 8586), once more for each time it passes. Not in
//! `Via`, which says the same: servers compress nothing for who sends that one. Whoever forges the name shortens the way of
//! his own request, and of no other.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;

/// The field that names who has passed a request on.
pub static CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// A name that no other process has.
#[must_use]
pub fn name() -> HeaderValue {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    // Letters, digits and a hyphen.
    HeaderValue::try_from(format!("tidegate-{random:016x}")).unwrap_or(HeaderValue::from_static("tidegate"))
}

/// Tells requests that go round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopGuard {
    name: HeaderValue,
    most: usize,
}

impl LoopGuard {
    /// For requests that may pass so many times under this name; 0 is no guard at all.
    #[must_use]
    pub fn new(name: &HeaderValue, most: u32) -> Option<Self> {
        (most > 0).then(|| Self { name: name.clone(), most: most as usize })
    }

    /// Whether a request has passed as often as it may.
    #[must_use]
    pub fn is_over(&self, headers: &HeaderMap) -> bool {
        let passes = |value: &HeaderValue| memmem::find_iter(value.as_bytes(), self.name.as_bytes()).count();
        headers.contains_key(&CDN_LOOP) && headers.get_all(&CDN_LOOP).iter().map(passes).sum::<usize>() >= self.most
    }

    /// Says that a request has passed once more.
    pub(super) fn pass(&self, headers: &mut HeaderMap) {
        headers.append(CDN_LOOP.clone(), self.name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_passes_so_many_times_and_no_more() {
        let guard = LoopGuard::new(&name(), 3).unwrap();
        let mut headers = HeaderMap::new();
        for _ in 0..3 {
            assert!(!guard.is_over(&headers));
            guard.pass(&mut headers);
        }
        assert!(guard.is_over(&headers));
    }

    #[test]
    fn names_that_somebody_joined_into_one_field_count() {
        let guard = LoopGuard::new(&HeaderValue::from_static("tidegate-1"), 2).unwrap();
        let headers = |value| HeaderMap::from_iter([(CDN_LOOP.clone(), HeaderValue::from_static(value))]);
        assert!(guard.is_over(&headers("tidegate-1, other.example; v=1, tidegate-1")));
        assert!(!guard.is_over(&headers("tidegate-1, tidegate-2, other.example")));
    }

    #[test]
    fn no_two_processes_have_the_same_name() {
        assert_ne!(name(), name());
        assert!(LoopGuard::new(&name(), 0).is_none());
    }
}
