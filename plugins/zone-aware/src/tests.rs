use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Balancer, Candidate, Endpoint};

use super::ZoneAware;
use super::config::Config;

/// Endpoints of these zones and weights, before a gateway in zone `a`.
fn policy(endpoints: &[(&str, u32)]) -> ZoneAware {
    let mut policy: ZoneAware = testing::configure(r#"{"zone":"a"}"#).unwrap();
    policy.update(told(endpoints));
    policy
}

fn told(endpoints: &[(&str, u32)]) -> Vec<Endpoint> {
    let endpoint =
        |(zone, weight): &(&str, u32)| Endpoint { address: String::new(), weight: *weight, zone: (*zone).to_owned() };
    endpoints.iter().map(endpoint).collect()
}

/// How many of 1000 requests each candidate is picked for.
fn picks(policy: &mut ZoneAware, endpoints: &[u32]) -> Vec<usize> {
    let candidate = |endpoint: &u32| Candidate { endpoint: *endpoint, in_flight: 0, latency_us: 0 };
    let candidates = endpoints.iter().map(candidate).collect();
    let mut counts = vec![0; endpoints.len()];
    for _ in 0..1000 {
        counts[policy.pick(&TestRequest::get("/").view(), &candidates).unwrap()] += 1;
    }
    counts
}

const FOUR: [(&str, u32); 4] = [("a", 100), ("a", 100), ("b", 100), ("c", 300)];

#[test]
fn all_requests_stay_in_the_zone_while_it_is_whole() {
    assert_eq!(picks(&mut policy(&FOUR), &[0, 1, 2, 3]), [500, 500, 0, 0]);
}

#[test]
fn what_the_zone_has_no_room_for_goes_to_the_others_by_weight() {
    // Half of the zone is there, 70 % would be enough: five in seven stay.
    assert_eq!(picks(&mut policy(&FOUR), &[1, 2, 3]), [714, 72, 214]);
}

#[test]
fn as_much_as_is_enough_is_enough() {
    let ten = [[("a", 10); 10], [("b", 10); 10]].concat();
    assert_eq!(picks(&mut policy(&ten), &[0, 1, 2, 3, 4, 5, 6, 10])[7], 0);
    assert_eq!(picks(&mut policy(&ten), &[0, 1, 2, 3, 4, 5, 10])[6], 143);
}

#[test]
fn a_zone_without_anybody_sends_all_to_the_others_and_the_other_way_round() {
    assert_eq!(picks(&mut policy(&FOUR), &[2, 3]), [250, 750]);
    assert_eq!(picks(&mut policy(&FOUR), &[0]), [1000]);
    assert_eq!(picks(&mut policy(&[("b", 1), ("", 1)]), &[0, 1]), [500, 500]);
}

#[test]
fn no_candidate_leaves_the_choice_to_the_gateway() {
    assert_eq!(policy(&FOUR).pick(&TestRequest::get("/").view(), &[].into_iter().collect()), None);
    assert_eq!(policy(&[]).pick(&TestRequest::get("/").view(), &[].into_iter().collect()), None);
}

#[test]
fn the_largest_weights_do_not_overflow() {
    let heavy = [("a", u32::MAX), ("a", u32::MAX), ("b", u32::MAX)];
    assert_eq!(picks(&mut policy(&heavy), &[0, 1, 2]), [500, 500, 0]);
    assert_eq!(picks(&mut policy(&heavy), &[0, 2]), [714, 286]);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let found = testing::configure::<ZoneAware>(r#"{"zone":"","enough":0}"#).unwrap_err();
    assert_eq!(found.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), ["zone", "enough"]);
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
