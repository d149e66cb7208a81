//! The capabilities, played by a test.

pub(crate) mod clock;
mod credentials;
pub(crate) mod http_client;
pub(crate) mod keysets;
pub(crate) mod metrics;
pub(crate) mod random;
pub(crate) mod shared_data;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use super::quota::Cell;
use crate::log::Level;
use credentials::Credentials;
pub(crate) use credentials::passwords;

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
    consumers: Vec<Consumer>,
    credentials: Credentials,
    cells: HashMap<(Kind, Vec<u8>), Cell>,
    numbers: HashMap<Vec<u8>, (i64, Duration)>,
    held: HashMap<Vec<u8>, u32>,
    lines: Vec<LogLine>,
    random: u64,
    shared: shared_data::Data,
    metrics: metrics::Collected,
    exchanges: http_client::Exchanges,
    keysets: keysets::Keysets,
}

#[derive(Debug)]
struct Consumer {
    name: String,
    tags: Vec<String>,
    keys: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Gcra,
    Window,
    Sliding,
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
    /// A host that knows no consumer, no upstream and no key set, and has counted nothing. One at a time on a thread: a second takes the place of the
    /// first.
    pub fn new() -> Self {
        HOST.set(Some(State::default()));
        Self(())
    }

    /// Declares a consumer and its API key; call again with the same name for another key.
    pub fn consumer(self, name: &str, tags: &[&str], key: &str) -> Self {
        with(|state| match state.consumers.iter_mut().find(|consumer| consumer.name == name) {
            Some(known) => known.keys.push(key.into()),
            None => state.consumers.push(Consumer {
                name: name.to_owned(),
                tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
                keys: vec![key.into()],
            }),
        });
        self
    }

    /// Ends all exchanges: what they held is free again.
    pub fn end_exchanges(&self) {
        with(|state| state.held.clear());
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
    use super::{Consumer, State, with};
    use crate::Ambiguity;
    use crate::consumers::KeyError;
    use crate::testing::RequestView;

    pub(crate) fn find_by_key_header(request: &RequestView, name: &str) -> Result<u64, KeyError> {
        let key = request.sole_header(name).map_err(|ambiguity| match ambiguity {
            Ambiguity::Missing => KeyError::Missing,
            Ambiguity::Repeated => KeyError::Repeated,
        })?;
        find_by_key(&key).ok_or(KeyError::Unknown)
    }

    pub(crate) fn find_by_key(key: &[u8]) -> Option<u64> {
        position(|consumer| consumer.keys.iter().any(|known| known == key))
    }

    pub(crate) fn find_by_name(name: &str) -> Option<u64> {
        position(|consumer| consumer.name == name)
    }

    pub(crate) fn find_by_subject(issuer: &str, subject: &str) -> Option<u64> {
        let owner = with(|state| state.credentials.of_subject(issuer, subject))?;
        find_by_name(&owner)
    }

    pub(crate) fn find_by_certificate(sha256: &[u8]) -> Option<u64> {
        let owner = with(|state| state.credentials.of_certificate(sha256))?;
        find_by_name(&owner)
    }

    pub(crate) fn verify_hmac(key_id: &str, message: &[u8], hmac: &[u8]) -> Option<u64> {
        let owner = with(|state| state.credentials.of_hmac(key_id, message, hmac))?;
        find_by_name(&owner)
    }

    pub(crate) fn name(id: u64) -> Option<String> {
        with(|state| at(state, id).map(|consumer| consumer.name.clone()))
    }

    pub(crate) fn tags(id: u64) -> Vec<String> {
        with(|state| at(state, id).map(|consumer| consumer.tags.clone()).unwrap_or_default())
    }

    /// A test's consumers are numbered from 1.
    fn position(found: impl FnMut(&Consumer) -> bool) -> Option<u64> {
        with(|state| state.consumers.iter().position(found)).and_then(|index| u64::try_from(index + 1).ok())
    }

    fn at(state: &State, id: u64) -> Option<&Consumer> {
        state.consumers.get(usize::try_from(id.checked_sub(1)?).ok()?)
    }
}

pub(crate) mod counters {
    use std::time::Duration;

    use super::{Kind, State, with};
    use crate::counters::{Admission, Quota};
    use crate::testing::quota::Cell;

    pub(crate) fn take_gcra(key: &[u8], quota: Quota, burst: u32, cost: u32) -> Admission {
        take(Kind::Gcra, key, |cell, now| cell.take_gcra(now, quota, burst, cost))
    }

    pub(crate) fn take_window(key: &[u8], quota: Quota, cost: u32) -> Admission {
        take(Kind::Window, key, |cell, now| cell.take_window(now, quota, cost))
    }

    pub(crate) fn take_sliding(key: &[u8], quota: Quota, cost: u32) -> Admission {
        take(Kind::Sliding, key, |cell, now| cell.take_sliding(now, quota, cost))
    }

    pub(crate) fn add(key: &[u8], amount: i64, ttl_ms: u32) -> i64 {
        with(|State { now, numbers, .. }| {
            let (sum, until) = numbers.entry(key.to_owned()).or_default();
            let before = if *until > *now { *sum } else { 0 };
            *sum = before.saturating_add(amount);
            *until = *now + Duration::from_millis(u64::from(ttl_ms.max(1)));
            *sum
        })
    }

    /// Kept whatever is decided, until [`TestHost::end_exchanges`](super::TestHost::end_exchanges).
    pub(crate) fn hold(key: &[u8], limit: u32) -> Option<u32> {
        with(|state| {
            let held = state.held.entry(key.to_owned()).or_default();
            let left = limit.checked_sub(*held)?.checked_sub(1)?;
            *held += 1;
            Some(left)
        })
    }

    fn take(kind: Kind, key: &[u8], take: impl FnOnce(&mut Cell, u64) -> Admission) -> Admission {
        with(|State { now, cells, .. }| {
            let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
            take(cells.entry((kind, key.to_owned())).or_default(), now)
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
