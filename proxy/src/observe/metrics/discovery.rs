//! What one who lists endpoints counts.

use super::families::Families;
use super::series::Counter;

/// Handles of one who lists endpoints of an upstream.
#[derive(Clone, Debug)]
pub struct DiscoveryMetrics {
    /// Good answers that brought another set.
    pub changed: Counter,
    /// Good answers that brought the same set.
    pub unchanged: Counter,
    /// No answer, or none to be believed.
    pub failed: Counter,
}

impl DiscoveryMetrics {
    pub(super) fn new(families: &Families, upstream: &str, source: &str) -> Self {
        let answers = |outcome| families.discovery_answers.series([upstream, source, outcome]);
        Self { changed: answers("changed"), unchanged: answers("unchanged"), failed: answers("failed") }
    }
}
