//! A second endpoint asked beside one that is slow to answer.

use std::time::{Duration, Instant};

use http::request::Parts;

use super::RequestContext;
use super::tries::Try;
use crate::config::model::EndpointAddress;
use crate::observe::metrics::{self, TryFailure};
use crate::policy::facts::HttpRequestView;
use crate::upstream::traffic::{Failing, Heard};

/// A try beside the current one; nobody waits for it any more where it is dropped.
#[derive(Debug)]
pub struct SecondTry(Try);

impl SecondTry {
    /// Where it goes.
    #[must_use]
    pub fn address(&self) -> &EndpointAddress {
        &self.0.in_flight.endpoint().address
    }

    /// Where it goes, as text.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.0.in_flight.endpoint().label
    }

    /// It failed, while the first one goes on; one that met the end of a kept connection says nothing.
    pub fn failed(mut self, failure: TryFailure, is_stale: bool) {
        if is_stale {
            return self.0.in_flight.retract();
        }
        self.0.metrics.failure(failure);
        self.0.in_flight.hear(Heard::Bad(Failing::Try(failure)));
    }
}

impl RequestContext {
    /// How long the endpoint asked first is given alone; `None` where no other may be asked beside it.
    #[must_use]
    pub fn hedge_after(&self, head: &Parts) -> Option<Duration> {
        let after = self.route.as_ref()?.hedge_after?;
        (head.method.is_idempotent() && !self.has_body && self.tries.count == 1).then_some(after)
    }

    /// Chooses another endpoint to be asked besides, where there is one and the retry budget allows it.
    pub fn second(&mut self, head: &Parts) -> Option<SecondTry> {
        let route = self.route.as_ref()?;
        let upstream = &route.upstream;
        if !self.has_untried_member(route) {
            return None;
        }
        if !upstream.retry_budget.take(upstream.retry.budget, Instant::now()) {
            self.snapshot.metrics.retry_refused(&upstream.name, self.endpoint());
            return None;
        }
        let picked = upstream.pick(&HttpRequestView { parts: head, facts: &self.facts }, &self.tries.asked)?;
        if self.tries.asked.contains(&picked.member.endpoint.address) {
            return None;
        }
        let second = Try::begin(&picked, upstream, self.has_body);
        picked.member.metrics.attempt(metrics::Try::Hedge);
        self.tries.count += 1;
        self.tries.asked.push(second.in_flight.endpoint().address.clone());
        Some(SecondTry(second))
    }

    /// The second was the first to answer: the other is given up, or has failed before.
    pub fn adopt(&mut self, second: SecondTry, failed: Option<TryFailure>) {
        let Some(first) = self.tries.current.replace(second.0) else { return };
        match failed {
            Some(failure) => SecondTry(first).failed(failure, false),
            None => first.give_up(),
        }
    }
}
