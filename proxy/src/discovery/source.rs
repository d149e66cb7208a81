//! One who is asked for endpoints of an upstream, and what he said last.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Answer, Failure, Provider};
use crate::config::model::{self, Endpoint, EndpointAddress, SourceKind};
use crate::observe::metrics::DiscoveryMetrics;

/// A source of the running configuration.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) upstream: String,
    pub(super) spec: model::Source,
    pub(super) label: String,
    ours: Arc<[SocketAddr]>,
    metrics: DiscoveryMetrics,
    said: Mutex<Said>,
    /// Duplicates that were told of.
    duplicates: AtomicUsize,
}

#[derive(Debug, Default)]
struct Said {
    /// The last good set, or that of a source before this one.
    endpoints: Option<Arc<[Endpoint]>>,
    answered: bool,
    last_success: Option<SystemTime>,
    problem: Option<Problem>,
}

/// What is wrong with what a source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// When it was met first.
    pub since: SystemTime,
    /// In words.
    pub why: String,
}

/// What is known of a source.
#[derive(Clone, Debug)]
pub struct SourceFacts {
    /// The upstream it is for.
    pub upstream: String,
    /// `dns shop.internal:80` and the like.
    pub label: String,
    /// Endpoints of the last good set; none before there was one.
    pub endpoints: Option<usize>,
    /// When it last gave a good answer.
    pub last_success: Option<SystemTime>,
    /// What is wrong now; none where the last answer was good and whole.
    pub problem: Option<Problem>,
}

impl Source {
    /// `heritage` is used until the first good answer.
    pub(super) fn new(
        upstream: &str,
        spec: model::Source,
        ours: Arc<[SocketAddr]>,
        heritage: Option<Arc<[Endpoint]>>,
        metrics: DiscoveryMetrics,
    ) -> Self {
        let said = Mutex::new(Said { endpoints: heritage, ..Said::default() });
        let (upstream, label) = (upstream.to_owned(), spec.to_string());
        Self { upstream, spec, label, ours, metrics, said, duplicates: AtomicUsize::new(0) }
    }

    /// The last good set; none before there was one.
    pub(super) fn endpoints(&self) -> Option<Arc<[Endpoint]>> {
        self.said.lock().endpoints.clone()
    }

    /// Whether a start should wait for it: a file that cannot be read will not be better in a moment, a server may.
    pub(super) fn is_awaited(&self) -> bool {
        let said = self.said.lock();
        !said.answered && (said.problem.is_none() || !matches!(self.spec.kind, SourceKind::File(_)))
    }

    pub(super) fn facts(&self) -> SourceFacts {
        let said = self.said.lock();
        SourceFacts {
            upstream: self.upstream.clone(),
            label: self.label.clone(),
            endpoints: said.endpoints.as_ref().filter(|_| said.answered).map(|endpoints| endpoints.len()),
            last_success: said.last_success,
            problem: said.problem.clone(),
        }
    }

    /// So many of its endpoints are in another list of the upstream already; told when the number changes.
    pub(super) fn tell_of_duplicates(&self, count: usize) {
        if self.duplicates.swap(count, Ordering::Relaxed) != count && count > 0 {
            let (upstream, source) = (&self.upstream, &self.label);
            tracing::warn!(upstream, source, count, "endpoints are in another list already, which counts");
        }
    }

    /// Takes what was said; returns whether it may concern traffic, or somebody who waits for a first word.
    pub(super) fn take(&self, outcome: Result<Answer, Failure>) -> bool {
        match outcome.and_then(|answer| self.believable(answer)) {
            Ok(answer) => self.believe(answer),
            Err(Failure(why)) => {
                self.metrics.failed.increment();
                self.tell_problem(Some(why))
            }
        }
    }

    /// The answer without what no endpoint may be.
    fn believable(&self, mut answer: Answer) -> Result<Answer, Failure> {
        let (count, most) = (answer.endpoints.len(), self.spec.max_endpoints);
        if count > most {
            return Err(Failure(format!("it lists {count} endpoints, more than max_endpoints = {most}")));
        }
        let is_ours = |endpoint: &Endpoint| self.ours.iter().any(|ours| endpoint.address.is_served_by(*ours));
        let mut left_out: Vec<String> = answer.left_out.take().into_iter().collect();
        let mut seen: HashSet<EndpointAddress> = HashSet::with_capacity(count);
        answer.endpoints.retain(|endpoint| {
            let why = if is_ours(endpoint) {
                "is a listener of this gateway"
            } else if !seen.insert(endpoint.address.clone()) {
                "is there twice"
            } else {
                return true;
            };
            if left_out.len() < MOST_TOLD {
                left_out.push(format!("{} {why}", endpoint.address));
            }
            false
        });
        answer.left_out = (!left_out.is_empty()).then(|| left_out.join("; "));
        Ok(answer)
    }

    fn believe(&self, answer: Answer) -> bool {
        let changed = {
            let mut said = self.said.lock();
            said.last_success = Some(SystemTime::now());
            let is_first = !std::mem::replace(&mut said.answered, true);
            let before = said.endpoints.clone().unwrap_or_default();
            let is_new = *before != *answer.endpoints;
            if is_new {
                self.log_change(&before, &answer.endpoints);
            }
            if is_new || said.endpoints.is_none() {
                said.endpoints = Some(answer.endpoints.into());
            }
            is_first || is_new
        };
        if changed {
            self.metrics.changed.increment()
        } else {
            self.metrics.unchanged.increment()
        }
        self.tell_problem(answer.left_out);
        changed
    }

    fn log_change(&self, before: &[Endpoint], after: &[Endpoint]) {
        let addresses = |set: &[Endpoint]| set.iter().map(|e| e.address.clone()).collect::<HashSet<_>>();
        let (old, new) = (addresses(before), addresses(after));
        let (added, removed) = (new.difference(&old).count(), old.difference(&new).count());
        let (upstream, source) = (&self.upstream, &self.label);
        tracing::info!(upstream, source, added, removed, endpoints = after.len(), "endpoints changed");
    }

    /// Logs a problem when it is another one than before, and its end. Returns whether it is the first.
    fn tell_problem(&self, why: Option<String>) -> bool {
        let mut said = self.said.lock();
        let (upstream, source) = (&self.upstream, &self.label);
        let before = said.problem.take();
        let kept = said.endpoints.as_ref().map_or(0, |endpoints| endpoints.len());
        match (&before, &why) {
            (Some(before), Some(why)) if before.why == *why => {}
            (_, Some(why)) => tracing::warn!(upstream, source, endpoints = kept, "endpoints are not up to date: {why}"),
            (Some(_), None) => tracing::info!(upstream, source, endpoints = kept, "endpoints are up to date again"),
            (None, None) => {}
        }
        let is_first = before.is_none();
        let since = before.map_or_else(SystemTime::now, |before| before.since);
        said.problem = why.map(|why| Problem { since, why });
        is_first
    }
}

/// What is left out is told by a few examples.
const MOST_TOLD: usize = 8;

/// Asks for ever; the only one who does so for this source.
pub(super) async fn keep(source: Arc<Source>, mut provider: Box<dyn Provider>, news: watch::Sender<u64>) {
    loop {
        let outcome = provider.next().await;
        if source.take(outcome) {
            news.send_modify(|count| *count += 1);
        }
    }
}
