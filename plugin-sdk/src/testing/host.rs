//! The capabilities, played by a test.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use super::quota::Cell;
use crate::consumers::Consumer;
use crate::log::Level;

thread_local! {
    /// The host of the test that runs on this thread; policies reach capabilities through free functions.
    static HOST: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Answers capability calls on this thread until it is dropped.
///
/// Its clock stands still until [`advance`](Self::advance). A policy that calls a capability where there is no host panics.
#[derive(Debug)]
#[must_use = "capabilities are there as long as the host lives"]
pub struct TestHost(());

#[derive(Debug, Default)]
struct State {
    now: Duration,
    consumers: Vec<(Vec<u8>, Consumer)>,
    cells: HashMap<String, Cell>,
    lines: Vec<LogLine>,
}

/// A line that a policy logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: Level,
    /// Its text.
    pub message: String,
}

impl TestHost {
    /// A host that knows no consumer and has counted nothing. One at a time on a thread: a second takes the place of the
    /// first.
    pub fn new() -> Self {
        HOST.set(Some(State::default()));
        Self(())
    }

    /// Declares a consumer and its API key; call again with the same name for another key.
    pub fn consumer(self, name: &str, tags: &[&str], key: &str) -> Self {
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        let consumer = Consumer { name: name.to_owned(), tags };
        with(|state| state.consumers.push((key.into(), consumer)));
        self
    }

    /// Moves the clock of the counters.
    pub fn advance(&self, by: Duration) {
        with(|state| state.now += by);
    }

    /// What was logged since the last call.
    #[must_use]
    pub fn take_log(&self) -> Vec<LogLine> {
        with(|state| std::mem::take(&mut state.lines))
    }
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        HOST.set(None);
    }
}

#[expect(clippy::panic, reason = "this is test code, and a test that forgot its host should fail with this sentence")]
fn with<R>(call: impl FnOnce(&mut State) -> R) -> R {
    HOST.with_borrow_mut(|host| match host {
        Some(state) => call(state),
        None => panic!("no gateway to ask: make a `TestHost` first"),
    })
}

pub(crate) mod consumers {
    use super::with;
    use crate::consumers::Consumer;

    pub(crate) fn find_by_key(key: &[u8]) -> Option<Consumer> {
        with(|state| state.consumers.iter().find(|(known, _)| known == key).map(|(_, consumer)| consumer.clone()))
    }
}

pub(crate) mod counters {
    use super::{State, with};
    use crate::counters::{Admission, Quota};
    use crate::testing::quota::Cell;

    pub(crate) fn take_gcra(key: &str, quota: Quota, burst: u32, cost: u32) -> Admission {
        take(key, |cell, now| cell.take_gcra(now, quota, burst, cost))
    }

    pub(crate) fn take_window(key: &str, quota: Quota, cost: u32) -> Admission {
        take(key, |cell, now| cell.take_window(now, quota, cost))
    }

    fn take(key: &str, take: impl FnOnce(&mut Cell, u64) -> Admission) -> Admission {
        with(|State { now, cells, .. }| {
            let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
            take(cells.entry(key.to_owned()).or_default(), now)
        })
    }
}

pub(crate) mod log {
    use super::{LogLine, with};
    use crate::log::Level;

    pub(crate) fn write(level: Level, message: &str) {
        with(|state| state.lines.push(LogLine { level, message: message.to_owned() }));
    }
}
