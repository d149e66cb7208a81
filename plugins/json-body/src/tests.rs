use tidegate_plugin_sdk::testing::{self, TestRequest, TestResponse};
use tidegate_plugin_sdk::{
    Action, Attention, BodyPolicy, Decision, Edit, LocalResponse, Piece, RequestPolicy, ResponseDecision,
    ResponsePolicy,
};

use super::JsonBody;
use super::config::Config;

const REDACT: &str = r#"{"request":[{"pointer":"/password","action":"redact"}]}"#;
const REJECT: &str = r#"{"request":[{"pointer":"/role","action":"reject"}],"status":403}"#;
const RESPONSE: &str = r#"{"response":[{"pointer":"/*/ssn","action":"remove"}]}"#;

fn policy(config: &str) -> JsonBody {
    testing::configure(config).unwrap()
}

fn post(kind: &str) -> TestRequest {
    TestRequest::new("POST", "/").header("content-type", kind)
}

/// What becomes of a body; `None` where it is not looked at.
fn sent(config: &str, request: &TestRequest, body: &str) -> Option<Action> {
    let (policy, view) = (policy(config), request.view());
    match policy.attend_request(&view) {
        Attention::Skip => None,
        Attention::Pieces | Attention::Whole => Some(policy.on_request_body(&view, Piece::last(body)).action),
    }
}

fn refused(status: u16) -> Option<Action> {
    Some(Action::Respond(LocalResponse::new(status)))
}

