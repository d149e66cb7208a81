//! Connections that wait for the next check.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Failed;
use super::http2::Session;
use crate::config::model::HealthCheck;
use crate::upstream::stream::Stream;

/// The longest wait for the next check. Much that stands between forgets a connection that is silent for minutes, and tells
/// nobody: a check over it would fail by its timeout.
const LONGEST: Duration = Duration::from_secs(60);
/// Open files that are taken for the limit where it cannot be asked.
const FEW_FILES: u64 = 1024;

/// How many connections may wait, whoever is checked.
#[derive(Clone, Debug)]
pub(in crate::upstream::health) struct Room(Arc<Semaphore>);

impl Room {
    /// For half of the files that the process may have open: the others are its traffic's.
    pub(in crate::upstream::health) fn of_process() -> Self {
        let files = rlimit::Resource::NOFILE.get_soft().unwrap_or(FEW_FILES);
        Self::for_connections(usize::try_from(files / 2).unwrap_or(usize::MAX))
    }

    pub(in crate::upstream::health) fn for_connections(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))))
    }

    /// A place for the connection of this check; `None` where it is closed.
    pub(super) fn place(&self, check: &HealthCheck) -> Option<Place> {
        if !check.reuse_connection || check.interval > LONGEST {
            return None;
        }
        Arc::clone(&self.0).try_acquire_owned().ok().map(Place)
    }
}

/// A place to wait in, free again once this is dropped.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "is there to be dropped")] OwnedSemaphorePermit);

/// A connection to ask over.
#[derive(Debug)]
pub(super) enum Connection {
    /// As it was opened, or as HTTP/1.1 leaves it.
    Octets(Stream),
    /// With HTTP/2 spoken on it.
    Session(Box<Session>),
}

impl From<Session> for Connection {
    fn from(session: Session) -> Self {
        Self::Session(Box::new(session))
    }
}

impl Connection {
    pub(super) async fn into_session(self) -> Result<Session, Failed> {
        match self {
            Self::Octets(stream) => Session::over(stream).await.map_err(Failed::Http2),
            Self::Session(session) => Ok(*session),
        }
    }
}

/// A connection that waits.
#[derive(Debug)]
pub(super) struct Kept {
    connection: Connection,
    place: Place,
}

impl From<(Connection, Place)> for Kept {
    fn from((connection, place): (Connection, Place)) -> Self {
        Self { connection, place }
    }
}

impl Kept {
    /// For the next check, unless it was closed meanwhile; a session tells that when it is asked.
    pub(super) fn taken(self) -> Option<(Connection, Place)> {
        let Self { mut connection, place } = self;
        let is_open = match &mut connection {
            Connection::Octets(stream) => stream.is_quiet(),
            Connection::Session(_) => true,
        };
        is_open.then_some((connection, place))
    }
}
