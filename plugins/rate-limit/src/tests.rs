use std::time::Duration;

use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, Edit, Forward, LocalResponse, RequestPolicy};

use super::RateLimit;
use super::config::Config;

fn policy(config: &str) -> RateLimit {
    testing::configure(config).unwrap()
}

fn passes(policy: &RateLimit, request: &TestRequest) -> bool {
    matches!(policy.on_request(&request.view()), Decision::Forward(_))
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<RateLimit>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn requests_over_the_limit_are_refused_until_a_unit_comes_back() {
    let host = TestHost::new();
    let (policy, request) = (policy(r#"{"limit":2,"window":"10s"}"#), TestRequest::get("/"));
    assert!(passes(&policy, &request) && passes(&policy, &request));
    assert!(!passes(&policy, &request));
    host.advance(Duration::from_secs(5));
    assert!(passes(&policy, &request));
    assert!(!passes(&policy, &request));
}

#[test]
fn a_burst_smaller_than_the_limit_spreads_requests() {
    let host = TestHost::new();
    let (policy, request) = (policy(r#"{"limit":60,"window":"1m","burst":1}"#), TestRequest::get("/"));
    assert!(passes(&policy, &request) && !passes(&policy, &request));
    host.advance(Duration::from_secs(1));
    assert!(passes(&policy, &request) && !passes(&policy, &request));
}

#[test]
fn a_window_starts_over_as_a_whole() {
    let host = TestHost::new();
    let (policy, request) = (policy(r#"{"limit":2,"window":"10s","algorithm":"window"}"#), TestRequest::get("/"));
    assert!(passes(&policy, &request) && passes(&policy, &request));
    host.advance(Duration::from_secs(9));
    assert!(!passes(&policy, &request));
    host.advance(Duration::from_secs(1));
    assert!(passes(&policy, &request) && passes(&policy, &request));
}

#[test]
fn consumers_do_not_share_a_count() {
    let _host = TestHost::new().consumer("alice", &[], "a").consumer("bob", &[], "b");
    let policy = policy(r#"{"limit":1,"window":"1h"}"#);
    let (alice, bob) = (TestRequest::get("/").consumer("alice"), TestRequest::get("/").consumer("bob"));
    assert!(passes(&policy, &alice) && !passes(&policy, &alice));
    assert!(passes(&policy, &bob));
}

#[test]
fn a_client_is_told_where_it_stands() {
    let _host = TestHost::new();
    let policy = policy(r#"{"limit":100,"window":"1m","name":"orders"}"#);
    let expected = Forward::default()
        .set_response_header("ratelimit-policy", "\"orders\";q=100;w=60")
        .set_response_header("ratelimit", "\"orders\";r=99;t=1");
    assert_eq!(policy.on_request(&TestRequest::get("/").view()), expected.into());
}

#[test]
fn a_refused_client_is_told_when_to_come_back_in_whole_seconds() {
    let host = TestHost::new();
    let (policy, request) = (policy(r#"{"limit":1,"window":"2s"}"#), TestRequest::get("/"));
    assert!(passes(&policy, &request));
    host.advance(Duration::from_millis(300));
    let expected = LocalResponse::new(429)
        .header("retry-after", "2")
        .header("ratelimit-policy", "\"default\";q=1;w=2")
        .header("ratelimit", "\"default\";r=0;t=2");
    assert_eq!(policy.on_request(&request.view()), expected.into());
}

#[test]
fn a_window_of_broken_seconds_is_not_advertised_as_whole_ones() {
    let _host = TestHost::new();
    let decision = policy(r#"{"limit":5,"window":"1500ms"}"#).on_request(&TestRequest::get("/").view());
    let Decision::Forward(forward) = decision else { panic!("refused") };
    assert!(forward.response.contains(&Edit::set("ratelimit-policy", "\"default\";q=5")));
}

#[test]
fn the_fields_can_be_switched_off_but_not_the_wait() {
    let _host = TestHost::new();
    let (policy, request) = (policy(r#"{"limit":1,"window":"1s","headers":false}"#), TestRequest::get("/"));
    assert_eq!(policy.on_request(&request.view()), Forward::default().into());
    assert_eq!(policy.on_request(&request.view()), LocalResponse::new(429).header("retry-after", "1").into());
}

#[test]
fn a_request_has_to_keep_every_limit() {
    let host = TestHost::new();
    let limits =
        r#"{"limits":[{"limit":3,"window":"1h","algorithm":"window"},{"limit":2,"window":"1s","algorithm":"window"}]}"#;
    let (policy, request) = (policy(limits), TestRequest::get("/"));
    assert!(passes(&policy, &request) && passes(&policy, &request));
    assert!(!passes(&policy, &request), "two in a second");
    host.advance(Duration::from_secs(1));
    assert!(passes(&policy, &request));
    assert!(!passes(&policy, &request), "three in an hour");
    host.advance(Duration::from_secs(3600));
    assert!(passes(&policy, &request));
}

#[test]
fn what_a_short_limit_refuses_takes_nothing_from_a_long_one() {
    let host = TestHost::new();
    let limits =
        r#"{"limits":[{"limit":2,"window":"1h","algorithm":"window"},{"limit":1,"window":"1s","algorithm":"window"}]}"#;
    let (policy, request) = (policy(limits), TestRequest::get("/"));
    assert!(passes(&policy, &request));
    assert!((0..50).all(|_| !passes(&policy, &request)));
    host.advance(Duration::from_secs(1));
    assert!(passes(&policy, &request));
}

#[test]
fn every_limit_that_was_asked_is_shown_in_one_field() {
    let _host = TestHost::new();
    let limits = r#"{"limits":[{"limit":5,"window":"1h","algorithm":"window"},{"limit":1,"window":"1s","algorithm":"sliding","name":"burst"}]}"#;
    let (policy, request) = (policy(limits), TestRequest::get("/"));
    let expected = Forward::default()
        .set_response_header("ratelimit-policy", "\"burst\";q=1;w=1, \"1h\";q=5;w=3600")
        .set_response_header("ratelimit", "\"burst\";r=0;t=2, \"1h\";r=4;t=3600");
    assert_eq!(policy.on_request(&request.view()), expected.into());
    let expected = LocalResponse::new(429)
        .header("retry-after", "1")
        .header("ratelimit-policy", "\"burst\";q=1;w=1, \"1h\";q=5;w=3600")
        .header("ratelimit", "\"burst\";r=0;t=2");
    assert_eq!(policy.on_request(&request.view()), expected.into());
}

#[test]
fn a_sliding_window_lets_no_two_full_ones_meet() {
    let host = TestHost::new();
    let (policy, request) = (policy(r#"{"limit":10,"window":"10s","algorithm":"sliding"}"#), TestRequest::get("/"));
    host.advance(Duration::from_millis(9_900));
    assert!((0..10).all(|_| passes(&policy, &request)));
    host.advance(Duration::from_millis(200));
    assert!(!passes(&policy, &request));
    host.advance(Duration::from_secs(5));
    assert!((0..5).all(|_| passes(&policy, &request)));
    assert!(!passes(&policy, &request));
}

#[test]
fn a_method_may_cost_more_than_others_or_nothing() {
    let _host = TestHost::new();
    let config = r#"{"limit":10,"window":"1h","cost":2,"cost_by_method":{"POST":6,"OPTIONS":0}}"#;
    let policy = policy(config);
    let passes = |method: &str| passes(&policy, &TestRequest::new(method, "/"));
    assert!(passes("POST") && !passes("POST"));
    assert!(passes("GET") && passes("post"), "methods are told apart by case");
    assert!(!passes("GET") && !passes("get"));
    assert_eq!(policy.on_request(&TestRequest::new("OPTIONS", "/").view()), Forward::default().into());
}

#[test]
fn a_combination_counts_where_all_its_parts_are_the_same() {
    let _host = TestHost::new();
    let policy = policy(r#"{"limit":1,"window":"1h","by":["client-address","route"]}"#);
    let orders = TestRequest::get("/").route("orders");
    assert!(passes(&policy, &orders) && !passes(&policy, &orders));
    assert!(passes(&policy, &orders.clone().route("items")));
    assert!(passes(&policy, &orders.client_address("192.0.2.9")));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    assert_eq!(
        problems(r#"{"limit":0,"window":"1s","algorithm":"window","burst":3,"name":""}"#),
        [
            "limit: must be at least 1",
            "burst: has a meaning only with `algorithm = \"gcra\"`",
            "name: must be printable ASCII without quotes and backslashes",
        ]
    );
}

#[test]
fn a_value_of_the_wrong_shape_is_named_with_its_place() {
    assert!(problems(r#"{"limit":1,"window":"soon"}"#)[0].starts_with("window: \"soon\" is no length of time"));
    assert!(problems(r#"{"limit":1,"window":"1s","by":{"header":"host"}}"#)[0].starts_with("by.header: "));
    assert_eq!(problems(r#"{"window":"1s"}"#), ["missing field `limit`"]);
    assert_eq!(problems(r#"{"limits":[{"window":"1s"}]}"#), ["limits[0]: missing field `limit`"]);
    assert!(problems(r#"{"limit":1,"window":"1s","by":["route",{"header":"a b"}]}"#)[0].starts_with("by[1].header: "));
}

#[test]
fn limits_are_written_in_one_way_or_in_the_other() {
    assert_eq!(
        problems(r#"{"window":"1s","limits":[{"limit":1,"window":"1s"}]}"#),
        ["window: cannot stand beside `limits`: each item has its own"]
    );
}

#[test]
fn limits_that_cannot_be_told_apart_are_refused() {
    assert_eq!(
        problems(
            r#"{"limits":[{"limit":1,"window":"60s"},{"limit":0,"window":"1m"},{"limit":9,"window":"1m","algorithm":"window"}]}"#
        ),
        [
            "limits[1].limit: must be at least 1",
            "limits[1].window: another limit has this window and this algorithm",
            "limits[2].name: another limit is called \"1m\"",
        ]
    );
    let nine: Vec<_> = (1..10).map(|n| format!(r#"{{"limit":1,"window":"{n}s"}}"#)).collect();
    assert_eq!(problems(&format!(r#"{{"limits":[{}]}}"#, nine.join(","))), ["limits: may hold at most 8 limits"]);
}

#[test]
fn a_cost_that_no_request_could_pay_is_refused() {
    assert_eq!(
        problems(r#"{"limit":10,"window":"1s","burst":4,"cost":0,"cost_by_method":{"POST":5,"get":1}}"#),
        [
            "cost: must be at least 1; `cost_by_method` may say 0",
            "cost_by_method.POST: no request would ever pass: 4 units is the most that can be taken at once",
            "cost_by_method.get: is no method; write it in capitals, such as POST",
        ]
    );
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
