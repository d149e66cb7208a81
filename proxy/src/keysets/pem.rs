//! A public key in PEM (RFC 7468 section 13) becomes a key.

use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::key::{Curve, KeyError, Material};

const LABEL: &str = "PUBLIC KEY";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const ED25519: &str = "1.3.101.112";

/// Why a text is no public key.
#[derive(Debug, thiserror::Error)]
pub(super) enum PemError {
    #[error("it is not PEM with a `BEGIN {LABEL}` section")]
    NotPem,
    #[error("it is a {0:?}, not a `{LABEL}`")]
    Label(String),
    #[error("its content is not a public key")]
    Malformed,
    #[error("keys of the kind {0} are not known")]
    Kind(String),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The public key in this text.
pub(super) fn read(text: &[u8]) -> Result<Material, PemError> {
    let (_, pem) = parse_x509_pem(text).map_err(|_| PemError::NotPem)?;
    if pem.label != LABEL {
        return Err(PemError::Label(pem.label));
    }
    let (rest, info) = SubjectPublicKeyInfo::from_der(&pem.contents).map_err(|_| PemError::Malformed)?;
    if !rest.is_empty() {
        return Err(PemError::Malformed);
    }
    material(&info)
}

fn material(info: &SubjectPublicKeyInfo<'_>) -> Result<Material, PemError> {
    if let Ok(PublicKey::RSA(key)) = info.parsed() {
        return Ok(Material::rsa(key.modulus, key.exponent)?);
    }
    let kind = info.algorithm.algorithm.to_id_string();
    let key = info.subject_public_key.data.to_vec();
    match kind.as_str() {
        ED25519 => Ok(Material::ed25519(key)?),
        EC => Ok(Material::ec(curve(info)?, key)?),
        _ => Err(PemError::Kind(kind)),
    }
}

fn curve(info: &SubjectPublicKeyInfo<'_>) -> Result<Curve, PemError> {
    let parameters = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let name = parameters.map(|oid| oid.to_id_string()).unwrap_or_default();
    match name.as_str() {
        P256 => Ok(Curve::P256),
        P384 => Ok(Curve::P384),
        _ => Err(PemError::Kind(name)),
    }
}
