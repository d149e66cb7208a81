//! Counters that several gateways share in a Redis.
//!
//! Each take is one script there, by the clock that is there, so that gateways decide as one, whatever their own clocks say.
//! While Redis is away, slow or wrong, each gateway decides by its own counters, in which it has counted along all the time:
//! no request fails or waits longer than the timeout, and N gateways admit N times a limit at most.

mod connect;
mod keeper;
mod link;
mod scripts;

use std::sync::Arc;

use redis::{FromRedisValue, Script, ScriptInvocation};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::{Admission, Algorithm, Limit, PolicyCounters, Quota};
pub use keeper::LinkKeeper;
pub use link::{Link, LinkStatus};

/// Bytes of a key's hash: enough that no two keys ever meet.
const KEY_BYTES: usize = 16;

impl std::fmt::Debug for SharedCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedCounters").field("policy", &self.policy).field("link", &self.link).finish_non_exhaustive()
    }
}

/// The counters of one policy, shared with the policies of its name in other gateways.
pub struct SharedCounters {
    link: Arc<Link>,
    policy: String,
    /// What decides while Redis is away.
    local: PolicyCounters,
    /// For takes that wait for an answer.
    places: Semaphore,
}

/// How is counted; one key counts in each way apart.
#[derive(Clone, Copy)]
enum Kind {
    Gcra,
    Window,
    Sliding,
    Number,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Gcra => 'g',
            Self::Window => 'w',
            Self::Sliding => 's',
            Self::Number => 'n',
        }
    }
}

impl From<Algorithm> for Kind {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Gcra { .. } => Self::Gcra,
            Algorithm::Window => Self::Window,
            Algorithm::Sliding => Self::Sliding,
        }
    }
}

impl SharedCounters {
    /// Those of the policy of this name; `local` decides where Redis does not, and once `most` calls wait for an answer.
    #[must_use]
    pub fn new(link: Arc<Link>, policy: &str, local: PolicyCounters, most: usize) -> Self {
        Self { link, policy: policy.to_owned(), local, places: Semaphore::new(most.min(Semaphore::MAX_PERMITS)) }
    }

    /// Whether they are the same counters.
    #[must_use]
    pub fn are_those_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.link, &other.link) && self.policy == other.policy && self.local.are_those_of(&other.local)
    }

    /// The limit of a subject: what is taken from it later need not look at its key again.
    #[must_use]
    pub fn limit(&self, key: &[u8], quota: Quota, algorithm: Algorithm) -> Limit {
        let name = self.name_of(algorithm.into(), key).into_boxed_str();
        Limit { shared_name: Some(name), ..self.local.limit(key, quota, algorithm) }
    }

    /// Takes `cost` units from a limit of these counters.
    ///
    /// What was admitted there is counted here too: when Redis goes, this gateway goes on from what it let through itself.
    pub async fn take(&self, limit: &Limit, cost: u32) -> Admission {
        let Some(name) = limit.shared_name.as_deref().filter(|_| limit.quota.limit > 0) else {
            return self.local.take(limit, cost);
        };
        let mut script = self.script(limit.algorithm.into()).key(name);
        script.arg(limit.quota.limit).arg(limit.quota.window_ms());
        if let Algorithm::Gcra { burst } = limit.algorithm {
            script.arg(burst);
        }
        script.arg(cost);
        match self.ask(&script).await {
            Some(Taken(admission)) => {
                if admission.allowed {
                    self.local.take(limit, cost);
                }
                admission
            }
            None => self.local.take(limit, cost),
        }
    }

    /// Takes `cost` units from a bucket that refills evenly and holds at most `burst` units.
    pub async fn take_gcra(&self, key: &[u8], quota: Quota, burst: u32, cost: u32) -> Admission {
        self.take(&self.limit(key, quota, Algorithm::Gcra { burst }), cost).await
    }

    /// Takes `cost` units from a window that starts over at multiples of its length.
    pub async fn take_window(&self, key: &[u8], quota: Quota, cost: u32) -> Admission {
        self.take(&self.limit(key, quota, Algorithm::Window), cost).await
    }

    /// Takes `cost` units from a window that slides.
    pub async fn take_sliding(&self, key: &[u8], quota: Quota, cost: u32) -> Admission {
        self.take(&self.limit(key, quota, Algorithm::Sliding), cost).await
    }

    /// Adds to a number, which starts over `ttl_ms` after it was last added to; returns the sum.
    pub async fn add(&self, key: &[u8], amount: i64, ttl_ms: u32) -> i64 {
        let mut script = self.script(Kind::Number).key(self.name_of(Kind::Number, key));
        script.arg(amount).arg(ttl_ms.max(1));
        let shared = self.ask(&script).await;
        let local = self.local.add(key, amount, ttl_ms);
        shared.unwrap_or(local)
    }

    async fn ask<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        match self.places.try_acquire() {
            Ok(_place) => self.link.ask(script).await,
            Err(_) => self.link.crowded(),
        }
    }

    fn script(&self, kind: Kind) -> &Script {
        let scripts = self.link.scripts();
        match kind {
            Kind::Gcra => &scripts.gcra,
            Kind::Window => &scripts.window,
            Kind::Sliding => &scripts.sliding,
            Kind::Number => &scripts.number,
        }
    }

    /// What a guest's key is called in Redis: always as long, and with nothing in it that a client sent.
    fn name_of(&self, kind: Kind, key: &[u8]) -> String {
        let hash: [u8; 32] = Sha256::digest(key).into();
        let hash = hash.first_chunk::<KEY_BYTES>().map(hex::encode).unwrap_or_default();
        format!("{}{}:{}:{hash}", self.link.prefix(), self.policy, kind.letter())
    }
}

/// The answer of a script that takes.
struct Taken(Admission);

impl FromRedisValue for Taken {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        let (allowed, numbers): (bool, [i64; 3]) = {
            let (allowed, remaining, reset, retry) = FromRedisValue::from_redis_value(value)?;
            (allowed, [remaining, reset, retry])
        };
        let [remaining, reset_ms, retry_after_ms] =
            numbers.map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX));
        Ok(Self(Admission { allowed, remaining, reset_ms, retry_after_ms }))
    }
}

#[cfg(test)]
mod tests;
