use std::sync::Arc;

use proptest::prelude::*;

use super::clock::TestClock;
use super::{Admission, Algorithm, Counters, PolicyCounters, Quota};

mod overload;

const SECOND: Quota = Quota { limit: 10, window_ms: 1000 };

fn all() -> (Counters, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    clock.advance_ms(1_700_000_000_000);
    (Counters::new(clock.clone()), clock)
}

fn counters(capacity: usize) -> (PolicyCounters, Arc<TestClock>) {
    let (counters, clock) = all();
    (counters.policy("p", capacity), clock)
}

fn admitted(times: u32, mut take: impl FnMut() -> Admission) -> u32 {
    (0..times).map(|_| u32::from(take().allowed)).sum()
}

/// Eight threads ask for far more than there is; returns how many were let in.
fn admitted_by_threads(take: impl Fn() -> Admission + Sync) -> u32 {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| admitted(2000, &take))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn threads_on_one_bucket_get_exactly_its_burst() {
    let (counters, _clock) = counters(100);
    let quota = Quota { limit: 7, window_ms: 1000 };
    assert_eq!(admitted_by_threads(|| counters.take_gcra(b"k", quota, 1000, 1)), 1000);
}

#[test]
fn threads_on_one_window_get_exactly_its_limit() {
    let (counters, _clock) = counters(100);
    let quota = Quota { limit: 1234, window_ms: 1000 };
    assert_eq!(admitted_by_threads(|| counters.take_window(b"k", quota, 1)), 1234);
}

#[test]
fn a_bucket_lets_a_burst_through_and_then_the_steady_rate() {
    let (counters, clock) = counters(100);
    assert_eq!(admitted(50, || counters.take_gcra(b"k", SECOND, 5, 1)), 5);
    for _ in 0..100 {
        clock.advance_ms(100);
        assert_eq!(admitted(3, || counters.take_gcra(b"k", SECOND, 5, 1)), 1);
    }
    clock.advance_ms(10_000);
    assert_eq!(admitted(50, || counters.take_gcra(b"k", SECOND, 5, 1)), 5);
}

#[test]
fn a_refused_bucket_tells_when_to_come_back() {
    let (counters, clock) = counters(100);
    let first = counters.take_gcra(b"k", SECOND, 2, 2);
    assert_eq!(first, Admission { allowed: true, remaining: 0, reset_ms: 200, retry_after_ms: 0 });
    clock.advance_ms(50);
    let refused = counters.take_gcra(b"k", SECOND, 2, 1);
    assert_eq!(refused, Admission { allowed: false, remaining: 0, reset_ms: 150, retry_after_ms: 50 });
    clock.advance_ms(50);
    assert!(counters.take_gcra(b"k", SECOND, 2, 1).allowed);
}

#[test]
fn a_cost_above_the_burst_is_never_admitted() {
    let (counters, _clock) = counters(100);
    let refused = counters.take_gcra(b"k", SECOND, 5, 6);
    assert_eq!(refused, Admission { allowed: false, remaining: 5, reset_ms: 0, retry_after_ms: u32::MAX });
}

#[test]
fn a_quota_of_nothing_admits_nothing_not_even_what_costs_nothing() {
    let (counters, _clock) = counters(100);
    let nothing = Quota { limit: 0, window_ms: 1000 };
    for cost in [0, 1] {
        let takes = [
            counters.take_gcra(b"k", nothing, 5, cost),
            counters.take_window(b"k", nothing, cost),
            counters.take_sliding(b"k", nothing, cost),
        ];
        for refused in takes {
            assert_eq!((refused.allowed, refused.retry_after_ms), (false, u32::MAX), "{refused:?}");
        }
    }
}

#[test]
fn a_window_of_no_length_is_one_of_a_millisecond() {
    let (counters, clock) = counters(100);
    let one = Quota { limit: 1, window_ms: 0 };
    let take = |of| match of {
        Algorithm::Gcra { burst } => counters.take_gcra(b"k", one, burst, 1),
        Algorithm::Window => counters.take_window(b"k", one, 1),
        Algorithm::Sliding => counters.take_sliding(b"k", one, 1),
    };
    for of in [Algorithm::Gcra { burst: 1 }, Algorithm::Window] {
        assert!(take(of).allowed, "{of:?}");
        assert_eq!((take(of).allowed, take(of).retry_after_ms), (false, 1), "{of:?}");
        clock.advance_ms(1);
        assert!(take(of).allowed, "{of:?}");
    }
    assert!(take(Algorithm::Sliding).allowed && !take(Algorithm::Sliding).allowed);
    clock.advance_ms(2);
    assert!(take(Algorithm::Sliding).allowed, "the window before is out of view");
}

