mod movement;
mod shares;
mod sticky;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use proptest::prelude::*;

use super::choices::Choices;
use super::sticky::StickyKey;
use super::{Balancer, PickedBy, candidates};
use crate::config::model::{self, EndpointAddress, HashKey, HashTable, LoadFactor, MissingKey};
use crate::consumers::Consumer;
use crate::plugin::policy::{Candidate, PluginFailure};
use crate::policy::facts::TlsFacts;
use crate::policy::view::RequestView;
use crate::upstream::member::Member;
use crate::upstream::tests::{members, spec};

/// A request as far as a balancer looks at one.
#[derive(Debug, Default)]
struct Asked {
    query: Option<String>,
    headers: Vec<(&'static str, String)>,
    client: Option<IpAddr>,
}

/// A request that nobody looks at.
const BLANK: Asked = Asked { query: None, headers: Vec::new(), client: None };

impl Asked {
    fn with(name: &'static str, value: impl Into<String>) -> Self {
        Self { headers: vec![(name, value.into())], ..Self::default() }
    }
}

impl RequestView for Asked {
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
        "/items"
    }
    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes())
    }
    fn header_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8])) {
        self.headers.iter().filter(|(key, _)| *key == name).for_each(|(_, value)| see(value.as_bytes()));
    }
    fn each_header(&self, _: &mut dyn FnMut(&str, &[u8])) {}
    fn client_address(&self) -> IpAddr {
        self.client.unwrap_or(Ipv4Addr::LOCALHOST.into())
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

/// By the header `x-user`, without a limit on load.
fn hash(table: HashTable) -> model::ConsistentHash {
    model::ConsistentHash {
        key: HashKey::Header("x-user".parse().unwrap()),
        missing: MissingKey::RoundRobin,
        table,
        slots: 65_536,
        load_factor: None,
    }
}

/// All that the gateway has of its own.
fn all_ways() -> Vec<model::Balancer> {
    let bounded = model::ConsistentHash { load_factor: LoadFactor::from_hundredths(125), ..hash(HashTable::Ring) };
    let hashes = [hash(HashTable::Ring), hash(HashTable::Maglev), bounded].map(model::Balancer::ConsistentHash);
    model::Balancer::WORDS.map(|(_, balancer)| balancer).into_iter().chain(hashes).collect()
}

/// The same with a table that is quickly built.
fn small(balancer: model::Balancer) -> model::Balancer {
    match balancer {
        model::Balancer::ConsistentHash(hash) => {
            model::Balancer::ConsistentHash(model::ConsistentHash { slots: 512, ..hash })
        }
        other => other,
    }
}

fn balancing(balancer: model::Balancer, members: &[Member]) -> Balancer {
    let spec = model::Upstream { balancer, ..spec("shop", &[]) };
    Balancer::new(&spec, members, None, &StickyKey::default(), None, None)
}

fn native(members: &[Member]) -> Balancer {
    balancing(model::Balancer::RoundRobin, members)
}

/// Asks a policy of this kind.
fn ask(
    members: &[Member],
    tried: &[EndpointAddress],
    policy: impl FnOnce(&[Candidate]) -> Result<Option<usize>, PluginFailure>,
) -> Option<(usize, PickedBy)> {
    candidates::ask(&Choices { members, tried, tier: 0 }, &native(members).round_robin, policy)
}

#[test]
fn without_a_policy_members_take_turns() {
    let members: Arc<[Member]> = members(&[1, 1, 1]).into();
    let balancer = native(&members);
    for turn in 0..9 {
        let picked = balancer.pick(&BLANK, &members, &[]).unwrap();
        assert_eq!((picked.index, picked.by), (turn % 3, PickedBy::Gateway));
        assert!(Arc::ptr_eq(&picked.member.endpoint, &members[picked.index].endpoint));
    }
}

#[test]
fn a_retry_goes_elsewhere_while_there_is_an_elsewhere() {
    let members: Arc<[Member]> = members(&[1, 1, 1]).into();
    let balancer = native(&members);
    let mut tried = Vec::new();
    for _ in 0..3 {
        let picked = balancer.pick(&BLANK, &members, &tried).unwrap();
        assert!(!tried.contains(&picked.member.endpoint.address));
        tried.push(picked.member.endpoint.address.clone());
    }
    assert!(balancer.pick(&BLANK, &members, &tried).is_some());
}

#[test]
fn members_without_weight_draining_or_unhealthy_get_no_new_request() {
    let mut members = members(&[0, 1, 1]);
    members[1].draining = true;
    let members: Arc<[Member]> = members.into();
    let balancer = native(&members);
    for _ in 0..4 {
        assert_eq!(balancer.pick(&BLANK, &members, &[]).unwrap().index, 2);
    }
    members[2].endpoint.mark(false, "down");
    assert!(balancer.pick(&BLANK, &members, &[]).is_none());
    assert!(ask(&members, &[], |_| unreachable!("asked about nobody")).is_none());
}

#[test]
fn a_policy_chooses_among_the_eligible_with_their_load() {
    let members = members(&[1, 1, 1]);
    let _busy = members[2].endpoint.enter();
    members[0].endpoint.mark(false, "down");
    let picked = ask(&members, &[], |candidates| {
        assert_eq!(candidates.iter().map(|c| (c.member, c.in_flight)).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
        Ok(Some(1))
    });
    assert_eq!(picked, Some((2, PickedBy::Policy)));
}

#[test]
fn round_robin_serves_where_a_policy_declines_fails_or_picks_nobody() {
    let members = members(&[1, 1]);
    let by = |answer| ask(&members, &[], |_| answer).unwrap().1;
    assert_eq!(by(Ok(None)), PickedBy::Gateway);
    assert_eq!(by(Err(PluginFailure::OutOfTime)), PickedBy::Fallback);
    assert_eq!(by(Ok(Some(2))), PickedBy::Fallback);
}

#[test]
fn more_members_than_fit_on_the_stack_are_all_candidates() {
    let members = members(&[1; 40]);
    let picked = ask(&members, &[], |candidates| {
        assert_eq!(candidates.len(), 40);
        Ok(Some(39))
    });
    assert_eq!(picked.unwrap().0, 39);
}

#[test]
fn the_backup_serves_when_nobody_of_the_first_tier_can_or_all_of_it_was_tried() {
    for way in all_ways() {
        let mut members = members(&[1, 1, 1]);
        members[2].tier = 1;
        let members: Arc<[Member]> = members.into();
        let balancer = balancing(way, &members);
        let user = Asked::with("x-user", "alice");
        let pick = |tried: &[EndpointAddress]| balancer.pick(&user, &members, tried).unwrap().index;
        assert!((0..20).all(|_| pick(&[]) < 2), "{balancer:?}");
        let first_tier = [0, 1].map(|index: usize| members[index].endpoint.address.clone());
        assert_eq!(pick(&first_tier), 2);
        members[..2].iter().for_each(|member| _ = member.endpoint.mark(false, "down"));
        assert_eq!(pick(&[]), 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_way_picks_who_is_eligible_and_untried_where_there_is_one(
        weights in prop::collection::vec(0_u32..4, 1..70),
        states in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u8..3), 70),
        user in "[a-z]{0,4}",
    ) {
        let mut members = members(&weights);
        for (member, (healthy, draining, tier)) in members.iter_mut().zip(&states) {
            member.endpoint.mark(*healthy, "so");
            member.draining = *draining && *healthy;
            member.tier = *tier;
        }
        let members: Arc<[Member]> = members.into();
        let tried: Vec<EndpointAddress> = members.iter().step_by(3).map(|member| member.endpoint.address.clone()).collect();
        let is_untried = |member: &Member| member.is_eligible() && !tried.contains(&member.endpoint.address);
        let (eligible, untried) = (members.iter().any(Member::is_eligible), members.iter().any(is_untried));
        for way in all_ways().into_iter().map(small) {
            let balancer = balancing(way, &members);
            let request = Asked::with("x-user", user.as_str());
            let picked = balancer.pick(&request, &members, &tried);
            prop_assert_eq!(picked.is_some(), eligible, "{:?}", balancer);
            if let Some(picked) = picked {
                let is_right = if untried { is_untried(picked.member) } else { picked.member.is_eligible() };
                prop_assert!(is_right, "{:?}", balancer);
            }
        }
    }
}
