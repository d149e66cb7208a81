use super::with_request;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, bind};
use crate::plugin::policy::{PluginFailure, PolicyRuntime};
use crate::policy::decision::{Answer, RequestDecision};

/// Holds a place of two `times` times, then decides `held` or, where the last one was taken, `refused`.
fn holding(times: u32, held: impl FnOnce(&mut Image) -> u32) -> Fixture {
    let mut image = Image::default();
    let [key, length] = image.bytes(b"key");
    let (held, refused) = (held(&mut image), image.respond(429, &[], b""));
    let hold = format!("(call $hold (i32.const {key}) (i32.const {length}) (i32.const 2) (i32.const 512))");
    let body = format!(
        "{} (if (result i32) (i32.load8_u (i32.const 512)) (then (i32.const {held})) (else (i32.const {refused})))",
        hold.repeat(usize::try_from(times).unwrap())
    );
    Fixture::request(&body).import("counters", "hold", "(func $hold (param i32 i32 i32 i32))").data(image)
}

fn decide(policy: &PolicyRuntime) -> Result<RequestDecision, PluginFailure> {
    with_request("", |request| policy.on_request(request))
}

fn status(decision: &Result<RequestDecision, PluginFailure>) -> Option<u16> {
    match decision {
        Ok(RequestDecision::Respond(Answer { response, .. })) => Some(response.status.as_u16()),
        Ok(RequestDecision::Forward(_)) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_is_held_as_long_as_the_decision_to_pass_is_kept() {
    let policy = bind(&holding(1, |image| image.forward(&[], &[], None)));
    let (first, second) = (decide(&policy), decide(&policy));
    assert_eq!([status(&first), status(&second), status(&decide(&policy))], [None, None, Some(429)]);
    drop(first);
    assert_eq!(status(&decide(&policy)), None);
}

#[test]
fn a_place_is_free_at_once_where_the_policy_answers() {
    let policy = bind(&holding(2, |image| image.respond(200, &[], b"")));
    for _ in 0..5 {
        assert_eq!(status(&decide(&policy)), Some(200));
    }
}

#[test]
fn a_place_is_free_at_once_where_the_decision_is_illegal() {
    let illegal = |image: &mut Image| image.respond(99, &[], b"");
    let policy = bind(&holding(2, illegal));
    for _ in 0..3 {
        assert!(matches!(decide(&policy), Err(PluginFailure::Illegal(_))));
    }
}

#[test]
fn a_call_that_holds_without_measure_traps_and_holds_nothing() {
    let mut image = Image::default();
    let decision = image.forward(&[], &[], None);
    let body = format!(
        "(local $n i32)
         (loop $more
           (i32.store (i32.const 600) (local.get $n))
           (call $hold (i32.const 600) (i32.const 4) (i32.const 1) (i32.const 512))
           (local.set $n (i32.add (local.get $n) (i32.const 1)))
           (br_if $more (i32.lt_u (local.get $n) (i32.const 17))))
         (call $drop-request (local.get 0))
         (i32.const {decision})"
    );
    let fixture = Fixture::new("request-role")
        .accepting()
        .import("counters", "hold", "(func $hold (param i32 i32 i32 i32))")
        .on_request(&body)
        .data(image);
    let policy = bind(&fixture);
    for _ in 0..2 {
        assert!(matches!(decide(&policy), Err(PluginFailure::Trap(_))), "{:?}", decide(&policy));
    }
}
