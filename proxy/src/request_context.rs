//! What a request means on its way: found once, kept to its end, written against no engine.
//!
//! The snapshot is taken when the context is made and never again, so no request sees half of a change. An engine
//! (`http1`, or Pingora's proxy for HTTP/2) only translates: it tells the context what arrived, asks it where to go and whether to try
//! again, and tells it how things ended.

mod answer;
mod bodies;
mod deadline;
mod end;
mod hedge;
mod queue;
mod tries;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, header};

use crate::cause::Cause;
use crate::observe::metrics::Held;
use crate::plugin::policy::PluginFailure;
use crate::policy::chain::{ChainFailure, ChainOutcome, ResponseOutcome};
use crate::policy::decision::LocalResponse;
use crate::policy::facts::{RequestFacts, RequestId, Scheme, TlsFacts};
use crate::route::rewrite::PathRewrite;
use crate::route::{Lookup, readings, target};
use crate::snapshot::{Route, Snapshot};
use crate::wire::forwarded::Origin;
use crate::wire::{grpc, request, request_id};
use bodies::Bodies;
pub use bodies::Interruption;
pub use end::Ended;
pub use hedge::SecondTry;
pub use tries::FailedTry;
use tries::Tries;

/// One request on its way.
#[derive(Debug)]
pub struct RequestContext {
    /// The configuration this request lives under.
    pub snapshot: Arc<Snapshot>,
    /// When its head was complete.
    pub started: Instant,
    /// Who asks; `None` until [`RequestContext::decide`].
    pub origin: Option<Origin>,
    /// What policies may know.
    pub facts: RequestFacts,
    /// Where it goes.
    pub route: Option<Arc<Route>>,
    /// Path and query as the route rewrites them, where it does.
    target: Option<String>,
    /// Why it did not end with the upstream's answer.
    pub cause: Option<Cause>,
    /// The policy that answered or failed.
    pub policy: Option<String>,
    /// What a policy wants sent instead of the upstream's answer.
    pub replacement: Option<Replacement>,
    /// The endpoint of the first try, until it is asked.
    pub chosen: Option<usize>,
    /// Whether a body follows its head.
    has_body: bool,
    /// Whether it is a call of gRPC.
    is_grpc: bool,
    /// By when it must be answered.
    deadline: Option<Instant>,
    bodies: Bodies,
    tries: Tries,
    under_way: Option<Held>,
    finished: bool,
}