#[test]
fn a_request_that_has_to_wait_longer_than_can_be_told_is_told_never() {
    let (counters, _clock) = counters(100);
    let slow = Quota { limit: 1, window_ms: u32::MAX };
    assert!(counters.take_gcra(b"k", slow, 3, 3).allowed);
    assert_eq!(counters.take_gcra(b"k", slow, 3, 3).retry_after_ms, u32::MAX);
    assert_eq!(counters.take_window(b"k", SECOND, 11).retry_after_ms, u32::MAX, "more than the window has");
}

#[test]
fn a_window_starts_over_at_a_multiple_of_its_length() {
    let (counters, clock) = counters(100);
    clock.advance_ms(900);
    assert_eq!(admitted(50, || counters.take_window(b"k", SECOND, 1)), 10);
    assert_eq!(
        counters.take_window(b"k", SECOND, 1),
        Admission { allowed: false, remaining: 0, reset_ms: 100, retry_after_ms: 100 }
    );
    clock.advance_ms(99);
    assert!(!counters.take_window(b"k", SECOND, 1).allowed);
    clock.advance_ms(1);
    assert_eq!(admitted(50, || counters.take_window(b"k", SECOND, 1)), 10);
}

#[test]
fn a_faster_quota_frees_a_bucket_that_a_slower_one_emptied() {
    let (counters, clock) = counters(100);
    let per_hour = Quota { limit: 1, window_ms: 3_600_000 };
    assert_eq!(admitted(50, || counters.take_gcra(b"k", per_hour, 20, 1)), 20);
    assert!(!counters.take_gcra(b"k", SECOND, 5, 1).allowed);
    clock.advance_ms(100);
    assert!(counters.take_gcra(b"k", SECOND, 5, 1).allowed);
}

#[test]
fn a_smaller_limit_holds_within_the_same_window() {
    let (counters, _clock) = counters(100);
    assert_eq!(admitted(8, || counters.take_window(b"k", SECOND, 1)), 8);
    let smaller = Quota { limit: 4, ..SECOND };
    let refused = counters.take_window(b"k", smaller, 1);
    assert_eq!((refused.allowed, refused.remaining), (false, 0));
}

#[test]
fn a_longer_window_keeps_what_was_taken_in_the_shorter_one() {
    let (counters, _clock) = counters(100);
    assert_eq!(admitted(8, || counters.take_window(b"k", SECOND, 1)), 8);
    let longer = Quota { window_ms: 60_000, ..SECOND };
    assert_eq!(admitted(8, || counters.take_window(b"k", longer, 1)), 2);
}

#[test]
fn two_policies_never_meet_in_one_counter() {
    let (counters, _clock) = all();
    let (a, b) = (counters.policy("a", 100), counters.policy("b", 100));
    assert_eq!(admitted(50, || a.take_gcra(b"k", SECOND, 5, 1)), 5);
    assert_eq!(admitted(50, || b.take_gcra(b"k", SECOND, 5, 1)), 5);
    assert_eq!(admitted(50, || a.take_window(b"k", SECOND, 1)), 10);
}

#[test]
fn asking_for_nothing_is_a_look_that_counts_nothing() {
    let (counters, _clock) = counters(100);
    let look = counters.take_gcra(b"k", SECOND, 5, 0);
    assert_eq!(look, Admission { allowed: true, remaining: 5, reset_ms: 0, retry_after_ms: 0 });
}

#[test]
fn expired_cells_go_before_any_that_still_counts() {
    let (counters, clock) = all();
    let policy = counters.policy("p", 70);
    for key in 0..2000 {
        policy.take_window(key.to_string().as_bytes(), SECOND, 1);
        clock.advance_ms(1001);
    }
    assert_eq!(counters.dropped(), 0);
    assert!(counters.kept() <= 80);
}

fn flood(policy: &PolicyCounters) {
    flood_with(policy, 0..5000);
}

fn flood_with(policy: &PolicyCounters, keys: std::ops::Range<u32>) {
    for key in keys {
        policy.take_gcra(key.to_string().as_bytes(), SECOND, 5, 1);
    }
}

#[test]
fn a_policy_stays_within_its_share_and_tells_what_it_dropped() {
    let (counters, _clock) = all();
    flood(&counters.policy("p", 700));
    assert!(counters.kept() <= 800);
    assert_eq!(counters.dropped(), 5000 - u64::try_from(counters.kept()).unwrap());
}

