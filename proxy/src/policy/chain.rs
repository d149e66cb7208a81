//! Runs the policies of a route over a request, and in reverse over its response.
//!
//! A chain is an onion: a response passes the policies its request passed, the last one first. A local response is a
//! response like any other for the policies outside of the one that made it.

mod alternatives;
pub mod body;

use std::ops::Range;
use std::sync::Arc;

use http::{request, response};

use super::decision::{Answer, Changes, Edit, EditableHead, Forward, LocalResponse, RequestDecision, ResponseDecision};
use super::facts::{HttpRequestView, HttpResponseView, RequestFacts, ResponseChange};
use super::local::LocalHead;
use super::view::ResponseView;
use crate::config::model::FailureMode;
use crate::plugin::policy::{Decided, Exchange, PluginFailure, PolicyRuntime, Roles};

/// A request head that policies see and change; the `http` crate's parts are one.
pub trait RequestHead: EditableHead + Send + Sync {
    /// The head as it is now.
    fn parts(&self) -> &request::Parts;
}

/// A response head that policies see and change; the `http` crate's parts are one.
pub trait ResponseHead: EditableHead + Send + Sync {
    /// The head as it is now.
    fn parts(&self) -> &response::Parts;
}

impl EditableHead for request::Parts {
    fn apply(&mut self, edit: &Edit) {
        self.headers.apply(edit);
    }
}

impl RequestHead for request::Parts {
    fn parts(&self) -> &request::Parts {
        self
    }
}

impl EditableHead for response::Parts {
    fn apply(&mut self, edit: &Edit) {
        self.headers.apply(edit);
    }
}

impl ResponseHead for response::Parts {
    fn parts(&self) -> &response::Parts {
        self
    }
}

/// A policy in its place.
#[derive(Clone, Debug)]
pub struct ChainLink {
    /// What is asked.
    pub policy: Arc<PolicyRuntime>,
    /// What traffic sees when it fails.
    pub on_failure: FailureMode,
}

/// The policies of one route, in the order a request meets them.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    links: Vec<ChainLink>,
    /// Links of which one is enough, in order.
    alternatives: Vec<Range<usize>>,
    sees_bodies: bool,
    observes: bool,
}

/// A policy failed, and its `on_failure` is `deny`.
#[derive(Debug, thiserror::Error)]
#[error("policy {policy:?} failed: {failure}")]
pub struct ChainFailure {
    /// Name of the policy.
    pub policy: String,
    /// What happened.
    pub failure: PluginFailure,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum ChainOutcome {
    /// On to the upstream; the head and the facts are changed as told.
    Forward,
    /// Answer it here. The policies it passed have not seen the response yet: [`Chain::run_local_response`].
    Respond {
        /// Name of the policy.
        policy: String,
        /// What it answers.
        response: LocalResponse,
    },
    /// Refuse it.
    Failed(ChainFailure),
}

/// What becomes of an upstream's response.
#[derive(Debug)]
pub enum ResponseOutcome {
    /// On to the client; the head is changed as told.
    Forward,
    /// Send this instead and drop the upstream's body; outer policies have seen it already.
    Replace {
        /// Name of the policy.
        policy: String,
        /// What it sends.
        response: LocalResponse,
    },
    /// Refuse it.
    Failed(ChainFailure),
}

impl Chain {
    /// A chain of these links.
    #[must_use]
    pub fn new(links: Vec<ChainLink>) -> Self {
        let has = |role: fn(Roles) -> bool| links.iter().any(|link| role(link.policy.roles()));
        let (sees_bodies, observes) = (has(|roles| roles.body), has(|roles| roles.observer));
        Self { sees_bodies, observes, links, alternatives: Vec::new() }
    }

