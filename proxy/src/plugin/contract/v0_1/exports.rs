//! What a component of contract 0.1 exports, and its calls: host values go in, and checked host values come out.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Instance as GuestInstance, InstancePre};

use super::bindings::{
    balancer, body_policy, configuration, limit_policy, observer, request_policy, response_policy, types,
};
use super::decisions;
use super::waiting::WaitingExports;
use crate::counters::{Algorithm, Limit, Quota};
use crate::plugin::checked::Rules;
use crate::plugin::failure::{Fault, printable};
use crate::plugin::instance::{Configured, HostState};
use crate::plugin::policy::{Candidate, ConfigureProblem, Exchange, Roles};
use crate::plugin::view::{the_request, the_response};
use crate::policy::decision::{RequestDecision, ResponseDecision};
use crate::policy::limits::Limits;
use crate::upstream::member::Member;

/// Where in the component each exported interface is; none where it does not export it.
pub(in crate::plugin) struct ExportIndices {
    pub(super) configuration: Option<configuration::GuestIndices>,
    pub(super) request: Option<request_policy::GuestIndices>,
    pub(super) limit: Option<limit_policy::GuestIndices>,
    pub(super) response: Option<response_policy::GuestIndices>,
    body: Option<body_policy::GuestIndices>,
    balancer: Option<balancer::GuestIndices>,
    observer: Option<observer::GuestIndices>,
}

/// The same of one instance, each looked up when it is first called: an instance that is made for one call has one use for one.
pub(in crate::plugin) struct Exports {
    pub(super) indices: Arc<ExportIndices>,
    guest: GuestInstance,
    configuration: Option<configuration::Guest>,
    request: Option<request_policy::Guest>,
    limit: Option<limit_policy::Guest>,
    response: Option<response_policy::Guest>,
    body: Option<body_policy::Guest>,
    balancer: Option<balancer::Guest>,
    observer: Option<observer::Guest>,
    /// The same, for calls that may wait.
    pub(super) waiting: WaitingExports,
    /// Filled anew for each pick.
    candidates: balancer::Candidates,
}

impl ExportIndices {
    pub(in crate::plugin) fn find(
        component: &InstancePre<HostState>,
        roles: Roles,
        configuration: bool,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            configuration: configuration.then(|| configuration::GuestIndices::new(component)).transpose()?,
            request: roles.request.then(|| request_policy::GuestIndices::new(component)).transpose()?,
            limit: roles.limit.then(|| limit_policy::GuestIndices::new(component)).transpose()?,
            response: roles.response.then(|| response_policy::GuestIndices::new(component)).transpose()?,
            body: roles.body.then(|| body_policy::GuestIndices::new(component)).transpose()?,
            balancer: roles.balancer.then(|| balancer::GuestIndices::new(component)).transpose()?,
            observer: roles.observer.then(|| observer::GuestIndices::new(component)).transpose()?,
        })
    }
}

impl Exports {
    pub(in crate::plugin) fn new(indices: Arc<ExportIndices>, guest: GuestInstance) -> Self {
        Self {
            indices,
            guest,
            configuration: None,
            request: None,
            limit: None,
            response: None,
            body: None,
            balancer: None,
            observer: None,
            waiting: WaitingExports::default(),
            candidates: no_candidates(),
        }
    }

    /// Looks all of them up.
    ///
    /// # Errors
    /// One has another type than the contract says.
    pub(in crate::plugin) fn look_up(&mut self, store: &mut Store<HostState>) -> wasmtime::Result<()> {
        self.configuration(&mut *store)?;
        self.request(&mut *store)?;
        self.limit(&mut *store)?;
        self.response(&mut *store)?;
        self.body(&mut *store)?;
        self.balancer(&mut *store)?;
        self.observer(store).map(|_| ())
    }

    pub(in crate::plugin) fn configure(
        &mut self,
        store: &mut Store<HostState>,
        text: &str,
    ) -> wasmtime::Result<Configured> {
        let Some(guest) = self.configuration(&mut *store)? else { return Ok(Ok(())) };
        guest.call_configure(store, text).map(configured)
    }

    pub(in crate::plugin) fn on_request(
        &mut self,
        store: &mut Store<HostState>,
        rules: Rules<'_>,
    ) -> Result<Option<RequestDecision>, Fault> {
        let Some(guest) = self.request(&mut *store)? else { return Ok(None) };
        let decision = guest.call_on_request(store, the_request())?;
        Ok(Some(decisions::on_request(decision, rules)?))
    }

