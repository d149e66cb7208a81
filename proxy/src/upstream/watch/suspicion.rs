//! What speaks against an endpoint.

use std::fmt;
use std::time::{Duration, Instant};

use humantime::format_duration;

use super::sight::Sight;
use crate::config::model::Outliers;
use crate::upstream::traffic::Failing;

/// Requests that must be stuck for a silence to count without thrice the patience: one or two may just be slow.
const MANY: u32 = 3;
/// Average latencies an endpoint is given to say something.
const LATENCIES: u32 = 8;

/// A reason to take an endpoint out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// Failed tries in a row, and the last of them.
    Failures(u32, Option<Failing>),
    /// It says nothing.
    Silence {
        /// For how long.
        lasting: Duration,
        /// To how many requests at least.
        stuck: u32,
        /// Since when.
        since: Instant,
    },
    /// Too many of its tries failed.
    Share { percent: u32, tries: u32, window: Duration, last: Option<Failing> },
    /// It is far slower than the others.
    Slow { latency: Duration, median: Duration },
}

impl Suspicion {
    /// Since when another must have answered to have done better.
    pub(super) fn since(&self) -> Option<Instant> {
        match self {
            Self::Silence { since, .. } => Some(*since),
            _ => None,
        }
    }

    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Silence { .. })
    }
}

/// An endpoint, as it is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accused<'a> {
    pub(super) sight: &'a Sight,
    /// Zero where none is known.
    pub(super) latency: Duration,
    pub(super) last: Option<Failing>,
}

/// What speaks against an endpoint, the weightiest first; `median` is of the latencies of its upstream, where it matters.
pub(super) fn suspicion(
    accused: Accused<'_>,
    terms: &Outliers,
    median: Option<Duration>,
    now: Instant,
) -> Option<Suspicion> {
    let Accused { sight, latency, last } = accused;
    let in_a_row = sight.counts.in_a_row;
    if terms.failures > 0 && in_a_row >= terms.failures {
        return Some(Suspicion::Failures(in_a_row, last));
    }
    let lasting = sight.silence(now);
    if let Some(since) = sight.silent_since
        && lasting >= patience(terms, latency, sight.stuck)
    {
        return Some(Suspicion::Silence { lasting, stuck: sight.stuck.max(1), since });
    }
    let (tries, bad) = sight.tries();
    if tries < terms.min_requests {
        return None;
    }
    let percent = u32::try_from(u64::from(bad) * 100 / u64::from(tries.max(1))).unwrap_or(100);
    if percent >= terms.error_share {
        return Some(Suspicion::Share { percent, tries, window: terms.window, last });
    }
    let (factor, median) = (terms.slow_factor?, median?);
    (latency > median.saturating_mul(factor)).then_some(Suspicion::Slow { latency, median })
}

/// How long so many requests may be left without a word.
pub(super) fn patience(terms: &Outliers, latency: Duration, stuck: u32) -> Duration {
    let few = stuck < MANY || latency.is_zero();
    let silence = if few { terms.silence.saturating_mul(3) } else { terms.silence };
    silence.max(latency.saturating_mul(LATENCIES))
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last_of = |f: &mut fmt::Formatter<'_>, last: &Option<Failing>| match last {
            Some(failing) => write!(f, ", last: {failing}"),
            None => Ok(()),
        };
        match self {
            Self::Failures(1, last) => write!(f, "1 failed try").and_then(|()| last_of(f, last)),
            Self::Failures(count, last) => write!(f, "{count} failed tries in a row").and_then(|()| last_of(f, last)),
            Self::Silence { lasting, stuck, .. } => {
                let requests = if *stuck == 1 { "request" } else { "requests" };
                write!(f, "no answer for {} to {stuck} {requests}, while others answer", millis(*lasting))
            }
            Self::Share { percent, tries, window, last } => {
                write!(f, "{percent} % of {tries} tries within {} failed", format_duration(*window))?;
                last_of(f, last)
            }
            Self::Slow { latency, median } => {
                write!(f, "average latency {}, the median of all is {}", millis(*latency), millis(*median))
            }
        }
    }
}

fn millis(duration: Duration) -> humantime::FormattedDuration {
    format_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}
