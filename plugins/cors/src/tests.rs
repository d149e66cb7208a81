use tidegate_plugin_sdk::testing::{self, TestRequest};
use tidegate_plugin_sdk::{Decision, Edit, Field, Forward, LocalResponse, RequestPolicy};

use super::Cors;
use super::config::Config;

const APP: &str = r#"{"origins":["https://app.example"],"credentials":true,"expose":["X-Total"]}"#;
const OPEN: &str = r#"{"origins":["*"]}"#;
const WRITES: &str = r#"{"origins":["https://*.app.example"],"methods":["GET","PUT"],"headers":["X-Tenant","content-type"],"max_age":"10m"}"#;

fn decide(config: &str, request: &TestRequest) -> Decision {
    testing::configure::<Cors>(config).unwrap().on_request(&request.view())
}

fn edits(config: &str, request: &TestRequest) -> Vec<Edit> {
    match decide(config, request) {
        Decision::Forward(Forward { response, request, .. }) => {
            assert!(request.is_empty());
            response
        }
        Decision::Respond(response) => panic!("answered: {response:?}"),
    }
}

fn answer(config: &str, request: &TestRequest) -> LocalResponse {
    match decide(config, request) {
        Decision::Respond(response) => response,
        Decision::Forward(forward) => panic!("forwarded: {forward:?}"),
    }
}

fn from(origin: &str) -> TestRequest {
    TestRequest::get("/").header("origin", origin)
}

fn preflight(origin: &str, method: &str) -> TestRequest {
    TestRequest::new("OPTIONS", "/").header("origin", origin).header("access-control-request-method", method)
}

fn unreadable() -> Vec<Edit> {
    vec![
        Edit::remove("access-control-allow-origin"),
        Edit::remove("access-control-allow-credentials"),
        Edit::remove("access-control-expose-headers"),
        Edit::append("vary", "origin"),
    ]
}

