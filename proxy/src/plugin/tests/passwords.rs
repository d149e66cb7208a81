use std::sync::Arc;

use super::with_request;
use crate::consumers::{Consumer, Consumers, Credentials, PasswordHash};
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, services, spec};
use crate::plugin::policy::{PolicyRuntime, PolicyServices};
use crate::policy::decision::{Answer, RequestDecision};

const VERIFY: &str = "(func $verify (param i32 i32 i32 i32 i32))";

/// Asks so many times, and answers 200 where the last answer was a consumer, or 300 and the case of the error.
fn asking(password: &str, times: u32) -> Fixture {
    let mut image = Image::default();
    let [name, name_length] = image.bytes(b"alice");
    let [password, password_length] = image.bytes(password.as_bytes());
    let decision = image.respond(200, &[], b"");
    let ask = format!(
        "(call $verify (i32.const {name}) (i32.const {name_length}) (i32.const {password}) (i32.const {password_length})
           (i32.const 512))"
    );
    let asks = ask.repeat(times as usize);
    let body = format!(
        "{asks}
         (if (i32.load8_u (i32.const 512))
           (then (i32.store16 (i32.const {status}) (i32.add (i32.const 300) (i32.load8_u (i32.const 520))))))
         (i32.const {decision})",
        status = decision + 8
    );
    Fixture::request(&body).import("passwords", "verify", VERIFY).data(image)
}

fn status(guest: &Fixture) -> u16 {
    let plugin = load(&guest.build(), all_grants(), LIMITS).unwrap();
    assert!(plugin.waits());
    let password = Some(PasswordHash::parse(&bcrypt::hash("sesame", 4).unwrap()).unwrap());
    let alice = (Consumer::new("alice".into(), Vec::new()), Credentials { password, ..Credentials::default() });
    let services = PolicyServices { consumers: Arc::new(Consumers::new([alice])), ..services() };
    let policy = PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services).unwrap();
    with_request("", |request| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(policy.on_request_waiting(request)) {
            Ok(RequestDecision::Respond(Answer { response, .. })) => response.status.as_u16(),
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn a_guest_is_told_whose_password_it_is_and_no_more_where_it_is_wrong() {
    assert_eq!(status(&asking("sesame", 1)), 200);
    assert_eq!(status(&asking("guessed", 1)), 300);
}

#[test]
fn a_call_that_wants_to_try_many_passwords_is_told_to_stop() {
    assert_eq!(status(&asking("guessed", 4)), 300);
    assert_eq!(status(&asking("guessed", 5)), 301);
    assert_eq!(status(&asking("sesame", 5)), 301, "whether it was right or not");
}

#[test]
fn a_guest_that_has_passwords_checked_may_not_have_roles_that_nobody_waits_for() {
    let guest = Fixture::balancing("(i32.const 0)").of("asking-balancer").import("passwords", "verify", VERIFY);
    let error = load(&guest.build(), all_grants(), LIMITS).unwrap_err();
    let expected = "imports tidegate:gateway/passwords and exports balancer, which nobody waits for";
    assert_eq!(error.problems[0].message, expected);
}