#[test]
fn parts_of_a_request_are_redacted_and_a_body_without_them_passes() {
    let json = post("application/json");
    let redacted = Action::Replace(br#"{"password":"***","a":1}"#.to_vec());
    assert_eq!(sent(REDACT, &json, r#"{"password":"x","a":1}"#), Some(redacted));
    assert_eq!(sent(REDACT, &json, r#"{"a":1}"#), Some(Action::Pass));
    assert_eq!(sent(REDACT, &json, ""), Some(Action::Pass));
}

#[test]
fn what_takes_the_place_of_a_part_is_the_operators() {
    let config = r#"{"request":[{"pointer":"/a","action":"redact","with":{"b":[null]}}]}"#;
    assert_eq!(
        sent(config, &post("text/json"), r#"{"a":1}"#),
        Some(Action::Replace(br#"{"a":{"b":[null]}}"#.to_vec()))
    );
}

#[test]
fn a_request_with_a_part_that_must_not_be_is_rejected() {
    assert_eq!(sent(REJECT, &post("application/json"), r#"{"Role":"admin"}"#), refused(403));
    assert_eq!(sent(REJECT, &post("application/json"), r#"{"name":"role"}"#), Some(Action::Pass));
}

#[test]
fn nobody_slips_by_a_rule_that_rejects_under_another_type_or_an_encoding() {
    let body = r#"{"role":"admin"}"#;
    for request in [
        post("text/plain"),
        post("application/json").header("content-encoding", "gzip"),
        post("application/json").header("content-type", "text/plain"),
        post("application/json; charset=utf-16"),
        TestRequest::new("POST", "/"),
    ] {
        assert_eq!(sent(REJECT, &request, body), refused(415), "{request:?}");
    }
    assert_eq!(sent(REJECT, &TestRequest::new("POST", "/"), ""), Some(Action::Pass), "no body, no type");
}

#[test]
fn what_is_no_json_under_its_name_is_refused() {
    assert_eq!(sent(REDACT, &post("application/json"), "{"), refused(400));
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert_eq!(sent(REDACT, &post("application/json"), &deep), refused(400));
    assert_eq!(sent(REDACT, &post("application/json"), &" ".repeat(256 * 1024 + 1)), refused(413));
}

#[test]
fn other_types_pass_rules_that_only_change_and_compressed_json_does_not() {
    assert_eq!(sent(REDACT, &post("text/plain"), "password=x"), None);
    let compressed = post("application/json").header("content-encoding", "br");
    assert_eq!(sent(REDACT, &compressed, "x"), refused(415));
    let lenient = r#"{"request":[{"pointer":"/password","action":"redact"}],"compressed":"pass"}"#;
    assert_eq!(sent(lenient, &compressed, "x"), None);
    let strict = r#"{"request":[{"pointer":"/password","action":"redact"}],"other_types":"refuse"}"#;
    assert_eq!(sent(strict, &post("text/plain"), "x"), refused(415));
}

#[test]
fn a_digest_of_what_a_body_was_goes_with_what_it_was() {
    let removed = |config| match policy(config).on_request(&post("application/json").view()) {
        Decision::Forward(forward) => forward.request,
        Decision::Respond(response) => panic!("refused: {response:?}"),
    };
    assert!(removed(REDACT).contains(&Edit::remove("content-digest")));
    assert_eq!(removed(REJECT), []);
}

#[test]
fn the_upstream_is_asked_for_whole_bodies_without_an_encoding() {
    let decision = policy(RESPONSE).on_request(&TestRequest::get("/").header("range", "bytes=0-9").view());
    let edits = [Edit::set("accept-encoding", "identity"), Edit::remove("range"), Edit::remove("if-range")];
    assert_eq!(
        decision,
        Decision::Forward(tidegate_plugin_sdk::Forward { request: edits.to_vec(), ..Default::default() })
    );
}

fn answered(config: &str, request: &TestRequest, response: &TestResponse, body: &str) -> Result<Action, u16> {
    let (policy, request, response) = (policy(config), request.view(), response.view());
    if let ResponseDecision::Replace(replacement) = policy.on_response(&request, &response) {
        return Err(replacement.status);
    }
    Ok(match policy.attend_response(&request, &response) {
        Attention::Whole => policy.on_response_body(&request, &response, Piece::last(body)).action,
        Attention::Skip | Attention::Pieces => Action::Pass,
    })
}

#[test]
fn parts_of_a_response_are_removed() {
    let json = TestResponse::new(200).header("content-type", "application/json");
    let action = answered(RESPONSE, &TestRequest::get("/"), &json, r#"[{"ssn":1,"a":2},{"SSN":3}]"#);
    assert_eq!(action, Ok(Action::Replace(br#"[{"a":2},{}]"#.to_vec())));
}

#[test]
fn a_response_that_cannot_be_read_does_not_leak() {
    let get = TestRequest::get("/");
    let json = |status| TestResponse::new(status).header("content-type", "application/json");
    assert_eq!(answered(RESPONSE, &get, &json(200).header("content-encoding", "gzip"), "x"), Err(502));
    assert_eq!(answered(RESPONSE, &get, &json(206), "x"), Err(502));
    let parts = TestResponse::new(206).header("content-type", "multipart/byteranges; boundary=x");
    assert_eq!(answered(RESPONSE, &get, &parts, "x"), Err(502));
    assert_eq!(answered(RESPONSE, &get, &json(200).header("content-type", "text/plain"), "x"), Err(502));
    let cut = Action::Respond(LocalResponse::new(502));
    assert_eq!(answered(RESPONSE, &get, &json(200), "{"), Ok(cut));
}

#[test]
fn responses_of_other_types_and_those_without_a_body_pass() {
    let image = TestResponse::new(200).header("content-type", "image/png");
    assert_eq!(answered(RESPONSE, &TestRequest::get("/"), &image, "x"), Ok(Action::Pass));
    let zipped = TestResponse::new(200).header("content-type", "application/json").header("content-encoding", "gzip");
    assert_eq!(answered(RESPONSE, &TestRequest::new("HEAD", "/"), &zipped, ""), Ok(Action::Pass));
    let unchanged =
        TestResponse::new(304).header("content-type", "application/json").header("content-encoding", "gzip");
    assert_eq!(answered(RESPONSE, &TestRequest::get("/"), &unchanged, ""), Ok(Action::Pass));
}

#[test]
fn without_a_rule_for_a_direction_nothing_is_looked_at() {
    assert_eq!(sent(RESPONSE, &post("application/json"), "{"), None);
    let zipped = TestResponse::new(200).header("content-type", "application/json").header("content-encoding", "gzip");
    assert_eq!(answered(REDACT, &TestRequest::get("/"), &zipped, "x"), Ok(Action::Pass));
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let places = |config| -> Vec<String> {
        testing::configure::<JsonBody>(config).unwrap_err().iter().map(|problem| problem.path.clone()).collect()
    };
    assert_eq!(places("{}"), [""]);
    let config = r#"{"request":[{"pointer":"a","action":"remove","with":1},{"pointer":"/a~2","action":"reject"}],
        "response":[{"pointer":"","action":"redact"}],"content_types":["json","a/b; c"],"status":200,"max_depth":0,"max_bytes":0}"#;
    let expected = [
        "content_types[0]",
        "content_types[1]",
        "status",
        "max_depth",
        "max_bytes",
        "request[0].with",
        "request[0].pointer",
        "request[1].pointer",
        "response[0].pointer",
    ];
    assert_eq!(places(config), expected);
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
