use std::sync::Arc;

use proptest::prelude::*;

use super::clock::TestClock;
use super::{Admission, Counters, DEFAULT_CAPACITY, Quota};

const SECOND: Quota = Quota { limit: 10, window_ms: 1000 };

fn counters(capacity: usize) -> (Counters, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    clock.advance_ms(1_700_000_000_000);
    (Counters::new(capacity, clock.clone()), clock)
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
    assert_eq!(admitted_by_threads(|| counters.take_gcra("p", b"k", quota, 1000, 1)), 1000);
}

#[test]
fn threads_on_one_window_get_exactly_its_limit() {
    let (counters, _clock) = counters(100);
    let quota = Quota { limit: 1234, window_ms: 1000 };
    assert_eq!(admitted_by_threads(|| counters.take_window("p", b"k", quota, 1)), 1234);
}

#[test]
fn a_bucket_lets_a_burst_through_and_then_the_steady_rate() {
    let (counters, clock) = counters(100);
    assert_eq!(admitted(50, || counters.take_gcra("p", b"k", SECOND, 5, 1)), 5);
    for _ in 0..100 {
        clock.advance_ms(100);
        assert_eq!(admitted(3, || counters.take_gcra("p", b"k", SECOND, 5, 1)), 1);
    }
    clock.advance_ms(10_000);
    assert_eq!(admitted(50, || counters.take_gcra("p", b"k", SECOND, 5, 1)), 5);
}

#[test]
fn a_refused_bucket_tells_when_to_come_back() {
    let (counters, clock) = counters(100);
    let first = counters.take_gcra("p", b"k", SECOND, 2, 2);
    assert_eq!(first, Admission { allowed: true, remaining: 0, reset_ms: 200, retry_after_ms: 0 });
    clock.advance_ms(50);
    let refused = counters.take_gcra("p", b"k", SECOND, 2, 1);
    assert_eq!(refused, Admission { allowed: false, remaining: 0, reset_ms: 150, retry_after_ms: 50 });
    clock.advance_ms(50);
    assert!(counters.take_gcra("p", b"k", SECOND, 2, 1).allowed);
}

#[test]
fn a_cost_above_the_burst_is_never_admitted() {
    let (counters, _clock) = counters(100);
    let refused = counters.take_gcra("p", b"k", SECOND, 5, 6);
    assert_eq!(refused, Admission { allowed: false, remaining: 5, reset_ms: 0, retry_after_ms: u32::MAX });
}

#[test]
fn a_window_starts_over_at_a_multiple_of_its_length() {
    let (counters, clock) = counters(100);
    clock.advance_ms(900);
    assert_eq!(admitted(50, || counters.take_window("p", b"k", SECOND, 1)), 10);
    assert_eq!(
        counters.take_window("p", b"k", SECOND, 1),
        Admission { allowed: false, remaining: 0, reset_ms: 100, retry_after_ms: 100 }
    );
    clock.advance_ms(99);
    assert!(!counters.take_window("p", b"k", SECOND, 1).allowed);
    clock.advance_ms(1);
    assert_eq!(admitted(50, || counters.take_window("p", b"k", SECOND, 1)), 10);
}

#[test]
fn a_faster_quota_frees_a_bucket_that_a_slower_one_emptied() {
    let (counters, clock) = counters(100);
    let per_hour = Quota { limit: 1, window_ms: 3_600_000 };
    assert_eq!(admitted(50, || counters.take_gcra("p", b"k", per_hour, 20, 1)), 20);
    assert!(!counters.take_gcra("p", b"k", SECOND, 5, 1).allowed);
    clock.advance_ms(100);
    assert!(counters.take_gcra("p", b"k", SECOND, 5, 1).allowed);
}

#[test]
fn a_smaller_limit_holds_within_the_same_window() {
    let (counters, _clock) = counters(100);
    assert_eq!(admitted(8, || counters.take_window("p", b"k", SECOND, 1)), 8);
    let smaller = Quota { limit: 4, ..SECOND };
    let refused = counters.take_window("p", b"k", smaller, 1);
    assert_eq!((refused.allowed, refused.remaining), (false, 0));
}

