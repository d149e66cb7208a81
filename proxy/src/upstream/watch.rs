//! Takes endpoints out that their own traffic shows to be failing, tries them again, and lets new ones warm up.
//!
//! Requests only count (`traffic`). One task looks at the counts of every endpoint some times a second, judges each beside
//! the others of its upstream, and marks it; a pick reads the mark. So a request pays for a few relaxed additions and no
//! request waits for a judgement. What is ejected stays out for longer each time, and comes back by a single request: the
//! trial. Ejections never leave less of an upstream than its `max_ejected` says: when everything fails, sending requests
//! nowhere helps nobody.

mod record;
mod set;
mod sight;
mod suspicion;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::endpoint::Endpoint;
use super::journal::Journal;
use super::member::Member;
use crate::config::model::Outliers;
use record::Record;
use set::Set;

/// How often endpoints are looked at, or the alarm of those at rest.
const TICK: Duration = Duration::from_millis(100);

/// Watches the traffic of every upstream that wants it; dropping it ends that.
#[derive(Debug)]
pub struct TrafficWatch {
    runtime: Handle,
    shared: Arc<Shared>,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Debug)]
struct Shared {
    journal: Arc<Journal>,
    /// Held for a look at all of them; neither requests nor scrapes take it.
    sets: Mutex<Vec<Set>>,
}

/// By what the endpoints of an upstream are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchTerms {
    /// When one is taken out; `None` is never.
    pub outliers: Option<Outliers>,
    /// How long one that is new or back takes to its whole share.
    pub slow_start: Duration,
}

impl WatchTerms {
    fn is_nothing(&self) -> bool {
        self.outliers.is_none() && self.slow_start.is_zero()
    }
}

impl TrafficWatch {
    /// Will look from `runtime`, which must have its timers on, and write changes into `journal`.
    #[must_use]
    pub fn new(runtime: Handle, journal: Arc<Journal>) -> Self {
        Self { runtime, shared: Arc::new(Shared { journal, sets: Mutex::default() }), task: Mutex::default() }
    }

    /// Makes what is watched what a new snapshot wants; endpoints that stay keep their place and what is known of them.
    ///
    /// One that is no longer watched serves like any other: nobody would ever let it back.
    pub fn reconcile(&self, wanted: impl IntoIterator<Item = (WatchTerms, Arc<[Member]>)>) {
        let now = Instant::now();
        let mut sets = self.shared.sets.lock();
        let is_start = sets.is_empty();
        let before = std::mem::take(&mut *sets).into_iter().flat_map(Set::into_records);
        let mut known: HashMap<*const Endpoint, Record> =
            before.map(|record| (Arc::as_ptr(record.endpoint()), record)).collect();
        let watched = wanted.into_iter().filter(|(terms, _)| !terms.is_nothing());
        *sets = watched.map(|(terms, members)| Set::new(terms, &members, &mut known, is_start, now)).collect();
        known.into_values().for_each(|gone| gone.release(&self.shared.journal));
        let is_idle = sets.is_empty();
        drop(sets);
        self.run(!is_idle);
    }

    fn run(&self, wanted: bool) {
        let mut task = self.task.lock();
        match (&*task, wanted) {
            (None, true) => *task = Some(self.runtime.spawn(look(Arc::downgrade(&self.shared))).abort_handle()),
            (Some(running), false) => {
                running.abort();
                *task = None;
            }
            _ => {}
        }
    }
}

impl Drop for TrafficWatch {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut() {
            task.abort();
        }
    }
}

async fn look(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        let now = Instant::now();
        shared.sets.lock().iter_mut().for_each(|set| set.sweep(now, &shared.journal));
    }
}
