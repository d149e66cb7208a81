//! One key, made ready, and what it says of a signature.

use ring::{agreement, hmac, rand, signature};

use crate::config::model::{Algorithms, TokenAlgorithm};

/// Moduli that are checked, in bits: shorter ones can be factored, longer ones cost too much per token.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Exponents are at most 33 bits (FIPS 186-5 allows more, and no one uses it).
const RSA_EXPONENT_BYTES: usize = 5;
const ED25519_BYTES: usize = 32;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("an RSA modulus of {0} bits is not between 2048 and 8192")]
    RsaBits(usize),
    #[error("its RSA exponent is out of range")]
    RsaExponent,
    #[error("its point is not on the curve {0}")]
    NotOnCurve(&'static str),
    #[error("an Ed25519 key has 32 bytes, this one {0}")]
    Ed25519(usize),
    #[error("a secret of {bytes} bytes is too short for {algorithm}, which wants {least}")]
    ShortSecret { bytes: usize, least: usize, algorithm: &'static str },
    #[error("none of the allowed algorithms is of its kind")]
    NoAlgorithm,
}

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// Bytes of one coordinate.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    fn agreement(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &agreement::ECDH_P256,
            Self::P384 => &agreement::ECDH_P384,
        }
    }
}

/// A key of any kind.
#[derive(Debug)]
pub(super) enum Material {
    Rsa(signature::RsaPublicKeyComponents<Vec<u8>>),
    Ec { curve: Curve, point: Vec<u8> },
    Ed25519(Vec<u8>),
    Secret(Vec<(TokenAlgorithm, hmac::Key)>),
}

impl Material {
    /// Modulus and exponent, big-endian.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (without_leading_zeros(modulus), without_leading_zeros(exponent));
        let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err(KeyError::RsaBits(bits));
        }
        let is_odd = e.last().is_some_and(|last| last % 2 == 1);
        if !is_odd || e == [1] || e.len() > RSA_EXPONENT_BYTES {
            return Err(KeyError::RsaExponent);
        }
        Ok(Self::Rsa(signature::RsaPublicKeyComponents { n: n.to_vec(), e: e.to_vec() }))
    }

    /// An uncompressed point (SEC 1 section 2.3.3).
    pub(super) fn ec(curve: Curve, point: Vec<u8>) -> Result<Self, KeyError> {
        let off = KeyError::NotOnCurve(curve.name());
        // An agreement with it is the one operation that says whether a point is on its curve.
        let probe = agreement::EphemeralPrivateKey::generate(curve.agreement(), &rand::SystemRandom::new());
        let probe = probe.map_err(|_| off.clone())?;
        let public = agreement::UnparsedPublicKey::new(curve.agreement(), &point);
        agreement::agree_ephemeral(probe, &public, |_| ()).map_err(|_| off)?;
        Ok(Self::Ec { curve, point })
    }

    pub(super) fn ed25519(key: Vec<u8>) -> Result<Self, KeyError> {
        if key.len() == ED25519_BYTES { Ok(Self::Ed25519(key)) } else { Err(KeyError::Ed25519(key.len())) }
    }

    /// A secret for these algorithms: at least as long as what each of them hashes to (RFC 7518 section 3.2).
    pub(super) fn secret(secret: &[u8], algorithms: Algorithms) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        let mut short = KeyError::NoAlgorithm;
        for algorithm in algorithms.iter() {
            let Some(kind) = hmac_kind(algorithm) else { continue };
            let least = kind.digest_algorithm().output_len();
            if secret.len() < least {
                short = KeyError::ShortSecret { bytes: secret.len(), least, algorithm: algorithm.name() };
            } else {
                keys.push((algorithm, hmac::Key::new(kind, secret)));
            }
        }
        if keys.is_empty() { Err(short) } else { Ok(Self::Secret(keys)) }
    }

    /// What a key of this kind may be used with.
    pub(super) fn algorithms(&self) -> Algorithms {
        use TokenAlgorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Self::Rsa(_) => [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512].into_iter().collect(),
            Self::Ec { curve: Curve::P256, .. } => [Es256].into_iter().collect(),
            Self::Ec { curve: Curve::P384, .. } => [Es384].into_iter().collect(),
            Self::Ed25519(_) => [EdDsa].into_iter().collect(),
            Self::Secret(keys) => keys.iter().map(|(algorithm, _)| *algorithm).collect(),
        }
    }

    /// Whether the signature is right; never where the algorithm is not of the key's kind.
    fn verifies(&self, algorithm: TokenAlgorithm, signed: &[u8], signature: &[u8]) -> bool {
        let checked = match self {
            Self::Rsa(key) => rsa_kind(algorithm).map(|kind| key.verify(kind, signed, signature).is_ok()),
            Self::Ec { curve, point } => ec_kind(*curve, algorithm)
                .map(|kind| signature::UnparsedPublicKey::new(kind, point).verify(signed, signature).is_ok()),
            Self::Ed25519(key) => (algorithm == TokenAlgorithm::EdDsa)
                .then(|| signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, signature).is_ok()),
            Self::Secret(keys) => keys
                .iter()
                .find(|(of, _)| *of == algorithm)
                .map(|(_, key)| hmac::verify(key, signed, signature).is_ok()),
        };
        checked.unwrap_or(false)
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn rsa_kind(algorithm: TokenAlgorithm) -> Option<&'static signature::RsaParameters> {
    match algorithm {
        TokenAlgorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        TokenAlgorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        TokenAlgorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        TokenAlgorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        TokenAlgorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        TokenAlgorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn ec_kind(curve: Curve, algorithm: TokenAlgorithm) -> Option<&'static signature::EcdsaVerificationAlgorithm> {
    match (curve, algorithm) {
        (Curve::P256, TokenAlgorithm::Es256) => Some(&signature::ECDSA_P256_SHA256_FIXED),
        (Curve::P384, TokenAlgorithm::Es384) => Some(&signature::ECDSA_P384_SHA384_FIXED),
        _ => None,
    }
}

fn hmac_kind(algorithm: TokenAlgorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        TokenAlgorithm::Hs256 => Some(hmac::HMAC_SHA256),
        TokenAlgorithm::Hs384 => Some(hmac::HMAC_SHA384),
        TokenAlgorithm::Hs512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// A key with its name and with what it may be used for.
#[derive(Debug)]
pub(super) struct VerificationKey {
    pub(super) kid: Option<String>,
    pub(super) algorithms: Algorithms,
    material: Material,
}

impl VerificationKey {
    /// A key for those of `allowed` that are of its kind.
    pub(super) fn new(kid: Option<String>, allowed: Algorithms, material: Material) -> Result<Self, KeyError> {
        let algorithms = material.algorithms().and(allowed);
        if algorithms.is_empty() { Err(KeyError::NoAlgorithm) } else { Ok(Self { kid, algorithms, material }) }
    }

    /// Whether a token with this algorithm and key name may be meant for it; one without a name fits every token.
    pub(super) fn fits(&self, algorithm: TokenAlgorithm, kid: Option<&str>) -> bool {
        let same_name = match (&self.kid, kid) {
            (Some(own), Some(wanted)) => own == wanted,
            _ => true,
        };
        same_name && self.algorithms.has(algorithm)
    }

    pub(super) fn verifies(&self, algorithm: TokenAlgorithm, signed: &[u8], signature: &[u8]) -> bool {
        self.algorithms.has(algorithm) && self.material.verifies(algorithm, signed, signature)
    }
}
