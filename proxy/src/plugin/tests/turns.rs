//! Guests that take long do not keep their worker.

use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{decide, with_request};
use crate::config::model::PluginLimits;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, try_bind};
use crate::plugin::policy::{PluginFailure, PolicyRuntime};
use crate::policy::decision::{Answer, RequestDecision};

/// Longer than an epoch on any machine, and far from a second.
const LONG: &str = "(local.set $i (i64.const 20000000))
    (loop (local.set $i (i64.sub (local.get $i) (i64.const 1))) (br_if 0 (i64.ne (local.get $i) (i64.const 0))))";

fn working(work: &str) -> Fixture {
    let mut image = Image::default();
    let decision = image.respond(204, &[], b"");
    let work = format!("(func $work (local $i i64) {work})");
    Fixture::request(&format!("(call $work) (i32.const {decision})")).raw_export(&work).data(image)
}

fn patient(guest: &Fixture) -> std::sync::Arc<PolicyRuntime> {
    try_bind(guest, PluginLimits { cpu: Duration::from_secs(5), ..LIMITS }).unwrap()
}

/// A policy that was called once and took long.
fn slow(guest: &Fixture) -> std::sync::Arc<PolicyRuntime> {
    let policy = patient(guest);
    assert!(decide(&policy).is_ok());
    assert!(policy.waits());
    policy
}

/// Polls a call until it is over; how often it let go of the thread before.
fn in_turns(policy: &PolicyRuntime) -> (usize, Result<RequestDecision, PluginFailure>) {
    with_request("", |request| {
        let mut call = pin!(policy.on_request_waiting(request));
        let mut suspended = 0;
        loop {
            match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(decision) => return (suspended, decision),
                Poll::Pending => suspended += 1,
            }
        }
    })
}

#[test]
fn a_guest_serves_with_and_without_turns() {
    let policy = patient(&working(""));
    with_request("", |request| policy.on_request(request)).unwrap();
    in_turns(&policy).1.unwrap();
    with_request("", |request| policy.on_request(request)).unwrap();
    assert_eq!(policy.statistics().instances, 1);
}

#[test]
fn a_long_call_lets_go_of_its_thread_and_ends_like_any_other() {
    let policy = slow(&working(LONG));
    let (suspended, decision) = in_turns(&policy);
    let Ok(RequestDecision::Respond(Answer { response, .. })) = decision else { panic!("{decision:?}") };
    assert_eq!(response.status.as_u16(), 204);
    assert!(suspended > 0);
    let statistics = policy.statistics();
    assert_eq!((statistics.instances, statistics.idle), (1, 1), "the instance serves again");
}

#[test]
fn a_loop_in_turns_ends_with_its_budget_and_its_instance() {
    let policy = try_bind(&working("(loop (br 0))"), LIMITS).unwrap();
    let (suspended, decision) = in_turns(&policy);
    assert!(matches!(decision, Err(PluginFailure::OutOfTime)), "{decision:?}");
    assert!(suspended > 0);
    assert_eq!(policy.statistics().instances, 0);
}

#[test]
fn a_client_that_leaves_between_two_turns_takes_the_instance_with_it() {
    let policy = slow(&working(LONG));
    with_request("", |request| {
        let mut call = pin!(policy.on_request_waiting(request));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(policy.statistics().idle, 0);
    });
    assert_eq!(policy.statistics().instances, 0);
}

#[test]
fn a_guest_that_takes_long_to_start_is_started_in_turns() {
    let mut image = Image::default();
    let decision = image.respond(204, &[], b"");
    let guest = Fixture::new("request-role")
        .configure(&format!("(local $i i64) {LONG} (i32.const 0)"))
        .on_request(&format!("(call $drop-request (local.get 0)) (i32.const {decision})"))
        .data(image);
    let policy = try_bind(&guest, PluginLimits { calls_per_instance: 1, ..LIMITS }).unwrap();
    // The instance that the policy was bound with serves the first call.
    in_turns(&policy).1.unwrap();
    let (suspended, decision) = in_turns(&policy);
    decision.unwrap();
    assert!(suspended > 0);
}

/// Counts how often a thread comes back to it.
async fn bystander(served: &Cell<usize>) {
    loop {
        served.set(served.get() + 1);
        tokio::task::yield_now().await;
    }
}

#[test]
fn others_are_served_between_the_turns_of_any_number_of_runaways() {
    let limits = PluginLimits { cpu: Duration::from_millis(20), ..LIMITS };
    let policy = try_bind(&working("(loop (br 0))"), limits).unwrap();
    let served = Cell::new(0);
    let both = with_request("", |request| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = bystander(&served) => unreachable!(),
                both = async { tokio::join!(policy.on_request_waiting(request), policy.on_request_waiting(request)) } => both,
            }
        })
    });
    assert!(matches!(both, (Err(PluginFailure::OutOfTime), Err(PluginFailure::OutOfTime))), "{both:?}");
    assert!(served.get() >= 20, "{} times in 40 ms of work", served.get());
}
