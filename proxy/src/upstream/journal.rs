//! What changed about endpoints, and why: a line in the log, a count, and an event that an operator can ask for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::endpoint::Endpoint;
use super::health::{Finding, HealthObserver, Watched};
use crate::observe::metrics::Metrics;

/// Events kept; the oldest goes first.
const KEPT: usize = 1000;

/// Changes to the state of endpoints, of the whole process.
#[derive(Debug)]
pub struct Journal {
    metrics: Arc<Metrics>,
    /// Written at changes and read by people; no request waits for it.
    events: Mutex<Events>,
}

#[derive(Debug, Default)]
struct Events {
    last: VecDeque<Event>,
    count: u64,
}

/// One change to the state of one endpoint.
#[derive(Clone, Debug)]
pub struct Event {
    /// Counts up from 1 since the process began, so that whoever asks again knows what is new.
    pub number: u64,
    /// When.
    pub at: SystemTime,
    /// The upstream.
    pub upstream: Arc<str>,
    /// The endpoint's address.
    pub endpoint: Arc<str>,
    /// What changed.
    pub change: Change,
    /// Why.
    pub cause: Arc<str>,
}

/// What changes about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Active checks hold it for unusable.
    Unhealthy,
    /// Active checks hold it for usable.
    Healthy,
    /// Its traffic showed it to be failing: it gets no requests for a while.
    Ejected,
    /// Its next request shows whether it may come back.
    OnTrial,
    /// It gets requests like the others.
    Returned,
}

impl Change {
    /// A stable word for metrics and events.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unhealthy => "unhealthy",
            Self::Healthy => "healthy",
            Self::Ejected => "ejected",
            Self::OnTrial => "on_trial",
            Self::Returned => "returned",
        }
    }
}

impl Journal {
    /// One without events, which counts in `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, events: Mutex::default() }
    }

    /// The last events, newest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().last.iter().rev().cloned().collect()
    }

    /// Tells of a change that has just been made.
    pub fn tell(&self, endpoint: &Endpoint, change: Change, cause: &str) {
        log(endpoint, change, cause);
        self.metrics.endpoint_change(&endpoint.upstream, &endpoint.label, change.label());
        let (upstream, label) = (Arc::clone(&endpoint.upstream), Arc::clone(&endpoint.label));
        let mut events = self.events.lock();
        events.count += 1;
        let number = events.count;
        if events.last.len() == KEPT {
            events.last.pop_front();
        }
        events.last.push_back(Event {
            number,
            at: SystemTime::now(),
            upstream,
            endpoint: label,
            change,
            cause: cause.into(),
        });
    }
}

fn log(endpoint: &Endpoint, change: Change, cause: &str) {
    let (upstream, endpoint) = (&*endpoint.upstream, &*endpoint.label);
    match change {
        Change::Unhealthy => tracing::warn!(upstream, endpoint, cause, "endpoint is unhealthy"),
        Change::Healthy => tracing::info!(upstream, endpoint, cause, "endpoint is healthy"),
        Change::Ejected => tracing::warn!(upstream, endpoint, cause, "endpoint is ejected"),
        Change::OnTrial => tracing::info!(upstream, endpoint, cause, "endpoint is on trial"),
        Change::Returned => tracing::info!(upstream, endpoint, cause, "endpoint is back"),
    }
}

impl HealthObserver for Journal {
    fn checked(&self, watched: &Watched, finding: &Finding) {
        watched.metrics.health_check(finding.is_good());
    }

    fn changed(&self, endpoint: &Arc<Endpoint>, healthy: bool, cause: &str) {
        self.tell(endpoint, if healthy { Change::Healthy } else { Change::Unhealthy }, cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint::new("shop".into(), ([127, 0, 0, 1], 9001).into())
    }

    #[test]
    fn a_change_is_an_event_and_a_count() {
        let metrics = Arc::new(Metrics::new());
        let journal = Journal::new(Arc::clone(&metrics));
        journal.tell(&endpoint(), Change::Ejected, "5 failed tries in a row");
        journal.tell(&endpoint(), Change::Returned, "answers again");
        let events = journal.events();
        let told: Vec<_> = events.iter().map(|event| (event.number, event.change.label(), &*event.cause)).collect();
        assert_eq!(told, [(2, "returned", "answers again"), (1, "ejected", "5 failed tries in a row")]);
        let counted =
            "tidegate_endpoint_changes_total{upstream=\"shop\",endpoint=\"127.0.0.1:9001\",change=\"ejected\"} 1";
        let text = metrics.render(&());
        assert!(text.contains(counted), "{text}");
    }

    #[test]
    fn old_events_make_room_for_new_ones() {
        let journal = Journal::new(Arc::new(Metrics::new()));
        for _ in 0..KEPT + 3 {
            journal.tell(&endpoint(), Change::Healthy, "x");
        }
        let events = journal.events();
        assert_eq!((events.len(), events[0].number, events[KEPT - 1].number), (KEPT, KEPT as u64 + 3, 4));
    }
}
