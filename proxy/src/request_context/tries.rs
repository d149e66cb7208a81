//! The tries of a request: whom they ask, what is heard of it, and whether another may be made.

use std::time::{Duration, Instant};

use http::Version;
use http::request::Parts;
use smallvec::SmallVec;

use super::RequestContext;
use crate::balance::{Picked, PickedBy};
use crate::cause::Cause;
use crate::config::model::EndpointAddress;
use crate::observe::metrics::{self, EndpointMetrics, TryFailure};
use crate::policy::facts::HttpRequestView;
use crate::snapshot::Route;
use crate::upstream::Upstream;
use crate::upstream::admission::Admitted;
use crate::upstream::endpoint::InFlight;
use crate::upstream::traffic::{Failing, Heard};
use crate::wire::request::{self, Outgoing};

/// How soon a request that waits for an answer learns that its endpoint was ejected.
const GLANCE: Duration = Duration::from_millis(250);

/// How a try failed, as far as trying again is concerned.
#[derive(Clone, Copy, Debug)]
pub struct FailedTry {
    /// What happened.
    pub failure: TryFailure,
    /// Not one byte of the request went out.
    pub nothing_sent: bool,
    /// The method may be repeated (RFC 9110 section 9.2.2).
    pub idempotent: bool,
    /// All of the body read so far can be sent once more.
    pub replayable: bool,
    /// The connection had served before: its end may have come between two requests.
    pub reused_connection: bool,
}

#[derive(Debug, Default)]
pub(super) struct Tries {
    /// Where fresh connections went; a stale one is no try of its endpoint.
    pub(super) asked: SmallVec<[EndpointAddress; 4]>,
    pub(super) count: u32,
    last_failure: Option<TryFailure>,
    /// The budget allows the next one.
    is_granted: bool,
    pub(super) current: Option<Try>,
    /// Its place among all requests of the upstream, where they are counted.
    pub(super) admitted: Option<Admitted>,
}

#[derive(Debug)]
pub(super) struct Try {
    pub(super) in_flight: InFlight,
    pub(super) metrics: EndpointMetrics,
    started: Instant,
    answered: bool,
    /// Its index, where the client's cookie does not name it.
    pub(super) newcomer: Option<usize>,
}

impl Try {
    /// Counts the request in at the endpoint it is to be sent to.
    pub(super) fn begin(picked: &Picked<'_>, upstream: &Upstream, has_body: bool) -> Self {
        let mut in_flight = upstream.enter(picked);
        if !has_body {
            in_flight.wait();
        }
        Self {
            in_flight,
            metrics: picked.member.metrics.clone(),
            started: Instant::now(),
            answered: false,
            newcomer: (picked.by != PickedBy::Cookie).then_some(picked.index),
        }
    }

    /// Nobody waits for it any more; it has been slow for so long at least, and is to be known for it.
    pub(super) fn give_up(self) {
        self.in_flight.endpoint().record_latency(self.started.elapsed());
    }

    /// When it is over, if it may take so long until its head.
    pub(super) fn due(&self, most: Duration) -> Option<Instant> {
        self.started.checked_add(most)
    }
}

impl RequestContext {
    /// Chooses the endpoint of the next try, as an index into the upstream's members, and counts the request in there.
    ///
    /// # Errors
    /// There is none to ask.
    pub fn next_member(&mut self, parts: &Parts) -> Result<usize, Cause> {
        let route = self.route.as_ref().ok_or(Cause::Internal)?;
        let mut admitted = self.tries.admitted.take();
        if let (None, Some(most)) = (&admitted, route.upstream.max_requests) {
            admitted = Some(route.upstream.admission.enter(most).ok_or(Cause::UpstreamBusy)?);
        }
        let view = HttpRequestView { parts, facts: &self.facts };
        let picked = route.upstream.pick(&view, &self.tries.asked);
        let picked = picked.ok_or_else(|| self.nobody_to_ask(&route.upstream))?;
        self.tries.admitted = admitted;
        self.tries.count += 1;
        self.tries.is_granted = false;
        let member = picked.member;
        let which = if self.tries.count == 1 {
            route.upstream.retry_budget.request();
            metrics::Try::First
        } else {
            metrics::Try::Retry
        };
        member.metrics.attempt(which);
        self.tries.asked.push(member.endpoint.address.clone());
        self.tries.current = Some(Try::begin(&picked, &route.upstream, self.has_body));
        Ok(picked.index)
    }

    fn nobody_to_ask(&self, upstream: &Upstream) -> Cause {
        match self.tries.last_failure {
            Some(failure) => Cause::Upstream(failure),
            None => upstream.why_nobody(),
        }
    }

    /// All of the request's body is with the endpoint: from now on it is its turn.
    pub fn body_sent(&mut self) {
        if let Some(current) = self.tries.current.as_mut().filter(|current| !current.answered) {
            current.in_flight.wait();
        }
    }

    /// The upstream's final response head is here.
    pub fn answered(&mut self, status: u16) {
        if let (Some(current), Some(route)) = (&mut self.tries.current, &self.route)
            && !current.answered
        {
            current.answered = true;
            current.in_flight.hear(route.upstream.hear(status));
            let taken = current.started.elapsed();
            current.in_flight.endpoint().record_latency(taken);
            current.metrics.response(status, taken);
        }
    }

    /// No TLS session came about with the endpoint asked last: an operator wants to know why.
    pub fn no_session(&self, why: &str) {
        let tls = self.route.as_ref().and_then(|route| route.upstream.transport.tls.as_ref());
        if let (Some(tls), Some(current)) = (tls, &self.tries.current) {
            tls.complain(&current.in_flight.endpoint().address, why);
        }
    }

