use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::with_request;
use crate::config::model::{InstanceMode, Plugin, PluginLimits, Quarantine};
use crate::consumers::Consumer;
use crate::counters::Counters;
use crate::counters::clock::Clock;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, bind_as, services};
use crate::plugin::policy::{PluginFailure, PolicyRuntime, PolicyServices};
use crate::plugin::quarantine::Standing;
use crate::plugin::statistics::FailureCounts;
use crate::policy::facts::TlsFacts;
use crate::policy::view::RequestView;

const TERMS: Quarantine = Quarantine {
    failures: NonZeroU32::new(3).unwrap(),
    window: Duration::from_secs(10),
    pause: Duration::from_secs(5),
};

struct TestClock(AtomicU64);

impl TestClock {
    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000_000_000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn wall_ms(&self) -> u64 {
        self.now_ns() / 1_000_000
    }
}

/// Traps where the request's header `x-in` has a value that is not empty.
fn moody() -> Fixture {
    let mut image = Image::default();
    let [name, length] = image.bytes(b"x-in");
    let decision = image.forward(&[], &[], None);
    let body = format!(
        "(call $header (local.get 0) (i32.const {name}) (i32.const {length}) (i32.const 512))
         (call $drop-request (local.get 0))
         (if (i32.load (i32.const 520)) (then (unreachable)))
         (i32.const {decision})"
    );
    Fixture::new("request-role")
        .accepting()
        .import("http", "[method]request.header", "(func $header (param i32 i32 i32 i32))")
        .on_request(&body)
        .data(image)
}

fn bound(quarantine: Option<Quarantine>, limits: PluginLimits) -> (Arc<PolicyRuntime>, Arc<TestClock>) {
    let clock = Arc::new(TestClock(AtomicU64::new(1_700_000_000_000_000_000)));
    let counters = Counters::new(clock.clone()).policy("policy", 100);
    let services = PolicyServices { counters, ..services() };
    let adjust = |plugin| Plugin { quarantine, limits, ..plugin };
    (bind_as(&moody(), adjust, services), clock)
}

fn call(policy: &PolicyRuntime, value: &str) -> Result<(), PluginFailure> {
    with_request(value, |request| policy.on_request(request).map(drop))
}

fn is_quarantined(policy: &PolicyRuntime, value: &str) -> bool {
    matches!(call(policy, value), Err(PluginFailure::Quarantined))
}

fn trip(policy: &PolicyRuntime) {
    for _ in 0..3 {
        assert!(matches!(call(policy, "bad"), Err(PluginFailure::Trap(_))));
    }
}

#[test]
fn a_policy_that_keeps_failing_is_not_called_until_the_pause_is_over() {
    let (policy, clock) = bound(Some(TERMS), LIMITS);
    assert_eq!(policy.standing(), Standing::Good);
    trip(&policy);
    assert_eq!(policy.standing(), Standing::Quarantined);
    assert!(is_quarantined(&policy, "") && is_quarantined(&policy, "bad"));
    let failures = FailureCounts { trap: 3, quarantined: 2, ..FailureCounts::default() };
    assert_eq!((policy.statistics().calls, policy.statistics().failures), (3, failures));
    assert!(policy.statistics().last_failure.unwrap().starts_with("trapped"));
    clock.advance(5);
    assert_eq!(policy.standing(), Standing::OnProbation);
    assert!(call(&policy, "").is_ok());
    assert_eq!(policy.standing(), Standing::Good);
    assert!(call(&policy, "").is_ok());
}

#[test]
fn a_probe_that_fails_prolongs_the_quarantine() {
    let (policy, clock) = bound(Some(TERMS), LIMITS);
    trip(&policy);
    clock.advance(5);
    assert!(matches!(call(&policy, "bad"), Err(PluginFailure::Trap(_))));
    clock.advance(9);
    assert!(is_quarantined(&policy, ""));
    clock.advance(1);
    assert!(call(&policy, "").is_ok());
}

