//! The endpoints of one upstream under watch, each judged beside the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::WatchTerms;
use super::record::Record;
use super::suspicion::{Suspicion, suspicion};
use crate::config::model::Outliers;
use crate::upstream::alarm::Alarm;
use crate::upstream::endpoint::Endpoint;
use crate::upstream::journal::Journal;
use crate::upstream::member::Member;

/// Fewer latencies have no median that says much.
const LEAST_LATENCIES: usize = 3;
/// For how long those that nobody judges must be idle to be at rest.
const UNJUDGED_WINDOW: Duration = Duration::from_secs(10);
/// Slower than the others by less than this is no reason to take anything out.
const LEAST_MEDIAN: Duration = Duration::from_millis(1);

/// The endpoints of one upstream.
#[derive(Debug)]
pub(super) struct Set {
    terms: WatchTerms,
    records: Vec<Record>,
    /// The same in a row, so that a glance at them touches little else.
    endpoints: Box<[Arc<Endpoint>]>,
    attention: Attention,
    alarm: Arc<Alarm>,
}

/// How much of them has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attention {
    /// All of it.
    Whole,
    /// The last look saw all of them at rest, and set the alarm. What happened in that moment may not have rung it, so that
    /// another glance is taken at the next tick: whether what they had ever said is still this sum.
    Glance(u32),
    /// The alarm alone.
    Alarm,
}

/// Those that nothing speaks against, in sum.
#[derive(Clone, Copy, Debug, Default)]
struct Blameless {
    /// One of them owes no answer.
    any_at_rest: bool,
    /// The last time that one of them said something.
    heard_at: Option<Instant>,
}

impl Blameless {
    /// Whether one of them did better than somebody accused of this.
    fn did_better(self, suspicion: &Suspicion) -> bool {
        self.any_at_rest || self.heard_at.is_some_and(|heard| suspicion.since().is_none_or(|since| heard >= since))
    }
}

impl Set {
    /// Of these members, with the records of those that are known; one that is not begins with little, unless all of the
    /// process or of the upstream begins.
    pub(super) fn new(
        terms: WatchTerms,
        members: &[Member],
        known: &mut HashMap<*const Endpoint, Record>,
        is_start: bool,
        now: Instant,
    ) -> Self {
        let is_new = is_start || !members.iter().any(|member| known.contains_key(&Arc::as_ptr(&member.endpoint)));
        let record = |member: &Member| {
            let mut record = known.remove(&Arc::as_ptr(&member.endpoint)).unwrap_or_else(|| {
                let mut record = Record::new(Arc::clone(&member.endpoint), now);
                if !is_new && !terms.slow_start.is_zero() {
                    record.begin_cold();
                }
                record
            });
            record.is_in_service = member.weight > 0 && !member.draining;
            record
        };
        let records = members.iter().map(record).collect();
        let endpoints = members.iter().map(|member| Arc::clone(&member.endpoint)).collect();
        Self { terms, records, endpoints, attention: Attention::Whole, alarm: Arc::default() }
    }

    pub(super) fn into_records(self) -> Vec<Record> {
        self.records
    }

    /// Whether nothing but the alarm is looked at.
    #[cfg(test)]
    pub(super) fn is_at_rest(&self) -> bool {
        self.attention == Attention::Alarm
    }

    /// Looks at each, and changes what is to be changed; where all are at rest only whether one of them rang.
    pub(super) fn sweep(&mut self, now: Instant, journal: &Journal) {
        match self.attention {
            Attention::Alarm if !self.alarm.rang() => return,
            Attention::Glance(said) if self.said_at_rest() == Some(said) => {
                self.attention = Attention::Alarm;
                return;
            }
            _ => {}
        }
        // Before the look: what is said meanwhile is another sum.
        let said = self.said_at_rest();
        self.look(now, journal);
        let is_at_rest = self.records.iter().all(Record::is_at_rest);
        self.attention = said.filter(|_| is_at_rest).map_or(Attention::Whole, |said| {
            self.endpoints.iter().for_each(|endpoint| endpoint.ring_when_used(&self.alarm));
            Attention::Glance(said)
        });
    }

    /// The sum of what all have ever said, which wraps; `None` where one of them is not at rest.
    fn said_at_rest(&self) -> Option<u32> {
        self.endpoints.iter().try_fold(0_u32, |sum, endpoint| Some(sum.wrapping_add(endpoint.said_at_rest()?)))
    }

    fn look(&mut self, now: Instant, journal: &Journal) {
        let Self { terms, records, .. } = self;
        let window = terms.outliers.as_ref().map_or(UNJUDGED_WINDOW, |outliers| outliers.window);
        for record in records.iter_mut() {
            record.sight.look(record.endpoint().traffic.counts(), now, window);
        }
        if let Some(outliers) = &terms.outliers {
            records.iter_mut().for_each(|record| record.step(outliers, now, journal));
            judge(records, outliers, now, journal);
        } else {
            records.iter_mut().filter(|record| record.is_out()).for_each(|record| {
                record.bring_back("its traffic is no longer watched", now, journal);
            });
        }
        records.iter_mut().for_each(|record| record.warm(terms, now));
    }
}

fn judge(records: &mut [Record], terms: &Outliers, now: Instant, journal: &Journal) {
    let in_service = records.iter().filter(|record| record.is_in_service).count();
    let mut available = records.iter().filter(|record| record.is_available()).count();
    let leaves_enough = |available: usize| available * 100 >= in_service * (100 - terms.max_ejected.min(100) as usize);
    if !leaves_enough(available) {
        records.iter_mut().filter(|record| record.is_out() && record.is_in_service).for_each(|record| {
            record.bring_back("too few endpoints are left", now, journal);
        });
        return;
    }
    let median = median_latency(records, terms);
    let mut blameless = Blameless::default();
    let mut accused = Vec::new();
    for (index, record) in records.iter().enumerate().filter(|(_, record)| record.is_available()) {
        match suspicion(record.accused(), terms, median, now) {
            Some(suspicion) => accused.push((index, suspicion)),
            None if record.sight.counts.in_a_row > 0 => {}
            None => {
                blameless.any_at_rest |= record.sight.counts.waiting == 0;
                blameless.heard_at = blameless.heard_at.max(record.sight.heard_at);
            }
        }
    }
    for (index, suspicion) in accused {
        if available == 0 || !leaves_enough(available - 1) || !blameless.did_better(&suspicion) {
            continue;
        }
        if let Some(record) = records.get_mut(index) {
            record.eject(&suspicion, terms, now, journal);
            available -= 1;
        }
    }
}

/// Of those who have enough traffic to tell; `None` where nobody wants to know.
fn median_latency(records: &[Record], terms: &Outliers) -> Option<Duration> {
    terms.slow_factor?;
    let known = records.iter().filter(|record| record.is_available() && record.sight.tries().0 >= terms.min_requests);
    let mut latencies: Vec<_> = known.map(|record| record.accused().latency).filter(|known| !known.is_zero()).collect();
    if latencies.len() < LEAST_LATENCIES {
        return None;
    }
    let middle = (latencies.len() - 1) / 2;
    let (_, median, _) = latencies.select_nth_unstable(middle);
    Some((*median).max(LEAST_MEDIAN))
}
