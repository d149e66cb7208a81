use tidegate_plugin_sdk::testing::{self, TestRequest, TestResponse};
use tidegate_plugin_sdk::{Edit, ResponseDecision, ResponsePolicy};

use super::SecurityHeaders;
use super::config::Config;

fn edits(config: &str, request: &TestRequest, response: &TestResponse) -> Vec<Edit> {
    let policy: SecurityHeaders = testing::configure(config).unwrap();
    match policy.on_response(&request.view(), &response.view()) {
        ResponseDecision::Forward(edits) => edits,
        ResponseDecision::Replace(response) => panic!("replaced: {response:?}"),
    }
}

fn problems(config: &str) -> Vec<String> {
    testing::configure::<SecurityHeaders>(config).unwrap_err().iter().map(|problem| problem.path.clone()).collect()
}

fn set<const N: usize>(fields: [(&str, &str); N]) -> Vec<Edit> {
    fields.map(|(name, value)| Edit::set(name, value)).to_vec()
}

const DEFAULTS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "frame-ancestors 'none'"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

#[test]
fn without_a_key_the_safe_fields_are_there() {
    assert_eq!(edits("{}", &TestRequest::get("/"), &TestResponse::new(200)), set(DEFAULTS));
}

#[test]
fn strict_transport_security_is_sent_over_tls_alone() {
    let tls = TestRequest::get("/").scheme("https");
    let hsts = Edit::set("strict-transport-security", "max-age=31536000");
    assert!(edits("{}", &tls, &TestResponse::new(200)).contains(&hsts));
    assert!(!edits("{}", &TestRequest::get("/"), &TestResponse::new(200)).contains(&hsts));
    let config = r#"{"hsts":{"max_age":63072000,"include_subdomains":true,"preload":true}}"#;
    let long = Edit::set("strict-transport-security", "max-age=63072000; includeSubDomains; preload");
    assert!(edits(config, &tls, &TestResponse::new(200)).contains(&long));
    assert_eq!(edits(r#"{"hsts":false}"#, &tls, &TestResponse::new(200)), set(DEFAULTS));
}

#[test]
fn what_the_upstream_sent_stays_unless_told_otherwise() {
    let response = TestResponse::new(200).header("X-Frame-Options", "SAMEORIGIN");
    let replaced = Edit::set("x-frame-options", "DENY");
    assert!(!edits("{}", &TestRequest::get("/"), &response).contains(&replaced));
    assert!(edits(r#"{"override":true}"#, &TestRequest::get("/"), &response).contains(&replaced));
}

#[test]
fn the_two_fields_about_frames_say_the_same() {
    let all = edits(r#"{"frame_options":"SAMEORIGIN"}"#, &TestRequest::get("/"), &TestResponse::new(200));
    assert!(all.contains(&Edit::set("content-security-policy", "frame-ancestors 'self'")));
    let none = edits(r#"{"frame_options":false}"#, &TestRequest::get("/"), &TestResponse::new(200));
    assert_eq!(none, set([DEFAULTS[0], DEFAULTS[3], DEFAULTS[4]]));
}

#[test]
fn each_field_can_be_left_out_or_chosen() {
    let config = r#"{"hsts":false,"content_type_options":false,"frame_options":false,"referrer_policy":"no-referrer",
        "permissions_policy":false,"content_security_policy":"default-src 'self'","cross_origin_opener_policy":"same-origin"}"#;
    let expected = set([
        ("content-security-policy", "default-src 'self'"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ]);
    assert_eq!(edits(config, &TestRequest::get("/"), &TestResponse::new(200)), expected);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let config = r#"{"content_security_policy":"a\nb","permissions_policy":" ","referrer_policy":"none","hsts":{"preload":true}}"#;
    let places = ["content_security_policy", "permissions_policy", "referrer_policy", "hsts.preload"];
    assert_eq!(problems(config), places);
    assert_eq!(problems(r#"{"frame_options":"ALLOW-FROM"}"#), ["frame_options"]);
}

#[test]
fn the_schema_is_current() {
    testing::schema_is_current::<Config>(env!("CARGO_MANIFEST_DIR"));
}