/// What is known of a request beside its head.
#[derive(Debug)]
pub struct Arrival {
    /// The other end of the connection.
    pub peer: IpAddr,
    /// What TLS established on it.
    pub tls: Option<Arc<TlsFacts>>,
    /// Whether a body follows, which may turn out to be empty.
    pub has_body: bool,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Verdict {
    /// An endpoint is chosen: ask it.
    Forward,
    /// A policy answers.
    Respond(LocalResponse),
    /// The gateway refuses.
    Refuse(Cause),
}

/// What a policy wants sent instead of the upstream's answer.
#[derive(Debug)]
pub enum Replacement {
    /// The response policies of its route have seen it.
    Seen(LocalResponse),
    /// They have not.
    Unseen(LocalResponse),
}

impl RequestContext {
    /// A request under this snapshot, from now on.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            started: Instant::now(),
            origin: None,
            facts: nobody_yet(&snapshot),
            route: None,
            target: None,
            cause: None,
            policy: None,
            replacement: None,
            chosen: None,
            has_body: false,
            is_grpc: false,
            deadline: None,
            bodies: Bodies::default(),
            tries: Tries::default(),
            under_way: None,
            finished: false,
            snapshot,
        }
    }

    /// Decides what becomes of a request whose head is complete: all that is to be known before an upstream is asked.
    ///
    pub async fn decide(&mut self, head: &mut Parts, arrival: Arrival) -> Verdict {
        self.has_body = arrival.has_body;
        request::strip_untrusted(&mut head.headers, self.snapshot.limits.underscore_headers);
        if let Err(cause) = self.begin(head, arrival.peer, arrival.tls) {
            return Verdict::Refuse(cause);
        }
        match self.run_request_policies(head).await {
            Ok(None) => {}
            Ok(Some(local)) => return Verdict::Respond(local),
            Err(cause) => return Verdict::Refuse(cause),
        }
        if arrival.has_body
            && let Err(cause) = self.attend_request(head)
        {
            return Verdict::Refuse(cause);
        }
        // Policies that wait have timeouts of their own.
        if self.is_overdue() {
            return Verdict::Refuse(Cause::Deadline);
        }
        // The first endpoint is chosen here, where a refusal leaves the client's connection open.
        match self.first_member(head).await {
            Ok(first) => {
                self.chosen = Some(first);
                Verdict::Forward
            }
            Err(cause) => Verdict::Refuse(cause),
        }
    }

    /// Learns who asks for what, and finds the route.
    fn begin(&mut self, parts: &Parts, peer: IpAddr, tls: Option<Arc<TlsFacts>>) -> Result<(), Cause> {
        let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
        self.facts.tls = tls;
        let origin = Origin::read(&parts.headers, peer, scheme, &self.snapshot.trusted_proxies);
        self.facts.client_address = origin.client;
        self.facts.scheme = origin.scheme;
        self.facts.request_id = request_id::keep_or_make(&parts.headers);
        self.facts.authority = authority(parts).to_owned();
        self.origin = Some(origin);
        self.is_grpc = grpc::is_call(parts);
        refuse_method(&parts.method)?;
        if self.snapshot.loop_guard.as_ref().is_some_and(|guard| guard.is_over(&parts.headers)) {
            return Err(Cause::Loop);
        }
        if let Some(why) = target::suspicious(parts.uri.path()) {
            return Err(Cause::AmbiguousTarget(why));
        }
        let path = parts.uri.path();
        let route = self.find_route(parts, path).ok_or(Cause::NoRoute)?;
        if !readings::is_plain(path) {
            self.refuse_other_readings(parts, &route)?;
        }
        self.facts.route = Arc::clone(&route.name);
        self.target = rewritten(&route.rewrite, &parts.uri);
        self.under_way = Some(route.metrics.enter());
        let in_time = self.set_deadline(parts, &route.timeouts);
        self.route = Some(route);
        in_time
    }

    /// A server that reads the path in another way must not find it below another route.
    fn refuse_other_readings(&self, parts: &Parts, route: &Arc<Route>) -> Result<(), Cause> {
        let leads_here =
            |reading: &String| self.find_route(parts, reading).is_none_or(|other| Arc::ptr_eq(&other, route));
        if readings::of(parts.uri.path()).iter().all(leads_here) {
            Ok(())
        } else {
            Err(Cause::AmbiguousTarget("the path could be read as that of another route"))
        }
    }

    fn find_route(&self, parts: &Parts, path: &str) -> Option<Arc<Route>> {
        let lookup = Lookup {
            host: host_of(&self.facts.authority),
            path,
            query: parts.uri.query(),
            method: &parts.method,
            headers: &parts.headers,
        };
        self.snapshot.routes.find(&lookup).cloned()
    }

    /// Runs the route's policies over the request.
    async fn run_request_policies(&mut self, head: &mut Parts) -> Result<Option<LocalResponse>, Cause> {
        let Some(route) = &self.route else { return Ok(None) };
        match route.chain.run_request(head, &mut self.facts).await {
            ChainOutcome::Forward => Ok(None),
            ChainOutcome::Respond { policy, response } => {
                self.policy = Some(policy);
                self.cause = Some(Cause::Policy);
                Ok(Some(response))
            }
            ChainOutcome::Failed(failed) => {
                let cause = cause_of(&failed);
                self.policy = Some(failed.policy);
                Err(cause)
            }
        }
    }

    /// Runs the route's policies over a response, last one first, then applies what request policies left for it.
    ///
    /// # Errors
    /// A policy failed, and traffic is to be refused then.
    pub async fn run_response_policies(
        &mut self,
        request: &Parts,
        head: &mut http::response::Parts,
    ) -> Result<Option<LocalResponse>, Cause> {
        let Some(route) = &self.route else { return Ok(None) };
        if !route.chain.links().is_empty() {
            let current = self.tries.current.as_ref();
            self.facts.endpoint = current.map(|current| Arc::clone(&current.in_flight.endpoint().label));
        }
        match route.chain.run_response(request, &self.facts, head).await {
            ResponseOutcome::Forward => {
                self.facts.change_response(&mut head.headers);
                if let Some(cookie) = self.endpoint_cookie() {
                    head.headers.append(header::SET_COOKIE, cookie);
                }
                Ok(None)
            }
            ResponseOutcome::Replace { policy, response } => {
                self.policy = Some(policy);
                self.cause = Some(Cause::Policy);
                Ok(Some(response))
            }
            ResponseOutcome::Failed(failed) => {
                let cause = cause_of(&failed);
                self.policy = Some(failed.policy);
                Err(cause)
            }
        }
    }

    /// The field that brings the client back to the endpoint that answers, where its upstream wants that and the client
    /// has no such cookie.
    fn endpoint_cookie(&self) -> Option<HeaderValue> {
        let sticky = self.route.as_ref()?.upstream.balancer.sticky.as_ref()?;
        sticky.set_cookie(self.tries.current.as_ref()?.newcomer?, self.facts.scheme == Scheme::Https)
    }

    /// Shows an answer made here to the policies the request has passed, last one first.
    ///
    /// # Errors
    /// A policy failed, and traffic is to be refused then.
    async fn run_local_response(&mut self, request: &Parts, local: LocalResponse) -> Result<LocalResponse, Cause> {
        let Some(route) = &self.route else { return Ok(local) };
        route.chain.run_local_response(request, &self.facts, local).await.map_err(|failed| {
            let cause = cause_of(&failed);
            self.policy = Some(failed.policy);
            cause
        })
    }

    /// Path and query for the upstream, where they are not the client's.
    fn target(&self) -> Option<&str> {
        self.facts.target.as_ref().map(PathAndQuery::as_str).or(self.target.as_deref())
    }
}

