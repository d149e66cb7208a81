use std::sync::Arc;

use super::with_request;
use crate::config::model::PluginLimits;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::tokens::{SECRET, keysets, token};
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, services, spec};
use crate::plugin::policy::{Decided, PolicyRuntime, PolicyServices};
use crate::policy::decision::{Answer, RequestDecision};

/// Answers 200 and the payload's length, or 300 and the case of the error: for a token that does not count now ten times the case,
/// and the case of what it says of it.
fn asking(function: &str, keyset: &str, token: &str) -> Fixture {
    let (leeway, case) = match function {
        "verify" => ("", "(i32.load8_u (i32.const 516))"),
        _ => (
            "(i32.const 10)",
            "(i32.add (i32.mul (i32.load8_u (i32.const 516)) (i32.const 10)) (i32.load8_u (i32.const 517)))",
        ),
    };
    let parameters = if leeway.is_empty() { "i32 i32 i32 i32 i32" } else { "i32 i32 i32 i32 i32 i32" };
    let mut image = Image::default();
    let [name, name_length] = image.bytes(keyset.as_bytes());
    let [token, token_length] = image.bytes(token.as_bytes());
    let decision = image.respond(200, &[], b"");
    let body = format!(
        "(call $verify (i32.const {name}) (i32.const {name_length}) (i32.const {token}) (i32.const {token_length}) {leeway}
           (i32.const 512))
         (i32.store16 (i32.const {status}) (if (result i32) (i32.load8_u (i32.const 512))
           (then (i32.add (i32.const 300) {case}))
           (else (i32.add (i32.const 200) (i32.load (i32.const 520))))))
         (i32.const {decision})",
        status = decision + 8
    );
    Fixture::request(&body).import("keysets", function, &format!("(func $verify (param {parameters}))")).data(image)
}

fn policy(guest: &Fixture) -> Arc<PolicyRuntime> {
    let limits = PluginLimits { decisions: 100, ..LIMITS };
    let plugin = load(&guest.build(), all_grants(), limits).unwrap();
    let services = PolicyServices { keysets: Arc::new(keysets()), ..services() };
    PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services).unwrap()
}

fn status_of(guest: &Fixture) -> u16 {
    match with_request("", |request| policy(guest).on_request(request)) {
        Ok(RequestDecision::Respond(Answer { response, .. })) => response.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

fn status(keyset: &str, token: &str) -> u16 {
    status_of(&asking("verify", keyset, token))
}

fn current_status(keyset: &str, payload: &str, secret: &[u8]) -> u16 {
    status_of(&asking("verify-current", keyset, &token(r#"{"alg":"HS256"}"#, payload, secret)))
}

/// This second and `more`, as the gateway's clock says.
fn soon(more: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + more
}

#[test]
fn a_guest_is_given_the_payload_of_a_token_that_is_right() {
    assert_eq!(status("accounts", &token(r#"{"alg":"HS256"}"#, "{\"sub\":\"alice\"}", SECRET)), 200 + 15);
}

#[test]
fn a_guest_is_told_why_a_token_is_wrong() {
    let good = r#"{"alg":"HS256"}"#;
    assert_eq!(status("elsewhere", &token(good, "", SECRET)), 300);
    assert_eq!(status("accounts", "a.b"), 301);
    assert_eq!(status("accounts", &token(r#"{"alg":"HS384"}"#, "", SECRET)), 302);
    assert_eq!(status("accounts", &token(good, "", b"another secret of 32 bytes......")), 304);
}

#[test]
fn a_guest_is_told_why_a_token_does_not_count_now() {
    let good = format!(r#"{{"exp":{},"nbf":{}}}"#, soon(60), soon(-60));
    assert_eq!(usize::from(current_status("accounts", &good, SECRET)), 200 + good.len());
    assert_eq!(current_status("elsewhere", &good, SECRET), 300);
    assert_eq!(current_status("accounts", &good, b"another secret of 32 bytes......"), 304);
    for (payload, expected) in [
        ("[]".to_owned(), 310),
        (r#"{"exp":"2100"}"#.to_owned(), 310),
        (r#"{"sub":"alice"}"#.to_owned(), 320),
        (format!(r#"{{"exp":{}}}"#, soon(-60)), 330),
        (format!(r#"{{"exp":{},"nbf":{}}}"#, soon(600), soon(60)), 340),
    ] {
        assert_eq!(current_status("accounts", &payload, SECRET), expected, "{payload}");
    }
    // Ten seconds are the leeway.
    let in_leeway = format!(r#"{{"exp":{},"nbf":{}}}"#, soon(60), soon(9));
    assert_eq!(usize::from(current_status("accounts", &in_leeway, SECRET)), 200 + in_leeway.len());
}

#[test]
fn a_token_that_is_right_is_looked_at_once_and_one_that_is_not_each_time() {
    for (secret, found) in [(SECRET, 6), (b"another secret of 32 bytes......", 0)] {
        let token = token(r#"{"alg":"HS256"}"#, &format!(r#"{{"exp":{}}}"#, soon(600)), secret);
        let policy = policy(&asking("verify-current", "accounts", &token));
        assert!(policy.remembers());
        with_request("", |request| {
            for _ in 0..10 {
                assert!(matches!(policy.decide(request), Decided::Now(Ok(RequestDecision::Respond(_)))));
            }
        });
        // Not the first, and of those that were found not the first, and none after one and two more.
        assert_eq!(policy.statistics().remembered, found);
    }
}
