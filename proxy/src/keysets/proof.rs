//! What made a token believed, and for how long that is true.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::key_ring::KeyRing;
use super::keyset::Keyset;
use super::lifetime::Lifetime;

/// A token that is believed.
#[derive(Debug)]
pub struct Verified {
    /// What it says.
    pub payload: Vec<u8>,
    /// Why it is believed.
    pub proof: Proof,
}

/// The keys that a token was checked with, and when it counts. It keeps no key alive.
#[derive(Clone, Debug)]
pub struct Proof {
    keyset: Arc<Keyset>,
    ring: Weak<KeyRing>,
    lifetime: Lifetime,
}

impl Proof {
    pub(super) fn new(keyset: &Arc<Keyset>, ring: &Arc<KeyRing>, lifetime: Lifetime) -> Self {
        Self { keyset: Arc::clone(keyset), ring: Arc::downgrade(ring), lifetime }
    }

    pub(super) fn lasting(self, lifetime: Lifetime) -> Self {
        Self { lifetime, ..self }
    }

    /// Whether the token would be believed at this moment since 1970 as well.
    #[must_use]
    pub fn holds(&self, now: Duration) -> bool {
        self.lifetime.check(now).is_ok() && self.keyset.uses(&self.ring)
    }
}
