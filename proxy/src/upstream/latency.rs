//! How long an endpoint takes to answer, as far as that is still true.
//!
//! Two figures are kept: the average that people and policies see, and the peak that `peak-ewma` goes by. Both are
//! moving averages whose memory is time, not samples: what is as old as [`MEMORY`] has lost two thirds of its weight
//! to a sample that comes now. Where nobody asks an endpoint any more no sample comes, and a figure that once went
//! bad would keep everybody away for ever; so an idle endpoint's figures fade on their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time in which a figure loses two thirds of its weight (a factor of e); Finagle's default.
pub const MEMORY: Duration = Duration::from_secs(10);

/// A sample's weight in the average, where the one before is recent.
const SAMPLE_WEIGHT: f64 = 0.125;

/// The latency of one endpoint.
#[derive(Debug)]
pub struct Latency {
    /// Times are told from here, so that they fit beside their figure.
    born: Instant,
    average: AtomicU64,
    peak: AtomicU64,
}

/// A figure with the time it was taken, in one word: readers never see the one without the other.
#[derive(Clone, Copy, Debug)]
struct Figure {
    /// 0 where none is known.
    microseconds: u32,
    /// Since birth; wraps after 49 days, upon which a figure that old reads as fresh once.
    at_ms: u32,
}

impl Latency {
    /// Of an endpoint that has not answered yet.
    #[must_use]
    pub fn unknown() -> Self {
        Self { born: Instant::now(), average: AtomicU64::new(0), peak: AtomicU64::new(0) }
    }

    /// Takes one time to a response head in; racing updates may lose one sample.
    pub fn record(&self, taken: Duration, now: Instant) {
        let sample = u32::try_from(taken.as_micros()).unwrap_or(u32::MAX).max(1);
        let at_ms = self.ms(now);
        let average = Figure::load(&self.average).followed_by(sample, at_ms, SAMPLE_WEIGHT);
        average.store(&self.average);
        let peak = Figure::load(&self.peak);
        let peak = if sample >= peak.faded(at_ms) {
            Figure { microseconds: sample, at_ms }
        } else {
            peak.followed_by(sample, at_ms, 0.0)
        };
        peak.store(&self.peak);
    }

    /// Knows nothing any more.
    pub fn forget(&self) {
        self.average.store(0, Ordering::Relaxed);
        self.peak.store(0, Ordering::Relaxed);
    }

    /// The average in microseconds as it was when the last sample came, 0 where none is known.
    #[must_use]
    pub fn average_us(&self) -> u32 {
        Figure::load(&self.average).microseconds
    }

    /// The average of an endpoint that has been idle since the last sample; 0 where none is known, else at least 1.
    #[must_use]
    pub fn faded_average_us(&self, now: Instant) -> u32 {
        Figure::load(&self.average).faded(self.ms(now))
    }

    /// The peak in microseconds when the last sample came, 0 where none is known: it jumps up to a slow answer at once,
    /// and comes down with time.
    #[must_use]
    pub fn peak_us(&self) -> u32 {
        Figure::load(&self.peak).microseconds
    }

    /// The peak of an endpoint that has been idle since the last sample; 0 where none is known, else at least 1.
    #[must_use]
    pub fn faded_peak_us(&self, now: Instant) -> u32 {
        Figure::load(&self.peak).faded(self.ms(now))
    }

    fn ms(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.born).as_millis() as u32
    }
}

impl Figure {
    fn load(from: &AtomicU64) -> Self {
        let word = from.load(Ordering::Relaxed);
        Self { microseconds: (word >> 32) as u32, at_ms: word as u32 }
    }

    fn store(self, to: &AtomicU64) {
        to.store(u64::from(self.microseconds) << 32 | u64::from(self.at_ms), Ordering::Relaxed);
    }

    /// What is left of it: 1 at the moment it was taken, 1/e after [`MEMORY`].
    fn left(self, at_ms: u32) -> f64 {
        match at_ms.wrapping_sub(self.at_ms) {
            // The clock of another worker may be a moment behind.
            0 | 0x8000_0000.. => 1.0,
            age => (-f64::from(age) / MEMORY.as_millis() as f64).exp(),
        }
    }

    fn faded(self, at_ms: u32) -> u32 {
        match self.microseconds {
            0 => 0,
            known => whole(f64::from(known) * self.left(at_ms)),
        }
    }

    /// The average after another sample, which weighs at least `least` and more the older the average is.
    fn followed_by(self, sample: u32, at_ms: u32, least: f64) -> Self {
        let weight = if self.microseconds == 0 { 1.0 } else { (1.0 - self.left(at_ms)).max(least) };
        let (old, new) = (f64::from(self.microseconds), f64::from(sample));
        Self { microseconds: whole(old + (new - old) * weight), at_ms }
    }
}

/// At least 1: 0 stands for a figure that is not known.
fn whole(microseconds: f64) -> u32 {
    (microseconds.round() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn known(latency: Duration) -> (Latency, Instant) {
        let known = Latency::unknown();
        let now = known.born;
        known.record(latency, now);
        (known, now)
    }

    #[test]
    fn nothing_is_known_before_the_first_answer() {
        let latency = Latency::unknown();
        let later = latency.born + MEMORY;
        let figures = [latency.average_us(), latency.peak_us(), latency.faded_average_us(later)];
        assert_eq!((figures, latency.faded_peak_us(later)), ([0; 3], 0));
    }

    #[test]
    fn the_average_starts_with_the_first_sample_and_follows_slowly() {
        let (latency, now) = known(Duration::from_micros(800));
        assert_eq!(latency.average_us(), 800);
        latency.record(Duration::from_micros(1600), now);
        assert_eq!(latency.average_us(), 900);
        latency.record(Duration::MAX, now);
        assert!(latency.average_us() > 900);
    }

    #[test]
    fn a_sample_after_a_long_silence_counts_for_nearly_all() {
        let (latency, now) = known(Duration::from_secs(1));
        latency.record(MS, now + 10 * MEMORY);
        assert!((1000..1100).contains(&latency.average_us()), "{}", latency.average_us());
    }

    #[test]
    fn the_peak_goes_up_at_once_and_comes_down_with_time() {
        let (latency, now) = known(MS);
        latency.record(100 * MS, now);
        assert_eq!(latency.peak_us(), 100_000);
        for _ in 0..100 {
            latency.record(MS, now);
        }
        assert_eq!(latency.peak_us(), 100_000, "no time has passed");
        latency.record(MS, now + MEMORY);
        assert!((37_000..38_000).contains(&latency.peak_us()), "{}", latency.peak_us());
    }

    #[test]
    fn what_nobody_asks_fades_but_never_to_unknown() {
        let (latency, now) = known(Duration::from_secs(1));
        assert_eq!(latency.faded_average_us(now), 1_000_000);
        assert!((367_000..369_000).contains(&latency.faded_average_us(now + MEMORY)));
        assert_eq!(latency.faded_peak_us(now + MEMORY), latency.faded_average_us(now + MEMORY));
        assert_eq!(latency.faded_average_us(now + 100 * MEMORY), 1);
        assert_eq!(latency.average_us(), 1_000_000, "the figure people see is the one that was measured");
    }

    #[test]
    fn a_worker_whose_clock_is_behind_sees_the_figure_as_it_is() {
        let (latency, now) = known(MS);
        latency.record(MS, now + 5 * MS);
        assert_eq!(latency.faded_average_us(now), 1000);
    }
}
