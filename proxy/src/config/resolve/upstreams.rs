//! Upstreams: each endpoint once, and a balancer that exists.

use std::collections::{BTreeSet, HashMap};

use super::{each, names::Names};
use crate::config::model::{self, Balancer, EndpointAddress, UpstreamTls};
use crate::config::problems::Problems;
use crate::config::value::Wrong;
use crate::config::written::{At, Endpoint, Upstream};

/// One upstream.
pub(super) fn resolve(written: Upstream, policies: &Names, problems: &mut Problems<'_>) -> Option<model::Upstream> {
    if let Some(At { value: Balancer::Policy(policy), at }) = &written.balancer {
        policies.check(&At { value: policy.clone(), at: at.key("policy") }, problems);
    }
    check_addresses(&written.endpoints, problems);
    if let Some(tls) = &written.tls {
        check_names(tls, &written, problems);
    }
    if let Some(queue) = written.queue.as_ref().filter(|_| written.max_in_flight.or(written.max_requests).is_none()) {
        let wrong = Wrong::new("nobody would ever wait: this upstream takes any number of requests at once");
        problems.at_value(&queue.at, wrong.hint("add `max_in_flight = 100` or `max_requests = 1000`"));
    }
    let endpoints = each(written.endpoints, |endpoint| {
        let zone = endpoint.zone.unwrap_or_default().into();
        let (weight, priority) = (endpoint.weight, endpoint.priority);
        Some(model::Endpoint { address: endpoint.address?.value, weight, zone, priority })
    });
    Some(model::Upstream {
        name: written.name?.value,
        balancer: written.balancer.map_or(Balancer::RoundRobin, |balancer| balancer.value),
        sticky: written.sticky,
        prefer_zone: written.prefer_zone.map(|zone| zone.value.into()),
        subset: written.subset,
        endpoints: endpoints?,
        health: written.health,
        outliers: written.outliers,
        slow_start: written.slow_start,
        timeouts: written.timeouts,
        retries: written.retries,
        retry_on: written.retry_on,
        retry_budget: written.retry_budget,
        max_in_flight: written.max_in_flight,
        max_requests: written.max_requests,
        queue: written.queue.map(|queue| queue.value),
        host: written.host,
        protocol: written.protocol,
        tls: written.tls.map(|tls| tls.value),
        proxy_protocol: written.proxy_protocol,
    })
}

/// The names of those whose connections begin with a PROXY protocol header.
pub(super) fn introducing(upstreams: &[model::Upstream]) -> BTreeSet<String> {
    let introducing = upstreams.iter().filter(|upstream| upstream.proxy_protocol.is_some());
    introducing.map(|upstream| upstream.name.clone()).collect()
}

/// A Unix socket has no address that could stand in a certificate.
fn check_names(tls: &At<UpstreamTls>, written: &Upstream, problems: &mut Problems<'_>) {
    if !tls.value.verify || tls.value.server_name.is_some() || written.host.is_some() {
        return;
    }
    let mut addresses = written.endpoints.iter().filter_map(|endpoint| endpoint.address.as_ref());
    if addresses.any(|address| matches!(address.value, EndpointAddress::Unix(_))) {
        let wrong = Wrong::new("nothing says which name the certificate of an endpoint at a Unix socket must have");
        problems.at_value(&tls.at, wrong.hint("add `server_name = \"inventory.internal\"`"));
    }
}

fn check_addresses(endpoints: &[Endpoint], problems: &mut Problems<'_>) {
    let mut seen = HashMap::new();
    for At { value, at } in endpoints.iter().filter_map(|endpoint| endpoint.address.as_ref()) {
        if let Some(first) = seen.insert(value, at) {
            let hint = format!("the other is on {}; a larger share is a larger `weight`", problems.line_of(first));
            problems.at_value(at, Wrong::new(format!("{value} is in this upstream twice")).hint(hint));
        }
    }
}