#[test]
fn a_longer_window_keeps_what_was_taken_in_the_shorter_one() {
    let (counters, _clock) = counters(100);
    assert_eq!(admitted(8, || counters.take_window("p", b"k", SECOND, 1)), 8);
    let longer = Quota { window_ms: 60_000, ..SECOND };
    assert_eq!(admitted(8, || counters.take_window("p", b"k", longer, 1)), 2);
}

#[test]
fn two_policies_never_meet_in_one_counter() {
    let (counters, _clock) = counters(100);
    assert_eq!(admitted(50, || counters.take_gcra("a", b"k", SECOND, 5, 1)), 5);
    assert_eq!(admitted(50, || counters.take_gcra("b", b"k", SECOND, 5, 1)), 5);
    assert_eq!(admitted(50, || counters.take_window("a", b"k", SECOND, 1)), 10);
}

#[test]
fn asking_for_nothing_is_a_look_that_counts_nothing() {
    let (counters, _clock) = counters(100);
    let look = counters.take_gcra("p", b"k", SECOND, 5, 0);
    assert_eq!(look, Admission { allowed: true, remaining: 5, reset_ms: 0, retry_after_ms: 0 });
}

#[test]
fn expired_cells_go_before_any_that_still_counts() {
    let (counters, clock) = counters(80);
    for key in 0..2000 {
        counters.take_window("p", key.to_string().as_bytes(), SECOND, 1);
        clock.advance_ms(1001);
    }
    assert_eq!(counters.dropped(), 0);
    assert!(counters.len() <= 80);
}

#[test]
fn the_store_stays_within_its_bound_and_tells_what_it_dropped() {
    let (counters, _clock) = counters(640);
    for key in 0..5000 {
        counters.take_gcra("p", key.to_string().as_bytes(), SECOND, 5, 1);
    }
    assert!(counters.len() <= 640);
    assert_eq!(counters.dropped(), 5000 - u64::try_from(counters.len()).unwrap());
}

#[test]
fn a_flood_of_keys_does_not_forget_the_one_in_deepest_debt() {
    let (counters, _clock) = counters(640);
    let per_hour = Quota { limit: 1, window_ms: 3_600_000 };
    assert!(counters.take_gcra("p", b"victim", per_hour, 1, 1).allowed);
    for key in 0..5000 {
        counters.take_gcra("p", key.to_string().as_bytes(), SECOND, 5, 1);
    }
    assert!(!counters.take_gcra("p", b"victim", per_hour, 1, 1).allowed);
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
                true => counters.take_gcra("p", b"k", quota, burst, cost),
                false => counters.take_window("p", b"k", quota, cost),
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

fn bytes(counters: &Counters) -> usize {
    counters.shards.iter().map(|shard| shard.lock().bytes()).sum()
}

#[test]
fn a_million_keys_are_counted_in_64_mebibytes_and_any_number_in_no_more() {
    let (counters, _clock) = counters(DEFAULT_CAPACITY);
    let take = |number: u32| {
        let _ = counters.take_window("p", &number.to_be_bytes(), SECOND, 1);
    };
    (0..1_000_000).for_each(take);
    assert_eq!((counters.len(), counters.dropped()), (1_000_000, 0));
    (1_000_000..1_250_000).for_each(take);
    assert!(counters.dropped() > 0);
    assert!(bytes(&counters) <= 64 << 20, "{} bytes for {} cells", bytes(&counters), counters.len());
}

#[test]
fn places_that_are_given_back_make_a_full_table_no_larger() {
    let (counters, _clock) = counters(10_000);
    let counters = Arc::new(counters);
    for number in 0..20_000_u32 {
        counters.add("p", &number.to_be_bytes(), 1, 1000);
    }
    let before = bytes(&counters);
    for number in 0..50_000_u32 {
        drop(counters.hold("p", &number.to_be_bytes(), 1));
        counters.add("q", &number.to_be_bytes(), 1, 1000);
    }
    assert_eq!(bytes(&counters), before);
}
