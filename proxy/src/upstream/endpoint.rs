//! One instance of a service, with the state that survives reloads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::admission::Admission;
use super::alarm::Alarm;
use super::latency::Latency;
use super::standing::{Standing, WHOLE};
use super::traffic::{Failing, Heard, Traffic};
use crate::config::model::EndpointAddress;

/// An address of an upstream, shared by every snapshot that names it.
#[derive(Debug)]
pub struct Endpoint {
    /// Name of the upstream it belongs to.
    pub upstream: Arc<str>,
    /// Where it listens.
    pub address: EndpointAddress,
    /// `address` as text, made once.
    pub label: Arc<str>,
    pub(super) standing: Standing,
    pub(super) traffic: Traffic,
    in_flight: AtomicU32,
    latency: Latency,
    /// Whom it tells that something happened, while nobody looks; held as well to change whether that is so.
    alarm: Mutex<Option<Arc<Alarm>>>,
    /// Written by checks and read by people; no request waits for it.
    record: Mutex<HealthRecord>,
}

/// How the verdict on an endpoint came to be.
#[derive(Clone, Debug)]
pub struct HealthRecord {
    /// When the verdict last changed; the endpoint's birth where it never did.
    pub since: SystemTime,
    /// Why it last changed; `None` where it never did.
    pub cause: Option<Arc<str>>,
    /// The last active check; `None` where none was made since checks began.
    pub last_check: Option<CheckRecord>,
    /// Why its traffic keeps it out; `None` where it does not.
    pub ejection: Option<EjectionRecord>,
}

/// Why an endpoint gets no requests though no check speaks against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EjectionRecord {
    /// Since when.
    pub at: SystemTime,
    /// Why, and for how long.
    pub cause: Arc<str>,
    /// Ejections in a row, this one included; in good times they are forgotten one by one.
    pub in_a_row: u32,
}

/// What the last active check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRecord {
    /// When it ended.
    pub at: SystemTime,
    /// Whether the answer was a good one.
    pub good: bool,
    /// Checks in a row that came to the same.
    pub in_a_row: u32,
    /// What came back: `status 500`, `connection refused`.
    pub finding: Arc<str>,
}

impl Endpoint {
    /// A new endpoint is taken for healthy until a check says otherwise.
    #[must_use]
    pub fn new(upstream: Arc<str>, address: EndpointAddress) -> Self {
        Self {
            upstream,
            label: address.to_string().into(),
            address,
            standing: Standing::default(),
            traffic: Traffic::default(),
            in_flight: AtomicU32::new(0),
            latency: Latency::unknown(),
            alarm: Mutex::default(),
            record: Mutex::new(HealthRecord {
                since: SystemTime::now(),
                cause: None,
                last_check: None,
                ejection: None,
            }),
        }
    }

