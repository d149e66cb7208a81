//! The one place where the running configuration is swapped.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::process::Process;
use crate::snapshot::Snapshot;

/// The process with the configuration it runs.
#[derive(Debug)]
pub struct Running {
    /// What survives reloads.
    pub process: Arc<Process>,
    snapshot: ArcSwap<Snapshot>,
}

impl Running {
    /// Starts with this configuration.
    #[must_use]
    pub fn new(process: Arc<Process>, first: Arc<Snapshot>) -> Self {
        first.take_effect(&process);
        Self { process, snapshot: ArcSwap::new(first) }
    }

    /// What runs now; a request asks once and keeps the answer.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Makes `next` what new requests live under.
    pub fn swap(&self, next: Arc<Snapshot>) {
        self.snapshot.store(Arc::clone(&next));
        next.take_effect(&self.process);
    }

    /// Connections open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.process.connections.open()
    }
}
