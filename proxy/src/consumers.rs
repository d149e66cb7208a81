//! The clients the operator knows by name, found by what they prove to be.

mod checks;
mod credentials;
mod key_digest;
mod password;

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderValue;
use sha2::{Digest, Sha256};

pub use checks::{CheckError, PasswordAnswer, PasswordChecks};
use credentials::HmacKey;
pub use credentials::{Credentials, SigningKey, TokenSubject};
use key_digest::KeyDigest;
pub use password::{PasswordHash, PasswordHashError};

/// A number that belongs to a consumer's name, in every gateway and for ever: plugins pass it around instead of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerId(pub u64);

impl ConsumerId {
    /// Languages whose only number is a double hold integers up to 2^53: a larger one would come back as another client.
    const BITS: u32 = 53;

    fn of(name: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(name).into();
        let (first, _) = hash.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self(u64::from_be_bytes(*first) >> (u64::BITS - Self::BITS))
    }

    /// Two names that share a number would still be two clients.
    fn next(self) -> Self {
        Self((self.0 + 1) % (1 << Self::BITS))
    }
}

/// An identified client.
#[derive(Debug, PartialEq, Eq)]
pub struct Consumer {
    /// What plugins know it by.
    pub id: ConsumerId,
    /// Its name.
    pub name: String,
    /// Tags the operator gave it.
    pub tags: Vec<String>,
    /// Its name as the upstream is told it, made once.
    pub name_field: Option<HeaderValue>,
    /// Its tags as the upstream is told them; none where it has none.
    pub tags_field: Option<HeaderValue>,
}

impl Consumer {
    /// A consumer of this name with these tags.
    #[must_use]
    pub fn new(name: String, tags: Vec<String>) -> Self {
        let name_field = HeaderValue::from_str(&name).ok();
        let tags_field = HeaderValue::from_str(&tags.join(", ")).ok().filter(|field| !field.is_empty());
        Self { id: ConsumerId::of(&name), name, tags, name_field, tags_field }
    }
}

/// All consumers of one snapshot.
#[derive(Debug, Default)]
pub struct Consumers {
    by_name: HashMap<String, Arc<Consumer>>,
    by_id: HashMap<ConsumerId, Arc<Consumer>>,
    by_key_digest: HashMap<KeyDigest, Arc<Consumer>>,
    by_subject: HashMap<TokenSubject, Arc<Consumer>>,
    by_certificate: HashMap<[u8; 32], Arc<Consumer>>,
    by_signing_key: HashMap<String, (HmacKey, Arc<Consumer>)>,
    passwords: HashMap<ConsumerId, Arc<PasswordHash>>,
    /// What a password is compared with where nobody has it.
    decoy: Option<Arc<PasswordHash>>,
}

impl Consumers {
    /// Takes consumers with what proves a client to be one of them.
    pub fn new(entries: impl IntoIterator<Item = (Consumer, Credentials)>) -> Self {
        let mut consumers = Self::default();
        for (mut consumer, credentials) in entries {
            while consumers.by_id.contains_key(&consumer.id) {
                consumer.id = consumer.id.next();
            }
            let consumer = Arc::new(consumer);
            consumers.by_id.insert(consumer.id, Arc::clone(&consumer));
            consumers.by_name.insert(consumer.name.clone(), Arc::clone(&consumer));
            consumers.take(&consumer, credentials);
        }
        consumers
    }

    fn take(&mut self, consumer: &Arc<Consumer>, credentials: Credentials) {
        let Credentials { api_key_hashes, password, subjects, signing_keys, certificates } = credentials;
        let digests = api_key_hashes.into_iter().map(KeyDigest::kept);
        self.by_key_digest.extend(digests.map(|digest| (digest, Arc::clone(consumer))));
        self.by_subject.extend(subjects.into_iter().map(|subject| (subject, Arc::clone(consumer))));
        self.by_certificate.extend(certificates.into_iter().map(|sha256| (sha256, Arc::clone(consumer))));
        for SigningKey { id, secret } in signing_keys {
            self.by_signing_key.insert(id, (HmacKey::new(&secret), Arc::clone(consumer)));
        }
        if let Some(hash) = password.map(Arc::new) {
            self.decoy.get_or_insert_with(|| Arc::clone(&hash));
            self.passwords.insert(consumer.id, hash);
        }
    }

    /// The consumer of this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<Consumer>> {
        self.by_name.get(name)
    }

    /// The consumer of this number.
    #[must_use]
    pub fn by_id(&self, id: ConsumerId) -> Option<&Arc<Consumer>> {
        self.by_id.get(&id)
    }

    /// The consumer that owns this API key.
    ///
    /// The time taken tells nothing about how much of a guess was right: see `consumers/key_digest.rs`.
    #[must_use]
    pub fn by_api_key(&self, key: &[u8]) -> Option<&Arc<Consumer>> {
        self.by_key_digest.get(&KeyDigest::of(key))
    }

    /// The consumer that an issuer of tokens calls by this subject.
    #[must_use]
    pub fn by_subject(&self, subject: &TokenSubject) -> Option<&Arc<Consumer>> {
        self.by_subject.get(subject)
    }

    /// The consumer that shows the certificate of this digest. That it was shown is for the caller to know.
    #[must_use]
    pub fn by_certificate(&self, sha256: &[u8]) -> Option<&Arc<Consumer>> {
        self.by_certificate.get(sha256)
    }

    /// The consumer whose signing key of this id made this HMAC over `message`.
    #[must_use]
    pub fn by_hmac(&self, key_id: &str, message: &[u8], hmac: &[u8]) -> Option<&Arc<Consumer>> {
        let (key, consumer) = self.by_signing_key.get(key_id)?;
        key.made(message, hmac).then_some(consumer)
    }

    /// Whose password is to be checked, and what it has to match; where nobody is, something that takes as long.
    ///
    /// What one consumer's hash costs stands for what all cost: they are mostly made by one command.
    fn password_of(&self, name: &str) -> (Option<ConsumerId>, Arc<PasswordHash>) {
        let known = self.by_name.get(name).and_then(|consumer| Some((consumer.id, self.passwords.get(&consumer.id)?)));
        match known {
            Some((id, hash)) => (Some(id), Arc::clone(hash)),
            None => (None, self.decoy.clone().unwrap_or_else(|| Arc::new(PasswordHash::decoy()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_double_carries_the_number_of_every_name(name in ".*") {
            let id = ConsumerId::of(&name);
            for number in [id.0, id.next().0] {
                #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "the claim")]
                let carried = number as f64 as u64;
                prop_assert_eq!(carried, number);
            }
        }
    }

    #[test]
    fn two_names_of_one_number_stay_two_clients() {
        let twin =
            || Consumer { id: ConsumerId((1 << ConsumerId::BITS) - 1), ..Consumer::new("twin".into(), Vec::new()) };
        let other = Consumer { name: "other".into(), ..twin() };
        let consumers = Consumers::new([(twin(), Credentials::default()), (other, Credentials::default())]);
        assert_eq!(consumers.by_name("other").map(|other| other.id), Some(ConsumerId(0)));
        assert_eq!(consumers.by_id(ConsumerId(0)).map(|found| found.name.as_str()), Some("other"));
    }
}
