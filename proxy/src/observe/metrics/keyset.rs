//! What one key set counts.

use super::families::Families;
use super::series::Counter;

/// Handles of one key set.
#[derive(Clone, Debug)]
pub struct KeysetMetrics {
    fetched: Counter,
    failed: Counter,
}

impl KeysetMetrics {
    pub(super) fn new(families: &Families, keyset: &str) -> Self {
        let fetches = |outcome| families.keyset_fetches.series([keyset, outcome]);
        Self { fetched: fetches("fetched"), failed: fetches("failed") }
    }

    /// One fetch ended.
    pub fn fetch(&self, succeeded: bool) {
        if succeeded { self.fetched.increment() } else { self.failed.increment() }
    }
}
