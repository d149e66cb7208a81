//! A JWK set (RFC 7517) becomes keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::key::{Curve, KeyError, Material, VerificationKey};
use super::key_ring::{KeyRing, MOST_TRIES, UnusableKey};
use crate::config::model::{Algorithms, TokenAlgorithm};

/// Issuers have a handful.
const MOST_KEYS: usize = 256;

/// Why a text is no JWK set.
#[derive(Debug, thiserror::Error)]
pub(super) enum JwkSetError {
    #[error("it is not a JWK set: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("it has {0} keys, more than {MOST_KEYS}")]
    TooMany(usize),
}

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<Value>,
}

/// The members that are looked at. A private key among them is no concern of ours, and is not read.
#[derive(Deserialize)]
struct WrittenKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

/// Why a key of a set is left out.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("it is not a JWK: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("its type {0:?} is not known")]
    Type(String),
    #[error("its curve {0:?} is not known")]
    Curve(String),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{0}` is not base64url")]
    Encoding(&'static str),
    #[error("`{member}` has {found} bytes instead of {wanted}")]
    Length { member: &'static str, found: usize, wanted: usize },
    #[error("it is not for signatures")]
    Use,
    #[error("its algorithm {0:?} is not allowed")]
    Algorithm(String),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The keys of a set that can be used with `allowed`; those that cannot are told (RFC 7517 section 5).
pub(super) fn read(text: &[u8], allowed: Algorithms) -> Result<KeyRing, JwkSetError> {
    let written: WrittenSet = serde_json::from_slice(text)?;
    if written.keys.len() > MOST_KEYS {
        return Err(JwkSetError::TooMany(written.keys.len()));
    }
    let fingerprint = fingerprint(&written.keys);
    let (mut keys, mut unusable) = (Vec::new(), Vec::new());
    for (index, key) in written.keys.into_iter().enumerate() {
        let kid = key.get("kid").and_then(Value::as_str).map(str::to_owned);
        match one(key, allowed) {
            Ok(key) => keys.push(key),
            Err(unfit) => unusable.push(UnusableKey { index, kid, why: unfit.to_string() }),
        }
    }
    Ok(KeyRing::new(keys, unusable, fingerprint))
}

/// The same for the same keys, however an issuer's servers arrange them: a set that only looks different makes nobody check a token again.
fn fingerprint(keys: &[Value]) -> [u8; 32] {
    let mut digests: Vec<_> = keys.iter().map(|key| Sha256::digest(key.to_string())).collect();
    // Of more than those the first ones are tried where a token names none.
    if digests.len() <= MOST_TRIES {
        digests.sort_unstable();
    }
    digests.iter().fold(Sha256::new(), |all, digest| all.chain_update(digest)).finalize().into()
}

fn one(written: Value, allowed: Algorithms) -> Result<VerificationKey, Unfit> {
    let key: WrittenKey = serde_json::from_value(written)?;
    let may_verify = key.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"));
    if key.usage.as_ref().is_some_and(|usage| usage != "sig") || !may_verify {
        return Err(Unfit::Use);
    }
    let allowed = match &key.alg {
        Some(name) => only(name, allowed).ok_or_else(|| Unfit::Algorithm(name.clone()))?,
        None => allowed,
    };
    let material = key.material(allowed)?;
    Ok(VerificationKey::new(key.kid, allowed, material)?)
}

/// The one algorithm a key says it is for, where it is allowed.
fn only(name: &str, allowed: Algorithms) -> Option<Algorithms> {
    TokenAlgorithm::named(name).filter(|algorithm| allowed.has(*algorithm)).map(|one| [one].into_iter().collect())
}

impl WrittenKey {
    fn material(&self, allowed: Algorithms) -> Result<Material, Unfit> {
        match self.kty.as_str() {
            "RSA" => Ok(Material::rsa(&member("n", &self.n)?, &member("e", &self.e)?)?),
            "EC" => self.ec(),
            "OKP" => match self.crv.as_deref() {
                Some("Ed25519") => Ok(Material::ed25519(member("x", &self.x)?)?),
                other => Err(Unfit::Curve(other.unwrap_or_default().to_owned())),
            },
            "oct" => Ok(Material::secret(&member("k", &self.k)?, allowed)?),
            other => Err(Unfit::Type(other.to_owned())),
        }
    }

    fn ec(&self) -> Result<Material, Unfit> {
        let curve = match self.crv.as_deref() {
            Some("P-256") => Curve::P256,
            Some("P-384") => Curve::P384,
            other => return Err(Unfit::Curve(other.unwrap_or_default().to_owned())),
        };
        let mut point = vec![4];
        for (name, written) in [("x", &self.x), ("y", &self.y)] {
            let coordinate = member(name, written)?;
            if coordinate.len() != curve.bytes() {
                return Err(Unfit::Length { member: name, found: coordinate.len(), wanted: curve.bytes() });
            }
            point.extend(coordinate);
        }
        Ok(Material::ec(curve, point)?)
    }
}

fn member(name: &'static str, written: &Option<String>) -> Result<Vec<u8>, Unfit> {
    let written = written.as_ref().ok_or(Unfit::Missing(name))?;
    URL_SAFE_NO_PAD.decode(written).map_err(|_| Unfit::Encoding(name))
}