    /// Whether active checks hold it for usable.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.standing.is_healthy()
    }

    /// Whether its traffic showed it to be failing, so that it gets no request but now and then one to try it.
    #[must_use]
    pub fn is_ejected(&self) -> bool {
        self.standing.is_ejected()
    }

    /// Whether it is ejected and nothing is expected of it, so that a request need not wait there.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.standing.is_given_up()
    }

    /// Whether the last that traffic heard of it was a failure.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.traffic.counts().in_a_row > 0
    }

    /// What it has ever said, as a count that wraps, where all is well with it and it owes nobody an answer.
    pub(super) fn said_at_rest(&self) -> Option<u32> {
        if self.standing.is_well() { self.traffic.said_at_rest() } else { None }
    }

    /// From now on it rings this alarm, once, when it is asked or says something, or its verdict changes.
    pub(super) fn ring_when_used(&self, alarm: &Arc<Alarm>) {
        let mut known = self.alarm.lock();
        *known = Some(Arc::clone(alarm));
        self.standing.set_unobserved(true);
    }

    fn tell_watch(&self) {
        if self.standing.is_unobserved() {
            self.ring();
        }
    }

    /// Once for each time that the watch looks away.
    #[cold]
    fn ring(&self) {
        let mut known = self.alarm.lock();
        self.standing.set_unobserved(false);
        if let Some(alarm) = known.take() {
            alarm.ring();
        }
    }

    /// Whether a new request may go there, as far as checks and traffic are concerned.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.standing.is_open()
    }

    /// Whether this new request may: an endpoint that warms up takes but a share of them.
    #[must_use]
    pub fn takes_request(&self) -> bool {
        self.standing.takes_request()
    }

    /// How much of its share of requests it takes, in percent: less than 100 while it warms up.
    #[must_use]
    pub fn share_percent(&self) -> u32 {
        self.standing.share() * 100 / WHOLE
    }

    /// Sets the verdict; returns whether it changed, and keeps the cause only then.
    pub fn mark(&self, healthy: bool, cause: &str) -> bool {
        let mut record = self.record.lock();
        let changed = self.standing.set_healthy(healthy);
        if changed {
            record.since = SystemTime::now();
            record.cause = Some(cause.into());
            self.tell_watch();
        }
        changed
    }

    /// How the verdict came to be.
    #[must_use]
    pub fn health(&self) -> HealthRecord {
        self.record.lock().clone()
    }

    /// Keeps what an active check found; the verdict is [`mark`](Self::mark)'s.
    pub fn record_check(&self, good: bool, finding: &Arc<str>) {
        let at = SystemTime::now();
        match &mut self.record.lock().last_check {
            Some(last) if last.good == good => {
                last.at = at;
                last.in_a_row = last.in_a_row.saturating_add(1);
                // Mostly it is the same text, whose count of users need not be touched.
                if !Arc::ptr_eq(&last.finding, finding) {
                    last.finding = Arc::clone(finding);
                }
            }
            last => *last = Some(CheckRecord { at, good, in_a_row: 1, finding: Arc::clone(finding) }),
        }
    }

    /// Forgets what checks found: nobody looks any more, or looks for something else.
    pub fn forget_checks(&self) {
        self.record.lock().last_check = None;
    }

    /// Keeps why its traffic takes it out; the mark itself is set by the watch.
    pub(super) fn record_ejection(&self, cause: &str, in_a_row: u32) {
        self.record.lock().ejection = Some(EjectionRecord { at: SystemTime::now(), cause: cause.into(), in_a_row });
    }

    /// It is back.
    pub(super) fn forget_ejection(&self) {
        self.record.lock().ejection = None;
    }

    /// Requests under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Moving average of the time to the response head in microseconds, 0 where none is known.
    #[must_use]
    pub fn latency_us(&self) -> u32 {
        self.latency.average_us()
    }

    /// The same for a choice to be made now: while the endpoint is idle it fades, so that one whose figure went bad is
    /// looked at again. A request that is under way brings the full figure back until it is answered.
    #[must_use]
    pub fn latency_us_at(&self, now: Instant) -> u32 {
        if self.in_flight() == 0 { self.latency.faded_average_us(now) } else { self.latency.average_us() }
    }

    /// The peak-sensitive average for a choice to be made now; fades like [`latency_us_at`](Self::latency_us_at).
    #[must_use]
    pub fn peak_us_at(&self, now: Instant) -> u32 {
        if self.in_flight() == 0 { self.latency.faded_peak_us(now) } else { self.latency.peak_us() }
    }

    /// Takes one time to a response head into the averages.
    pub fn record_latency(&self, taken: Duration) {
        self.record_latency_at(taken, Instant::now());
    }

    pub(crate) fn record_latency_at(&self, taken: Duration, now: Instant) {
        self.latency.record(taken, now);
    }

    /// Forgets the average: what was true before an endpoint was taken out tells nothing about it now.
    pub(super) fn forget_latency(&self) {
        self.latency.forget();
    }

    /// Counts a request in; it is counted out when the guard is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.standing.enter();
        self.tell_watch();
        InFlight { endpoint: Arc::clone(self), tally: None, admission: None, waits: false }
    }

    /// The same, counted in this tally as well.
    #[must_use]
    pub fn enter_with(self: &Arc<Self>, tally: &Arc<Tally>) -> InFlight {
        tally.0.fetch_add(1, Ordering::Relaxed);
        let mut entered = self.enter();
        entered.tally = Some(Arc::clone(tally));
        entered
    }
}

/// Requests under way to several endpoints together, for balancers that hold one against all.
#[derive(Debug, Default)]
pub struct Tally(AtomicU32);

impl Tally {
    /// Requests under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request under way to an endpoint.
#[derive(Debug)]
pub struct InFlight {
    endpoint: Arc<Endpoint>,
    tally: Option<Arc<Tally>>,
    admission: Option<Arc<Admission>>,
    waits: bool,
}

impl InFlight {
    /// The endpoint the request goes to.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Whoever stands in line for the upstream is to hear of its end.
    pub fn tell_at_end(&mut self, admission: &Arc<Admission>) {
        self.admission = Some(Arc::clone(admission));
    }

    /// All of the request is with the endpoint: from now on it is its turn.
    pub fn wait(&mut self) {
        if !self.waits {
            self.waits = true;
            self.endpoint.traffic.wait();
            self.endpoint.tell_watch();
        }
    }