    /// A chain of these steps; of the links of one step, one is enough.
    #[must_use]
    pub fn of_steps(steps: Vec<Vec<ChainLink>>) -> Self {
        let (mut links, mut alternatives) = (Vec::new(), Vec::new());
        for step in steps {
            let start = links.len();
            links.extend(step);
            if links.len() > start + 1 {
                alternatives.push(start..links.len());
            }
        }
        Self { alternatives, ..Self::new(links) }
    }

    /// Its links, in the order a request meets them.
    #[must_use]
    pub fn links(&self) -> &[ChainLink] {
        &self.links
    }

    /// Asks each request policy in turn; each sees what the ones before it changed.
    pub async fn run_request(&self, head: &mut dyn RequestHead, facts: &mut RequestFacts) -> ChainOutcome {
        facts.links_passed = 0;
        facts.links_left_out.clear();
        let mut alternatives = self.alternatives.iter().peekable();
        while let Some(link) = self.links.get(facts.links_passed) {
            let step = match alternatives.next_if(|step| step.start == facts.links_passed) {
                Some(step) => self.run_alternatives(step.clone(), head, facts).await,
                None => {
                    let view = HttpRequestView { parts: head.parts(), facts };
                    // Mostly it is there at once, and then no other future is made for it.
                    let decision = match link.ask(&view) {
                        Some(Decided::Later(decision)) => Some(decision.await),
                        Some(Decided::Now(decision)) => Some(decision),
                        None => None,
                    };
                    link.pass_on(decision, head, facts)
                }
            };
            match step {
                ChainOutcome::Forward => {}
                ended => return ended,
            }
        }
        ChainOutcome::Forward
    }

    /// Asks the response policies that the request passed, the last one first.
    pub async fn run_response(
        &self,
        request: &request::Parts,
        facts: &RequestFacts,
        head: &mut dyn ResponseHead,
    ) -> ResponseOutcome {
        let request = HttpRequestView { parts: request, facts };
        let mut replaced: Option<(&str, LocalHead)> = None;
        for link in self.passed(facts) {
            let head = replaced.as_mut().map_or(&mut *head, |(_, local)| local as &mut dyn ResponseHead);
            match link.on_response(request, head).await {
                Ok(Some(local)) => replaced = Some((&link.policy.name, local)),
                Ok(None) => {}
                Err(failure) => return ResponseOutcome::Failed(failure),
            }
        }
        match replaced {
            None => ResponseOutcome::Forward,
            Some((policy, local)) => ResponseOutcome::Replace { policy: policy.to_owned(), response: local.into() },
        }
    }

    /// The same for a response the gateway or a policy made itself.
    ///
    /// # Errors
    /// A response policy failed, and its `on_failure` is `deny`.
    pub async fn run_local_response(
        &self,
        request: &request::Parts,
        facts: &RequestFacts,
        response: LocalResponse,
    ) -> Result<LocalResponse, ChainFailure> {
        let request = HttpRequestView { parts: request, facts };
        let mut head = LocalHead::from(response);
        for link in self.passed(facts) {
            if let Some(other) = link.on_response(request, &mut head).await? {
                head = other;
            }
        }
        Ok(head.into())
    }

    /// Whether any policy wants to hear how an exchange went.
    #[must_use]
    pub fn observes(&self) -> bool {
        self.observes
    }

    /// Tells all observers of an exchange that is over, whether it came as far as them or not.
    pub fn observe(
        &self,
        request: &HttpRequestView<'_>,
        response: Option<&HttpResponseView<'_>>,
        exchange: &Exchange<'_>,
    ) {
        for link in self.links.iter().filter(|link| link.policy.roles().observer) {
            // Counted, and told to the log once in a while; there is nothing else to be done about it.
            let _ = link.policy.on_exchange(request, response.map(|response| response as &dyn ResponseView), exchange);
        }
    }