    /// A try failed: counts it, and says whether another may be made.
    pub fn failed(&mut self, failed: FailedTry) -> bool {
        let Some(current) = &mut self.tries.current else { return false };
        current.metrics.failure(failed.failure);
        let failing = Failing::Try(failed.failure);
        if current.answered {
            current.in_flight.cut(failing);
            return false;
        }
        if failed.reused_connection {
            current.in_flight.retract();
        } else {
            current.in_flight.hear(Heard::Bad(failing));
        }
        if failed.failure == TryFailure::Timeout {
            // Else an endpoint that hangs would be known by its last good answer.
            current.in_flight.endpoint().record_latency(current.started.elapsed());
        }
        if failed.reused_connection {
            // The connection was stale, the endpoint may be well: this was no try of it.
            let stale = &current.in_flight.endpoint().address;
            self.tries.asked.retain(|asked| asked != stale);
        }
        self.tries.last_failure = Some(failed.failure);
        self.may_try_again(failed) && self.is_affordable(failed)
    }

    /// The request is over, and nothing more is heard of its endpoint.
    pub(super) fn end(&mut self) {
        if let Some(mut current) = self.tries.current.take().filter(|current| current.answered)
            && self.cause.is_none()
        {
            current.in_flight.whole();
        }
        self.tries.admitted = None;
    }

    /// How often to ask [`is_given_up`](Self::is_given_up) while an answer is awaited; `None` where that is never so.
    #[must_use]
    pub fn glance(&self) -> Option<Duration> {
        let watches = self.route.as_ref().is_some_and(|route| route.upstream.watch.outliers.is_some());
        (watches && self.tries.current.as_ref().is_some_and(|current| !current.answered)).then_some(GLANCE)
    }

    /// Whether the endpoint was ejected meanwhile and the request may go to another: it need not wait for a timeout.
    #[must_use]
    pub fn is_given_up(&mut self, failed: FailedTry) -> bool {
        let is_lost = |current: &Try| current.in_flight.endpoint().is_given_up();
        self.tries.current.as_ref().is_some_and(is_lost) && self.may_try_again(failed) && self.is_affordable(failed)
    }

    /// Takes another try from the budget of the upstream, once; what cost its endpoint nothing needs none.
    fn is_affordable(&mut self, failed: FailedTry) -> bool {
        let Some(route) = &self.route else { return false };
        let is_free = failed.nothing_sent || failed.reused_connection || self.tries.is_granted;
        let upstream = &route.upstream;
        self.tries.is_granted = is_free || upstream.retry_budget.take(upstream.retry.budget, Instant::now());
        if !self.tries.is_granted {
            self.snapshot.metrics.retry_refused(&upstream.name, self.endpoint());
        }
        self.tries.is_granted
    }

    fn may_try_again(&self, failed: FailedTry) -> bool {
        let Some(route) = &self.route else { return false };
        let is_spent = self.tries.asked.len() > route.upstream.retry.most as usize;
        if is_spent || self.is_overdue() || !failed.reused_connection && !route.upstream.retry.is_reason(failed.failure)
        {
            return false;
        }
        let may_repeat = failed.idempotent && failed.replayable;
        if !(failed.nothing_sent || may_repeat) {
            return false;
        }
        // A kept connection that ended between two requests says nothing about its endpoint; any other failure does.
        failed.reused_connection || self.has_untried_member(route)
    }

    pub(super) fn has_untried_member(&self, route: &Route) -> bool {
        route
            .upstream
            .members
            .iter()
            .any(|m| m.is_open() && m.has_room() && !self.tries.asked.contains(&m.endpoint.address))
    }

    /// Seals a copy of the client's head for the endpoint asked last; what policies attend to of its body begins anew.
    ///
    /// # Errors
    /// It contradicts itself, or nobody is to be asked.
    pub fn seal(&mut self, head: &mut Parts, client_version: Version) -> Result<(), Cause> {
        self.rewind_request();
        self.seal_for(head, client_version, self.endpoint())
    }

    /// Seals a copy for the endpoint of this name.
    ///
    /// # Errors
    /// It contradicts itself.
    pub fn seal_for(&self, head: &mut Parts, client_version: Version, endpoint: &str) -> Result<(), Cause> {
        let (Some(origin), Some(route)) = (&self.origin, &self.route) else { return Err(Cause::Internal) };
        let outgoing = Outgoing {
            client_version,
            origin,
            request_id: &self.facts.request_id,
            authority: &self.facts.authority,
            endpoint,
            consumer: self.facts.consumer.as_deref(),
            host: route.upstream.host.as_ref(),
            target: self.target(),
            loop_guard: self.snapshot.loop_guard.as_ref(),
            body_may_change: self.attends_to_request(),
            protocol: route.upstream.transport.protocol,
        };
        request::seal(head, &outgoing).map_err(|_| Cause::BadRequest("the request contradicts itself"))?;
        self.tell_deadline(head, &route.timeouts);
        Ok(())
    }

    /// The endpoint that answers, or is to.
    #[must_use]
    pub fn address(&self) -> Option<&EndpointAddress> {
        self.tries.current.as_ref().map(|current| &current.in_flight.endpoint().address)
    }

    /// The endpoint asked last, as text.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.tries.current.as_ref().map_or("", |current| &*current.in_flight.endpoint().label)
    }
}
