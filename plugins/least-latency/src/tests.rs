use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Balancer, Candidate, Endpoint, NoConfig};

use super::LeastLatency;

fn balancer(weights: &[u32]) -> LeastLatency {
    let mut policy: LeastLatency = testing::configure("{}").unwrap();
    let endpoint = |(index, &weight)| Endpoint { address: format!("192.0.2.{index}:80"), weight, zone: String::new() };
    policy.update(weights.iter().enumerate().map(endpoint).collect());
    policy
}

fn candidate(endpoint: u32, in_flight: u32, latency_us: u32) -> Candidate {
    Candidate { endpoint, in_flight, latency_us }
}

fn pick(policy: &mut LeastLatency, candidates: &[Candidate]) -> Option<usize> {
    policy.pick(&TestRequest::get("/").view(), &candidates.iter().copied().collect())
}

#[test]
fn the_faster_endpoint_is_chosen() {
    let mut policy = balancer(&[1, 1]);
    let candidates = [candidate(0, 0, 900), candidate(1, 0, 300)];
    for _ in 0..5 {
        assert_eq!(pick(&mut policy, &candidates), Some(1));
    }
}

#[test]
fn a_busy_fast_endpoint_loses_to_an_idle_slow_one() {
    assert_eq!(pick(&mut balancer(&[1, 1]), &[candidate(0, 0, 900), candidate(1, 3, 300)]), Some(0));
}

#[test]
fn weight_divides_the_cost() {
    assert_eq!(pick(&mut balancer(&[4, 1]), &[candidate(0, 0, 900), candidate(1, 0, 300)]), Some(0));
}

#[test]
fn the_choice_is_an_index_into_the_candidates_not_the_endpoints() {
    assert_eq!(pick(&mut balancer(&[1, 1, 1]), &[candidate(1, 0, 900), candidate(2, 0, 300)]), Some(1));
}

#[test]
fn endpoints_nobody_has_heard_of_are_tried_first_and_once_each() {
    let mut policy = balancer(&[1, 1, 1]);
    let candidates = [candidate(0, 0, 300), candidate(1, 0, 0), candidate(2, 0, 0)];
    let picks: Vec<_> = (0..4).map(|_| pick(&mut policy, &candidates)).collect();
    assert_eq!(picks, [Some(1), Some(2), Some(0), Some(0)]);
}

#[test]
fn an_endpoint_that_never_answers_draws_one_request_in_sixteen() {
    let mut policy = balancer(&[1, 1]);
    let candidates = [candidate(0, 0, 300), candidate(1, 0, 0)];
    let tries = (0..160).filter(|_| pick(&mut policy, &candidates) == Some(1)).count();
    assert_eq!(tries, 10);
}

#[test]
fn while_nothing_is_known_the_least_busy_is_chosen() {
    let mut policy = balancer(&[1, 1, 1]);
    assert_eq!(pick(&mut policy, &[candidate(0, 2, 0), candidate(1, 1, 0), candidate(2, 3, 0)]), Some(1));
}

#[test]
fn of_equal_endpoints_the_next_in_turn_is_chosen_with_weights_and_without() {
    for weights in [[1, 1, 1], [2, 2, 1]] {
        let mut policy = balancer(&weights);
        let candidates = [candidate(0, 0, 300), candidate(1, 0, 300), candidate(2, 0, 900)];
        // From the second place on, from the third (where the first is next), and from the first.
        let picks: Vec<_> = (0..3).map(|_| pick(&mut policy, &candidates)).collect();
        assert_eq!(picks, [Some(1), Some(0), Some(0)], "{weights:?}");
    }
}

#[test]
fn equal_endpoints_take_turns() {
    let mut policy = balancer(&[1, 1, 1]);
    let candidates = [candidate(0, 0, 300), candidate(1, 0, 300), candidate(2, 0, 300)];
    let mut counts = [0; 3];
    for _ in 0..30 {
        counts[pick(&mut policy, &candidates).unwrap()] += 1;
    }
    assert_eq!(counts, [10; 3]);
}

#[test]
fn no_candidate_leaves_the_choice_to_the_gateway() {
    assert_eq!(pick(&mut balancer(&[1]), &[]), None);
}

#[test]
fn the_largest_figures_do_not_overflow() {
    let most = candidate(0, u32::MAX, u32::MAX);
    assert_eq!(pick(&mut balancer(&[u32::MAX, 1]), &[most, candidate(1, u32::MAX, u32::MAX)]), Some(0));
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<NoConfig>(env!("CARGO_MANIFEST_DIR"));
}