    /// The links that decide on the response of a request that came as far as it did.
    fn passed(&self, facts: &RequestFacts) -> impl Iterator<Item = &ChainLink> {
        let passed = self.links.iter().enumerate().take(facts.links_passed).rev();
        let asked = passed.filter(|(place, link)| link.policy.roles().response && facts.takes_part(*place));
        asked.map(|(_, link)| link)
    }
}

impl ChainLink {
    /// `None` where the policy does not decide on requests.
    fn ask<'a>(&'a self, request: &'a HttpRequestView<'a>) -> Option<Decided<'a, RequestDecision>> {
        self.policy.roles().decides_on_requests().then(|| self.policy.decide(request))
    }

    /// Takes the request one link further, or ends it.
    fn pass_on(
        &self,
        decision: Option<Result<RequestDecision, PluginFailure>>,
        head: &mut dyn RequestHead,
        facts: &mut RequestFacts,
    ) -> ChainOutcome {
        match decision.map_or(Ok(None), |decision| self.settle(decision)) {
            Ok(Some(RequestDecision::Forward(forward))) => apply(forward, head, facts),
            Ok(Some(RequestDecision::Respond(answer))) => return answered(self.policy.name.clone(), answer, facts),
            Ok(None) => {}
            Err(failure) => return ChainOutcome::Failed(failure),
        }
        facts.links_passed += 1;
        ChainOutcome::Forward
    }

    /// `None` where the policy does not decide on requests, or failed and may be passed over.
    async fn on_request(
        &self,
        head: &dyn RequestHead,
        facts: &RequestFacts,
    ) -> Result<Option<RequestDecision>, ChainFailure> {
        let view = HttpRequestView { parts: head.parts(), facts };
        let Some(decided) = self.ask(&view) else { return Ok(None) };
        self.settle(decided.wait().await)
    }

    /// Applies what the policy decides; returns the response it puts in the place of this one.
    async fn on_response(
        &self,
        request: HttpRequestView<'_>,
        head: &mut dyn ResponseHead,
    ) -> Result<Option<LocalHead>, ChainFailure> {
        let response =
            HttpResponseView { parts: head.parts(), trailers: None, endpoint: request.facts.endpoint.as_deref() };
        let decision = self.policy.decide_on_response(&request, &response).wait().await;
        Ok(match self.settle(decision)? {
            Some(ResponseDecision::Forward(edits)) => {
                edits.iter().for_each(|edit| head.apply(edit));
                None
            }
            Some(ResponseDecision::Replace(response)) => Some(response.into()),
            None => None,
        })
    }

    fn settle<D>(&self, decision: Result<D, PluginFailure>) -> Result<Option<D>, ChainFailure> {
        match (decision, self.on_failure) {
            (Ok(decision), _) => Ok(Some(decision)),
            (Err(_), FailureMode::Allow) => Ok(None),
            (Err(failure), FailureMode::Deny) => Err(ChainFailure { policy: self.policy.name.clone(), failure }),
        }
    }
}

fn apply(forward: Forward, head: &mut dyn RequestHead, facts: &mut RequestFacts) {
    let Forward { changes, standing, held } = forward;
    if let Some(changes) = changes {
        change(changes, head, facts);
    }
    facts.response_changes.extend(standing.map(ResponseChange::Standing));
    facts.held.extend(held);
}

fn answered(policy: String, Answer { response, standing }: Answer, facts: &mut RequestFacts) -> ChainOutcome {
    facts.response_changes.extend(standing.map(ResponseChange::Standing));
    ChainOutcome::Respond { policy, response }
}

fn change(changes: Arc<Changes>, head: &mut dyn RequestHead, facts: &mut RequestFacts) {
    changes.request.iter().for_each(|edit| head.apply(edit));
    if changes.consumer.is_some() {
        facts.consumer.clone_from(&changes.consumer);
    }
    if changes.target.is_some() {
        facts.target.clone_from(&changes.target);
    }
    if !changes.response.is_empty() {
        facts.response_changes.push(ResponseChange::Asked(changes));
    }
}

#[cfg(test)]
mod tests;
