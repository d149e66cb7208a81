//! Upstreams: each endpoint once, and a balancer that exists.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use super::{each, names::Names};
use crate::config::model::{
    self, Balancer, CheckKind, Dns, EndpointAddress, HealthCheck, NamedEndpoints, Source, SourceKind, UpstreamProtocol,
    UpstreamTls,
};
use crate::config::problems::Problems;
use crate::config::value::Wrong;
use crate::config::written::{At, Discovery, Endpoint, EndpointHost, Health, MAX_ENDPOINTS, Origin, Upstream};

/// The weight of an endpoint of which nobody says more.
const DEFAULT_WEIGHT: u32 = 100;

/// What an upstream is held against.
pub(super) struct Surroundings<'a> {
    pub(super) policies: &'a Names,
    pub(super) dns: &'a Arc<Dns>,
    pub(super) listeners: &'a [SocketAddr],
}

/// One upstream.
pub(super) fn resolve(
    mut written: Upstream,
    around: &Surroundings<'_>,
    problems: &mut Problems<'_>,
) -> Option<model::Upstream> {
    if let Some(At { value: Balancer::Policy(policy), at }) = &written.balancer {
        around.policies.check(&At { value: policy.clone(), at: at.key("policy") }, problems);
    }
    check_addresses(&written.endpoints, problems);
    let health = written.health.as_ref().map(|health| checked(health, &written, problems));
    let names = NamesOf::new(&written);
    if let Some(tls) = &mut written.tls {
        name_certificates(tls, &names, problems);
    }
    if let Some(queue) = written.queue.as_ref().filter(|_| written.max_in_flight.or(written.max_requests).is_none()) {
        let wrong = Wrong::new("nobody would ever wait: this upstream takes any number of requests at once");
        problems.at_value(&queue.at, wrong.hint("add `max_in_flight = 100` or `max_requests = 1000`"));
    }
    check_loops(&written.endpoints, around.listeners, problems);
    let listed = each(written.endpoints, |endpoint| listed(endpoint, around.dns))?;
    let (mut endpoints, mut named) = (Vec::new(), Vec::new());
    for listed in listed {
        match listed {
            Listed::Endpoint(endpoint) => endpoints.push(endpoint),
            Listed::Name(source) => named.push(source),
        }
    }
    Some(model::Upstream {
        name: written.name?.value,
        balancer: written.balancer.map_or(Balancer::RoundRobin, |balancer| balancer.value),
        sticky: written.sticky,
        prefer_zone: written.prefer_zone.map(|zone| zone.value.into()),
        subset: written.subset,
        endpoints,
        named,
        discovery: written.discovery.map(|discovery| source(discovery, around.dns)),
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

/// One item of `[[upstream.endpoint]]`.
enum Listed {
    Endpoint(model::Endpoint),
    Name(Source),
}

fn listed(written: Endpoint, dns: &Arc<Dns>) -> Option<Listed> {
    let (weight, priority) = (written.weight, written.priority);
    let zone = written.zone.unwrap_or_default().into();
    Some(match written.address?.value {
        EndpointHost::Address(address) => Listed::Endpoint(model::Endpoint { address, weight, zone, priority }),
        EndpointHost::Name(name, port) => {
            let named = NamedEndpoints { name, port, weight, zone, priority };
            let kind = SourceKind::Name(named, Arc::clone(dns));
            Listed::Name(Source { kind, max_endpoints: MAX_ENDPOINTS })
        }
    })
}

fn source(written: Discovery, dns: &Arc<Dns>) -> Source {
    let kind = match written.origin {
        Origin::File(path) => SourceKind::File(path),
        Origin::Name { name, port } => {
            let named = NamedEndpoints { name, port, weight: DEFAULT_WEIGHT, zone: Arc::default(), priority: 0 };
            SourceKind::Name(named, Arc::clone(dns))
        }
        Origin::Service(name) => SourceKind::Service(name, Arc::clone(dns)),
        Origin::Etcd(keys) => SourceKind::Etcd(keys),
    };
    Source { kind, max_endpoints: written.max_endpoints }
}

/// A request that is sent to ourselves comes round for ever.
fn check_loops(endpoints: &[Endpoint], listeners: &[SocketAddr], problems: &mut Problems<'_>) {
    for At { value, at } in endpoints.iter().filter_map(|endpoint| endpoint.address.as_ref()) {
        let EndpointHost::Address(address) = value else { continue };
        if listeners.iter().any(|listener| address.is_served_by(*listener)) {
            let wrong =
                Wrong::new(format!("{value} is a listener of this gateway: requests would come round for ever"));
            problems.at_value(at, wrong.hint("name the address of the service itself"));
        }
    }
}

/// The names of those whose connections begin with a PROXY protocol header.
pub(super) fn introducing(upstreams: &[model::Upstream]) -> BTreeSet<String> {
    let introducing = upstreams.iter().filter(|upstream| upstream.proxy_protocol.is_some());
    introducing.map(|upstream| upstream.name.clone()).collect()
}

/// A Unix socket has no address that could stand in a certificate. A name stands there itself, where it is the only one.
fn name_certificates(tls: &mut At<UpstreamTls>, written: &NamesOf, problems: &mut Problems<'_>) {
    if tls.value.server_name.is_some() || written.has_host {
        return;
    }
    let why = match (written.names.first(), written.names.len()) {
        (Some(name), 1) if !written.has_addresses => {
            tls.value.server_name = Some(name.clone());
            return;
        }
        (Some(_), _) => "nothing says which of several names the certificates of endpoints must have",
        (None, _) if written.has_sockets => {
            "nothing says which name the certificate of an endpoint at a Unix socket must have"
        }
        (None, _) => return,
    };
    if tls.value.verify {
        problems.at_value(&tls.at, Wrong::new(why).hint("add `server_name = \"inventory.internal\"`"));
    }
}

/// What the endpoints of an upstream are called.
struct NamesOf {
    names: BTreeSet<String>,
    has_host: bool,
    has_addresses: bool,
    has_sockets: bool,
}

impl NamesOf {
    fn new(written: &Upstream) -> Self {
        let hosts = || written.endpoints.iter().filter_map(|endpoint| Some(&endpoint.address.as_ref()?.value));
        let name = |host: &EndpointHost| match host {
            EndpointHost::Name(name, _) => Some(name.trim_end_matches('.').to_owned()),
            EndpointHost::Address(_) => None,
        };
        let listed_name = match written.discovery.as_ref().map(|discovery| &discovery.origin) {
            Some(Origin::Name { name, .. }) => Some(name.trim_end_matches('.').to_owned()),
            _ => None,
        };
        let lists_addresses = written.discovery.is_some() && listed_name.is_none();
        Self {
            names: hosts().filter_map(name).chain(listed_name).collect(),
            has_host: written.host.is_some(),
            has_addresses: lists_addresses || hosts().any(|host| matches!(host, EndpointHost::Address(_))),
            has_sockets: hosts().any(|host| matches!(host, EndpointHost::Address(EndpointAddress::Unix(_)))),
        }
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
    let is_unix = |host: &EndpointHost| matches!(host, EndpointHost::Address(EndpointAddress::Unix(_)));
    if let (Some(port), Some(unix)) = (&health.port, addresses.find(|address| is_unix(&address.value))) {
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
