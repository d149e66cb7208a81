//! What starting an instance may take, and of whom.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::calls::{members, pick};
use super::{decide, with_request};
use crate::config::model::{InstanceMode, Plugin, PluginLimits, Quarantine};
use crate::counters::Counters;
use crate::counters::clock::TestClock;
use crate::plugin::budget::thread_cpu;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, bind_as, services, try_bind};
use crate::plugin::policy::{PluginFailure, PolicyRuntime, PolicyServices};

/// The second from which on a guest that looks at the clock does not come up any more.
const FROM: u64 = 1000;
const NOW: &str = "(import \"wasi:clocks/wall-clock@0.2.6\" \"now\" (func $now (param i32)))";
/// More than 20 ms on any machine, and far less than a second: each round waits for four products, one after the other,
/// which takes a CPU about a dozen cycles, however many things it does at once. What comes of it is kept, so that no
/// compiler leaves it out.
const LONG: &str = "(local $i i32) (local $product i64)
    (local.set $i (i32.const 20000000))
    (local.set $product (i64.const 3))
    (loop
        (local.set $product (i64.mul (local.get $product) (local.get $product)))
        (local.set $product (i64.mul (local.get $product) (local.get $product)))
        (local.set $product (i64.mul (local.get $product) (local.get $product)))
        (local.set $product (i64.mul (local.get $product) (local.get $product)))
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (br_if 0 (local.get $i)))
    (i64.store (i32.const 512) (local.get $product))
    (i32.const 0)";
const BRIEF: PluginLimits = PluginLimits { cpu: Duration::from_millis(1), ..LIMITS };
/// Far more than a worker is kept for, far less than what a start may take where a policy is bound.
const PATIENCE: Duration = Duration::from_millis(300);

/// Comes up at once before that second, and never after it.
fn spinning(guest: Fixture) -> Fixture {
    let late = format!("(i64.ge_u (i64.load (i32.const 512)) (i64.const {FROM}))");
    guest
        .configure(&format!("(call $now (i32.const 512)) (if {late} (then (loop (br 0)))) (i32.const 0)"))
        .raw_import(NOW)
}

/// A policy bound before that second, which is now; its first instance is gone.
fn bound(guest: &Fixture, instances: InstanceMode) -> Arc<PolicyRuntime> {
    let clock = Arc::new(TestClock::default());
    let counters = Counters::new(clock.clone()).policy("policy", 100);
    let terms = Quarantine {
        failures: NonZeroU32::new(3).unwrap(),
        window: Duration::from_secs(10),
        pause: Duration::from_secs(5),
    };
    let limits = PluginLimits { calls_per_instance: 1, ..BRIEF };
    let adjust = |plugin| Plugin { instances, limits, quarantine: Some(terms), ..plugin };
    let policy = bind_as(guest, adjust, PolicyServices { counters, ..services() });
    clock.advance_ms(FROM * 1000);
    policy
}

/// A failure to start, and the CPU time that was lost by it.
fn stopped<T: std::fmt::Debug>(call: impl FnOnce() -> Result<T, PluginFailure>) -> Duration {
    let began = thread_cpu();
    let outcome = call();
    let lost = thread_cpu().saturating_sub(began);
    assert!(matches!(outcome, Err(PluginFailure::OutOfTime)), "{outcome:?}");
    lost
}

#[test]
fn a_balancer_that_does_not_come_up_any_more_keeps_its_worker_for_moments_and_then_not_at_all() {
    let guest = spinning(Fixture::balancing_in("balancing-runtime", "(i32.const 0)"));
    for instances in [InstanceMode::PerRequest, InstanceMode::Reused] {
        let policy = bound(&guest, instances);
        pick(&policy, &members(2), 2).unwrap();
        for _ in 0..3 {
            let lost = stopped(|| pick(&policy, &members(2), 2));
            assert!(lost < PATIENCE, "{lost:?}");
        }
        let outcome = pick(&policy, &members(2), 2);
        assert!(matches!(outcome, Err(PluginFailure::Quarantined)), "{outcome:?}");
    }
}

#[test]
fn a_start_in_turns_may_take_no_more() {
    let guest = spinning(Fixture::new("runtime").on_request("(call $drop-request (local.get 0)) (i32.const 0)"));
    let policy = bound(&guest, InstanceMode::PerRequest);
    let asked = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        with_request("", |request| runtime.block_on(policy.on_request_waiting(request)))
    };
    asked().unwrap();
    let lost = stopped(asked);
    assert!(lost < PATIENCE, "{lost:?}");
}

#[test]
fn a_balancer_that_would_keep_its_worker_while_it_starts_is_refused_unless_its_calls_may() {
    let guest = Fixture::balancing_in("balancer-role", "(i32.const 0)").configure(LONG);
    let problem = try_bind(&guest, BRIEF).unwrap_err().remove(0);
    let told = (problem.message.starts_with("an instance takes "), problem.message.ends_with("at most 20 ms"));
    assert_eq!(told, (true, true), "{}", problem.message);
    assert!(problem.message.contains("calls of balancer keep their worker"), "{}", problem.message);
    assert!(problem.hint.is_some_and(|hint| hint.contains("`limits.cpu`")));
    let patient = PluginLimits { cpu: Duration::from_secs(1), ..LIMITS };
    pick(&try_bind(&guest, patient).unwrap(), &members(2), 2).unwrap();
}

#[test]
fn a_policy_about_requests_may_take_as_long_to_start_as_it_did_when_it_was_bound() {
    let mut image = Image::default();
    let decision = image.respond(204, &[], b"");
    let guest = Fixture::new("request-role")
        .configure(LONG)
        .on_request(&format!("(call $drop-request (local.get 0)) (i32.const {decision})"))
        .data(image);
    let policy = try_bind(&guest, PluginLimits { calls_per_instance: 1, ..BRIEF }).unwrap();
    for _ in 0..3 {
        decide(&policy).unwrap();
    }
}
