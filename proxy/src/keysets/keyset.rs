//! A key set that requests use while it is kept fresh.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::TokenError;
use super::fetch::{Fetch, FetchError};
use super::key_ring::KeyRing;
use super::token::Token;
use crate::config::model::{self, RemoteKeyset};

/// Keys, and where they come from. Its name, algorithms and source never change; the keys of a fetched one do.
pub struct Keyset {
    pub(super) spec: model::Keyset,
    /// None until the first fetch came to something.
    ring: ArcSwapOption<KeyRing>,
    pub(super) remote: Option<Remote>,
}

/// What only fetched keys have.
pub(super) struct Remote {
    pub(super) spec: RemoteKeyset,
    pub(super) fetch: Box<dyn Fetch>,
    /// Tells its `ca` from one of other content.
    pub(super) trust: Option<[u8; 32]>,
    /// A token named a key that is not there.
    pub(super) unknown_kid: Notify,
    pub(super) standing: Mutex<Standing>,
}

/// How fetching goes.
#[derive(Debug, Default)]
pub(super) struct Standing {
    fetched: Option<(Instant, SystemTime)>,
    failure: Option<Failure>,
}

/// What kept the last fetch from bringing keys.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When it was met first.
    pub since: SystemTime,
    /// In words.
    pub why: String,
}

/// What is known of a key set, for operators.
#[derive(Clone, Debug)]
pub struct KeysetFacts {
    /// The keys in use; none where there are none yet.
    pub ring: Option<Arc<KeyRing>>,
    /// When they were last fetched; none where they are not fetched, or not yet.
    pub fetched_at: Option<SystemTime>,
    /// How long ago that was.
    pub age: Option<Duration>,
    /// Why they are not newer; none where the last fetch went well.
    pub failure: Option<Failure>,
}

impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyset").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

impl Keyset {
    /// One whose keys are there.
    pub(super) fn local(spec: model::Keyset, ring: KeyRing) -> Self {
        Self { spec, ring: ArcSwapOption::from_pointee(ring), remote: None }
    }

    /// One whose keys are to be fetched.
    pub(super) fn fetched(
        spec: model::Keyset,
        remote: RemoteKeyset,
        fetch: Box<dyn Fetch>,
        trust: Option<[u8; 32]>,
    ) -> Self {
        let remote = Remote { spec: remote, fetch, trust, unknown_kid: Notify::new(), standing: Mutex::default() };
        Self { spec, ring: ArcSwapOption::empty(), remote: Some(remote) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// How the operator described it.
    #[must_use]
    pub fn spec(&self) -> &model::Keyset {
        &self.spec
    }

    /// Checks the signature of a token, and returns its payload.
    ///
    /// # Errors
    /// The token is not to be believed, or there are no keys yet.
    pub fn verify(&self, token: &[u8]) -> Result<Vec<u8>, TokenError> {
        self.check(token).map(|(payload, _)| payload)
    }

    /// The same; also which keys it was checked with.
    pub(super) fn check(&self, token: &[u8]) -> Result<(Vec<u8>, Arc<KeyRing>), TokenError> {
        let token = Token::parse(token)?;
        if !token.algorithm.is_some_and(|algorithm| self.spec.algorithms.has(algorithm)) {
            return Err(TokenError::Algorithm);
        }
        let ring = self.ring().ok_or(TokenError::Unavailable)?;
        match ring.check(&token) {
            Ok(()) => Ok((token.into_payload(), ring)),
            Err(refused) => {
                if let (Some(remote), Some(kid)) = (&self.remote, &token.kid)
                    && !ring.knows(kid)
                {
                    remote.unknown_kid.notify_one();
                }
                Err(refused)
            }
        }
    }

    /// What is known of it now.
    #[must_use]
    pub fn facts(&self) -> KeysetFacts {
        let ring = self.ring.load_full();
        let Some(remote) = &self.remote else {
            return KeysetFacts { ring, fetched_at: None, age: None, failure: None };
        };
        let standing = remote.standing.lock();
        KeysetFacts {
            ring,
            fetched_at: standing.fetched.map(|(_, at)| at),
            age: standing.fetched.map(|(then, _)| then.elapsed()),
            failure: standing.failure.clone(),
        }
    }

    pub(super) fn ring(&self) -> Option<Arc<KeyRing>> {
        self.ring.load_full()
    }

    /// Whether these are its keys now.
    pub(super) fn uses(&self, ring: &Weak<KeyRing>) -> bool {
        self.ring.load().as_ref().is_some_and(|own| Arc::as_ptr(own) == ring.as_ptr())
    }

    /// Goes on with the keys of another one, fetched from the same place.
    pub(super) fn inherit(&self, before: &Self) {
        let (Some(own), Some(other)) = (&self.remote, &before.remote) else { return };
        self.ring.store(before.ring());
        own.standing.lock().fetched = other.standing.lock().fetched;
    }

    /// Takes what a fetch came to: keys that are there stay where it failed. Each change is logged once.
    pub(super) fn take(&self, outcome: Result<KeyRing, FetchError>) {
        let Some(remote) = &self.remote else { return };
        match outcome {
            Ok(ring) => self.take_keys(remote, ring),
            Err(error) => self.take_failure(remote, error.to_string()),
        }
    }

    fn take_keys(&self, remote: &Remote, ring: KeyRing) {
        let is_new = self.ring().is_none_or(|before| before.fingerprint != ring.fingerprint);
        let (keyset, keys, unusable) = (self.name(), ring.keys().len(), ring.unusable().len());
        let why = ring.unusable().first().map(|key| key.why.clone()).unwrap_or_default();
        if is_new {
            self.ring.store(Some(Arc::new(ring)));
        }
        let mut standing = remote.standing.lock();
        standing.fetched = Some((Instant::now(), SystemTime::now()));
        let had_failed = standing.failure.take().is_some();
        drop(standing);
        if is_new && keys == 0 {
            tracing::warn!(keyset, unusable, why, "the key set was fetched, and none of its keys can be used");
        } else if is_new || had_failed {
            tracing::info!(keyset, keys, unusable, "key set fetched");
        }
    }

    fn take_failure(&self, remote: &Remote, why: String) {
        let mut standing = remote.standing.lock();
        if standing.failure.as_ref().is_some_and(|known| known.why == why) {
            return;
        }
        standing.failure = Some(Failure { since: SystemTime::now(), why: why.clone() });
        drop(standing);
        let keys_kept = self.ring().map_or(0, |ring| ring.keys().len());
        tracing::warn!(keyset = self.name(), why, keys_kept, "key set not fetched");
    }
}
