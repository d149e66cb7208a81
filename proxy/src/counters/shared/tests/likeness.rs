//! The scripts decide as the gateway's own counters do, whatever is taken when.

use proptest::prelude::*;
use redis::{Connection, Script};

use super::super::Taken;
use super::super::scripts::Scripts;
use super::{Redis, client};
use crate::counters::gcra::{Gcra, Interval};
use crate::counters::sliding::Sliding;
use crate::counters::window::Window;
use crate::counters::{Admission, Quota};

const START_US: u64 = 1_700_000_000_123_456;

/// One take: microseconds after the one before it, which quota, how much.
type Step = (u64, usize, u32);

/// Quotas that a configuration may change to under way.
const QUOTAS: [(Quota, u32); 4] = [
    (Quota { limit: 10, window_ms: 1000 }, 5),
    (Quota { limit: 7, window_ms: 1000 }, 7),
    (Quota { limit: 5, window_ms: 250 }, 9),
    (Quota { limit: 100, window_ms: 60_000 }, 1),
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pause = prop_oneof![0_u64..3, 0_u64..300_000, 0_u64..3_000_000];
    // Mostly one and the same quota.
    let quota = prop_oneof![8 => Just(0_usize), 1 => 0_usize..QUOTAS.len()];
    let steps = prop::collection::vec((pause, quota, 1_u32..6), 1..30);
    (0..QUOTAS.len(), steps).prop_map(|(base, steps)| {
        steps.into_iter().map(|(pause, quota, cost)| (pause, (base + quota) % QUOTAS.len(), cost)).collect()
    })
}

struct Asked<'r> {
    client: &'r mut Connection,
    key: String,
}

impl Asked<'_> {
    fn take(&mut self, script: &Script, arguments: &[u32], now_us: u64) -> Admission {
        let mut call = script.key(&self.key);
        for argument in arguments {
            call.arg(argument);
        }
        call.arg(now_us / 1_000_000).arg(now_us % 1_000_000);
        let Taken(admission) = call.invoke(self.client).unwrap();
        // By its own clock, Redis has the key no longer than this test's clock may stand.
        let _: () = redis::cmd("PERSIST").arg(&self.key).query(self.client).unwrap();
        admission
    }
}

fn play(steps: &[Step], mut take: impl FnMut(u64, Quota, u32, u32)) {
    let mut now_us = START_US;
    for (pause, quota, cost) in steps {
        now_us += pause;
        let (quota, burst) = QUOTAS[*quota];
        take(now_us, quota, burst, *cost);
    }
}

/// How long a wait is may differ by what a millisecond is rounded to.
fn alike(ours: Admission, theirs: Admission) -> bool {
    let near = |a: u32, b: u32| a.abs_diff(b) <= 1;
    (ours.allowed, ours.remaining) == (theirs.allowed, theirs.remaining)
        && near(ours.reset_ms, theirs.reset_ms)
        && near(ours.retry_after_ms, theirs.retry_after_ms)
}

#[test]
fn the_scripts_decide_as_the_gateway_does() {
    let Some(redis) = Redis::start() else { return };
    let (scripts, client) = (Scripts::by_given_time(), std::cell::RefCell::new(client(&redis)));
    let number = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(200), |(steps in steps())| {
        number.set(number.get() + 1);
        let client = &mut *client.borrow_mut();
        let key = |kind: char| format!("{kind}{}", number.get());

        let (mut ours, mut theirs) = (Window::default(), Asked { client: &mut *client, key: key('w') });
        play(&steps, |now_us, quota, _, cost| {
            let admission = theirs.take(&scripts.window, &[quota.limit, quota.window_ms, cost], now_us);
            assert_eq!(admission, ours.take(now_us * 1000, quota, cost), "window");
        });
        let (mut ours, mut theirs) = (Sliding::default(), Asked { client: &mut *client, key: key('s') });
        play(&steps, |now_us, quota, _, cost| {
            let admission = theirs.take(&scripts.sliding, &[quota.limit, quota.window_ms, cost], now_us);
            assert_eq!(admission, ours.take(now_us * 1000, quota, cost), "sliding");
        });
        let (mut ours, mut theirs) = (Gcra::default(), Asked { client: &mut *client, key: key('g') });
        play(&steps, |now_us, quota, burst, cost| {
            let theirs = theirs.take(&scripts.gcra, &[quota.limit, quota.window_ms, burst, cost], now_us);
            let ours = ours.take(now_us * 1000, Interval::of(quota), burst, cost);
            assert!(alike(ours, theirs), "gcra: {ours:?}, there {theirs:?}");
        });
    });
}
