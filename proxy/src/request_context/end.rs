//! How a request ends: counted, told to the access log, and to the observers of its route.

use std::time::Duration;

use http::request::Parts;
use http::{Version, response};

use super::RequestContext;
use crate::cause::Cause;
use crate::observe::access::AccessRecord;
use crate::plugin::policy::Exchange;
use crate::policy::facts::{HttpRequestView, HttpResponseView};

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The request, with the edits of policies.
    pub request: &'a Parts,
    /// The final head the client was sent; none where it was sent none.
    pub response: Option<&'a response::Parts>,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes sent.
    pub bytes_out: u64,
}

impl Ended<'_> {
    fn status(&self) -> u16 {
        self.response.map_or(0, |head| head.status.as_u16())
    }
}

impl RequestContext {
    /// The request is over: counts it, writes its line and tells its observers.
    pub fn finish(&mut self, ended: &Ended<'_>) {
        self.finished = true;
        let taken = self.started.elapsed();
        match &self.route {
            Some(route) => route.metrics.request(ended.status(), taken, ended.bytes_in, ended.bytes_out),
            None => self.snapshot.unrouted.request(ended.status(), taken, ended.bytes_in, ended.bytes_out),
        }
        if let Some(consumer) = &self.facts.consumer {
            self.snapshot.consumer_metrics.request(&consumer.name, ended.status());
        }
        if self.snapshot.access_log.is_on() {
            self.write_access_line(ended, taken);
        }
        self.tell_observers(ended, taken);
        self.end();
        self.under_way = None;
        self.facts.held.clear();
    }

    fn write_access_line(&self, ended: &Ended<'_>, taken: Duration) {
        self.snapshot.access_log.write(&AccessRecord {
            client: self.facts.client_address,
            request_id: self.facts.request_id.as_str(),
            method: ended.request.method.as_str(),
            authority: &self.facts.authority,
            target: ended.request.uri.path_and_query().map_or("", |target| target.as_str()),
            protocol: protocol(ended.request.version),
            status: ended.status(),
            bytes_in: ended.bytes_in,
            bytes_out: ended.bytes_out,
            taken,
            route: self.route.as_ref().map(|route| &*route.name),
            upstream: self.route.as_ref().map(|route| route.upstream.name.as_str()),
            endpoint: self.last_endpoint(),
            tries: self.tries.count,
            consumer: self.facts.consumer.as_ref().map(|consumer| consumer.name.as_str()),
            policy: self.policy.as_deref(),
            cause: self.cause.map(Cause::label),
        });
    }

    fn tell_observers(&mut self, ended: &Ended<'_>, taken: Duration) {
        let Some(route) = self.route.as_ref().filter(|route| route.chain.observes()) else { return };
        let exchange = Exchange {
            request_bytes: ended.bytes_in,
            response_bytes: ended.bytes_out,
            taken,
            tries: self.tries.count,
            endpoint: self.last_endpoint(),
            cause: self.cause.map(Cause::label),
        };
        let request = HttpRequestView { parts: ended.request, facts: &self.facts };
        let trailers = self.bodies.trailers.as_deref();
        let response =
            ended.response.map(|parts| HttpResponseView { parts, trailers, endpoint: self.facts.endpoint.as_deref() });
        route.chain.observe(&request, response.as_ref(), &exchange);
    }

    fn last_endpoint(&self) -> Option<&str> {
        Some(self.endpoint()).filter(|endpoint| !endpoint.is_empty())
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}
