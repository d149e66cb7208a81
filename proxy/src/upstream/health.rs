//! Active checks: one task for each thing to ask, kept over reloads, however many upstreams name it.
//!
//! A task asks, counts (`tally`), and marks the endpoints it asks for when a threshold is reached. Verdicts live in the
//! [`Endpoint`], counts in the task; both outlive a reload that leaves endpoint and check as they are.

mod probe;
mod tally;
#[cfg(test)]
mod tests;
mod timing;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::config::model::HealthCheck;
use crate::observe::metrics::EndpointMetrics;
use crate::upstream::endpoint::Endpoint;
use crate::upstream::transport::{Destination, Transport};
pub use probe::Finding;
use probe::{Prober, Room};
use tally::{Tally, Verdict};
use timing::{first_wait, jittered, on_tick};

/// Is told what checks find, from the task that found it: it must not block, nor call the supervisor back.
pub trait HealthObserver: Send + Sync {
    /// A check ended.
    fn checked(&self, endpoint: &Watched, finding: &Finding);

    /// The verdict on an endpoint changed.
    fn changed(&self, endpoint: &Arc<Endpoint>, healthy: bool, cause: &str);
}

/// Watches every endpoint that a snapshot wants watched; dropping it ends all checks.
pub struct HealthSupervisor {
    runtime: Handle,
    observer: Arc<dyn HealthObserver>,
    room: Room,
    epoch: Instant,
    /// Tasks started so far.
    started: AtomicU32,
    watches: Mutex<HashMap<Asked, Watch>>,
}

/// What is asked, and how: whoever wants the same shares the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    destination: Destination,
    /// Mostly it is equal for thousands of endpoints: one value for those of a snapshot stays in the processor's cache.
    check: Arc<HealthCheck>,
}

/// An endpoint that is watched.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Where its checks are counted.
    pub metrics: EndpointMetrics,
}

/// An endpoint to be watched, and how.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The endpoint.
    pub watched: Watched,
    /// What is asked of it.
    pub check: Arc<HealthCheck>,
    /// How requests reach it.
    pub transport: Transport,
}

/// A running task and what it works with.
struct Watch {
    watcher: Arc<Watcher>,
    task: AbortHandle,
}

/// What one task works with.
struct Watcher {
    asked: Asked,
    transport: Transport,
    room: Room,
    observer: Arc<dyn HealthObserver>,
    /// From when ticks are counted, which all tasks have in common.
    epoch: Instant,
    /// `None` once stopped. Aborting a task does not wait for it: whoever holds this lock decides whether a check that
    /// is just ending still counts.
    found: Mutex<Option<Found>>,
}

/// What the checks of one task came to, and for whom.
#[derive(Default)]
struct Found {
    tally: Tally,
    endpoints: Vec<Watched>,
    /// The last finding, and that as text.
    last: Option<(Finding, Arc<str>)>,
}

impl HealthSupervisor {
    /// Checks will run on `runtime`, which must have its timers and its network driver on.
    #[must_use]
    pub fn new(runtime: Handle, observer: Arc<dyn HealthObserver>) -> Self {
        Self {
            runtime,
            observer,
            room: Room::of_process(),
            epoch: Instant::now(),
            started: AtomicU32::new(0),
            watches: Mutex::default(),
        }
    }

    /// Makes what is watched what a new snapshot wants.
    ///
    /// A check that is asked for as before keeps its task and its counts. An endpoint with another check than before keeps
    /// its verdict and is counted anew. What is asked for the first time is asked at once. An endpoint whose checks went
    /// away is taken for healthy: nobody would ever bring it back.
    pub fn reconcile(&self, wanted: Vec<Wanted>) {
        let mut watches = self.watches.lock();
        let mut before = std::mem::take(&mut *watches);
        let mut gone: HashMap<*const Endpoint, Arc<Endpoint>> = before.values().flat_map(Watch::endpoints).collect();
        let wanted = by_what_is_asked(wanted);
        let new = wanted.keys().filter(|asked| !before.contains_key(asked)).count();
        for (asked, (transport, endpoints)) in wanted {
            for Watched { endpoint, .. } in &endpoints {
                gone.remove(&Arc::as_ptr(endpoint));
            }
            let watch = match before.remove(&asked) {
                Some(watch) => {
                    watch.watcher.ask_for(endpoints);
                    watch
                }
                None => self.start(asked.clone(), transport, endpoints, new),
            };
            watches.insert(asked, watch);
        }
        before.into_values().for_each(|watch| watch.stop());
        for endpoint in gone.into_values() {
            endpoint.forget_checks();
            conclude(&*self.observer, &endpoint, &Verdict { healthy: true, cause: "no longer checked".into() });
        }
    }

    /// Starts a task that is one of so many `new` ones.
    fn start(&self, asked: Asked, transport: Transport, endpoints: Vec<Watched>, new: usize) -> Watch {
        let (room, observer) = (self.room.clone(), Arc::clone(&self.observer));
        let wait = first_wait(asked.check.interval, new, fastrand::f64());
        // Each in its turn: those of ten thousand endpoints are not to open their connections together.
        let turn = self.started.fetch_add(1, Ordering::Relaxed);
        let found = Mutex::new(Some(Found::default()));
        let watcher = Arc::new(Watcher { asked, transport, room, observer, epoch: self.epoch, found });
        watcher.ask_for(endpoints);
        let task = self.runtime.spawn(Arc::clone(&watcher).run(wait, turn)).abort_handle();
        Watch { watcher, task }
    }
}

