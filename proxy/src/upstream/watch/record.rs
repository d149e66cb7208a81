//! One endpoint under watch: where it stands, and how it goes in and out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use humantime::format_duration;

use super::WatchTerms;
use super::sight::Sight;
use super::suspicion::{Accused, Suspicion, patience};
use crate::config::model::Outliers;
use crate::upstream::endpoint::Endpoint;
use crate::upstream::journal::{Change, Journal};
use crate::upstream::standing::WHOLE;

/// The share an endpoint begins with when it warms up, in thousandths.
const FIRST_SHARE: u32 = WHOLE / 10;

/// What the watch knows of one endpoint.
#[derive(Debug)]
pub(super) struct Record {
    endpoint: Arc<Endpoint>,
    /// It has a weight and is not draining.
    pub(super) is_in_service: bool,
    pub(super) sight: Sight,
    place: Place,
    /// How long it is out this time, as a multiple of the first ejection; falls again in good times.
    ejections: u32,
    /// Since when `ejections` has been what it is, in good standing.
    settled: Instant,
    warming: Warming,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    In,
    Out {
        until: Instant,
        /// Good answers at that time, where one more shows that it was only slow.
        unless_more_than: Option<u32>,
    },
    Trial {
        good: u32,
        bad: u32,
        cut: u32,
        /// When the request that is the trial was seen to have gone.
        sent: Option<Instant>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warming {
    Warm,
    /// It is out: what it comes back with is the first share.
    Cold,
    Since(Instant),
}

impl Record {
    pub(super) fn new(endpoint: Arc<Endpoint>, now: Instant) -> Self {
        // One that was removed and is named again before its last request ended.
        endpoint.standing.readmit();
        endpoint.standing.set_share(WHOLE);
        let sight = Sight::new(endpoint.traffic.counts(), now);
        let (place, warming) = (Place::In, Warming::Warm);
        Self { endpoint, is_in_service: true, sight, place, ejections: 0, settled: now, warming }
    }

    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Whether requests go there, a trial left aside.
    pub(super) fn is_available(&self) -> bool {
        self.is_in_service && self.endpoint.is_healthy() && matches!(self.place, Place::In)
    }

    pub(super) fn is_out(&self) -> bool {
        !matches!(self.place, Place::In)
    }

    /// Whether the last look saw all well with it, and nobody asking it for a while.
    pub(super) fn is_at_rest(&self) -> bool {
        let is_well = matches!((self.place, self.warming), (Place::In, Warming::Warm)) && self.ejections == 0;
        is_well && self.sight.is_at_rest()
    }

    pub(super) fn accused(&self) -> Accused<'_> {
        let latency = Duration::from_micros(self.endpoint.latency_us().into());
        Accused { sight: &self.sight, latency, last: self.endpoint.traffic.last_failing() }
    }

    /// Takes it out for what speaks against it.
    pub(super) fn eject(&mut self, suspicion: &Suspicion, terms: &Outliers, now: Instant, journal: &Journal) {
        self.put_out(&suspicion.to_string(), suspicion.is_silence(), terms, now, journal);
    }

    fn put_out(&mut self, cause: &str, was_silent: bool, terms: &Outliers, now: Instant, journal: &Journal) {
        self.ejections = self.ejections.saturating_add(1);
        let pause = self.pause(terms);
        let unless_more_than = was_silent.then_some(self.sight.counts.good);
        self.place = Place::Out { until: now.checked_add(pause).unwrap_or(now), unless_more_than };
        self.endpoint.standing.eject();
        let cause = format!("{cause}; out for {}", format_duration(pause));
        self.endpoint.record_ejection(&cause, self.ejections);
        journal.tell(&self.endpoint, Change::Ejected, &cause);
    }

    fn pause(&self, terms: &Outliers) -> Duration {
        terms.ejection.saturating_mul(self.ejections.max(1)).min(terms.max_ejection)
    }

    /// Moves on what is out, and forgives what has been in for long enough.
    pub(super) fn step(&mut self, terms: &Outliers, now: Instant, journal: &Journal) {
        let counts = self.sight.counts;
        match self.place {
            Place::In => self.forgive(terms, now),
            Place::Out { unless_more_than: Some(good), .. } if counts.good != good => {
                self.bring_back("answers again", now, journal);
            }
            Place::Out { until, .. } if now >= until => {
                self.place = Place::Trial { good: counts.good, bad: counts.bad, cut: counts.cut, sent: None };
                self.endpoint.standing.let_try();
                journal.tell(&self.endpoint, Change::OnTrial, "its time out is over");
            }
            Place::Out { .. } => {}
            // A head speaks for it, but not where the rest did not come.
            Place::Trial { good, cut, .. } if counts.good != good && counts.cut == cut => {
                self.bring_back("the trial request was answered", now, journal);
            }
            Place::Trial { bad, .. } if counts.bad != bad => {
                let last = self.endpoint.traffic.last_failing();
                let cause = last.map_or_else(String::new, |failing| format!(": {failing}"));
                self.put_out(&format!("the trial request failed{cause}"), false, terms, now, journal);
            }
            Place::Trial { good, bad, cut, sent } if !self.endpoint.standing.awaits_trial() => {
                let since = sent.unwrap_or(now);
                let limit = patience(terms, self.accused().latency, 1);
                if now.saturating_duration_since(since) >= limit {
                    let cause = format!("the trial request was not answered within {}", format_duration(limit));
                    self.put_out(&cause, true, terms, now, journal);
                } else {
                    self.place = Place::Trial { good, bad, cut, sent: Some(since) };
                }
            }
            Place::Trial { .. } => {}
        }
    }

    fn forgive(&mut self, terms: &Outliers, now: Instant) {
        if self.ejections > 0 && now.saturating_duration_since(self.settled) >= self.pause(terms) {
            self.ejections -= 1;
            self.settled = now;
        }
    }

    pub(super) fn bring_back(&mut self, cause: &str, now: Instant, journal: &Journal) {
        self.place = Place::In;
        self.settled = now;
        self.sight.forget(now);
        self.endpoint.traffic.forgive();
        self.endpoint.forget_latency();
        self.endpoint.standing.readmit();
        self.endpoint.forget_ejection();
        journal.tell(&self.endpoint, Change::Returned, cause);
    }

    /// Gives it the share that is its due while it warms up.
    pub(super) fn warm(&mut self, terms: &WatchTerms, now: Instant) {
        if terms.slow_start.is_zero() {
            return self.be_warm();
        }
        let is_up = self.endpoint.is_open();
        self.warming = match self.warming {
            Warming::Warm if is_up => return,
            Warming::Warm | Warming::Since(_) if !is_up => Warming::Cold,
            Warming::Cold if is_up => Warming::Since(now),
            unchanged => unchanged,
        };
        let share = match self.warming {
            Warming::Since(since) => grown(now.saturating_duration_since(since), terms.slow_start),
            _ => FIRST_SHARE,
        };
        self.endpoint.standing.set_share(share);
        if share == WHOLE {
            self.warming = Warming::Warm;
        }
    }

    /// Makes a new endpoint begin with little.
    pub(super) fn begin_cold(&mut self) {
        self.warming = Warming::Cold;
        self.endpoint.standing.set_share(FIRST_SHARE);
    }

    fn be_warm(&mut self) {
        if self.warming != Warming::Warm {
            self.warming = Warming::Warm;
            self.endpoint.standing.set_share(WHOLE);
        }
    }

    /// Nobody watches it any more.
    pub(super) fn release(mut self, journal: &Journal) {
        self.be_warm();
        if self.is_out() {
            self.bring_back("its traffic is no longer watched", Instant::now(), journal);
        }
    }
}

/// The share after so much of a slow start, from the first to the whole.
fn grown(passed: Duration, slow_start: Duration) -> u32 {
    let part = passed.as_secs_f64() / slow_start.as_secs_f64();
    let grown = f64::from(FIRST_SHARE) + f64::from(WHOLE - FIRST_SHARE) * part;
    // Within u32 by the bound.
    grown.min(f64::from(WHOLE)) as u32
}
