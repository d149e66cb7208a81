//! The one place where the running configuration is swapped.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use crate::process::Process;
use crate::snapshot::Snapshot;

/// The process with the configuration it runs.
#[derive(Debug)]
pub struct Running {
    /// What survives reloads.
    pub process: Arc<Process>,
    snapshot: ArcSwap<Snapshot>,
    /// Snapshots that requests may still live under.
    retired: Mutex<Vec<Arc<Snapshot>>>,
}

impl Running {
    /// Starts with this configuration.
    #[must_use]
    pub fn new(process: Arc<Process>, first: Arc<Snapshot>) -> Self {
        first.take_effect(None, &process);
        Self { process, snapshot: ArcSwap::new(first), retired: Mutex::default() }
    }

    /// What runs now; a request asks once and keeps the answer.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// A look at what runs now, for as long as the guard is held and not longer.
    #[must_use]
    pub fn glance(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Makes `next` what new requests live under.
    pub fn swap(&self, next: Arc<Snapshot>) {
        let before = self.snapshot.swap(Arc::clone(&next));
        next.take_effect(Some(&before), &self.process);
        self.retired.lock().push(before);
        self.bury();
    }

    /// Drops snapshots that no request lives under any more.
    ///
    /// Dropping one unmaps plugins and may wait for a log to be written: nothing for a worker to do, which is why they
    /// are kept here until then.
    pub fn bury(&self) {
        let dead: Vec<_> = self.retired.lock().extract_if(.., |old| Arc::strong_count(old) == 1).collect();
        drop(dead);
    }

    /// Connections open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.process.connections.open()
    }
}
