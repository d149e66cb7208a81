use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Attention, BodyPolicy, Decision, LocalResponse, Piece, RequestPolicy, Step};

use super::RequestSize;
use super::config::Config;

fn policy(config: &str) -> RequestSize {
    testing::configure(config).unwrap()
}

/// The status of the refusal; 0 where there is none.
fn refusal(config: &str, request: &TestRequest) -> u16 {
    match policy(config).on_request(&request.view()) {
        Decision::Respond(response) => response.status,
        Decision::Forward(_) => 0,
    }
}

fn post(length: &str) -> TestRequest {
    TestRequest::new("POST", "/").header("content-length", length)
}

fn chunked() -> TestRequest {
    TestRequest::new("POST", "/").header("transfer-encoding", "chunked")
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<RequestSize>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn an_announced_body_over_the_limit_is_refused_at_the_head() {
    let config = r#"{"body":"10B"}"#;
    assert_eq!(refusal(config, &post("10")), 0);
    assert_eq!(refusal(config, &post("11")), 413);
    assert_eq!(refusal(config, &post("18446744073709551615")), 413);
    assert_eq!(refusal(config, &TestRequest::get("/")), 0);
}

#[test]
fn a_length_that_is_none_is_refused() {
    for length in ["", "+1", "-1", "1a", "1,1", "0x1", " 1", "18446744073709551616", "1\u{b2}"] {
        assert_eq!(refusal(r#"{"body":"10B"}"#, &post(length)), 400, "{length:?}");
    }
    assert_eq!(refusal(r#"{"body":"10B"}"#, &post("1").header("content-length", "1")), 400);
    assert_eq!(refusal(r#"{"headers":9}"#, &post("x")), 0, "who does not limit bodies does not look");
}

#[test]
fn only_a_body_without_a_length_is_watched() {
    let policy = policy(r#"{"body":"10B"}"#);
    assert_eq!(policy.attend_request(&post("3").view()), Attention::Skip);
    assert_eq!(policy.attend_request(&chunked().view()), Attention::Pieces);
    let other: RequestSize = testing::configure(r#"{"target":"1KiB"}"#).unwrap();
    assert_eq!(other.attend_request(&chunked().view()), Attention::Skip);
}

#[test]
fn chunks_are_counted_until_they_are_too_many() {
    let (policy, request) = (policy(r#"{"body":"10B"}"#), chunked());
    let first = policy.on_request_body(&request.view(), Piece::new("12345"));
    let second = policy.on_request_body(&request.view(), Piece::new("67890").after(&first));
    assert_eq!(second, Step::pass().remember(10_u64.to_le_bytes()));
    let end = policy.on_request_body(&request.view(), Piece::last("").after(&second));
    assert_eq!(end, Step::pass().remember(10_u64.to_le_bytes()));
    let over = policy.on_request_body(&request.view(), Piece::new("1").after(&second));
    assert_eq!(over, Step::respond(LocalResponse::new(413)));
}

#[test]
fn bodies_of_different_requests_do_not_add_up() {
    let policy = policy(r#"{"body":"10B"}"#);
    for _ in 0..3 {
        let step = policy.on_request_body(&chunked().view(), Piece::last("123456789"));
        assert_eq!(step, Step::pass().remember(9_u64.to_le_bytes()));
    }
}

#[test]
fn a_body_may_have_to_announce_its_length() {
    let config = r#"{"require_length":true}"#;
    assert_eq!(refusal(config, &chunked()), 411);
    assert_eq!(refusal(config, &post("7")), 0);
    assert_eq!(refusal(config, &TestRequest::get("/")), 0);
    let (policy, http2) = (policy(config), TestRequest::new("POST", "/"));
    assert_eq!(policy.attend_request(&http2.view()), Attention::Pieces);
    assert_eq!(policy.on_request_body(&http2.view(), Piece::new("x")), Step::respond(LocalResponse::new(411)));
    let none = policy.on_request_body(&http2.view(), Piece::last(""));
    assert_eq!(none, Step::pass().remember(0_u64.to_le_bytes()));
}

#[test]
fn header_fields_are_counted_and_weighed() {
    let request = TestRequest::get("/").header("x-a", "12345").header("x-b", "1");
    assert_eq!(refusal(r#"{"headers":2,"header_bytes":"12B"}"#, &request), 0);
    assert_eq!(refusal(r#"{"headers":1}"#, &request), 431);
    assert_eq!(refusal(r#"{"header_bytes":"11B"}"#, &request), 431);
    assert_eq!(refusal(r#"{"headers":2}"#, &request.header("x-b", "1")), 431, "values of one name count apart");
}

#[test]
fn path_and_query_count_together() {
    assert_eq!(refusal(r#"{"target":"6B"}"#, &TestRequest::get("/abc?d")), 0);
    assert_eq!(refusal(r#"{"target":"5B"}"#, &TestRequest::get("/abc?d")), 414);
    assert_eq!(refusal(r#"{"target":"3B"}"#, &TestRequest::get("/abc")), 414);
    assert_eq!(refusal(r#"{"target":"4B"}"#, &TestRequest::get("/abc?")), 414, "a question mark is a byte");
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    assert_eq!(
        problems("{}"),
        ["limits nothing; write `body`, `headers`, `header_bytes`, `target` or `require_length`"]
    );
    assert_eq!(
        problems(r#"{"headers":0,"target":"0B"}"#),
        [
            "headers: must be at least 1: each request has a host",
            "target: must be at least 1B: each request has a path"
        ]
    );
    assert!(problems(r#"{"body":10}"#)[0].starts_with("body: invalid type: integer `10`"));
    assert!(problems(r#"{"body":"ten"}"#)[0].starts_with("body: \"ten\" is no size"));
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
