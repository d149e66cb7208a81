//! What consumers prove who they are with, beside API keys.

use std::collections::HashMap;

use super::{Consumer, TestHost, with};

/// Owners by what is theirs.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    passwords: HashMap<String, Vec<u8>>,
    is_overloaded: bool,
    subjects: HashMap<(String, String), String>,
    certificates: HashMap<Vec<u8>, String>,
    hmacs: HashMap<(String, Vec<u8>, Vec<u8>), String>,
}

impl Credentials {
    pub(super) fn of_subject(&self, issuer: &str, subject: &str) -> Option<String> {
        self.subjects.get(&(issuer.to_owned(), subject.to_owned())).cloned()
    }

    pub(super) fn of_certificate(&self, sha256: &[u8]) -> Option<String> {
        self.certificates.get(sha256).cloned()
    }

    pub(super) fn of_hmac(&self, key_id: &str, message: &[u8], hmac: &[u8]) -> Option<String> {
        self.hmacs.get(&(key_id.to_owned(), message.to_owned(), hmac.to_owned())).cloned()
    }
}

impl TestHost {
    /// Declares the password of a consumer, and the consumer where there is none of this name yet.
    pub fn password(self, consumer: &str, password: &str) -> Self {
        self.owner(consumer, |credentials, owner| {
            credentials.passwords.insert(owner, password.into());
        })
    }

    /// Lets every further check of a password find too many others waiting.
    pub fn passwords_overloaded(self) -> Self {
        with(|state| state.credentials.is_overloaded = true);
        self
    }

    /// Declares what an issuer of tokens calls a consumer, and the consumer where there is none of this name yet.
    pub fn subject(self, consumer: &str, issuer: &str, subject: &str) -> Self {
        self.owner(consumer, |credentials, owner| {
            credentials.subjects.insert((issuer.to_owned(), subject.to_owned()), owner);
        })
    }

    /// Declares the certificate a consumer shows, by its SHA-256, and the consumer where there is none of this name yet.
    pub fn certificate(self, consumer: &str, sha256: [u8; 32]) -> Self {
        self.owner(consumer, |credentials, owner| {
            credentials.certificates.insert(sha256.into(), owner);
        })
    }

    /// Declares what the signing key of a consumer makes of a message, and the consumer where there is none of this name
    /// yet. All other HMACs are wrong.
    pub fn hmac(self, consumer: &str, key_id: &str, message: &str, hmac: &[u8]) -> Self {
        self.owner(consumer, |credentials, owner| {
            credentials.hmacs.insert((key_id.to_owned(), message.into(), hmac.into()), owner);
        })
    }

    fn owner(self, consumer: &str, add: impl FnOnce(&mut Credentials, String)) -> Self {
        with(|state| {
            if !state.consumers.iter().any(|known| known.name == consumer) {
                let (name, tags, keys) = (consumer.to_owned(), Vec::new(), Vec::new());
                state.consumers.push(Consumer { name, tags, keys });
            }
            add(&mut state.credentials, consumer.to_owned());
        });
        self
    }
}

pub(crate) mod passwords {
    use crate::passwords::PasswordError;
    use crate::testing::host::{consumers, with};

    pub(crate) fn verify(name: &str, password: &[u8]) -> Result<u64, PasswordError> {
        let is_right = with(|state| match state.credentials.is_overloaded {
            true => Err(PasswordError::Overloaded),
            false => Ok(state.credentials.passwords.get(name).is_some_and(|known| known == password)),
        })?;
        consumers::find_by_name(name).filter(|_| is_right).ok_or(PasswordError::Wrong)
    }
}