#[test]
fn a_policy_whose_quarantine_is_off_is_called_whatever_happens() {
    let (policy, _) = bound(None, LIMITS);
    for _ in 0..50 {
        assert!(matches!(call(&policy, "bad"), Err(PluginFailure::Trap(_))));
    }
    assert_eq!(policy.standing(), Standing::Good);
}

/// A request in which something happens while a guest reads a header of it.
struct Interrupted<'a>(&'a (dyn Fn() + Sync));

impl RequestView for Interrupted<'_> {
    fn method(&self) -> &str {
        "GET"
    }

    fn scheme(&self) -> &str {
        "http"
    }

    fn authority(&self) -> &str {
        "example.com"
    }

    fn path(&self) -> &str {
        "/"
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header(&self, _: &str) -> Option<&[u8]> {
        (self.0)();
        None
    }

    fn header_values<'h>(&'h self, _: &str, _: &mut dyn FnMut(&'h [u8])) {}

    fn each_header(&self, _: &mut dyn FnMut(&str, &[u8])) {}

    fn client_address(&self) -> IpAddr {
        IpAddr::from([192, 0, 2, 7])
    }

    fn request_id(&self) -> &str {
        "id-1"
    }

    fn route(&self) -> &str {
        "route"
    }

    fn consumer(&self) -> Option<&Consumer> {
        None
    }

    fn tls(&self) -> Option<&TlsFacts> {
        None
    }
}

/// Calls `policy` from inside a call of it, in which all its instances are at work.
fn call_within_a_call(policy: &PolicyRuntime) -> Result<(), PluginFailure> {
    let inner = Mutex::new(None);
    let outer = policy.on_request(&Interrupted(&|| *inner.lock() = Some(call(policy, ""))));
    outer.map(drop).and(inner.into_inner().unwrap())
}

#[test]
fn overload_is_not_held_against_the_plugin() {
    let (policy, _) = bound(Some(TERMS), PluginLimits { instances: 1, ..LIMITS });
    for _ in 0..10 {
        assert!(matches!(call_within_a_call(&policy), Err(PluginFailure::Overloaded)));
    }
    assert_eq!(policy.standing(), Standing::Good);
}

#[test]
fn while_a_probe_is_under_way_no_other_call_is_made() {
    let (policy, clock) = bound(Some(TERMS), LIMITS);
    trip(&policy);
    clock.advance(5);
    assert!(matches!(call_within_a_call(&policy), Err(PluginFailure::Quarantined)));
    assert_eq!(policy.standing(), Standing::Good, "the probe itself succeeded");
}

#[test]
fn a_panic_of_the_gateway_in_a_probe_does_not_lock_the_policy_out() {
    let (policy, clock) = bound(Some(TERMS), LIMITS);
    trip(&policy);
    clock.advance(5);
    let panicking = std::panic::AssertUnwindSafe(|| policy.on_request(&Interrupted(&|| panic!("a fault of the host"))));
    assert!(std::panic::catch_unwind(panicking).is_err());
    assert!(call(&policy, "").is_ok());
    assert_eq!(policy.standing(), Standing::Good);
}

#[test]
fn a_plugin_bound_anew_starts_with_a_clean_slate() {
    let (policy, _) = bound(Some(TERMS), LIMITS);
    trip(&policy);
    let (renewed, _) = bound(Some(TERMS), LIMITS);
    assert_eq!((policy.standing(), renewed.standing()), (Standing::Quarantined, Standing::Good));
}

#[test]
fn a_policy_shared_by_the_next_snapshot_stays_quarantined() {
    let services = services();
    let adjust = |plugin| Plugin { quarantine: Some(TERMS), instances: InstanceMode::PerRequest, ..plugin };
    let policy = bind_as(&moody(), adjust, services.clone());
    trip(&policy);
    let spec = crate::plugin::fixture::spec(serde_json::json!({}));
    let next = policy.share(policy.plugin(), &spec, &services).unwrap();
    assert_eq!(next.standing(), Standing::Quarantined);
}