    /// The endpoint answered, or failed to.
    pub fn hear(&mut self, heard: Heard) {
        self.wait_no_more();
        self.endpoint.traffic.hear(heard);
        self.endpoint.tell_watch();
    }

    /// The answer broke off after its head.
    pub fn cut(&mut self, failing: Failing) {
        self.endpoint.traffic.cut(failing);
        self.endpoint.tell_watch();
    }

    /// The answer came to its end.
    pub fn whole(&mut self) {
        self.endpoint.traffic.whole();
    }

    /// The request never got there: its connection had ended before.
    pub fn retract(&mut self) {
        self.wait_no_more();
        self.endpoint.standing.retract();
    }

    /// Nobody waits any more, and that is not the endpoint's fault.
    fn wait_no_more(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.endpoint.traffic.wait_no_more();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.wait_no_more();
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(tally) = &self.tally {
            tally.0.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(admission) = &self.admission {
            admission.freed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Arc<Endpoint> {
        Arc::new(Endpoint::new("shop".into(), "127.0.0.1:9001".parse().unwrap()))
    }

    #[test]
    fn a_verdict_keeps_the_cause_of_its_last_change_only() {
        let endpoint = endpoint();
        assert!(endpoint.is_healthy() && endpoint.health().cause.is_none());
        assert!(endpoint.mark(false, "first"));
        assert!(!endpoint.mark(false, "second"));
        assert_eq!(endpoint.health().cause.as_deref(), Some("first"));
        assert!(!endpoint.is_healthy());
    }

    #[test]
    fn checks_with_the_same_outcome_are_counted_in_a_row() {
        let endpoint = endpoint();
        let seen = |endpoint: &Endpoint| {
            let last = endpoint.health().last_check.unwrap();
            (last.good, last.in_a_row, last.finding.to_string())
        };
        endpoint.record_check(false, &"status 500".into());
        endpoint.record_check(false, &"status 503".into());
        assert_eq!(seen(&endpoint), (false, 2, "status 503".into()));
        let good: Arc<str> = "status 200".into();
        endpoint.record_check(true, &good);
        assert_eq!(seen(&endpoint), (true, 1, "status 200".into()));
        endpoint.record_check(true, &good);
        assert_eq!(seen(&endpoint), (true, 2, "status 200".into()), "the same text is no reason to count less");
        endpoint.forget_checks();
        assert_eq!(endpoint.health().last_check, None);
    }

    #[test]
    fn a_request_is_counted_until_its_guard_is_dropped() {
        let endpoint = endpoint();
        let (first, second) = (endpoint.enter(), endpoint.enter());
        assert_eq!(endpoint.in_flight(), 2);
        drop(first);
        assert_eq!((endpoint.in_flight(), second.endpoint().in_flight()), (1, 1));
    }

    #[test]
    fn a_request_waits_from_the_end_of_its_sending_to_the_first_word() {
        let endpoint = endpoint();
        let waiting = || endpoint.traffic.counts().waiting;
        let (mut first, mut second) = (endpoint.enter(), endpoint.enter());
        assert_eq!(waiting(), 0);
        first.wait();
        first.wait();
        second.wait();
        assert_eq!(waiting(), 2);
        first.hear(Heard::Good);
        first.hear(Heard::Good);
        assert_eq!((waiting(), endpoint.traffic.counts().good), (1, 2));
        drop(second);
        drop(first);
        assert_eq!(waiting(), 0);
    }

    #[test]
    fn a_tally_counts_requests_to_all_its_endpoints() {
        let (first, second, tally) = (endpoint(), endpoint(), Arc::new(Tally::default()));
        let (one, _other) = (first.enter_with(&tally), second.enter_with(&tally));
        let _not_counted = second.enter();
        assert_eq!((tally.in_flight(), first.in_flight(), second.in_flight()), (2, 1, 2));
        drop(one);
        assert_eq!((tally.in_flight(), first.in_flight()), (1, 0));
    }

    #[test]
    fn a_bad_figure_fades_while_the_endpoint_is_idle_and_comes_back_with_a_request() {
        let endpoint = endpoint();
        let now = Instant::now();
        endpoint.record_latency_at(Duration::from_secs(1), now);
        let later = now + Duration::from_secs(30);
        assert!(endpoint.latency_us_at(later) < 60_000 && endpoint.peak_us_at(later) < 60_000);
        let _looking = endpoint.enter();
        assert_eq!((endpoint.latency_us_at(later), endpoint.peak_us_at(later)), (1_000_000, 1_000_000));
    }
}
