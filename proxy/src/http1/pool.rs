//! Connections to endpoints that wait for the next request, of one worker.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ahash::AHashMap;
use parking_lot::Mutex;

use super::connection::Connection;
use super::multiplexed::Shared;
use crate::config::model::UpstreamProtocol;
use crate::observe::metrics::TryFailure;
use crate::upstream::transport::Destination;
use crate::upstream::transport::Transport;

/// How often connections that have waited for too long, or were closed, are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// The unused connections of one worker. Its lock is that worker's alone, and never waited for.
#[derive(Debug)]
pub struct Pool {
    idle: Mutex<Idle>,
    most: usize,
}

#[derive(Debug, Default)]
struct Idle {
    by_destination: AHashMap<Destination, Vec<Waiting>>,
    /// Connections that several exchanges share, which are not counted: there are few.
    shared: AHashMap<Destination, Vec<InCommon>>,
    count: usize,
    /// Sweeps so far: time enough, and it costs no look at a clock.
    now: u64,
}

#[derive(Debug)]
struct Waiting {
    connection: Connection,
    /// The sweep that ends it.
    until: u64,
}

#[derive(Debug)]
struct InCommon {
    connection: Shared,
    /// Sweeps that it may be idle for.
    patience: u64,
    /// The sweep that ends it, while it is idle.
    until: Option<u64>,
}

impl Pool {
    /// For at most so many connections.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { idle: Mutex::default(), most }
    }

    /// The connection to this destination that was used last, if one is still open, or a share in one.
    pub(super) fn take(&self, destination: &Destination, transport: &Transport) -> Option<Connection> {
        let mut idle = self.idle.lock();
        if transport.protocol == UpstreamProtocol::Http2 {
            let mut shared = idle.shared.get(destination)?.iter();
            let roomy = shared.find(|shared| shared.connection.has_room())?;
            return Some(Connection::sharing(&roomy.connection, transport));
        }
        loop {
            let mut waiting = idle.by_destination.get_mut(destination)?.pop()?;
            idle.count -= 1;
            if waiting.connection.is_quiet() {
                return Some(waiting.connection);
            }
        }
    }

    /// Keeps a connection for as long as `patience`, if there is room.
    pub(super) fn put(&self, destination: Destination, connection: Connection, patience: Duration) {
        let mut idle = self.idle.lock();
        if idle.count >= self.most || patience.is_zero() {
            return;
        }
        let until = idle.now.saturating_add(sweeps(patience));
        idle.count += 1;
        idle.by_destination.entry(destination).or_default().push(Waiting { connection, until });
    }

    /// Connects within `patience`; others share the connection where it is one to be shared, until it was unused for so long.
    pub(super) async fn open(
        &self,
        destination: &Destination,
        transport: &Transport,
        patience: Duration,
        unused: Duration,
    ) -> Result<Connection, TryFailure> {
        let opened = Connection::open(transport, &destination.address, patience).await?;
        self.share(destination, &opened, unused);
        Ok(opened)
    }

    fn share(&self, destination: &Destination, connection: &Connection, patience: Duration) {
        let Some(connection) = connection.shared().cloned() else { return };
        let shared = InCommon { connection, patience: sweeps(patience), until: None };
        self.idle.lock().shared.entry(destination.clone()).or_default().push(shared);
    }

    /// Closes what has waited for too long or was closed by its endpoint, until the pool is gone.
    pub async fn sweep(pool: Weak<Self>) {
        let mut ticks = tokio::time::interval(SWEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(pool) = pool.upgrade() else { return };
            pool.sweep_once();
        }
    }

    fn sweep_once(&self) {
        let mut idle = self.idle.lock();
        let idle = &mut *idle;
        idle.now += 1;
        let now = idle.now;
        idle.shared.retain(|_, shared| {
            shared.retain_mut(|shared| shared.goes_on(now));
            !shared.is_empty()
        });
        if idle.count == 0 {
            return;
        }
        idle.by_destination.retain(|_, waiting| {
            waiting.retain_mut(|waiting| waiting.until > now && waiting.connection.is_quiet());
            waiting.iter_mut().for_each(|waiting| waiting.connection.shed());
            !waiting.is_empty()
        });
        idle.count = idle.by_destination.values().map(Vec::len).sum();
    }

    /// A pool whose connections end in their time.
    #[must_use]
    pub fn start(most: usize) -> Arc<Self> {
        let pool = Arc::new(Self::new(most));
        tokio::spawn(Self::sweep(Arc::downgrade(&pool)));
        pool
    }
}

impl InCommon {
    fn goes_on(&mut self, now: u64) -> bool {
        if self.connection.is_retired() {
            return false;
        }
        if !self.connection.is_idle() {
            self.until = None;
            return true;
        }
        *self.until.get_or_insert_with(|| now.saturating_add(self.patience)) > now
    }
}

/// So many sweeps take as long.
fn sweeps(patience: Duration) -> u64 {
    patience.as_millis().div_ceil(SWEEP.as_millis()).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpListener;

    use super::*;
    use crate::config::model::EndpointAddress;

    async fn pair() -> (Connection, tokio::net::TcpStream, Destination) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = EndpointAddress::Ip(listener.local_addr().unwrap());
        let transport = Transport::default();
        let connection = Connection::open(&transport, &address, Duration::from_secs(5)).await.unwrap();
        (connection, listener.accept().await.unwrap().0, transport.destination(&address))
    }

    fn take(pool: &Pool, destination: &Destination) -> Option<Connection> {
        pool.take(destination, &Transport::default())
    }

    #[tokio::test]
    async fn a_connection_is_had_back_once() {
        let pool = Pool::new(8);
        let (connection, _far, address) = pair().await;
        assert!(take(&pool, &address).is_none());
        pool.put(address.clone(), connection, SWEEP);
        assert!(take(&pool, &address).is_some());
        assert!(take(&pool, &address).is_none());
    }

    #[tokio::test]
    async fn a_connection_waits_no_longer_than_it_may() {
        let pool = Pool::new(8);
        let (connection, _far, address) = pair().await;
        pool.put(address.clone(), connection, 2 * SWEEP);
        pool.sweep_once();
        assert_eq!(pool.idle.lock().count, 1);
        pool.sweep_once();
        assert_eq!(pool.idle.lock().count, 0);
        assert!(take(&pool, &address).is_none());
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_is_not_had_back() {
        let pool = Pool::new(8);
        let (mut connection, far, address) = pair().await;
        drop(far);
        poll_fn(|cx| connection.poll_head(cx, &http::Method::GET)).await.unwrap_err();
        pool.put(address.clone(), connection, SWEEP);
        assert!(take(&pool, &address).is_none());
    }

    #[tokio::test]
    async fn what_a_large_body_took_is_given_back_while_nobody_uses_its_connection() {
        let pool = Pool::new(8);
        let (mut connection, _far, address) = pair().await;
        connection.tunnel().unwrap().held().reserve(64 * 1024);
        pool.put(address.clone(), connection, 9 * SWEEP);
        pool.sweep_once();
        assert_eq!(take(&pool, &address).unwrap().tunnel().unwrap().held().capacity(), 0);
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_closed() {
        let pool = Pool::new(0);
        let (connection, _far, address) = pair().await;
        pool.put(address.clone(), connection, SWEEP);
        assert!(take(&pool, &address).is_none());
    }
}
