use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest, TestResponse};
use tidegate_plugin_sdk::{Decision, Edit, RequestPolicy, ResponseDecision, ResponsePolicy};

use super::Headers;
use super::config::Config;

fn on_request(config: &str, request: &TestRequest) -> Vec<Edit> {
    let policy: Headers = testing::configure(config).unwrap();
    match policy.on_request(&request.view()) {
        Decision::Forward(forward) => forward.request,
        Decision::Respond(response) => panic!("refused: {response:?}"),
    }
}

fn on_response(config: &str, request: &TestRequest, response: &TestResponse) -> Vec<Edit> {
    let policy: Headers = testing::configure(config).unwrap();
    match policy.on_response(&request.view(), &response.view()) {
        ResponseDecision::Forward(edits) => edits,
        ResponseDecision::Replace(response) => panic!("replaced: {response:?}"),
    }
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<Headers>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn each_kind_of_change_becomes_its_edit() {
    let config = r#"{"request":{"remove":["X-Internal"],"set":{"x-route":"${route}"},"add":{"via":["a","b"]}}}"#;
    let edits = [
        Edit::remove("x-internal"),
        Edit::set("x-route", "orders"),
        Edit::append("via", "a"),
        Edit::append("via", "b"),
    ];
    assert_eq!(on_request(config, &TestRequest::get("/").route("orders")), edits);
}

#[test]
fn a_renamed_field_keeps_all_its_values_and_takes_the_place_of_what_had_the_name() {
    let config = r#"{"request":{"rename":{"x-old":"x-new"}}}"#;
    let request = TestRequest::get("/").header("x-old", "1").header("x-old", "2").header("x-new", "forged");
    let edits = [Edit::remove("x-old"), Edit::remove("x-new"), Edit::append("x-new", "1"), Edit::append("x-new", "2")];
    assert_eq!(on_request(config, &request), edits);
    assert_eq!(on_request(config, &TestRequest::get("/").header("x-new", "1")), []);
}

#[test]
fn a_field_set_to_nothing_is_taken_out_so_that_nobody_brings_their_own() {
    let _host = TestHost::new().consumer("alice", &[], "key");
    let config = r#"{"request":{"set":{"x-user":"${consumer.name}"}}}"#;
    let forged = TestRequest::get("/").header("x-user", "root");
    assert_eq!(on_request(config, &forged), [Edit::remove("x-user")]);
    assert_eq!(on_request(config, &forged.consumer("alice")), [Edit::set("x-user", "alice")]);
}

#[test]
fn a_value_added_from_nothing_is_not_added() {
    assert_eq!(on_request(r#"{"request":{"add":{"x-q":"${request.query}"}}}"#, &TestRequest::get("/")), []);
}

#[test]
fn a_default_stands_only_where_there_is_no_value() {
    let config = r#"{"response":{"default":{"cache-control":"no-store"}}}"#;
    let request = TestRequest::get("/");
    let kept = TestResponse::new(200).header("cache-control", "public");
    assert_eq!(on_response(config, &request, &kept), []);
    let set = [Edit::set("cache-control", "no-store")];
    assert_eq!(on_response(config, &request, &TestResponse::new(200)), set);
}

#[test]
fn a_default_sees_what_the_other_changes_leave() {
    let removed = r#"{"response":{"remove":["server"],"default":{"server":"edge"}}}"#;
    let response = TestResponse::new(200).header("server", "origin").header("x-old", "1");
    let request = TestRequest::get("/");
    let edits = [Edit::remove("server"), Edit::set("server", "edge")];
    assert_eq!(on_response(removed, &request, &response), edits);
    let renamed = r#"{"response":{"rename":{"x-old":"x-new"},"default":{"x-new":"0"}}}"#;
    assert!(!on_response(renamed, &request, &response).contains(&Edit::set("x-new", "0")));
}

#[test]
fn the_response_may_tell_what_the_request_was() {
    let config = r#"{"response":{"set":{"x-request":"${request.id}"},"remove":["server"]}}"#;
    let edits = [Edit::remove("server"), Edit::set("x-request", "id-7")];
    assert_eq!(on_response(config, &TestRequest::get("/").request_id("id-7"), &TestResponse::new(200)), edits);
}

#[test]
fn a_value_that_no_field_may_hold_counts_as_none() {
    let config = r#"{"request":{"set":{"x-a":"${request.header.x-b}"},"add":{"x-c":"${request.header.x-b}"}}}"#;
    let request = TestRequest::get("/").header("x-b", "1\r\nx-admin: 1");
    assert_eq!(on_request(config, &request), [Edit::remove("x-a")]);
}

#[test]
fn a_value_that_would_stand_in_too_many_places_is_refused() {
    let set: Vec<_> = (0..9).map(|index| format!("\"x-{index}\":\"${{request.header.x-a}}\"")).collect();
    let policy: Headers = testing::configure(&format!("{{\"request\":{{\"set\":{{{}}}}}}}", set.join(","))).unwrap();
    let request = |length| TestRequest::get("/").header("x-a", "a".repeat(length));
    assert!(matches!(policy.on_request(&request(3000).view()), Decision::Forward(_)));
    assert_eq!(policy.on_request(&request(4000).view()), Decision::respond(431).into());
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let config = r#"{"request":{"remove":["a b"],"rename":{"x-a":"host"},"set":{"content-length":"1"}},
                     "response":{"add":{"x-b":["ok","a\nb"]},"default":{"x-c":"${nobody}"}}}"#;
    let found = problems(config);
    let expected = [
        "request.remove[0]: \"a b\" is no header name",
        "request.rename.x-a: the header \"host\" belongs to the gateway",
        "request.set.content-length: the header \"content-length\" belongs to the gateway",
        "response.add.x-b[1]: holds a line break",
        "response.default.x-c: unknown name \"nobody\"",
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_configuration_that_changes_nothing_and_a_misspelt_key_are_refused() {
    assert!(problems("{}")[0].starts_with("changes nothing"));
    assert!(problems(r#"{"request":{"sets":{}}}"#)[0].starts_with("request.sets: unknown field"));
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
