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
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
