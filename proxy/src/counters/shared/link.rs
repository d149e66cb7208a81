//! The way to a Redis: one connection for the whole gateway, and whether it is to be used now.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisError, ScriptInvocation};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::connect::{connect, reason};
use super::scripts::Scripts;
use crate::config::model::SharedStore;
use crate::observe::metrics::{SharedCounterFailure, SharedCounterMetrics};

/// To a connection, and to an answer to the first words on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// What the number that is added to nothing is called.
const PROBE_KEY: &str = "probe";
const PROBE_LIFE_MS: u32 = 60_000;

/// The way to one Redis.
///
/// Whoever fails closes it for all, so that a server that hangs costs the calls under way a timeout and no others;
/// [`LinkKeeper`](super::LinkKeeper) opens it again.
pub struct Link {
    store: Arc<SharedStore>,
    scripts: Scripts,
    state: Mutex<State>,
    lost: Notify,
    metrics: SharedCounterMetrics,
}

struct State {
    way: Way,
    since: Instant,
    /// Of connections that were ever open.
    opened: u64,
}

enum Way {
    Open(MultiplexedConnection),
    Closed {
        /// Why.
        reason: String,
    },
}

/// How a link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Where it leads.
    pub server: String,
    /// Why it is not used; none where it is.
    pub away_because: Option<String>,
    /// For how long that has been so.
    pub lasted: Duration,
}

/// A connection, and which one it is: who fails on an old one does not close the new one.
struct Session {
    number: u64,
    connection: MultiplexedConnection,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("server", &self.store.server.to_string()).finish_non_exhaustive()
    }
}

impl Link {
    /// A way that is closed until a keeper opens it.
    #[must_use]
    pub fn new(store: &Arc<SharedStore>, metrics: SharedCounterMetrics) -> Self {
        let way = Way::Closed { reason: "not connected yet".to_owned() };
        Self {
            store: Arc::clone(store),
            scripts: Scripts::new(),
            state: Mutex::new(State { way, since: Instant::now(), opened: 0 }),
            lost: Notify::new(),
            metrics,
        }
    }

    /// How long it is waited for an answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.store.timeout
    }

    /// Whether it leads to this store, and is used in the same way.
    #[must_use]
    pub fn is_to(&self, store: &SharedStore) -> bool {
        *self.store == *store
    }

    /// How it is now.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        let state = self.state.lock();
        let away_because = match &state.way {
            Way::Open(_) => None,
            Way::Closed { reason } => Some(reason.clone()),
        };
        LinkStatus { server: self.store.server.to_string(), away_because, lasted: state.since.elapsed() }
    }

    pub(super) fn scripts(&self) -> &Scripts {
        &self.scripts
    }

    pub(super) fn prefix(&self) -> &str {
        &self.store.prefix
    }

    /// Runs a script; `None` where the gateway has to decide by itself.
    pub(super) async fn ask<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let Some(Session { number, mut connection }) = self.session() else {
            self.metrics.decided_here();
            return None;
        };
        match timeout(self.store.timeout, script.invoke_async(&mut connection)).await {
            Ok(Ok(answer)) => {
                self.metrics.decided_there();
                Some(answer)
            }
            failed => {
                let (kind, reason) = self.failure(failed.map(Result::err));
                self.metrics.failed(kind);
                self.metrics.decided_here();
                self.close(number, reason);
                None
            }
        }
    }

    /// Counts a call that has nowhere to wait.
    pub(super) fn crowded<T>(&self) -> Option<T> {
        self.metrics.failed(SharedCounterFailure::Crowded);
        self.metrics.decided_here();
        None
    }

    fn session(&self) -> Option<Session> {
        let state = self.state.lock();
        match &state.way {
            Way::Open(connection) => Some(Session { number: state.opened, connection: connection.clone() }),
            Way::Closed { .. } => None,
        }
    }

    fn failure(
        &self,
        failed: Result<Option<RedisError>, tokio::time::error::Elapsed>,
    ) -> (SharedCounterFailure, String) {
        match failed {
            Err(_) | Ok(None) => {
                let limit = humantime::format_duration(self.store.timeout);
                (SharedCounterFailure::Timeout, format!("no answer within {limit}"))
            }
            Ok(Some(error)) if error.is_io_error() => (SharedCounterFailure::Connection, reason(&error)),
            Ok(Some(error)) => (SharedCounterFailure::Answer, reason(&error)),
        }
    }

    /// Closes the way for all, if it is still this connection's.
    fn close(&self, number: u64, reason: String) {
        let mut state = self.state.lock();
        if state.opened != number || matches!(state.way, Way::Closed { .. }) {
            return;
        }
        tracing::warn!(server = %self.store.server, reason, "shared counters are away: this gateway counts by itself");
        state.way = Way::Closed { reason };
        state.since = Instant::now();
        drop(state);
        self.lost.notify_one();
    }

    fn open(&self, connection: MultiplexedConnection) {
        let mut state = self.state.lock();
        let away = humantime::format_duration(Duration::from_secs(state.since.elapsed().as_secs()));
        tracing::info!(server = %self.store.server, %away, "shared counters are there: gateways count together");
        state.way = Way::Open(connection);
        state.since = Instant::now();
        state.opened += 1;
    }

    /// Connects and sees whether a script is answered in time. What is wrong is told where it is not what was wrong before.
    ///
    /// # Errors
    /// It is not to be used.
    pub(super) async fn try_to_open(&self) -> Result<(), ()> {
        match self.connect().await {
            Ok(connection) => {
                self.open(connection);
                Ok(())
            }
            Err(now) => {
                let mut state = self.state.lock();
                if let Way::Closed { reason } = &mut state.way
                    && *reason != now
                {
                    tracing::warn!(server = %self.store.server, reason = now, "shared counters are still away");
                    *reason = now;
                }
                Err(())
            }
        }
    }

    /// Waits until the way is closed; asks for nothing now and then, so that this is noticed where nobody else asks.
    pub(super) async fn watch(&self, every: Duration) {
        while let Some(Session { number, mut connection }) = self.session() {
            if timeout(every, self.lost.notified()).await.is_ok() {
                continue;
            }
            if let Err(reason) = self.probe(&mut connection).await {
                self.close(number, reason);
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let late = |_| format!("no connection within {}", humantime::format_duration(CONNECT_TIMEOUT));
        let connecting = timeout(CONNECT_TIMEOUT, connect(&self.store.server));
        let mut connection = connecting.await.map_err(late)?.map_err(|error| reason(&error))?;
        self.probe(&mut connection).await?;
        Ok(connection)
    }

    /// What every call needs: that a script runs, may write, and is answered in time.
    async fn probe(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let mut script = self.scripts.number.key(format!("{}{PROBE_KEY}", self.store.prefix));
        script.arg(0).arg(PROBE_LIFE_MS);
        match timeout(self.store.timeout, script.invoke_async::<i64>(connection)).await {
            Ok(Ok(_)) => Ok(()),
            failed => Err(self.failure(failed.map(Result::err)).1),
        }
    }
}
