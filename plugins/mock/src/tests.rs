use tidegate_plugin_sdk::testing::{self, TestHost, TestRequest};
use tidegate_plugin_sdk::{Decision, LocalResponse, RequestPolicy};

use super::Mock;
use super::config::Config;

fn decide(config: &str, request: &TestRequest) -> Decision {
    let policy: Mock = testing::configure(config).unwrap();
    policy.on_request(&request.view())
}

fn answer(config: &str, request: &TestRequest) -> LocalResponse {
    match decide(config, request) {
        Decision::Respond(response) => response,
        Decision::Forward(forward) => panic!("forwarded: {forward:?}"),
    }
}

fn body(config: &str, request: &TestRequest) -> String {
    String::from_utf8(answer(config, request).body).unwrap()
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<Mock>(config).unwrap_err().iter().map(|problem| problem.path.clone()).collect()
}

const HEALTH: &str = r#"{"answers":[{"path":{"exact":"/health"},"methods":["GET"],"body":"ok\n"}]}"#;

#[test]
fn a_request_that_fits_is_answered_and_others_pass() {
    let expected = LocalResponse::new(200)
        .header("content-type", "text/plain; charset=utf-8")
        .header("x-content-type-options", "nosniff")
        .body("ok\n");
    assert_eq!(answer(HEALTH, &TestRequest::get("/health?x")), expected);
    for request in [TestRequest::get("/healthy"), TestRequest::get("/health/"), TestRequest::new("POST", "/health")] {
        assert_eq!(decide(HEALTH, &request), Decision::forward().into());
    }
}

#[test]
fn what_is_for_get_is_for_head_as_well() {
    assert_eq!(answer(HEALTH, &TestRequest::new("HEAD", "/health")).status, 200);
}

#[test]
fn a_prefix_ends_where_a_segment_ends() {
    let config = r#"{"answers":[{"path":{"prefix":"/v1/"},"status":410}],"otherwise":"not-found"}"#;
    let status = |target: &str| answer(config, &TestRequest::get(target)).status;
    assert_eq!([status("/v1"), status("/v1/x"), status("/v10")], [410, 410, 404]);
}

#[test]
fn the_first_answer_that_fits_is_given() {
    let config = r#"{"answers":[{"path":{"exact":"/a"},"body":"1"},{"body":"2"}]}"#;
    assert_eq!(body(config, &TestRequest::get("/a")), "1");
    assert_eq!(body(config, &TestRequest::get("/b")), "2");
}

#[test]
fn values_are_escaped_for_the_type_of_the_body() {
    let request = TestRequest::get("/").header("x-name", "\"<b>");
    let json = r#"{"answers":[{"content_type":"application/json","body":"{\"name\":\"${request.header.x-name}\"}"}]}"#;
    assert_eq!(body(json, &request), r#"{"name":"\"\u003cb>"}"#);
    let html = r#"{"answers":[{"content_type":"text/html","body":"<p>${request.header.x-name}</p>"}]}"#;
    assert_eq!(body(html, &request), "<p>&quot;&lt;b&gt;</p>");
}

#[test]
fn a_value_that_is_missing_is_empty_text_in_the_body_and_leaves_a_field_out() {
    let _host = TestHost::new();
    let config = r#"{"answers":[{"body":"(${consumer.name}) $$5","headers":{"x-user":"${consumer.name}","x-a":"b"}}]}"#;
    let response = answer(config, &TestRequest::get("/"));
    assert_eq!(response.body, b"() $5");
    assert!(response.headers.iter().all(|field| field.name != "x-user"));
    assert!(response.headers.iter().any(|field| field.name == "x-a"));
}

#[test]
fn an_answer_without_a_body_says_no_type() {
    let response = answer(r#"{"answers":[{"status":204}]}"#, &TestRequest::get("/"));
    assert_eq!(response, LocalResponse::new(204));
}

#[test]
fn a_body_that_a_client_made_too_long_is_refused() {
    let text = "${request.header.x-a}".repeat(10);
    let config = format!("{{\"answers\":[{{\"body\":\"{text}\"}}]}}");
    assert_eq!(answer(&config, &TestRequest::get("/").header("x-a", "a".repeat(5000))), LocalResponse::new(431));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    assert_eq!(problems(r#"{"answers":[]}"#), ["answers"]);
    let config = r#"{"answers":[
        {"status":100,"methods":["GET","get"],"path":{"exact":"a"},"content_type":"json","body":"${nobody}"},
        {"status":204,"body":"x","headers":{"host":"a","content-type":"b","x-a":"a\nb","x-b":"${"}},
        {"content_type":"text/css","body":"${request.path}"}]}"#;
    let places = [
        "answers[0].status",
        "answers[0].methods[1]",
        "answers[0].path",
        "answers[0].content_type",
        "answers[0].body",
        "answers[1].body",
        "answers[1].headers.content-type",
        "answers[1].headers.host",
        "answers[1].headers.x-a",
        "answers[1].headers.x-b",
        "answers[2].body",
    ];
    assert_eq!(problems(config), places);
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
