use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{Balancer, PickedBy};
use crate::balance::round_robin::RoundRobin;
use crate::consumers::Consumer;
use crate::plugin::policy::PluginFailure;
use crate::policy::facts::TlsFacts;
use crate::policy::view::RequestView;
use crate::upstream::member::Member;
use crate::upstream::tests::members;

/// A request that no round robin looks at.
struct Blank;

impl RequestView for Blank {
    fn method(&self) -> &str {
        "GET"
    }
    fn scheme(&self) -> &str {
        "http"
    }
    fn authority(&self) -> &str {
        ""
    }
    fn path(&self) -> &str {
        "/"
    }
    fn query(&self) -> Option<&str> {
        None
    }
    fn header(&self, _: &str) -> Option<&[u8]> {
        None
    }
    fn header_values(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}
    fn each_header(&self, _: &mut dyn FnMut(&str, &[u8])) {}
    fn client_address(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }
    fn request_id(&self) -> &str {
        ""
    }
    fn route(&self) -> &str {
        ""
    }
    fn consumer(&self) -> Option<&Consumer> {
        None
    }
    fn tls(&self) -> Option<&TlsFacts> {
        None
    }
}

fn native(members: &[Member]) -> Balancer {
    Balancer { round_robin: Arc::new(RoundRobin::new(members.len())), policy: None }
}

#[test]
fn without_a_policy_members_take_turns() {
    let members: Arc<[Member]> = members(&[1, 1, 1]).into();
    let balancer = native(&members);
    for turn in 0..9 {
        let picked = balancer.pick(&Blank, &members, &[]).unwrap();
        assert_eq!((picked.index, picked.by), (turn % 3, PickedBy::RoundRobin));
        assert!(Arc::ptr_eq(&picked.member.endpoint, &members[picked.index].endpoint));
    }
}

#[test]
fn a_retry_goes_elsewhere_while_there_is_an_elsewhere() {
    let members: Arc<[Member]> = members(&[1, 1, 1]).into();
    let balancer = native(&members);
    let mut tried = Vec::new();
    for _ in 0..3 {
        let picked = balancer.pick(&Blank, &members, &tried).unwrap();
        assert!(!tried.contains(&picked.member.endpoint.address));
        tried.push(picked.member.endpoint.address);
    }
    assert!(balancer.pick(&Blank, &members, &tried).is_some());
}

#[test]
fn members_without_weight_draining_or_unhealthy_get_no_new_request() {
    let mut members = members(&[0, 1, 1]);
    members[1].draining = true;
    let members: Arc<[Member]> = members.into();
    let balancer = native(&members);
    for _ in 0..4 {
        assert_eq!(balancer.pick(&Blank, &members, &[]).unwrap().index, 2);
    }
    members[2].endpoint.mark(false, "down");
    assert!(balancer.pick(&Blank, &members, &[]).is_none());
    assert!(balancer.ask(&members, &[], |_| unreachable!("asked about nobody")).is_none());
}

#[test]
fn a_policy_chooses_among_the_eligible_with_their_load() {
    let members = members(&[1, 1, 1]);
    let _busy = members[2].endpoint.enter();
    members[0].endpoint.mark(false, "down");
    let picked = native(&members).ask(&members, &[], |candidates| {
        assert_eq!(candidates.iter().map(|c| (c.member, c.in_flight)).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
        Ok(Some(1))
    });
    let picked = picked.unwrap();
    assert_eq!((picked.index, picked.by), (2, PickedBy::Policy));
}

#[test]
fn a_policy_sees_tried_members_only_when_no_other_is_left() {
    let members = members(&[1, 1]);
    let balancer = native(&members);
    let (first, second) = (members[0].endpoint.address, members[1].endpoint.address);
    let seen = |tried: &[_]| {
        let mut seen = Vec::new();
        balancer.ask(&members, tried, |candidates| {
            seen.extend(candidates.iter().map(|c| c.member));
            Ok(None)
        });
        seen
    };
    assert_eq!(seen(&[first]), [1]);
    assert_eq!(seen(&[first, second]), [0, 1]);
}

#[test]
fn round_robin_serves_where_a_policy_declines_fails_or_picks_nobody() {
    let members = members(&[1, 1]);
    let balancer = native(&members);
    let by = |answer| balancer.ask(&members, &[], |_| answer).unwrap().by;
    assert_eq!(by(Ok(None)), PickedBy::RoundRobin);
    assert_eq!(by(Err(PluginFailure::OutOfTime)), PickedBy::Fallback);
    assert_eq!(by(Ok(Some(2))), PickedBy::Fallback);
}

#[test]
fn more_members_than_fit_on_the_stack_are_all_candidates() {
    let members = members(&[1; 40]);
    let picked = native(&members).ask(&members, &[], |candidates| {
        assert_eq!(candidates.len(), 40);
        Ok(Some(39))
    });
    assert_eq!(picked.unwrap().index, 39);
}
