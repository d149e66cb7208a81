//! Keys that sign, and tokens made with them.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use ring::{hmac, rsa};
use serde_json::{Value, json};

pub(super) const SECRET: &[u8] = b"a secret of sixty-four bytes, which is enough for all three.....";
pub(super) const PAYLOAD: &[u8] = br#"{"sub":"alice"}"#;
pub(super) const RSA_PRIVATE: &str = include_str!("../../../../tests/keys/rsa.pem");
pub(super) const RSA_PUBLIC: &str = include_str!("../../../../tests/keys/rsa.pub.pem");

pub(super) struct Keys {
    pub(super) rsa: RsaKeyPair,
    pub(super) p256: EcdsaKeyPair,
    pub(super) p384: EcdsaKeyPair,
    pub(super) ed25519: Ed25519KeyPair,
}

/// One of each kind, for all tests.
pub(super) fn keys() -> &'static Keys {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
        rsa: RsaKeyPair::from_pkcs8(&der(RSA_PRIVATE)).unwrap(),
        p256: ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
        p384: ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
        ed25519: ed25519(),
    });
    &KEYS
}

fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    STANDARD.decode(lines.take_while(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

pub(super) fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap()
}

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref()).unwrap()
}

pub(super) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The public keys as a JWK set; the secret is in a set of its own.
pub(super) fn jwks() -> Value {
    json!({ "keys": [rsa_jwk(), ec_jwk("ec", &keys().p256), ec_jwk("ec384", &keys().p384), ed_jwk()] })
}

pub(super) fn rsa_jwk() -> Value {
    let public: rsa::PublicKeyComponents<Vec<u8>> = keys().rsa.public().into();
    json!({ "kty": "RSA", "kid": "rsa", "use": "sig", "n": base64(public.n), "e": base64(public.e) })
}

pub(super) fn ec_jwk(kid: &str, key: &EcdsaKeyPair) -> Value {
    let point = &key.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let curve = if x.len() == 32 { "P-256" } else { "P-384" };
    json!({ "kty": "EC", "kid": kid, "crv": curve, "x": base64(x), "y": base64(y) })
}

pub(super) fn ed_jwk() -> Value {
    json!({ "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": base64(keys().ed25519.public_key()) })
}

pub(super) fn oct_jwk() -> Value {
    json!({ "kty": "oct", "kid": "secret", "k": base64(SECRET) })
}

/// The signature of `algorithm` with the key of its kind.
pub(super) fn sign(algorithm: &str, signed: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let rsa = |encoding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; keys().rsa.public().modulus_len()];
        keys().rsa.sign(encoding, &random, signed, &mut signature).unwrap();
        signature
    };
    let secret = |kind| hmac::sign(&hmac::Key::new(kind, SECRET), signed).as_ref().to_vec();
    match algorithm {
        "RS256" => rsa(&RSA_PKCS1_SHA256),
        "RS384" => rsa(&RSA_PKCS1_SHA384),
        "RS512" => rsa(&RSA_PKCS1_SHA512),
        "PS256" => rsa(&RSA_PSS_SHA256),
        "PS384" => rsa(&RSA_PSS_SHA384),
        "PS512" => rsa(&RSA_PSS_SHA512),
        "ES256" => keys().p256.sign(&random, signed).unwrap().as_ref().to_vec(),
        "ES384" => keys().p384.sign(&random, signed).unwrap().as_ref().to_vec(),
        "EdDSA" => keys().ed25519.sign(signed).as_ref().to_vec(),
        "HS256" => secret(hmac::HMAC_SHA256),
        "HS384" => secret(hmac::HMAC_SHA384),
        "HS512" => secret(hmac::HMAC_SHA512),
        other => panic!("{other}"),
    }
}

/// A token with this header, signed as told.
pub(super) fn token(header: impl AsRef<[u8]>, payload: &[u8], sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", base64(header), base64(payload));
    let signature = base64(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A token as an issuer makes it.
pub(super) fn good(algorithm: &str, kid: &str) -> String {
    let header = json!({ "alg": algorithm, "kid": kid, "typ": "JWT" }).to_string();
    token(header, PAYLOAD, |signed| sign(algorithm, signed))
}
