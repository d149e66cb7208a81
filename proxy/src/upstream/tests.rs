use std::sync::Arc;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::member::Member;
use super::overlay::Overlays;
use super::registry::EndpointRegistry;
use super::transport::Transport;
use super::{Listing, Upstream};
use crate::config::model::{self, EndpointAddress};
use crate::observe::metrics::Metrics;
use crate::plugin::fixture::Fixture;
use crate::plugin::policy::PolicyRuntime;
use crate::policy::facts::{HttpRequestView, RequestFacts, RequestId, Scheme};

/// Members on ports 1, 2, 3 and so on with these weights.
pub(crate) fn members(weights: &[u32]) -> Vec<Member> {
    let member = |(weight, port): (&u32, u16)| {
        let endpoint = Arc::new(Endpoint::new("shop".into(), EndpointAddress::Ip(([127, 0, 0, 1], port).into())));
        let metrics = Metrics::new().endpoint("shop", &endpoint.label);
        Member {
            endpoint,
            weight: *weight,
            zone: "".into(),
            tier: 0,
            draining: false,
            added: false,
            max_in_flight: u32::MAX,
            metrics,
        }
    };
    weights.iter().zip(1..).map(member).collect()
}

/// An upstream on these ports, all of weight 100.
pub(crate) fn spec(name: &str, ports: &[u16]) -> model::Upstream {
    let endpoint = |port: &u16| model::Endpoint {
        address: ([127, 0, 0, 1], *port).into(),
        weight: 100,
        zone: "".into(),
        priority: 0,
    };
    model::Upstream {
        name: name.into(),
        balancer: model::Balancer::RoundRobin,
        sticky: None,
        prefer_zone: None,
        subset: None,
        endpoints: ports.iter().map(endpoint).collect(),
        named: Vec::new(),
        discovery: None,
        health: None,
        outliers: None,
        slow_start: Duration::ZERO,
        timeouts: model::UpstreamTimeouts {
            connect: Duration::from_secs(1),
            read: Duration::from_secs(2),
            write: Duration::from_secs(3),
            idle: Duration::from_secs(4),
            tunnel: Duration::from_secs(5),
        },
        retries: 2,
        retry_on: model::RetryCondition::WORDS.map(|(_, condition)| condition).into(),
        retry_budget: 20,
        max_in_flight: None,
        max_requests: None,
        queue: None,
        host: None,
        protocol: model::UpstreamProtocol::Http1,
        tls: None,
        proxy_protocol: None,
    }
}

/// Builds by itself, with a registry that nobody else has.
pub(crate) fn build(spec: &model::Upstream, previous: Option<&Upstream>) -> Upstream {
    built(&EndpointRegistry::default(), spec, previous, None)
}

/// Builds from what the file says alone.
fn built(
    registry: &EndpointRegistry,
    spec: &model::Upstream,
    previous: Option<&Upstream>,
    policy: Option<Arc<PolicyRuntime>>,
) -> Upstream {
    let listing = Listing::of_file(spec);
    Upstream::build(spec, listing, registry, &Metrics::new(), previous, policy, Transport::default())
}

fn ports(upstream: &Upstream) -> Vec<u16> {
    upstream.members.iter().map(|member| member.endpoint.address.port().unwrap()).collect()
}

#[test]
fn an_upstream_has_the_endpoints_of_the_file_with_the_overlay_on_top() {
    let (registry, spec) = (EndpointRegistry::default(), spec("shop", &[1, 2]));
    let mut overlays = Overlays::default();
    overlays.edit(&spec, &spec.endpoints).add(([127, 0, 0, 1], 9).into(), 5).unwrap();
    overlays.edit(&spec, &spec.endpoints).set_draining(&([127, 0, 0, 1], 1).into(), true).unwrap();
    let upstream = Upstream::build(
        &spec,
        Listing { overlay: overlays.get("shop"), ..Listing::of_file(&spec) },
        &registry,
        &Metrics::new(),
        None,
        None,
        Transport::default(),
    );
    assert_eq!(ports(&upstream), [1, 2, 9]);
    assert_eq!(upstream.members[2].weight, 5);
    assert!(!upstream.members[0].is_eligible() && upstream.members[1].is_eligible());
}

#[test]
fn members_and_rotation_are_taken_over_where_the_members_are_the_same() {
    let registry = EndpointRegistry::default();
    let mut spec = spec("shop", &[1, 2, 3]);
    let old = built(&registry, &spec, None, None);
    spec.timeouts.read = Duration::from_secs(9);
    spec.host = Some("shop.internal".into());
    let new = built(&registry, &spec, Some(&old), None);
    assert!(Arc::ptr_eq(&old.members, &new.members) && Arc::ptr_eq(&old.balancer, &new.balancer));
    assert_eq!(new.timeouts.read, Duration::from_secs(9));
    assert_eq!(new.host.unwrap(), "shop.internal");
}

#[test]
fn another_weight_starts_another_rotation_over_the_same_endpoints() {
    let registry = EndpointRegistry::default();
    let mut spec = spec("shop", &[1, 2]);
    let old = built(&registry, &spec, None, None);
    old.members[0].endpoint.mark(false, "down");
    spec.endpoints[1].weight = 7;
    let new = built(&registry, &spec, Some(&old), None);
    assert!(!Arc::ptr_eq(&old.balancer, &new.balancer));
    assert!(Arc::ptr_eq(&old.members[0].endpoint, &new.members[0].endpoint));
    assert!(!new.members[0].endpoint.is_healthy());
}

#[test]
fn another_policy_keeps_members_and_rotation() {
    let registry = EndpointRegistry::default();
    let spec = spec("shop", &[1, 2]);
    let old = built(&registry, &spec, None, None);
    let policy = crate::plugin::fixture::bind(&Fixture::balancing("(i32.const 0)"));
    let new = built(&registry, &spec, Some(&old), Some(Arc::clone(&policy)));
    assert!(Arc::ptr_eq(&old.members, &new.members) && !Arc::ptr_eq(&old.balancer, &new.balancer));
    assert!(Arc::ptr_eq(&old.balancer.round_robin, &new.balancer.round_robin));
    let same = built(&registry, &spec, Some(&new), Some(policy));
    assert!(Arc::ptr_eq(&new.balancer, &same.balancer));
}

#[test]
fn those_outside_of_the_subset_serve_where_those_inside_cannot() {
    let ports: Vec<u16> = (1..=10).collect();
    let spec = model::Upstream {
        subset: Some(model::Subset { size: 3, gateway: Some("edge-1".into()) }),
        ..spec("shop", &ports)
    };
    let upstream = build(&spec, None);
    let facts = RequestFacts::new([127, 0, 0, 1].into(), RequestId::default(), "".into(), Scheme::Http, String::new());
    let parts = http::Request::new(()).into_parts().0;
    let asked = || {
        let view = HttpRequestView { parts: &parts, facts: &facts };
        (0..100).map(|_| upstream.pick(&view, &[]).unwrap().index).collect::<std::collections::BTreeSet<_>>()
    };
    let inside = asked();
    assert_eq!(inside.len(), 3);
    for index in &inside {
        upstream.members[*index].endpoint.mark(false, "down");
    }
    assert_eq!(asked().intersection(&inside).count(), 0);
}
