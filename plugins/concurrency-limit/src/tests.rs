use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, LocalResponse, RequestPolicy};

use super::ConcurrencyLimit;
use super::config::Config;

fn policy(config: &str) -> ConcurrencyLimit {
    testing::configure(config).unwrap()
}

fn passes(policy: &ConcurrencyLimit, request: &TestRequest) -> bool {
    matches!(policy.on_request(&request.view()), Decision::Forward(_))
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<ConcurrencyLimit>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn requests_over_the_limit_are_refused_while_the_others_last() {
    let host = TestHost::new();
    let (policy, request) = (policy(r#"{"limit":2}"#), TestRequest::get("/"));
    assert!(passes(&policy, &request) && passes(&policy, &request));
    assert_eq!(policy.on_request(&request.view()), LocalResponse::new(429).into());
    host.end_exchanges();
    assert!(passes(&policy, &request));
}

#[test]
fn an_ipv6_client_does_not_escape_by_another_address_of_its_network() {
    let _host = TestHost::new();
    let policy = policy(r#"{"limit":1}"#);
    let from = |address: &str| TestRequest::get("/").client_address(address);
    assert!(passes(&policy, &from("2001:db8:1:2::1")));
    assert!(!passes(&policy, &from("2001:db8:1:2:ffff::9")));
    assert!(passes(&policy, &from("2001:db8:1:3::1")));
}

#[test]
fn consumers_and_routes_have_places_of_their_own() {
    let _host = TestHost::new().consumer("alice", &[], "a").consumer("bob", &[], "b");
    let policy = policy(r#"{"limit":1,"by":["consumer","route"]}"#);
    let alice = TestRequest::get("/").consumer("alice");
    assert!(passes(&policy, &alice) && !passes(&policy, &alice));
    assert!(passes(&policy, &alice.route("other")));
    assert!(passes(&policy, &TestRequest::get("/").consumer("bob")));
}

#[test]
fn the_operator_chooses_how_a_refusal_is_told() {
    let _host = TestHost::new();
    let policy = policy(r#"{"limit":1,"by":"route","status":503,"retry_after":"1500ms"}"#);
    assert!(passes(&policy, &TestRequest::get("/")));
    let expected = LocalResponse::new(503).header("retry-after", "2");
    assert_eq!(policy.on_request(&TestRequest::get("/").view()), expected.into());
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    assert_eq!(problems(r#"{"limit":0}"#), ["limit: must be at least 1"]);
    assert_eq!(problems("{}"), ["missing field `limit`"]);
    assert_eq!(problems(r#"{"limit":1,"status":200}"#), ["status: 200 does not say \"not now\"; write 429 or 503"]);
    assert!(problems(r#"{"limit":1,"by":"everybody"}"#)[0].starts_with("by: unknown variant `everybody`"));
    assert!(problems(r#"{"limit":1,"retry_after":"soon"}"#)[0].starts_with("retry_after: "));
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