fn refused() -> LocalResponse {
    let vary = "origin, access-control-request-method, access-control-request-headers";
    LocalResponse::new(403).header("vary", vary)
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<Cors>(config).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn an_allowed_origin_is_named_and_so_are_its_rights() {
    let expected = [
        Edit::set("access-control-allow-origin", "https://app.example"),
        Edit::set("access-control-allow-credentials", "true"),
        Edit::set("access-control-expose-headers", "X-Total"),
        Edit::append("vary", "origin"),
    ];
    assert_eq!(edits(APP, &from("https://app.example")), expected);
}

#[test]
fn what_the_upstream_says_of_origins_is_taken_away_from_everybody_else() {
    for origin in ["https://evil.test", "null", "", "https://app.example.evil.test", "*", "https://app.example\u{e9}"] {
        assert_eq!(edits(APP, &from(origin)), unreadable(), "{origin:?}");
    }
    assert_eq!(edits(APP, &TestRequest::get("/")), unreadable(), "a cache may keep this answer for a page");
}

#[test]
fn two_origins_are_none() {
    let two = from("https://app.example").header("Origin", "https://evil.test");
    assert_eq!(edits(APP, &two), unreadable());
    let two = preflight("https://app.example", "GET").header("origin", "https://evil.test");
    assert_eq!(answer(APP, &two), refused());
    let same = from("https://app.example").header("origin", "https://app.example");
    assert_eq!(edits(APP, &same)[0], Edit::set("access-control-allow-origin", "https://app.example"));
}

#[test]
fn where_all_may_read_the_answer_is_the_same_for_everybody() {
    let expected = [
        Edit::set("access-control-allow-origin", "*"),
        Edit::remove("access-control-allow-credentials"),
        Edit::remove("access-control-expose-headers"),
    ];
    for request in [TestRequest::get("/"), from("https://any.example"), from("null"), from("a").header("origin", "b")] {
        assert_eq!(edits(OPEN, &request), expected);
    }
}

#[test]
fn a_preflight_is_answered_here() {
    let request =
        preflight("https://a.app.example", "PUT").header("access-control-request-headers", "x-tenant,Content-Type");
    let expected = LocalResponse::new(204)
        .header("access-control-allow-origin", "https://a.app.example")
        .header("access-control-allow-methods", "GET, PUT")
        .header("access-control-allow-headers", "x-tenant, content-type")
        .header("access-control-max-age", "600")
        .header("vary", "origin, access-control-request-method, access-control-request-headers");
    assert_eq!(answer(WRITES, &request), expected);
}

#[test]
fn a_preflight_that_asks_for_more_than_is_allowed_is_refused() {
    let fields =
        |value: &str| preflight("https://a.app.example", "GET").header("access-control-request-headers", value);
    for request in [
        preflight("https://evil.test", "GET"),
        preflight("null", "GET"),
        preflight("https://a.app.example", "DELETE"),
        preflight("https://a.app.example", "put"),
        preflight("https://a.app.example", ""),
        preflight("https://a.app.example", "*"),
        preflight("https://a.app.example", "GET").header("access-control-request-method", "PUT"),
        fields("x-tenant, x-other"),
        fields("x-tenant;q=1"),
        fields("*"),
        fields("x-tenant").header("access-control-request-headers", "authorization"),
    ] {
        assert_eq!(answer(WRITES, &request), refused(), "{request:?}");
    }
    assert_eq!(answer(WRITES, &fields(" X-TENANT ,, ")).status, 204, "empty elements mean nothing");
}

#[test]
fn credentials_are_allowed_in_the_answer_to_a_preflight_too() {
    let answer = answer(APP, &preflight("https://app.example", "GET"));
    assert!(answer.headers.contains(&Field::new("access-control-allow-credentials", "true")));
    assert!(!answer.headers.iter().any(|field| field.name == "access-control-allow-headers"));
}

#[test]
fn stars_allow_all_methods_and_headers_without_naming_what_was_asked() {
    let config = r#"{"origins":["*"],"methods":["*"],"headers":["*"]}"#;
    let request = preflight("null", "PURGE").header("access-control-request-headers", "x-anything");
    let expected = LocalResponse::new(204)
        .header("access-control-allow-origin", "*")
        .header("access-control-allow-methods", "*")
        .header("access-control-allow-headers", "*")
        .header("vary", "origin, access-control-request-method, access-control-request-headers");
    assert_eq!(answer(config, &request), expected);
}

#[test]
fn options_that_is_no_preflight_goes_on() {
    assert_eq!(edits(APP, &TestRequest::new("OPTIONS", "/").header("origin", "https://evil.test")), unreadable());
    let without_origin = TestRequest::new("OPTIONS", "/").header("access-control-request-method", "GET");
    assert_eq!(edits(APP, &without_origin), unreadable());
    let get = from("https://evil.test").header("access-control-request-method", "GET");
    assert_eq!(edits(APP, &get), unreadable());
}

#[test]
fn other_origins_may_be_refused_altogether() {
    let config = r#"{"origins":["https://app.example"],"enforce":true}"#;
    for origin in ["https://evil.test", "null", ""] {
        assert_eq!(answer(config, &from(origin)), LocalResponse::new(403).header("vary", "origin"));
    }
    assert_eq!(edits(config, &from("https://app.example")).len(), 4);
    assert_eq!(edits(config, &TestRequest::get("/")), unreadable(), "who names no origin is no page of another");
}

#[test]
fn credentials_never_go_with_a_star() {
    assert_eq!(
        problems(r#"{"origins":["*"],"methods":["*"],"headers":["*"],"expose":["*"],"credentials":true}"#),
        ["origins", "methods", "headers", "expose"]
            .map(|key| format!("{key}: cannot be `*` together with `credentials`: name who and what is meant"))
    );
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    assert_eq!(problems("{}"), ["origins: must name an origin, or `*`"]);
    assert_eq!(
        problems(
            r#"{"origins":["*","https://a.example"],"methods":["get"],"headers":["a b"],"expose":["x:y"],"credentials":true}"#
        ),
        [
            "origins: holds `*` beside others; write it alone, or leave it out",
            "methods[0]: \"get\" is no method; write it in capitals, such as PUT",
            "headers[0]: \"a b\" is no header name",
            "expose[0]: \"x:y\" is no header name",
        ]
    );
    assert_eq!(
        problems(r#"{"origins":["*"],"origin_patterns":["x"],"enforce":true,"methods":[]}"#),
        [
            "origin_patterns: adds nothing to `origins = [\"*\"]`",
            "enforce: refuses nobody where `origins = [\"*\"]`",
            "methods: must name a method, or `*`",
        ]
    );
    assert!(problems(r#"{"origins":["https://a.example","null"]}"#)[0].starts_with("origins[1]: every sandboxed page"));
}

#[test]
fn the_schema_says_what_the_configuration_says() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
