//! When checks begin.

use std::time::Duration;

use tokio::time::Instant;

/// Within which the first checks of a few endpoints begin.
const FIRST: Duration = Duration::from_millis(100);
/// Between the first checks of many, on average.
const FIRST_EACH: Duration = Duration::from_micros(100);
/// The longest from one tick to the next, at which checks begin.
const TICK: Duration = Duration::from_millis(200);

/// Spreads the first checks of so many endpoints over 100 ms, and of thousands over as many 100 us, within a tenth of the
/// interval: they connect, all on one thread, and their deadlines do not wait for it. `random` is 0 to 1.
pub(super) fn first_wait(interval: Duration, new: usize, random: f64) -> Duration {
    let all = FIRST_EACH.saturating_mul(u32::try_from(new).unwrap_or(u32::MAX));
    (interval / 10).min(FIRST.max(all)).mul_f64(random)
}

/// The tick nearest to `at`. Many checks begin at one: a thread that wakes for each does more for waking than for asking.
pub(super) fn on_tick(epoch: Instant, at: Instant, interval: Duration) -> Instant {
    let tick = (interval / 50).min(TICK).as_nanos().max(1);
    let since = at.duration_since(epoch).as_nanos() + tick / 2;
    epoch + Duration::from_nanos(u64::try_from(since - since % tick).unwrap_or(u64::MAX))
}

/// The interval, up to `jitter` percent shorter or longer, so that gateways started together do not ask together for ever.
pub(super) fn jittered(interval: Duration, jitter: u32, random: f64) -> Duration {
    interval.mul_f64(1.0 + f64::from(jitter) / 100.0 * (2.0 * random - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_their_jitter() {
        let interval = Duration::from_secs(10);
        assert_eq!(first_wait(interval, 1, 0.0), Duration::ZERO);
        assert_eq!(first_wait(interval, 1000, 1.0), Duration::from_millis(100));
        assert_eq!(first_wait(interval, 5000, 1.0), Duration::from_millis(500));
        assert_eq!(first_wait(interval, 100_000, 1.0), Duration::from_secs(1));
        assert_eq!(first_wait(Duration::from_millis(100), 1, 1.0), Duration::from_millis(10));
        assert_eq!(jittered(interval, 10, 0.0), Duration::from_secs(9));
        assert_eq!(jittered(interval, 10, 1.0), Duration::from_secs(11));
        assert_eq!(jittered(interval, 0, 0.3), interval);
    }

    #[test]
    fn checks_begin_together_at_ticks() {
        let epoch = Instant::now();
        let after = |millis| epoch + Duration::from_millis(millis);
        let ticks = |interval| [0, 1, 99, 101, 10_949].map(|millis| on_tick(epoch, after(millis), interval));
        assert_eq!(ticks(Duration::from_secs(10)), [0, 0, 0, 200, 11_000].map(after));
        assert_eq!(ticks(Duration::from_secs(3600)), [0, 0, 0, 200, 11_000].map(after));
        assert_eq!(ticks(Duration::from_secs(1)), [0, 0, 100, 100, 10_940].map(after));
        assert_eq!(ticks(Duration::from_millis(10)), [0, 1, 99, 101, 10_949].map(after));
    }
}
