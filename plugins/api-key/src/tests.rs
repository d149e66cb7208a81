use tidegate_plugin_sdk::consumers::{self, ConsumerId};
use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, Edit, Forward, LocalResponse, RequestPolicy};

use super::ApiKey;
use super::config::Config;

fn host() -> TestHost {
    TestHost::new().consumer("alice", &["gold", "beta"], "alice-key").consumer("bob", &[], "bob-key")
}

fn number(name: &str) -> Option<u64> {
    consumers::find_by_name(name).map(ConsumerId::number)
}

fn decide(config: &str, request: &TestRequest) -> Decision {
    let policy: ApiKey = testing::configure(config).unwrap();
    policy.on_request(&request.view())
}

fn forwarded(config: &str, request: &TestRequest) -> Forward {
    match decide(config, request) {
        Decision::Forward(forward) => forward,
        Decision::Respond(response) => panic!("refused: {response:?}"),
    }
}

fn refused(config: &str, request: &TestRequest) -> LocalResponse {
    match decide(config, request) {
        Decision::Respond(response) => response,
        Decision::Forward(forward) => panic!("forwarded: {forward:?}"),
    }
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<ApiKey>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_known_key_identifies_its_consumer() {
    let _host = host();
    let forward = forwarded("{}", &TestRequest::get("/").header("apikey", "alice-key"));
    assert_eq!(forward.consumer, number("alice"));
}

#[test]
fn the_upstream_does_not_see_the_key() {
    let _host = host();
    let request = TestRequest::get("/").header("apikey", "bob-key");
    assert!(forwarded("{}", &request).request.contains(&Edit::remove("apikey")));
    assert!(!forwarded(r#"{"hide":false}"#, &request).request.contains(&Edit::remove("apikey")));
}

#[test]
fn a_missing_key_an_unknown_key_and_two_keys_meet_the_same_answer() {
    let _host = host();
    let expected = LocalResponse::new(401).header("www-authenticate", "ApiKey realm=\"orders\"");
    let two = TestRequest::get("/").header("apikey", "alice-key").header("apikey", "bob-key");
    for request in [TestRequest::get("/"), TestRequest::get("/").header("apikey", "mallory"), two] {
        assert_eq!(refused(r#"{"realm":"orders"}"#, &request), expected);
    }
}

#[test]
fn the_same_key_twice_is_one_key() {
    let _host = host();
    let request = TestRequest::get("/").header("apikey", "bob-key").header("apikey", "bob-key");
    assert_eq!(forwarded("{}", &request).consumer, number("bob"));
}

#[test]
fn a_key_in_the_query_counts_only_where_it_is_switched_on() {
    let _host = host();
    let request = TestRequest::get("/?key=alice%2Dkey");
    assert_eq!(refused("{}", &request).status, 401);
    let config = r#"{"query":"key","hide":false}"#;
    assert_eq!(forwarded(config, &request).consumer, number("alice"));
}

#[test]
fn keys_in_header_and_query_that_differ_are_refused() {
    let _host = host();
    let request = TestRequest::get("/?key=alice-key").header("apikey", "bob-key");
    assert_eq!(refused(r#"{"query":"key","hide":false}"#, &request).status, 401);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    assert_eq!(
        problems(r#"{"query":"","realm":"a\"b"}"#),
        [
            "query: must not be empty; leave it out to switch it off",
            "hide: a key in the query cannot be hidden from the upstream; write `hide = false` to accept that",
            "realm: must be printable ASCII without quotes and backslashes",
        ]
    );
}

#[test]
fn a_reserved_header_and_an_unknown_key_are_refused() {
    assert_eq!(problems(r#"{"header":"Host"}"#), ["header: the header \"host\" belongs to the gateway"]);
    assert_eq!(
        problems(r#"{"headr":"x"}"#),
        ["headr: unknown field `headr`, expected one of `header`, `query`, `hide`, `realm`"]
    );
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
