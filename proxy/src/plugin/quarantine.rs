//! Quarantine: a policy that keeps failing is not called for a while.
//!
//! Each failed call costs its budget and a fresh instance; a policy that is broken would cost that on every request, and
//! decide nothing. So after some failures its failure mode applies at once, and one call at a time finds out whether it
//! works again. A policy in good standing pays one load per call.

mod breaker;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::failure::PluginFailure;
use crate::config::model;
use crate::counters::PolicyCounters;
use breaker::{Answer, Breaker, Moment, State};

/// How a policy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is called.
    Good,
    /// It is not called.
    Quarantined,
    /// The next call, or the one under way, shows whether it works again.
    OnProbation,
}

/// Calls are made.
const NOT_CLOSED_OFF: u64 = 0;
/// Until the probe that is under way has ended.
const UNTIL_TOLD: u64 = u64::MAX;

/// The quarantine of one policy.
pub(super) struct Quarantine {
    policy: String,
    /// Whose clock it goes by.
    counters: PolicyCounters,
    /// Until when no call is made, in nanoseconds of the clock: what the breaker says, to be read without its lock.
    closed_off_until: AtomicU64,
    /// None where it is switched off.
    breaker: Option<Mutex<Breaker>>,
}

/// A call that may be made. One that is dropped untold, as by a panic, says nothing about the plugin.
pub(super) struct Pass<'q> {
    quarantine: &'q Quarantine,
    kind: PassKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PassKind {
    Ordinary,
    Probe,
    Told,
}

/// What is told of a transition; the lock is free by then.
enum Transition {
    Opened(Duration),
    OpenedAgain(Duration),
    Closed,
}

impl Quarantine {
    pub(super) fn new(policy: String, counters: PolicyCounters, terms: Option<model::Quarantine>) -> Self {
        let breaker = terms.map(|terms| Mutex::new(Breaker::new(terms)));
        Self { policy, counters, closed_off_until: AtomicU64::new(NOT_CLOSED_OFF), breaker }
    }

    /// Leave to make a call.
    ///
    /// # Errors
    /// It is not to be made: [`PluginFailure::Quarantined`].
    pub(super) fn admit(&self) -> Result<Pass<'_>, PluginFailure> {
        match self.closed_off_until.load(Ordering::Relaxed) {
            NOT_CLOSED_OFF => Ok(Pass { quarantine: self, kind: PassKind::Ordinary }),
            UNTIL_TOLD => Err(PluginFailure::Quarantined),
            until => self.ask(until),
        }
    }

    /// How the policy stands now.
    pub(super) fn standing(&self) -> Standing {
        match self.closed_off_until.load(Ordering::Relaxed) {
            NOT_CLOSED_OFF => Standing::Good,
            until if until != UNTIL_TOLD && self.now() < moment(until) => Standing::Quarantined,
            _ => Standing::OnProbation,
        }
    }

    #[cold]
    fn ask(&self, until: u64) -> Result<Pass<'_>, PluginFailure> {
        let now = self.now();
        if now < moment(until) {
            return Err(PluginFailure::Quarantined);
        }
        let kind = match self.change(|breaker| breaker.ask(now)) {
            None | Some(Answer::Call) => PassKind::Ordinary,
            Some(Answer::Probe) => PassKind::Probe,
            Some(Answer::Refuse) => return Err(PluginFailure::Quarantined),
        };
        if kind == PassKind::Probe {
            tracing::debug!(policy = self.policy, "quarantined policy is tried");
        }
        Ok(Pass { quarantine: self, kind })
    }

    fn now(&self) -> Moment {
        moment(self.counters.clock().now_ns())
    }

    /// Changes the breaker, and what is read without it.
    fn change<R>(&self, change: impl FnOnce(&mut Breaker) -> R) -> Option<R> {
        let mut breaker = self.breaker.as_ref()?.lock();
        let result = change(&mut breaker);
        let until = match breaker.state() {
            State::Closed { .. } => NOT_CLOSED_OFF,
            State::Probing { .. } => UNTIL_TOLD,
            State::Open { until, .. } => {
                u64::try_from(until.as_nanos()).unwrap_or(UNTIL_TOLD).clamp(NOT_CLOSED_OFF + 1, UNTIL_TOLD - 1)
            }
        };
        self.closed_off_until.store(until, Ordering::Relaxed);
        Some(result)
    }

    fn log(&self, transition: &Transition, failure: &str) {
        let policy = self.policy.as_str();
        match transition {
            Transition::Opened(pause) => tracing::warn!(policy, failure, ?pause, "policy quarantined"),
            Transition::OpenedAgain(pause) => tracing::warn!(policy, failure, ?pause, "policy stays quarantined"),
            Transition::Closed => tracing::info!(policy, "policy works again, quarantine lifted"),
        }
    }
}

impl Pass<'_> {
    /// Tells what the call came to.
    pub(super) fn tell<T>(mut self, result: &Result<T, PluginFailure>) {
        match result {
            Ok(_) if self.kind == PassKind::Ordinary => {}
            Ok(_) => self.succeeded(),
            Err(failure) if failure.is_the_plugins() => self.failed(failure),
            // Dropped untold.
            Err(_) => return,
        }
        self.kind = PassKind::Told;
    }

    #[cold]
    fn succeeded(&self) {
        self.quarantine.change(Breaker::probe_succeeded);
        self.quarantine.log(&Transition::Closed, "");
    }

    #[cold]
    fn failed(&self, failure: &PluginFailure) {
        let now = self.quarantine.now();
        let transition = match self.kind {
            PassKind::Probe => self.quarantine.change(|breaker| breaker.probe_failed(now).map(Transition::OpenedAgain)),
            _ => self.quarantine.change(|breaker| breaker.failed(now).map(Transition::Opened)),
        };
        if let Some(transition) = transition.flatten() {
            self.quarantine.log(&transition, &failure.to_string());
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.kind == PassKind::Probe {
            let now = self.quarantine.now();
            self.quarantine.change(|breaker| breaker.probe_abandoned(now));
        }
    }
}

fn moment(ns: u64) -> Moment {
    Duration::from_nanos(ns)
}
