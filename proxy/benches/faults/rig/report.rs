//! What a load came to, as one line of fields for a script.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

/// Slower than this is noticed.
const NOTICED: Duration = Duration::from_millis(100);
/// Slower than this is taken for broken.
const BROKEN: Duration = Duration::from_secs(1);

/// What became of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) number: u32,
    pub(crate) is_post: bool,
    /// When it was due, from the start.
    pub(crate) due: Duration,
    /// From then to its end.
    pub(crate) took: Duration,
    pub(crate) failure: Option<Failure>,
}

/// Why a request has no answer, or not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// No connection to the gateway.
    Refused,
    /// The connection ended before the answer did.
    Closed,
    /// The client waited in vain.
    Late,
    /// The answer was not that of an endpoint.
    Status(u16),
    /// The answer was none, or to another request.
    Wrong,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::Closed => f.write_str("closed"),
            Self::Late => f.write_str("late"),
            Self::Status(status) => write!(f, "{status}"),
            Self::Wrong => f.write_str("wrong"),
        }
    }
}

/// The figures of a load.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sent: usize,
    failed_gets: usize,
    failed_posts: usize,
    kinds: BTreeMap<Failure, usize>,
    noticed: usize,
    broken: usize,
    /// From the strike to the last request that failed or was noticed.
    harm: Option<Duration>,
    /// POSTs that were executed more than once.
    duplicates: usize,
    /// POSTs that were answered and never executed.
    lies: usize,
    closed: u32,
    p50: Duration,
    p99: Duration,
    longest: Duration,
}

impl Report {
    /// Of these requests; endpoints noted the numbers in `executed`.
    pub(crate) fn new(samples: Vec<Sample>, closed: u32, executed: &str, strike: Duration) -> Self {
        let mut times: HashMap<u32, usize> = HashMap::new();
        executed.lines().filter_map(|line| line.parse().ok()).for_each(|id| *times.entry(id).or_default() += 1);
        let mut took: Vec<_> = samples.iter().map(|sample| sample.took).collect();
        took.sort_unstable();
        let part = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
        let mut report = Self {
            sent: samples.len(),
            closed,
            duplicates: times.values().filter(|count| **count > 1).count(),
            p50: part(50),
            p99: part(99),
            longest: took.last().copied().unwrap_or_default(),
            ..Self::default()
        };
        for sample in samples {
            let is_lie = sample.is_post && sample.failure.is_none() && !times.contains_key(&sample.number);
            report.lies += usize::from(is_lie);
            report.add(sample, strike);
        }
        report
    }

    fn add(&mut self, sample: Sample, strike: Duration) {
        if let Some(failure) = sample.failure {
            let failed = if sample.is_post { &mut self.failed_posts } else { &mut self.failed_gets };
            *failed += 1;
            *self.kinds.entry(failure).or_default() += 1;
        }
        self.noticed += usize::from(sample.took > NOTICED);
        self.broken += usize::from(sample.took > BROKEN);
        if sample.failure.is_some() || sample.took > NOTICED {
            self.harm = self.harm.max(Some(sample.due.saturating_sub(strike)));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
        let kinds: Vec<_> = self.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let fields = [
            self.sent.to_string(),
            self.failed_gets.to_string(),
            self.failed_posts.to_string(),
            kinds.join(", "),
            self.duplicates.to_string(),
            self.lies.to_string(),
            self.noticed.to_string(),
            self.broken.to_string(),
            self.harm.map_or_else(String::new, |harm| format!("{:.1}", harm.as_secs_f64())),
            self.closed.to_string(),
            ms(self.p50),
            ms(self.p99),
            ms(self.longest),
        ];
        f.write_str(&fields.join("\t"))
    }
}
