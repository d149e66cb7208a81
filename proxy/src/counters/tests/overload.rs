//! Far more than there is room for: keys beyond all bounds, and ten times the load that a limit lets through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::counters::clock::Clock;
use crate::counters::{Admission, Counters, PolicyCounters, Quota};

const THREADS: u64 = 8;
/// A multiple of every window here.
const START_NS: u64 = 1_700_000_000_000_000_000;

/// A clock that moves on by a step whenever it is read, by whichever thread: so many takes are a second, on any machine.
struct Ticking {
    reads: AtomicU64,
    step_ns: u64,
}

impl Clock for Ticking {
    fn now_ns(&self) -> u64 {
        START_NS + self.reads.fetch_add(1, Ordering::Relaxed) * self.step_ns
    }

    fn wall_ms(&self) -> u64 {
        self.now_ns() / 1_000_000
    }
}

/// Ten times what `quota` lets through is asked for over so many of its windows, by threads; returns how many passed.
fn passed_of_tenfold(quota: Quota, windows: u64, take: impl Fn(&PolicyCounters) -> Admission + Sync) -> u64 {
    let asked = u64::from(quota.limit) * 10;
    let step_ns = quota.window_ms() * 1_000_000 / asked;
    let counters = Counters::new(Arc::new(Ticking { reads: AtomicU64::new(0), step_ns })).policy("p", 1000);
    let of_thread = || (0..asked * windows / THREADS).map(|_| u64::from(take(&counters).allowed)).sum::<u64>();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(of_thread)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// Windows of a second, and those of a millisecond, at whose seams threads meet all the time.
const QUOTAS: [(Quota, u64); 2] =
    [(Quota { limit: 1000, window_ms: 1000 }, 20), (Quota { limit: 4, window_ms: 1 }, 10_000)];

#[test]
fn a_bucket_lets_through_its_rate_and_its_burst_at_tenfold_load() {
    for (quota, windows) in QUOTAS {
        let most = u64::from(quota.limit) * windows + 3;
        let passed = passed_of_tenfold(quota, windows, |counters| counters.take_gcra(b"k", quota, 3, 1));
        assert!((most * 99 / 100..=most).contains(&passed), "{passed} of {most}");
    }
}

#[test]
fn a_window_lets_through_its_limit_at_tenfold_load() {
    for (quota, windows) in QUOTAS {
        let most = u64::from(quota.limit) * windows;
        let passed = passed_of_tenfold(quota, windows, |counters| counters.take_window(b"k", quota, 1));
        assert_eq!(passed, most);
    }
}

#[test]
fn a_sliding_window_lets_through_no_more_than_its_limit_at_tenfold_load() {
    for (quota, windows) in QUOTAS {
        let most = u64::from(quota.limit) * windows;
        let passed = passed_of_tenfold(quota, windows, |counters| counters.take_sliding(b"k", quota, 1));
        assert!((most / 2..=most).contains(&passed), "{passed} of {most}");
    }
}

/// Ten times as many as there is room for, a sixteenth of ten million where nothing is said, which fills the tables alike.
///
/// All of them: `TIDEGATE_TEST_KEYS=10000000 cargo test --profile quick -p tidegate --lib ten_times_the_keys`, or `make long`.
fn keys() -> u64 {
    let written = std::env::var("TIDEGATE_TEST_KEYS").ok();
    written.and_then(|keys| keys.parse().ok()).unwrap_or(625_000)
}

#[test]
fn ten_times_the_keys_there_is_room_for_take_no_more_memory() {
    let room = usize::try_from(keys() / 10).unwrap();
    // 64 MiB a million.
    let most = room * (64 << 20) / 1_000_000;
    let counters = Counters::default();
    let policy = counters.policy("p", room);
    let quota = Quota { limit: 10, window_ms: 3_600_000 };
    let mut peak = 0;
    for number in 0..keys() {
        let key = number.to_be_bytes();
        let _ = match number % 3 {
            0 => policy.take_gcra(&key, quota, 10, 1),
            1 => policy.take_window(&key, quota, 1),
            _ => policy.take_sliding(&key, quota, 1),
        };
        if number % 10_000 == 0 {
            peak = peak.max(policy.cells().bytes());
        }
    }
    assert!(peak <= most, "{peak} bytes for room for {room} counters");
    assert!(counters.kept() >= room * 3 / 4 && counters.dropped() > 0, "{counters:?}");
}
