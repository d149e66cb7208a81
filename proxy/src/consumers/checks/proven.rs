//! Passwords that were right a short while ago.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use rand::Rng;
use sha2::{Digest, Sha256};

use crate::consumers::PasswordHash;

/// How long a password need not be hashed again.
const LIFE: Duration = Duration::from_secs(300);
/// How many there may be.
const MOST: usize = 10_000;

/// What stands for a password that was right for one stored hash: nothing that could be guessed from outside, and another
/// one once the stored hash is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Proof([u8; 32]);

/// Proofs by the time until which they hold.
pub(super) struct Proven {
    /// Drawn once per process, so that a proof is worth nothing elsewhere.
    seed: [u8; 32],
    until: RwLock<HashMap<Proof, Instant>>,
}

impl Default for Proven {
    fn default() -> Self {
        let mut seed = [0; 32];
        rand::rng().fill_bytes(&mut seed);
        Self { seed, until: RwLock::default() }
    }
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proven").field("proofs", &self.until.read().len()).finish_non_exhaustive()
    }
}

impl Proven {
    /// What would stand for this password.
    pub(super) fn proof(&self, hash: &PasswordHash, password: &[u8]) -> Proof {
        let stored = hash.as_str().as_bytes();
        let digest = Sha256::new().chain_update(self.seed).chain_update(stored.len().to_be_bytes());
        Proof(digest.chain_update(stored).chain_update(password).finalize().into())
    }

    pub(super) fn has(&self, proof: &Proof, now: Instant) -> bool {
        self.until.read().get(proof).is_some_and(|until| now < *until)
    }

    pub(super) fn remember(&self, proof: Proof, now: Instant) {
        let mut known = self.until.write();
        if known.len() >= MOST {
            known.retain(|_, until| now < *until);
        }
        if known.len() >= MOST
            && let Some(any) = known.keys().next().copied()
        {
            known.remove(&any);
        }
        known.insert(proof, now + LIFE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_a_while_and_for_one_password_of_one_hash() {
        let (proven, now) = (Proven::default(), Instant::now());
        let (one, other) = (PasswordHash::decoy(), PasswordHash::make(b"x", [1; 16]).unwrap());
        let proof = proven.proof(&one, b"pass");
        proven.remember(proof, now);
        assert!(proven.has(&proof, now + LIFE - Duration::from_nanos(1)) && !proven.has(&proof, now + LIFE));
        assert!(!proven.has(&proven.proof(&one, b"pas"), now) && !proven.has(&proven.proof(&other, b"pass"), now));
        assert!(Proven::default().proof(&one, b"pass") != proof, "another process proves by another seed");
    }

    #[test]
    fn there_are_never_more_than_may_be() {
        let (proven, now, hash) = (Proven::default(), Instant::now(), PasswordHash::decoy());
        for number in 0..MOST + 10 {
            proven.remember(proven.proof(&hash, &number.to_be_bytes()), now);
        }
        assert_eq!(proven.until.read().len(), MOST);
        proven.remember(proven.proof(&hash, b"later"), now + LIFE);
        assert_eq!(proven.until.read().len(), 1);
    }
}
