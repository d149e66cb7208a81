//! Credentials: no message here may repeat what was written.

use sha2::{Digest, Sha256};
use toml::de::DeValue;

use super::{Wrong, string};
use crate::config::model::SharedSecret;
use crate::consumers::{PasswordHash, PasswordHashError, SigningKey};

/// An API key as its SHA-256: plain keys are hashed at once and dropped, `sha256:<hex>` is taken as it is.
pub(in crate::config) fn api_key(value: &DeValue<'_>) -> Result<[u8; 32], Wrong> {
    let written = concealed(value)?;
    if let Some(hash) = written.strip_prefix("sha256:") {
        return digest(hash);
    }
    visible(written, "an API key")?;
    Ok(Sha256::digest(written).into())
}

/// A certificate as its SHA-256, which is no secret: `sha256:<hex>`.
pub(in crate::config) fn certificate(value: &DeValue<'_>) -> Result<[u8; 32], Wrong> {
    match string(value)?.strip_prefix("sha256:") {
        Some(hash) => digest(hash),
        None => Err(Wrong::new("a certificate is known by its SHA-256, as \"sha256:<64 hex digits>\"")
            .hint("`tidegate consumer certificate NAME FILE` writes it")),
    }
}

/// A SHA-256 in hex, lower case whatever was written.
pub(in crate::config) fn sha256(value: &DeValue<'_>) -> Result<String, Wrong> {
    digest(string(value)?).map(hex::encode)
}

/// A bearer token.
pub(in crate::config) fn token(value: &DeValue<'_>) -> Result<String, Wrong> {
    token_text(concealed(value)?)
}

/// The same, where it stood in a file.
pub(in crate::config) fn token_text(written: &str) -> Result<String, Wrong> {
    visible(written, "a token")?;
    Ok(written.to_owned())
}

/// A secret that signs tokens, as it stands.
pub(in crate::config) fn shared(value: &DeValue<'_>) -> Result<SharedSecret, Wrong> {
    match concealed(value)? {
        "" => Err(Wrong::new("a secret must not be empty")),
        written => Ok(SharedSecret::new(written.as_bytes())),
    }
}

/// What a password is kept as; never the password.
pub(in crate::config) fn password_hash(value: &DeValue<'_>) -> Result<PasswordHash, Wrong> {
    PasswordHash::parse(concealed(value)?).map_err(|error| {
        let wrong = Wrong::new(error.to_string());
        match error {
            PasswordHashError::Costly { .. } => wrong.hint("each check would keep a core busy for as long"),
            _ => {
                wrong.hint("argon2id (`$argon2id$...`, as `tidegate consumer password` makes it) or bcrypt (`$2b$...`)")
            }
        }
    })
}

/// A secret that signs requests.
pub(in crate::config) fn signing(value: &DeValue<'_>) -> Result<Vec<u8>, Wrong> {
    let secret = concealed(value)?.as_bytes();
    if secret.len() < SigningKey::LEAST_BYTES {
        let message = format!("a secret of {} bytes is too short, it wants {}", secret.len(), SigningKey::LEAST_BYTES);
        return Err(Wrong::new(message).hint("as `openssl rand -hex 32` prints them"));
    }
    Ok(secret.to_owned())
}

fn concealed<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Wrong> {
    value.as_str().ok_or_else(|| Wrong::new("expected a string").hint("write it in quotes"))
}

fn digest(written: &str) -> Result<[u8; 32], Wrong> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(written, &mut bytes).map_err(|_| {
        let hint = "64 hexadecimal digits, as `sha256sum` prints them";
        Wrong::new(format!("not a SHA-256: {} characters", written.chars().count())).hint(hint)
    })?;
    Ok(bytes)
}

/// What is not visible ASCII never arrives unchanged in a header, so it could never be presented.
fn visible(written: &str, what: &str) -> Result<(), Wrong> {
    if written.is_empty() {
        return Err(Wrong::new(format!("{what} must not be empty")));
    }
    if written.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Wrong::new(format!("{what} may only hold visible ASCII characters"))
        .hint("as `openssl rand -hex 32` prints them"))
}
