//! How many connections are open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::observe::metrics::Held;

/// A count of open connections, shared by all listeners.
#[derive(Debug, Default)]
pub struct Connections(AtomicUsize);

impl Connections {
    /// Lets one more connection in unless `most` are open.
    #[must_use]
    pub fn admit(self: &Arc<Self>, most: usize) -> Option<Admission> {
        let admission = Admission { connections: Arc::clone(self), metric: None };
        // Counted before it is compared: two that arrive together cannot both take the last place.
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(admission)
    }

    /// How many are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The place of one open connection; it is free again when this is dropped.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub struct Admission {
    connections: Arc<Connections>,
    metric: Option<Held>,
}

impl Admission {
    /// Keeps a metric's guard for as long as the connection is open.
    pub fn counted(self, metric: Held) -> Self {
        let mut counted = self;
        counted.metric = Some(metric);
        counted
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.connections.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let connections = Arc::new(Connections::default());
        let first = connections.admit(2);
        let second = connections.admit(2);
        assert!(first.is_some() && second.is_some());
        assert!(connections.admit(2).is_none());
        assert_eq!(connections.open(), 2);
        drop(first);
        assert!(connections.admit(2).is_some());
        drop(second);
        assert_eq!(connections.open(), 0);
    }
}
