//! Connections to endpoints that wait for the next request, of one worker.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ahash::AHashMap;
use parking_lot::Mutex;

use super::connection::Connection;
use crate::upstream::transport::Destination;

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

impl Pool {
    /// For at most so many connections.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { idle: Mutex::default(), most }
    }

    /// The connection to this destination that was used last, if one is still open.
    pub(super) fn take(&self, destination: &Destination) -> Option<Connection> {
        let mut idle = self.idle.lock();
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
        let until =
            idle.now.saturating_add(patience.as_millis().div_ceil(SWEEP.as_millis()).try_into().unwrap_or(u64::MAX));
        idle.count += 1;
        idle.by_destination.entry(destination).or_default().push(Waiting { connection, until });
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
        if idle.count == 0 {
            return;
        }
        let now = idle.now;
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpListener;

    use super::*;
    use crate::config::model::EndpointAddress;
    use crate::upstream::transport::Transport;

    async fn pair() -> (Connection, tokio::net::TcpStream, Destination) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = EndpointAddress::Ip(listener.local_addr().unwrap());
        let transport = Transport::default();
        let connection = Connection::open(&transport, &address, Duration::from_secs(5)).await.unwrap();
        (connection, listener.accept().await.unwrap().0, transport.destination(&address))
    }

    #[tokio::test]
    async fn a_connection_is_had_back_once() {
        let pool = Pool::new(8);
        let (connection, _far, address) = pair().await;
        assert!(pool.take(&address).is_none());
        pool.put(address.clone(), connection, SWEEP);
        assert!(pool.take(&address).is_some());
        assert!(pool.take(&address).is_none());
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
        assert!(pool.take(&address).is_none());
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_is_not_had_back() {
        let pool = Pool::new(8);
        let (mut connection, far, address) = pair().await;
        drop(far);
        poll_fn(|cx| connection.poll_head_octets(cx)).await.unwrap_err();
        pool.put(address.clone(), connection, SWEEP);
        assert!(pool.take(&address).is_none());
    }

    #[tokio::test]
    async fn what_a_large_body_took_is_given_back_while_nobody_uses_its_connection() {
        let pool = Pool::new(8);
        let (mut connection, _far, address) = pair().await;
        connection.held.reserve(64 * 1024);
        pool.put(address.clone(), connection, 9 * SWEEP);
        pool.sweep_once();
        assert_eq!(pool.take(&address).unwrap().held.capacity(), 0);
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_closed() {
        let pool = Pool::new(0);
        let (connection, _far, address) = pair().await;
        pool.put(address.clone(), connection, SWEEP);
        assert!(pool.take(&address).is_none());
    }
}
