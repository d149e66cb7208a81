//! Endpoints that others list: who is asked, what they said last, and when that concerns traffic.
//!
//! A [`Provider`] knows one way of asking (`file`, `dns`, `etcd`) and gives complete sets. A `source` is one that an
//! upstream names: it remembers the last good set, whatever is said afterwards. [`Discovery`] keeps a task for each
//! source of the running configuration; a snapshot is built from what it knows at that moment, and built anew when a set
//! has changed.

mod dns;
mod etcd;
mod file;
mod pace;
mod source;
mod union;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::config::model::{self, Endpoint, SourceKind};
use crate::observe::metrics::Metrics;
use source::Source;
pub use source::{Problem, SourceFacts};
pub use union::Known;

/// Somebody who knows the endpoints of an upstream.
#[async_trait]
pub trait Provider: Send {
    /// Waits until there is something to tell, and tells all there is: at once the first time, then when it may have
    /// changed or when it is time to ask again. It paces itself: who calls asks again at once.
    ///
    /// # Errors
    /// There is no answer, or none to be believed.
    async fn next(&mut self) -> Result<Answer, Failure>;
}

/// A complete set of endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// All there are.
    pub endpoints: Vec<Endpoint>,
    /// What could not be taken in, in words; none where everything could.
    pub left_out: Option<String>,
}

/// Why there is no answer, in words for an operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// What is known of endpoints that others list, for the life of the process.
pub struct Discovery {
    runtime: Handle,
    metrics: Arc<Metrics>,
    /// Counts what may concern traffic.
    news: watch::Sender<u64>,
    by_upstream: Mutex<BTreeMap<String, Vec<Task>>>,
}

/// A source and who asks it; dropping it ends that.
struct Task {
    source: Arc<Source>,
    handle: AbortHandle,
}

impl Discovery {
    /// Asks nobody yet; tasks will run on `runtime`, which must have its timers and its network driver on.
    #[must_use]
    pub fn new(runtime: Handle, metrics: Arc<Metrics>) -> Self {
        Self { runtime, metrics, news: watch::Sender::new(0), by_upstream: Mutex::default() }
    }

    /// All endpoints of an upstream as far as they are known now: those of the file, then those that others list.
    #[must_use]
    pub fn endpoints<'a>(&self, spec: &'a model::Upstream) -> Known<'a> {
        if spec.sources().next().is_none() {
            return Known::listed(spec);
        }
        let tasks = self.by_upstream.lock();
        let tasks = tasks.get(&spec.name).map_or(&[][..], Vec::as_slice);
        let of = |wanted: &model::Source| tasks.iter().map(|task| &task.source).find(|source| source.spec == *wanted);
        let mut sets = Vec::new();
        let mut awaited = false;
        for wanted in spec.sources() {
            match of(wanted) {
                Some(source) => sets.push(source),
                // It is asked from the moment its snapshot takes effect: until it answers, those it replaces count.
                None => {
                    sets.extend(leaving(tasks, spec));
                    awaited |= sets.is_empty();
                }
            }
        }
        union::of(spec, &sets, awaited)
    }

    /// Asks whom these upstreams name, and nobody else; who is asked already goes on undisturbed. `ours` are the
    /// addresses of our listeners, which are nobody's endpoints.
    pub fn reconcile(&self, upstreams: &[model::Upstream], ours: &Arc<[SocketAddr]>) {
        let mut known = self.by_upstream.lock();
        let mut before = std::mem::take(&mut *known);
        for spec in upstreams.iter().filter(|spec| spec.sources().next().is_some()) {
            let mut old = before.remove(&spec.name).unwrap_or_default();
            let heritage = heritage(&old, spec);
            let tasks = spec.sources().map(|wanted| {
                let same = old.iter().position(|task| task.source.spec == *wanted);
                same.map(|index| old.swap_remove(index))
                    .unwrap_or_else(|| self.start(&spec.name, wanted, Arc::clone(ours), heritage.clone()))
            });
            let tasks = tasks.collect();
            known.insert(spec.name.clone(), tasks);
        }
        let labels: Vec<_> =
            known.values().flatten().map(|task| (&*task.source.upstream, &*task.source.label)).collect();
        self.metrics.retain_discovery(&labels);
    }

    /// Counts up when a snapshot that is built now would differ.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Waits until everybody has told a set, or it took too long; returns whether anybody is asked at all.
    pub async fn first_answers(&self, patience: Duration) -> bool {
        let mut news = self.news.subscribe();
        let waiting = || self.by_upstream.lock().values().flatten().any(|task| task.source.is_awaited());
        if tokio::time::timeout(patience, news.wait_for(|_| !waiting())).await.is_err() {
            let late = self.facts().into_iter().filter(|facts| facts.endpoints.is_none());
            let late: Vec<_> = late.map(|facts| format!("{} ({})", facts.upstream, facts.label)).collect();
            tracing::warn!(?late, "endpoints are not known yet, listeners open without them");
        }
        !self.by_upstream.lock().is_empty()
    }

    /// Everybody who is asked, for the admin API and for metrics.
    #[must_use]
    pub fn facts(&self) -> Vec<SourceFacts> {
        self.by_upstream.lock().values().flatten().map(|task| task.source.facts()).collect()
    }

    fn start(
        &self,
        upstream: &str,
        spec: &model::Source,
        ours: Arc<[SocketAddr]>,
        heritage: Option<Arc<[Endpoint]>>,
    ) -> Task {
        let metrics = self.metrics.discovery(upstream, &spec.to_string());
        let source = Arc::new(Source::new(upstream, spec.clone(), ours, heritage, metrics));
        let work = source::keep(Arc::clone(&source), provider(&spec.kind), self.news.clone());
        Task { source, handle: self.runtime.spawn(work).abort_handle() }
    }
}

/// Sources of an upstream that its configuration no longer names.
fn leaving<'t>(tasks: &'t [Task], spec: &'t model::Upstream) -> impl Iterator<Item = &'t Arc<Source>> {
    tasks.iter().map(|task| &task.source).filter(|source| spec.sources().all(|wanted| source.spec != *wanted))
}

/// What they said last, where any of them has.
fn heritage(tasks: &[Task], spec: &model::Upstream) -> Option<Arc<[Endpoint]>> {
    let sets: Vec<_> = leaving(tasks, spec).filter_map(|source| source.endpoints()).collect();
    (!sets.is_empty()).then(|| sets.iter().flat_map(|set| set.iter().cloned()).collect())
}

fn provider(kind: &SourceKind) -> Box<dyn Provider> {
    match kind {
        SourceKind::File(path) => Box::new(file::EndpointFile::new(path.clone())),
        SourceKind::Name(named, settings) => Box::new(dns::Names::new(named.clone(), Arc::clone(settings))),
        SourceKind::Service(name, settings) => Box::new(dns::Services::new(name.clone(), Arc::clone(settings))),
        SourceKind::Etcd(keys) => Box::new(etcd::Etcd::new(keys.clone())),
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").field("upstreams", &self.by_upstream.lock().len()).finish_non_exhaustive()
    }
}
