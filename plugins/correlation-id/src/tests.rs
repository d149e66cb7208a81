use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, Edit, Forward, RequestPolicy};

use super::CorrelationId;
use super::config::Config;

fn forwarded(policy: &CorrelationId, request: &TestRequest) -> Forward {
    match policy.on_request(&request.view()) {
        Decision::Forward(forward) => forward,
        Decision::Respond(response) => panic!("refused: {response:?}"),
    }
}

fn policy(config: &str) -> CorrelationId {
    testing::configure(config).unwrap()
}

/// The id that the upstream is told, where it is another than the client's.
fn made(policy: &CorrelationId, request: &TestRequest) -> Option<String> {
    match forwarded(policy, request).request.as_slice() {
        [] => None,
        [Edit::Set(field)] => Some(String::from_utf8(field.value.clone()).unwrap()),
        edits => panic!("{edits:?}"),
    }
}

#[test]
fn a_request_without_an_id_gets_one_that_the_client_is_told() {
    let _host = TestHost::new();
    let Forward { request, response, .. } = forwarded(&policy("{}"), &TestRequest::get("/"));
    let [Edit::Set(field)] = request.as_slice() else { panic!("{request:?}") };
    assert_eq!((field.name.as_str(), field.value.len()), ("x-correlation-id", 36));
    assert_eq!(response, request);
}

#[test]
fn an_id_of_the_client_is_kept_and_echoed() {
    let request = TestRequest::get("/").header("X-Trace", "abc-123_/+=@~#.:");
    let forward = forwarded(&policy(r#"{"header":"X-Trace"}"#), &request);
    assert_eq!(forward.request, []);
    assert_eq!(forward.response, [Edit::set("x-trace", "abc-123_/+=@~#.:")]);
}

#[test]
fn an_id_that_would_do_harm_where_it_is_shown_is_replaced() {
    let _host = TestHost::new();
    let policy = policy(r#"{"max_length":8}"#);
    for id in ["", "a b", "a\"b", "<b>", "a\r\nb", "a;b", "${jndi}", "123456789", "ä"] {
        assert!(made(&policy, &TestRequest::get("/").header("x-correlation-id", id)).is_some(), "{id:?}");
    }
}

#[test]
fn two_ids_are_none() {
    let _host = TestHost::new();
    let twice = TestRequest::get("/").header("x-correlation-id", "a").header("x-correlation-id", "a");
    assert!(made(&policy("{}"), &twice).is_some());
}

#[test]
fn where_nothing_is_kept_a_client_cannot_choose_its_id() {
    let _host = TestHost::new();
    let request = TestRequest::get("/").header("x-correlation-id", "mine").request_id("id-7");
    assert_eq!(made(&policy(r#"{"keep":false,"generator":"request-id"}"#), &request).as_deref(), Some("id-7"));
}

#[test]
fn an_instance_counts_behind_a_start_of_its_own() {
    let _host = TestHost::new();
    let (one, other) = (policy(r#"{"generator":"counter"}"#), policy(r#"{"generator":"counter"}"#));
    let ids = [&one, &one, &other].map(|policy| made(policy, &TestRequest::get("/")).unwrap());
    let [first, second, third] = ids.each_ref().map(|id| id.split_once('#').unwrap());
    assert_eq!((first.1, second.1, third.1), ("1", "2", "1"));
    assert!(first.0 == second.0 && first.0 != third.0);
}

#[test]
fn the_client_is_told_nothing_where_that_is_switched_off() {
    let _host = TestHost::new();
    assert_eq!(forwarded(&policy(r#"{"echo":false}"#), &TestRequest::get("/")).response, []);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let found = testing::configure::<CorrelationId>(r#"{"header":"X-Request-ID","max_length":0}"#).unwrap_err();
    assert_eq!(found.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), ["header", "max_length"]);
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
