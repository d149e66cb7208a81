//! Simulated traffic: who gets how much of it.

use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::upstream::endpoint::InFlight;

/// The share each member gets of so many requests with keys of their own, while so many are under way at a time.
fn shares(balancer: &Balancer, members: &Arc<[Member]>, requests: usize, at_once: usize) -> Vec<f64> {
    let mut counts = vec![0.0; members.len()];
    let mut under_way: VecDeque<InFlight> = VecDeque::new();
    for user in 0..requests {
        if under_way.len() >= at_once.max(1) {
            // Who began first is not who ends first, or the order of picks would repeat itself.
            under_way.swap_remove_back(fastrand::usize(..under_way.len()));
        }
        let picked = balancer.pick(&Asked::with("x-user", user.to_string()), members, &[]).unwrap();
        counts[picked.index] += 1.0 / requests as f64;
        if at_once > 0 {
            under_way.push_back(picked.enter());
        }
    }
    counts
}

fn within(shares: &[f64], wanted: &[f64], margin: f64) -> bool {
    shares.iter().zip(wanted).all(|(share, wanted)| (share - wanted).abs() <= margin)
}

#[test]
fn shares_follow_weights_within_two_percent_under_load() {
    for way in all_ways() {
        let members: Arc<[Member]> = members(&[5, 3, 2]).into();
        members.iter().for_each(|member| member.endpoint.record_latency(Duration::from_millis(1)));
        let shares = shares(&balancing(way.clone(), &members), &members, 50_000, 400);
        assert!(within(&shares, &[0.5, 0.3, 0.2], 0.02), "{way:?}: {shares:?}");
    }
}

#[test]
fn shares_follow_weights_within_two_percent_where_nothing_is_under_way() {
    // Least-request is left out: without load there is nothing to go by, and the heaviest gets all.
    for way in all_ways().into_iter().filter(|way| *way != model::Balancer::LeastRequest) {
        let members: Arc<[Member]> = members(&[5, 3, 2]).into();
        members.iter().for_each(|member| member.endpoint.record_latency(Duration::from_millis(1)));
        let shares = shares(&balancing(way.clone(), &members), &members, 50_000, 0);
        assert!(within(&shares, &[0.5, 0.3, 0.2], 0.02), "{way:?}: {shares:?}");
    }
}

#[test]
fn equal_endpoints_share_evenly_in_sets_of_any_size() {
    for way in all_ways() {
        for size in [2, 10, 40] {
            let members: Arc<[Member]> = members(&vec![100; size]).into();
            let shares = shares(&balancing(way.clone(), &members), &members, 40_000, 100);
            assert!(within(&shares, &vec![1.0 / size as f64; size], 0.02), "{way:?}, {size}: {shares:?}");
        }
    }
}

#[test]
fn a_maglev_table_is_even_to_two_percent_of_each_share() {
    let members: Arc<[Member]> = members(&[100; 50]).into();
    let balancer = balancing(model::Balancer::ConsistentHash(hash(HashTable::Maglev)), &members);
    let owned = |index: usize| shares_of_slots(&balancer)[index] * 50.0;
    assert!((0..50).all(|index| (owned(index) - 1.0).abs() < 0.02));
}

/// The share of the slots that each member owns.
fn shares_of_slots(balancer: &Balancer) -> Vec<f64> {
    match &balancer.way {
        crate::balance::Way::ConsistentHash(hash) => hash.shares_of_slots(),
        _ => unreachable!("{balancer:?}"),
    }
}

#[test]
fn an_endpoint_that_hangs_stops_drawing_requests_by_what_is_under_way() {
    for way in [model::Balancer::LeastRequest, model::Balancer::Random, model::Balancer::PeakEwma] {
        let members: Arc<[Member]> = members(&[1, 1, 1]).into();
        let balancer = balancing(way.clone(), &members);
        let mut hanging = Vec::new();
        for _ in 0..1000 {
            let picked = balancer.pick(&BLANK, &members, &[]).unwrap();
            let under_way = picked.enter();
            if picked.index == 0 {
                hanging.push(under_way);
            }
        }
        assert!(hanging.len() <= 2, "{way:?}: {}", hanging.len());
    }
}

#[test]
fn peak_ewma_keeps_away_from_the_slow_until_the_quick_have_as_long_to_wait() {
    let members: Arc<[Member]> = members(&[100, 100, 100]).into();
    for (member, ms) in members.iter().zip([1, 1, 50]) {
        member.endpoint.record_latency(Duration::from_millis(ms));
    }
    let balancer = balancing(model::Balancer::PeakEwma, &members);
    let picked_slow = |_| balancer.pick(&BLANK, &members, &[]).unwrap().index == 2;
    assert_eq!((0..1000).filter(|turn| picked_slow(*turn)).count(), 0);
    let _queue: Vec<_> = [0, 1].repeat(60).into_iter().map(|index: usize| members[index].endpoint.enter()).collect();
    assert!((0..1000).filter(|turn| picked_slow(*turn)).count() > 500);
}

#[test]
fn peak_ewma_gets_to_know_who_has_not_answered_yet_at_its_share() {
    let members: Arc<[Member]> = members(&[100, 100, 100]).into();
    members[..2].iter().for_each(|member| member.endpoint.record_latency(Duration::from_micros(10)));
    let balancer = balancing(model::Balancer::PeakEwma, &members);
    let unknown = (0..3000).filter(|_| balancer.pick(&BLANK, &members, &[]).unwrap().index == 2).count();
    assert!((850..1150).contains(&unknown), "{unknown}");
}

#[test]
fn one_hot_key_spreads_over_others_once_its_endpoint_has_more_than_the_load_factor_of_its_share() {
    for table in [HashTable::Ring, HashTable::Maglev] {
        let members: Arc<[Member]> = members(&[100; 4]).into();
        let bounded = model::ConsistentHash { load_factor: LoadFactor::from_hundredths(125), ..hash(table) };
        let balancer = balancing(model::Balancer::ConsistentHash(bounded), &members);
        let hot = Asked::with("x-user", "hot");
        let owner = balancer.pick(&hot, &members, &[]).unwrap().index;
        let _under_way: Vec<_> = (0..400).map(|_| balancer.pick(&hot, &members, &[]).unwrap().enter()).collect();
        let loads: Vec<u32> = members.iter().map(|member| member.endpoint.in_flight()).collect();
        assert!(loads.iter().all(|load| *load <= 125), "{loads:?}");
        assert_eq!(loads[owner], 125, "as much as may be stays where it belongs");
        drop(_under_way);
        assert_eq!(balancer.pick(&hot, &members, &[]).unwrap().index, owner);
    }
}

#[test]
fn the_bound_is_that_of_the_endpoints_that_are_left() {
    let members: Arc<[Member]> = members(&[100; 4]).into();
    let bounded = model::ConsistentHash { load_factor: LoadFactor::from_hundredths(125), ..hash(HashTable::Ring) };
    let balancer = balancing(model::Balancer::ConsistentHash(bounded), &members);
    members[..2].iter().for_each(|member| _ = member.endpoint.mark(false, "down"));
    let hot = Asked::with("x-user", "hot");
    let under_way: Vec<_> = (0..400).map(|_| balancer.pick(&hot, &members, &[]).unwrap().enter()).collect();
    let mut loads: Vec<u32> = members.iter().map(|member| member.endpoint.in_flight()).collect();
    loads.sort_unstable();
    assert_eq!((loads, under_way.len()), (vec![0, 0, 150, 250], 400));
}