    pub(in crate::plugin) fn limits_of(
        &mut self,
        store: &mut Store<HostState>,
        rules: Rules<'_>,
        limit: impl Fn(&[u8], Quota, Algorithm) -> Limit,
    ) -> Result<Option<Limits>, Fault> {
        let Some(guest) = self.limit(&mut *store)? else { return Ok(None) };
        let limits = guest.call_limits_of(store, the_request())?;
        Ok(Some(decisions::limits(limits, rules, limit)?))
    }

    pub(in crate::plugin) fn on_response(
        &mut self,
        store: &mut Store<HostState>,
        rules: Rules<'_>,
    ) -> Result<Option<ResponseDecision>, Fault> {
        let Some(guest) = self.response(&mut *store)? else { return Ok(None) };
        let decision = guest.call_on_response(store, the_request(), the_response())?;
        Ok(Some(decisions::on_response(decision, rules)?))
    }

    pub(in crate::plugin) fn update(
        &mut self,
        store: &mut Store<HostState>,
        members: &[Member],
    ) -> wasmtime::Result<()> {
        let Some(guest) = self.balancer(&mut *store)? else { return Ok(()) };
        guest.call_update(store, &endpoints(members))
    }

    pub(in crate::plugin) fn pick(
        &mut self,
        store: &mut Store<HostState>,
        candidates: &[Candidate],
    ) -> wasmtime::Result<Option<u32>> {
        self.balancer(&mut *store)?;
        let Some(guest) = &self.balancer else { return Ok(None) };
        let balancer::Candidates { endpoints, in_flight, latency_us } = &mut self.candidates;
        refill(endpoints, candidates, |candidate| candidate.member);
        refill(in_flight, candidates, |candidate| candidate.in_flight);
        refill(latency_us, candidates, |candidate| candidate.latency_us);
        guest.call_pick(store, the_request(), &self.candidates)
    }

    pub(in crate::plugin) fn on_exchange(
        &mut self,
        store: &mut Store<HostState>,
        status: Option<u16>,
        exchange: &Exchange<'_>,
    ) -> wasmtime::Result<()> {
        let Some(guest) = self.observer(&mut *store)? else { return Ok(()) };
        let outcome = observer::Outcome {
            status: status.unwrap_or(0),
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            duration_us: u64::try_from(exchange.taken.as_micros()).unwrap_or(u64::MAX),
            tries: exchange.tries,
            endpoint: exchange.endpoint.map(str::to_owned),
            cause: exchange.cause.map(str::to_owned),
        };
        guest.call_on_exchange(store, the_request(), status.map(|_| the_response()), &outcome)
    }
}

/// What a component of the contract exports, as the instance has it; none where it does not export it.
macro_rules! looked_up {
    ($($role:ident: $guest:ty),* $(,)?) => {
        impl Exports {
            $(pub(super) fn $role(&mut self, store: &mut Store<HostState>) -> wasmtime::Result<Option<&$guest>> {
                if self.$role.is_none() {
                    self.$role = self.indices.$role.as_ref().map(|indices| indices.load(store, &self.guest)).transpose()?;
                }
                Ok(self.$role.as_ref())
            })*
        }
    };
}
looked_up! {
    configuration: configuration::Guest,
    request: request_policy::Guest,
    limit: limit_policy::Guest,
    response: response_policy::Guest,
    body: body_policy::Guest,
    balancer: balancer::Guest,
    observer: observer::Guest,
}

/// What a guest has against its configuration, made fit to be shown.
pub(super) fn configured(outcome: Result<(), Vec<types::Problem>>) -> Configured {
    let problem = |problem: types::Problem| ConfigureProblem {
        path: printable(&problem.path),
        message: printable(&problem.message),
        hint: None,
    };
    outcome.map_err(|problems| problems.into_iter().map(problem).collect())
}

fn no_candidates() -> balancer::Candidates {
    balancer::Candidates { endpoints: Vec::new(), in_flight: Vec::new(), latency_us: Vec::new() }
}

fn refill(list: &mut Vec<u32>, candidates: &[Candidate], figure: impl Fn(&Candidate) -> u32) {
    list.clear();
    list.extend(candidates.iter().map(figure));
}

fn endpoints(members: &[Member]) -> Vec<balancer::Endpoint> {
    let endpoint = |member: &Member| balancer::Endpoint {
        address: member.endpoint.label.as_ref().to_owned(),
        weight: member.weight.max(1),
        zone: member.zone.as_ref().to_owned(),
    };
    members.iter().map(endpoint).collect()
}
