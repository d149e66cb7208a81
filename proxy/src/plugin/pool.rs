//! The instances of one policy: a bounded number, made when they are needed, used again and again.
//!
//! A quick call has its worker to itself, so that no more instances come to be than there are workers. Calls that wait, for
//! an answer or for their turn, keep theirs meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam_queue::ArrayQueue;

use super::failure::PluginFailure;
use super::instance::Instance;

/// Idle instances, and how many there are in all.
pub(super) struct Pool {
    idle: ArrayQueue<Box<Instance>>,
    alive: AtomicU32,
    limit: u32,
}

impl Pool {
    /// At most `limit` instances, at least one.
    pub(super) fn new(limit: u32) -> Self {
        let limit = limit.max(1);
        let places = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { idle: ArrayQueue::new(places), alive: AtomicU32::new(0), limit }
    }

    /// An idle instance, or one that `create` makes.
    ///
    /// # Errors
    /// All places are taken, or `create` failed.
    pub(super) fn lease<E: From<PluginFailure>>(
        &self,
        create: impl FnOnce() -> Result<Instance, E>,
    ) -> Result<Lease<'_>, E> {
        if let Some(instance) = self.idle.pop() {
            return Ok(Lease { instance, place: Place { pool: self } });
        }
        let place = self.reserve().ok_or(PluginFailure::Overloaded)?;
        Ok(Lease { instance: Box::new(create()?), place })
    }

    /// The same where making one may wait, too.
    ///
    /// # Errors
    /// All places are taken, or `create` failed.
    pub(super) async fn lease_waiting<E: From<PluginFailure>>(
        &self,
        create: impl Future<Output = Result<Instance, E>>,
    ) -> Result<Lease<'_>, E> {
        if let Some(instance) = self.idle.pop() {
            return Ok(Lease { instance, place: Place { pool: self } });
        }
        let place = self.reserve().ok_or(PluginFailure::Overloaded)?;
        Ok(Lease { instance: Box::new(create.await?), place })
    }

    pub(super) fn alive(&self) -> u32 {
        self.alive.load(Ordering::Relaxed)
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    fn reserve(&self) -> Option<Place<'_>> {
        let one_more = |alive: u32| (alive < self.limit).then_some(alive + 1);
        self.alive.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok().map(|_| Place { pool: self })
    }
}

/// A place taken; free again when dropped.
struct Place<'p> {
    pool: &'p Pool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An instance at work. Dropped, it is gone, and its place is free: so it goes with all that failed.
pub(super) struct Lease<'p> {
    pub(super) instance: Box<Instance>,
    place: Place<'p>,
}

impl Lease<'_> {
    /// Puts the instance back for the next call, unless it has served its calls.
    pub(super) fn give_back(self) {
        let Self { instance, place } = self;
        if instance.is_spent() {
            return;
        }
        // Before the push: whoever pops the instance next has its place too.
        let pool = place.pool;
        std::mem::forget(place);
        if pool.idle.push(instance).is_err() {
            drop(Place { pool });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, setup};
    use crate::plugin::instance::Refusal;

    fn create() -> Result<Instance, Refusal> {
        let plugin = load(&Fixture::request("(unreachable)").build(), all_grants(), LIMITS).unwrap();
        Instance::start(&plugin, &plugin.program, &setup(&plugin))
    }

    fn is_overloaded(pool: &Pool) -> bool {
        matches!(pool.lease(create), Err(Refusal::Failed(PluginFailure::Overloaded)))
    }

    #[test]
    fn one_call_more_than_there_are_places_is_overload() {
        let pool = Pool::new(2);
        let leases = [pool.lease(create), pool.lease(create)];
        assert!(leases.iter().all(Result::is_ok));
        assert!(is_overloaded(&pool));
    }

    #[test]
    fn a_dropped_lease_frees_its_place() {
        let pool = Pool::new(1);
        drop(pool.lease(create));
        assert_eq!((pool.alive(), pool.idle()), (0, 0));
        assert!(!is_overloaded(&pool));
    }

    #[test]
    fn an_instance_that_does_not_start_frees_its_place() {
        let pool = Pool::new(1);
        assert!(pool.lease(|| Err::<Instance, _>(PluginFailure::OutOfTime)).is_err());
        assert_eq!(pool.alive(), 0);
    }

    #[test]
    fn an_instance_given_back_keeps_its_place() {
        let pool = Pool::new(1);
        pool.lease(create).ok().unwrap().give_back();
        assert_eq!((pool.alive(), pool.idle()), (1, 1));
        let lease = pool.lease(create).ok().unwrap();
        assert_eq!((pool.alive(), pool.idle()), (1, 0));
        assert!(is_overloaded(&pool));
        drop(lease);
    }
}
