//! Counters found by a key that is known only when it happens: a reason, a status.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use super::series::Counter;

/// Distinct keys that get a series of their own; the rest share one. A plugin may answer with any status code.
const KEYS: usize = 64;

/// A few counters by key: a short lock-free walk, for what happens on a path that an attacker may heat.
#[derive(Clone)]
pub(super) struct ByKey<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    seen: ArcSwap<Vec<(K, Counter)>>,
    rest: OnceLock<Counter>,
    make: Box<dyn Fn(Option<K>) -> Counter + Send + Sync>,
}

impl<K: Copy + Eq> ByKey<K> {
    /// `make` gives the series of a key, or for `None` the one that the overflow shares; it may be asked twice.
    pub(super) fn new(make: impl Fn(Option<K>) -> Counter + Send + Sync + 'static) -> Self {
        Self { shared: Arc::new(Shared { seen: ArcSwap::default(), rest: OnceLock::new(), make: Box::new(make) }) }
    }

    /// Adds one to the series of `key`.
    pub(super) fn increment(&self, key: K) {
        let seen = self.shared.seen.load();
        match seen.iter().find(|(known, _)| *known == key) {
            Some((_, counter)) => counter.increment(),
            None if seen.len() >= KEYS => self.shared.rest.get_or_init(|| (self.shared.make)(None)).increment(),
            None => self.add_series(key).increment(),
        }
    }

    fn add_series(&self, key: K) -> Counter {
        let counter = (self.shared.make)(Some(key));
        self.shared.seen.rcu(|seen| {
            let mut grown = Vec::clone(seen);
            if !grown.iter().any(|(known, _)| *known == key) {
                grown.push((key, counter.clone()));
            }
            grown
        });
        counter
    }
}

impl<K> fmt::Debug for ByKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::family::Family;
    use super::*;

    #[test]
    fn a_flood_of_different_keys_makes_a_bounded_number_of_series() {
        let family = Arc::new(Family::<Counter, 1>::new("x_total", "Help.", ["status"]));
        let source = Arc::clone(&family);
        let by_status = ByKey::new(move |key: Option<u16>| match key {
            Some(status) => source.series([&status.to_string()]),
            None => source.series(["other"]),
        });
        for status in 100..600 {
            by_status.increment(status);
        }
        assert_eq!(family.series(["100"]).value(), 1);
        assert_eq!(family.series(["other"]).value(), 500 - KEYS as u64);
    }
}