/// Each endpoint once, with those that ask the same, and how that is asked.
fn by_what_is_asked(wanted: Vec<Wanted>) -> HashMap<Asked, (Transport, Vec<Watched>)> {
    let mut by_asked: HashMap<Asked, (Transport, Vec<Watched>)> = HashMap::new();
    let mut checks = HashSet::new();
    for Wanted { watched, check, transport } in wanted {
        let check = checks.get(&check).cloned().unwrap_or_else(|| {
            checks.insert(Arc::clone(&check));
            check
        });
        let transport = transport.for_check(&check);
        let destination = transport.destination(&watched.endpoint.address.with_port(check.port));
        let (_, endpoints) = by_asked.entry(Asked { destination, check }).or_insert_with(|| (transport, Vec::new()));
        if !endpoints.iter().any(|known| known.is_same_as(&watched)) {
            endpoints.push(watched);
        }
    }
    by_asked
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
    fn endpoints(&self) -> Vec<(*const Endpoint, Arc<Endpoint>)> {
        let found = self.watcher.found.lock();
        let endpoints = found.iter().flat_map(|found| &found.endpoints).map(|watched| &watched.endpoint);
        endpoints.map(|endpoint| (Arc::as_ptr(endpoint), Arc::clone(endpoint))).collect()
    }

    fn stop(&self) {
        *self.watcher.found.lock() = None;
        self.task.abort();
    }
}

impl Watcher {
    /// From now on the answers are these endpoints'; one that joins others shares the verdict they have.
    fn ask_for(&self, endpoints: Vec<Watched>) {
        let mut found = self.found.lock();
        let Some(found) = found.as_mut() else { return };
        let before = std::mem::replace(&mut found.endpoints, endpoints);
        let is_down = !before.is_empty() && before.iter().all(|watched| !watched.endpoint.is_healthy());
        for watched in &found.endpoints {
            if before.iter().any(|known| known.is_same_as(watched)) {
                continue;
            }
            watched.endpoint.forget_checks();
            if is_down {
                let cause = "the same check failed for another upstream".into();
                conclude(&*self.observer, &watched.endpoint, &Verdict { healthy: false, cause });
            }
        }
    }

    async fn run(self: Arc<Self>, wait: Duration, turn: u32) {
        let Asked { destination, check } = &self.asked;
        let mut prober = Prober::new(&self.transport, &destination.address, check, &self.room).after(turn);
        tokio::time::sleep(wait).await;
        loop {
            // Boxed: most of the time a task only sleeps, and there may be ten thousand of them.
            let finding = Box::pin(prober.ask(self.is_trusted())).await;
            self.take(&finding);
            let next = Instant::now() + jittered(check.interval, check.jitter, fastrand::f64());
            tokio::time::sleep_until(on_tick(self.epoch, next, check.interval)).await;
        }
    }

    /// Whether whoever it asks for is held for healthy, and traffic has nothing to say against it.
    fn is_trusted(&self) -> bool {
        let found = self.found.lock();
        found.as_ref().is_some_and(|found| {
            found.is_healthy() && !found.endpoints.iter().any(|watched| watched.endpoint.is_in_doubt())
        })
    }

    fn take(&self, finding: &Finding) {
        let mut found = self.found.lock();
        let Some(found) = found.as_mut() else { return };
        let text = told(&mut found.last, finding);
        for watched in &found.endpoints {
            watched.endpoint.record_check(finding.is_good(), text);
            self.observer.checked(watched, finding);
        }
        // Whoever could change by this finding counts: a good one for one that is down, a bad one for one that is up.
        let is_healthy = match finding.is_good() {
            true => found.is_healthy(),
            false => found.endpoints.iter().any(|watched| watched.endpoint.is_healthy()),
        };
        if let Some(verdict) = found.tally.take(&self.asked.check, is_healthy, finding) {
            found.endpoints.iter().for_each(|watched| conclude(&*self.observer, &watched.endpoint, &verdict));
        }
    }
}

impl Found {
    /// Whether all are.
    fn is_healthy(&self) -> bool {
        self.endpoints.iter().all(|watched| watched.endpoint.is_healthy())
    }
}

impl Watched {
    fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.endpoint, &other.endpoint)
    }
}

/// A finding as text, which is that of the check before where nothing has changed.
fn told<'a>(last: &'a mut Option<(Finding, Arc<str>)>, finding: &Finding) -> &'a Arc<str> {
    if last.as_ref().is_some_and(|(last, _)| last != finding) {
        *last = None;
    }
    let (_, text) = last.get_or_insert_with(|| (finding.clone(), finding.to_string().into()));
    text
}

fn conclude(observer: &dyn HealthObserver, endpoint: &Arc<Endpoint>, verdict: &Verdict) {
    if endpoint.mark(verdict.healthy, &verdict.cause) {
        observer.changed(endpoint, verdict.healthy, &verdict.cause);
    }
}
