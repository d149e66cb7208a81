//! What lives as long as the process, and the one place where the running configuration is swapped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::counters::Counters;
use crate::observe::metrics::Metrics;
use crate::plugin::engine::PluginEngine;
use crate::snapshot::Snapshot;
use crate::upstream::health::HealthSupervisor;
use crate::upstream::overlay::Overlays;
use crate::upstream::registry::EndpointRegistry;

/// State that every snapshot shares and no reload loses.
#[derive(Debug)]
pub struct Process {
    /// Compiles and runs plugins.
    pub engine: PluginEngine,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// Endpoints with their health, in-flight counts and latencies.
    pub endpoints: EndpointRegistry,
    /// What was changed about endpoints at run time.
    pub overlays: Mutex<Overlays>,
    /// Rate counters of policies.
    pub counters: Arc<Counters>,
    /// Active checks.
    pub health: HealthSupervisor,
    /// Connections open now, on all listeners.
    pub connections: Arc<AtomicUsize>,
    /// When it began.
    pub started: Instant,
}

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
        self.process.connections.load(Ordering::Relaxed)
    }
}
