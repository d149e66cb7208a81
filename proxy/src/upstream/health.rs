//! Active checks: one task per endpoint, kept over reloads.
//!
//! A task asks its endpoint, counts (`tally`), and marks the endpoint when a threshold is reached. Verdicts live in
//! the [`Endpoint`], counts in the task; both outlive a reload that leaves endpoint and check as they are.

mod probe;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::config::model::HealthCheck;
use crate::upstream::endpoint::Endpoint;
pub use probe::Finding;
use tally::{Tally, Verdict};

/// Is told what checks find, from the task that found it: it must not block, nor call the supervisor back.
pub trait HealthObserver: Send + Sync {
    /// A check ended.
    fn checked(&self, endpoint: &Arc<Endpoint>, finding: &Finding) {
        let _ = (endpoint, finding);
    }

    /// The verdict on an endpoint changed.
    fn changed(&self, endpoint: &Arc<Endpoint>, healthy: bool, cause: &str);
}

/// Watches every endpoint that a snapshot wants watched; dropping it ends all checks.
pub struct HealthSupervisor {
    runtime: Handle,
    observer: Arc<dyn HealthObserver>,
    watches: Mutex<HashMap<(Arc<str>, SocketAddr), Watch>>,
}

/// A running task and what it works with.
struct Watch {
    watcher: Arc<Watcher>,
    task: AbortHandle,
}

/// What one task works with.
struct Watcher {
    endpoint: Arc<Endpoint>,
    check: HealthCheck,
    observer: Arc<dyn HealthObserver>,
    /// `None` once stopped. Aborting a task does not wait for it: whoever holds this lock decides whether a check that
    /// is just ending still counts.
    tally: Mutex<Option<Tally>>,
}

impl HealthSupervisor {
    /// Checks will run on `runtime`, which must have its timers and its network driver on.
    #[must_use]
    pub fn new(runtime: Handle, observer: Arc<dyn HealthObserver>) -> Self {
        Self { runtime, observer, watches: Mutex::default() }
    }

    /// Makes what is watched what a new snapshot wants: an endpoint at most once.
    ///
    /// An endpoint with the same check as before keeps its task and its counts. With another check it keeps its verdict
    /// and is counted anew. New ones are asked at once. An endpoint whose checks went away is taken for healthy: nobody
    /// would ever bring it back.
    pub fn reconcile(&self, wanted: Vec<(Arc<Endpoint>, HealthCheck)>) {
        let mut watches = self.watches.lock();
        let mut before = std::mem::take(&mut *watches);
        for (endpoint, check) in wanted {
            let key = (Arc::clone(&endpoint.upstream), endpoint.address);
            let watch = match before.remove(&key) {
                Some(watch) if watch.watcher.is_for(&endpoint, &check) => watch,
                Some(watch) => {
                    watch.stop();
                    self.start(endpoint, check)
                }
                None => self.start(endpoint, check),
            };
            if let Some(twice) = watches.insert(key, watch) {
                twice.stop();
            }
        }
        for gone in before.into_values() {
            gone.stop();
            gone.watcher.endpoint.forget_checks();
            gone.watcher.conclude(&Verdict { healthy: true, cause: "no longer checked".into() });
        }
    }

    fn start(&self, endpoint: Arc<Endpoint>, check: HealthCheck) -> Watch {
        endpoint.forget_checks();
        let observer = Arc::clone(&self.observer);
        let watcher = Arc::new(Watcher { endpoint, check, observer, tally: Mutex::new(Some(Tally::default())) });
        let task = self.runtime.spawn(Arc::clone(&watcher).run()).abort_handle();
        Watch { watcher, task }
    }
}

impl Drop for HealthSupervisor {
    fn drop(&mut self) {
        self.watches.get_mut().values().for_each(Watch::stop);
    }
}

impl std::fmt::Debug for HealthSupervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HealthSupervisor").field("watches", &self.watches.lock().len()).finish_non_exhaustive()
    }
}

impl Watch {
    fn stop(&self) {
        *self.watcher.tally.lock() = None;
        self.task.abort();
    }
}

impl Watcher {
    fn is_for(&self, endpoint: &Arc<Endpoint>, check: &HealthCheck) -> bool {
        Arc::ptr_eq(&self.endpoint, endpoint) && self.check == *check
    }

    async fn run(self: Arc<Self>) {
        tokio::time::sleep(first_wait(self.check.interval, fastrand::f64())).await;
        loop {
            let finding = probe::probe(&self.endpoint, &self.check).await;
            self.take(&finding);
            tokio::time::sleep(jittered(self.check.interval, fastrand::f64())).await;
        }
    }

    fn take(&self, finding: &Finding) {
        let mut tally = self.tally.lock();
        let Some(counts) = tally.as_mut() else { return };
        self.endpoint.record_check(finding.is_good(), &finding.to_string());
        self.observer.checked(&self.endpoint, finding);
        if let Some(verdict) = counts.take(&self.check, self.endpoint.is_healthy(), finding) {
            self.conclude(&verdict);
        }
    }

    fn conclude(&self, verdict: &Verdict) {
        if !self.endpoint.mark(verdict.healthy, &verdict.cause) {
            return;
        }
        let (upstream, endpoint, cause) = (&*self.endpoint.upstream, &*self.endpoint.label, &*verdict.cause);
        if verdict.healthy {
            tracing::info!(upstream, endpoint, cause, "endpoint is healthy");
        } else {
            tracing::warn!(upstream, endpoint, cause, "endpoint is unhealthy");
        }
        self.observer.changed(&self.endpoint, verdict.healthy, cause);
    }
}

/// Spreads the first checks of many endpoints over a tenth of the interval, 100 ms at most. `random` is 0 to 1.
fn first_wait(interval: Duration, random: f64) -> Duration {
    (interval / 10).min(Duration::from_millis(100)).mul_f64(random)
}

/// The interval, a tenth shorter to a tenth longer, so that gateways started together do not ask together for ever.
fn jittered(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * random)
}
