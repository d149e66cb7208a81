//! Upstreams: each endpoint once, and a balancer that exists.

use std::collections::{BTreeSet, HashMap};

use super::{each, names::Names};
use crate::config::model::{self, Balancer, CheckKind, EndpointAddress, HealthCheck, UpstreamProtocol, UpstreamTls};
use crate::config::problems::Problems;
use crate::config::value::Wrong;
use crate::config::written::{At, Endpoint, Health, Upstream};

/// One upstream.
pub(super) fn resolve(written: Upstream, policies: &Names, problems: &mut Problems<'_>) -> Option<model::Upstream> {
    if let Some(At { value: Balancer::Policy(policy), at }) = &written.balancer {
        policies.check(&At { value: policy.clone(), at: at.key("policy") }, problems);
    }
    check_addresses(&written.endpoints, problems);
    let health = written.health.as_ref().map(|health| checked(health, &written, problems));
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
        health,
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

/// The check, by what else is known of the upstream.
fn checked(health: &Health, written: &Upstream, problems: &mut Problems<'_>) -> HealthCheck {
    if matches!(health.check.kind, CheckKind::Grpc(_)) && written.protocol != UpstreamProtocol::Http2 {
        let wrong = Wrong::new("gRPC is spoken over HTTP/2 only, and this upstream over HTTP/1.1");
        problems.at_value(&health.kind, wrong.hint("add `protocol = \"http/2\"` to the upstream"));
    }
    if let Some(At { value: true, at }) = health.tls.as_ref().filter(|_| written.tls.is_none()) {
        let wrong = Wrong::new("nothing says how TLS is spoken to these endpoints");
        problems.at_value(at, wrong.hint("add `[upstream.tls]`; checks go by it without being asked"));
    }
    let mut addresses = written.endpoints.iter().filter_map(|endpoint| endpoint.address.as_ref());
    let is_unix = |address: &At<EndpointAddress>| matches!(address.value, EndpointAddress::Unix(_));
    if let (Some(port), Some(unix)) = (&health.port, addresses.find(|address| is_unix(address))) {
        let wrong = Wrong::new("an endpoint of this upstream is a Unix socket, which has no ports");
        let hint = format!("leave `port` out; the socket is on {}", problems.line_of(&unix.at));
        problems.at_value(&port.at, wrong.hint(hint));
    }
    let tls = written.tls.is_some() && health.tls.as_ref().is_none_or(|tls| tls.value);
    HealthCheck { tls, ..health.check.clone() }
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