#[test]
fn a_policy_that_floods_makes_no_other_forget() {
    let (counters, _clock) = all();
    let (victim, flooded) = (counters.policy("victim", 64), counters.policy("flooded", 700));
    assert_eq!(admitted(50, || victim.take_gcra(b"k", SECOND, 5, 1)), 5);
    flood(&flooded);
    assert!(counters.dropped() > 0);
    assert!(!victim.take_gcra(b"k", SECOND, 5, 1).allowed);
}

#[test]
fn a_share_that_was_lowered_holds_from_the_next_new_key_on() {
    let (counters, _clock) = all();
    flood(&counters.policy("p", 7000));
    let smaller = counters.policy("p", 700);
    assert!(counters.kept() > 800);
    flood_with(&smaller, 5000..10_000);
    assert!(counters.kept() <= 800);
}

#[test]
fn a_policy_keeps_its_counters_until_it_goes() {
    let (counters, _clock) = all();
    let take = || counters.policy("p", 100).take_gcra(b"k", SECOND, 1, 1).allowed;
    assert!(take() && !take());
    counters.retain(|name| name == "p");
    assert!(!take());
    counters.retain(|_| false);
    assert!(take());
}

#[test]
fn what_was_dropped_is_counted_beyond_its_policy() {
    let (counters, _clock) = all();
    flood(&counters.policy("p", 700));
    let before = counters.dropped();
    counters.retain(|_| false);
    assert_eq!((counters.kept(), counters.dropped()), (0, before));
}

#[test]
fn a_flood_of_keys_does_not_forget_the_one_in_deepest_debt() {
    let (counters, _clock) = counters(640);
    let per_hour = Quota { limit: 1, window_ms: 3_600_000 };
    assert!(counters.take_gcra(b"victim", per_hour, 1, 1).allowed);
    for key in 0..5000 {
        counters.take_gcra(key.to_string().as_bytes(), SECOND, 5, 1);
    }
    assert!(!counters.take_gcra(b"victim", per_hour, 1, 1).allowed);
}

proptest! {
    #[test]
    fn no_numbers_overflow_and_a_refusal_counts_nothing(
        takes in prop::collection::vec((any::<[u32; 4]>(), any::<u32>(), any::<bool>()), 1..20),
    ) {
        let (counters, clock) = counters(64);
        for ([limit, window_ms, burst, cost], pause, bucket) in takes {
            let quota = Quota { limit, window_ms };
            let take = |cost| match bucket {
                true => counters.take_gcra(b"k", quota, burst, cost),
                false => counters.take_window(b"k", quota, cost),
            };
            let before = take(0);
            let admission = take(cost);
            if !admission.allowed {
                prop_assert_eq!(take(0), before);
                prop_assert!(admission.retry_after_ms > 0);
            }
            clock.advance_ms(u64::from(pause));
        }
    }
}

#[test]
fn a_million_keys_are_counted_in_64_mebibytes_and_any_number_in_no_more() {
    let (counters, _clock) = all();
    let policy = counters.policy("p", 1_000_000);
    let take = |number: u32| {
        let _ = policy.take_window(&number.to_be_bytes(), SECOND, 1);
    };
    (0..1_000_000).for_each(take);
    assert_eq!((counters.kept(), counters.dropped()), (1_000_000, 0));
    (1_000_000..1_250_000).for_each(take);
    assert!(counters.dropped() > 0);
    let bytes = policy.cells().bytes();
    assert!(bytes <= 64 << 20, "{bytes} bytes for {} cells", counters.kept());
}

#[test]
fn a_policy_that_counts_little_takes_little() {
    let (counters, _clock) = all();
    let policy = counters.policy("p", 1_000_000);
    assert_eq!(policy.cells().bytes(), 0);
    policy.add(b"k", 1, 1000);
    assert!(policy.cells().bytes() < 1024);
}

#[test]
fn places_that_are_given_back_make_a_full_table_no_larger() {
    let (counters, _clock) = counters(10_000);
    for number in 0..20_000_u32 {
        counters.add(&number.to_be_bytes(), 1, 1000);
    }
    let before = counters.cells().bytes();
    for number in 0..50_000_u32 {
        drop(counters.hold(&number.to_be_bytes(), 1));
        counters.add(&(20_000 + number).to_be_bytes(), 1, 1000);
    }
    assert_eq!(counters.cells().bytes(), before);
}
