//! Checks of passwords: so many at once, beside the threads that serve, and not again for each request.

mod proven;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::{ConsumerId, Consumers, PasswordHash};
use proven::Proven;

/// Checks that may wait for one that runs: about two seconds of work.
const QUEUE: usize = 64;
/// Of the machine's cores, one in so many may be busy with checks.
const CORES_FOR_ONE: usize = 4;

/// Why nobody was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Nobody of this name has this password.
    #[error("nobody of this name has this password")]
    Wrong,
    /// Too many passwords wait to be checked.
    #[error("too many passwords wait to be checked")]
    Overloaded,
}

/// Who it is, once that is known. It owns what it needs: the call that waits for it may be dropped.
pub type PasswordAnswer = Pin<Box<dyn Future<Output = Result<ConsumerId, CheckError>> + Send>>;

/// Checks passwords, and remembers those that were right.
#[derive(Debug)]
pub struct PasswordChecks {
    bench: Bench,
    proven: Arc<Proven>,
}

/// Where hashes are computed.
#[derive(Clone, Debug)]
enum Bench {
    /// While whoever asks waits, where nobody else is served meanwhile.
    InPlace,
    Threads {
        runtime: Handle,
        /// One for each check that waits or runs.
        places: Arc<Semaphore>,
        /// One for each that runs.
        running: Arc<Semaphore>,
    },
}

impl PasswordChecks {
    /// Computes on the blocking threads of a runtime, of which it takes few.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self::with(runtime, cores.div_ceil(CORES_FOR_ONE), QUEUE)
    }

    fn with(runtime: Handle, running: usize, queue: usize) -> Self {
        let places = Arc::new(Semaphore::new(running + queue));
        let running = Arc::new(Semaphore::new(running));
        Self { bench: Bench::Threads { runtime, places, running }, proven: Arc::default() }
    }

    /// Computes where it is asked: for tools and tests.
    #[must_use]
    pub fn in_place() -> Self {
        Self { bench: Bench::InPlace, proven: Arc::default() }
    }

    /// Finds out whose password this is.
    ///
    /// A password that was right a short while ago is known at once; every other answer takes the time of a hash, also
    /// where there is nobody of this name.
    #[must_use]
    pub fn check(&self, consumers: &Consumers, name: &str, password: Vec<u8>) -> PasswordAnswer {
        let (consumer, hash) = consumers.password_of(name);
        let proof = self.proven.proof(&hash, &password);
        if let Some(consumer) = consumer
            && self.proven.has(&proof, Instant::now())
        {
            return Box::pin(std::future::ready(Ok(consumer)));
        }
        let (bench, proven) = (self.bench.clone(), Arc::clone(&self.proven));
        Box::pin(async move {
            let is_right = bench.matches(hash, password).await?;
            let consumer = consumer.filter(|_| is_right).ok_or(CheckError::Wrong)?;
            proven.remember(proof, Instant::now());
            Ok(consumer)
        })
    }
}

impl Bench {
    async fn matches(self, hash: Arc<PasswordHash>, password: Vec<u8>) -> Result<bool, CheckError> {
        let Self::Threads { runtime, places, running } = self else {
            // On a thread of its own all the same: a guest that waits does not pay for it out of its CPU budget.
            let computed = std::thread::spawn(move || hash.matches(&password)).join();
            return computed.map_err(|_| CheckError::Overloaded);
        };
        let place = places.try_acquire_owned().map_err(|_| CheckError::Overloaded)?;
        let turn = running.acquire_owned().await.map_err(|_| CheckError::Overloaded)?;
        let compute = move || {
            // Held until it is done, whether or not anybody still waits for it.
            let _held = (place, turn);
            hash.matches(&password)
        };
        runtime.spawn_blocking(compute).await.map_err(|_| CheckError::Overloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumers::{Consumer, Credentials};

    /// Alice has a password, and bob has none.
    fn consumers(password: &[u8]) -> Consumers {
        let password = Some(PasswordHash::parse(&bcrypt::hash(password, 4).unwrap()).unwrap());
        let with_password = Credentials { password, ..Credentials::default() };
        let consumer = |name: &str| Consumer::new(name.into(), Vec::new());
        Consumers::new([(consumer("alice"), with_password), (consumer("bob"), Credentials::default())])
    }

    #[tokio::test]
    async fn a_name_with_its_password_is_a_consumer_and_nothing_else_is() {
        let (checks, consumers) = (PasswordChecks::new(Handle::current()), consumers(b"pass"));
        let alice = consumers.by_name("alice").unwrap().id;
        for _ in 0..2 {
            assert_eq!(checks.check(&consumers, "alice", b"pass".to_vec()).await, Ok(alice));
        }
        for (name, password) in [("alice", "Pass"), ("alice", ""), ("bob", ""), ("bob", "pass"), ("eve", "pass")] {
            let answer = checks.check(&consumers, name, password.into()).await;
            assert_eq!(answer, Err(CheckError::Wrong), "{name}");
        }
    }

    #[tokio::test]
    async fn a_password_that_was_changed_is_not_remembered() {
        let checks = PasswordChecks::in_place();
        let before = consumers(b"old");
        assert!(checks.check(&before, "alice", b"old".to_vec()).await.is_ok());
        let after = consumers(b"new");
        assert_eq!(checks.check(&after, "alice", b"old".to_vec()).await, Err(CheckError::Wrong));
        assert!(checks.check(&after, "alice", b"new".to_vec()).await.is_ok());
    }

    #[tokio::test]
    async fn beyond_the_queue_nobody_waits_but_who_is_known() {
        let consumers = consumers(b"pass");
        let checks = PasswordChecks::with(Handle::current(), 1, 1);
        assert!(checks.check(&consumers, "alice", b"pass".to_vec()).await.is_ok());
        let Bench::Threads { places, .. } = &checks.bench else { panic!("in place") };
        let _all = places.acquire_many(2).await.unwrap();
        assert_eq!(checks.check(&consumers, "alice", b"wrong".to_vec()).await, Err(CheckError::Overloaded));
        assert!(checks.check(&consumers, "alice", b"pass".to_vec()).await.is_ok());
    }
}
