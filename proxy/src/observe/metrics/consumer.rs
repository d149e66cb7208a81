//! What the requests of each consumer count.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::families::Families;
use super::status_class::ByClass;

/// The `consumer` label of those that have no series of their own; no consumer can have this name.
pub(super) const OTHERS: &str = "(others)";
/// Consumers with series of their own: the names come from the operator, and there may be very many of them.
pub(super) const MOST: usize = 1000;

/// Series of the consumers of one snapshot, each made when its consumer first comes.
#[derive(Clone, Debug)]
pub struct ConsumerMetrics(Arc<Series>);

#[derive(Debug)]
struct Series {
    families: Arc<Families>,
    known: HashMap<String, OnceLock<ByClass>>,
    others: OnceLock<ByClass>,
}

impl ConsumerMetrics {
    /// For consumers of these names; beyond [`MOST`] they share one series.
    pub(super) fn new<'a>(families: &Arc<Families>, names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = names.into_iter().take(MOST).map(|name| (name.to_owned(), OnceLock::new())).collect();
        Self(Arc::new(Series { families: Arc::clone(families), known, others: OnceLock::new() }))
    }

    /// One request of a consumer ended; `status` is 0 where the client went away before it had one.
    pub fn request(&self, consumer: &str, status: u16) {
        let Series { families, known, others } = &*self.0;
        let (name, series) = known.get_key_value(consumer).map_or((OTHERS, others), |(name, series)| (name, series));
        let classes = series.get_or_init(|| ByClass::new(|class| families.consumer_requests.series([name, class])));
        classes.of(status).increment();
    }

    /// Whether the series of this name is one of these.
    pub(super) fn has(&self, name: &str) -> bool {
        name == OTHERS || self.0.known.contains_key(name)
    }
}
