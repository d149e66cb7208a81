//! What a password is kept as.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params};

/// What a check may cost at most: who writes the configuration should not be able to stop the gateway by a slip.
const MOST_MEMORY_KIB: u32 = 256 << 10;
const MOST_PASSES: u32 = 32;
const MOST_LANES: u32 = 16;
const MOST_BCRYPT_COST: u32 = 16;
/// `$2b$12$`, and behind it 22 letters of salt and 31 of hash.
const BCRYPT_PREFIX: usize = 7;
const BCRYPT_LENGTH: usize = BCRYPT_PREFIX + 22 + 31;
/// bcrypt looks at no more than this of a password.
const MOST_BCRYPT_BYTES: usize = 72;

/// A password hashed slowly and with a salt, so that whoever reads the configuration does not have it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Argon2id,
    Bcrypt,
}

/// Why a text is no hash of a password. The text is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordHashError {
    /// Plain text, or another hash.
    #[error("not the hash of a password")]
    Unknown,
    /// It begins well.
    #[error("not a whole {0} hash")]
    Malformed(&'static str),
    /// Each check would cost more than is good for a gateway.
    #[error("{parameter} of {found} is too costly, at most {most} is")]
    Costly {
        /// Its name.
        parameter: &'static str,
        /// What is written.
        found: u32,
        /// What may be.
        most: u32,
    },
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl PasswordHash {
    /// A PHC string of argon2id, or what bcrypt prints (`$2a$`, `$2b$`, `$2y$`).
    ///
    /// # Errors
    /// It is neither, or a check would cost too much.
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let kind = match text {
            _ if text.starts_with("$argon2id$") => check_argon2(text).map(|()| Kind::Argon2id),
            _ if ["$2a$", "$2b$", "$2y$"].iter().any(|start| text.starts_with(start)) => {
                check_bcrypt(text).map(|()| Kind::Bcrypt)
            }
            _ => Err(PasswordHashError::Unknown),
        };
        Ok(Self { kind: kind?, text: text.to_owned() })
    }

    /// Hashes a password with argon2id, with the cost that OWASP recommends (19 MiB, two passes).
    ///
    /// # Errors
    /// The password is longer than argon2 takes.
    pub fn make(password: &[u8], salt: [u8; 16]) -> Result<Self, password_hash::Error> {
        let salt = SaltString::encode_b64(&salt)?;
        let text = Argon2::default().hash_password(password, &salt)?.to_string();
        Ok(Self { kind: Kind::Argon2id, text })
    }

    /// One that no password is known for, and that costs what [`Self::make`] makes it cost.
    pub(super) fn decoy() -> Self {
        let text = "$argon2id$v=19$m=19456,t=2,p=1$dGlkZWdhdGUtZGVjb3k$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        Self { kind: Kind::Argon2id, text: text.to_owned() }
    }

    /// Whether this is the password; takes as long as it is meant to.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        match self.kind {
            Kind::Argon2id => password_hash::PasswordHash::new(&self.text)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
            Kind::Bcrypt => {
                // Two passwords that only differ behind what bcrypt looks at would be one.
                let is_seen_whole = password.len() <= MOST_BCRYPT_BYTES && !password.contains(&0);
                bcrypt::verify(password, &self.text).is_ok_and(|same| same) && is_seen_whole
            }
        }
    }

    /// As it is written in a configuration.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn check_argon2(text: &str) -> Result<(), PasswordHashError> {
    let malformed = || PasswordHashError::Malformed("argon2id");
    let hash = password_hash::PasswordHash::new(text).map_err(|_| malformed())?;
    let params = Params::try_from(&hash).map_err(|_| malformed())?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(malformed());
    }
    at_most("m", params.m_cost(), MOST_MEMORY_KIB)?;
    at_most("t", params.t_cost(), MOST_PASSES)?;
    at_most("p", params.p_cost(), MOST_LANES)
}

fn check_bcrypt(text: &str) -> Result<(), PasswordHashError> {
    let parts = bcrypt::HashParts::from_str(text).map_err(|_| PasswordHashError::Malformed("bcrypt"))?;
    at_most("the cost", parts.get_cost(), MOST_BCRYPT_COST)?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    let is_whole = text.len() == BCRYPT_LENGTH && text.bytes().skip(BCRYPT_PREFIX).all(is_letter);
    if is_whole { Ok(()) } else { Err(PasswordHashError::Malformed("bcrypt")) }
}

fn at_most(parameter: &'static str, found: u32, most: u32) -> Result<(), PasswordHashError> {
    if found > most { Err(PasswordHashError::Costly { parameter, found, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BCRYPT: &str = "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";

    proptest! {
        #[test]
        fn no_text_breaks_the_reading_of_hashes(text in r"(\$argon2id\$|\$2b\$04\$)?[$=,.a-zA-Z0-9/+]{0,80}") {
            let _ = PasswordHash::parse(&text);
        }
    }

    #[test]
    fn a_password_matches_what_was_made_of_it_and_nothing_else_does() {
        let hash = PasswordHash::make(b"correct horse", [7; 16]).unwrap();
        let read = PasswordHash::parse(hash.as_str()).unwrap();
        assert_eq!(read, hash);
        assert!(read.matches(b"correct horse"));
        for wrong in [&b""[..], b"correct hors", b"correct horse ", b"Correct horse"] {
            assert!(!read.matches(wrong));
        }
    }

    #[test]
    fn a_hash_of_bcrypt_is_taken_as_it_is() {
        let hash = PasswordHash::parse(BCRYPT).unwrap();
        assert!(hash.matches(b"correctbatteryhorsestapler") && !hash.matches(b"correctbatteryhorse"));
    }

    #[test]
    fn what_bcrypt_would_not_look_at_makes_a_password_wrong() {
        let long = [b'a'; MOST_BCRYPT_BYTES];
        let hash = PasswordHash::parse(&bcrypt::hash(long, 4).unwrap()).unwrap();
        assert!(hash.matches(&long));
        assert!(!hash.matches(&[&long[..], b"b"].concat()) && !hash.matches(b"a\0a"));
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        let argon2 = PasswordHash::decoy().text;
        let refused = |text: &str| PasswordHash::parse(text).unwrap_err().to_string();
        assert_eq!(refused("secret"), "not the hash of a password");
        assert_eq!(refused("$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA"), "not the hash of a password");
        assert_eq!(refused("$argon2id$v=19$m=8,t=1,p=1"), "not a whole argon2id hash");
        assert_eq!(refused(&BCRYPT[..40]), "not a whole bcrypt hash");
        assert_eq!(refused(&BCRYPT.replace("$04$", "$31$")), "the cost of 31 is too costly, at most 16 is");
        assert_eq!(refused(&argon2.replace("19456", "4000000")), "m of 4000000 is too costly, at most 262144 is");
    }

    #[test]
    fn the_decoy_is_a_hash_like_any_other() {
        assert!(PasswordHash::parse(PasswordHash::decoy().as_str()).is_ok());
        assert!(!PasswordHash::decoy().matches(b""));
    }
}