impl Drop for RequestContext {
    /// An HTTP/2 stream that stalls is dropped without a word of Pingora's; it counts all the same.
    fn drop(&mut self) {
        if let (false, Some(route)) = (self.finished, &self.route) {
            route.metrics.request(0, self.started.elapsed(), 0, 0);
        }
    }
}

/// What is known of a request before its head was looked at.
fn nobody_yet(snapshot: &Snapshot) -> RequestFacts {
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    RequestFacts::new(nobody, RequestId::default(), Arc::clone(&snapshot.no_route), Scheme::Http, String::new())
}

/// `:authority` of HTTP/2, else `Host`.
fn authority(parts: &Parts) -> &str {
    match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    }
}

/// The host of an authority, without port and without the brackets of an IPv6 address.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    authority.rsplit_once(':').map_or(authority, |(host, _port)| host)
}

/// Path and query for the upstream, where the route changes them.
fn rewritten(rewrite: &PathRewrite, uri: &http::Uri) -> Option<String> {
    let target = uri.path_and_query()?.as_str();
    match rewrite.apply(target) {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    }
}

/// A policy that was not asked is told from one that could not decide.
fn cause_of(failed: &ChainFailure) -> Cause {
    match failed.failure {
        PluginFailure::Quarantined => Cause::Quarantined,
        _ => Cause::PolicyFailed,
    }
}

fn refuse_method(method: &Method) -> Result<(), Cause> {
    if *method == Method::CONNECT || *method == Method::TRACE { Err(Cause::Method) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
