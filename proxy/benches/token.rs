//! What it costs to check the signature of one token: taken apart, key chosen, signature calculated, payload decoded.

use std::error::Error;
use std::fmt::Display;
use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use criterion::{BenchmarkId, Criterion};
use ring::error::Unspecified;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use tidegate::config::model::{Keyset as Spec, KeysetSource, TokenAlgorithm};
use tidegate::keysets::Keyset;

const RSA: &str = include_str!("../../tests/keys/rsa.pem");
const SECRET: &[u8] = b"a secret that is long enough, it has 64 bytes as HS512 wants it.";

/// As an issuer makes it: what identifies the user, and a handful of scopes.
const PAYLOAD: &str = r#"{"iss":"https://accounts.example/","sub":"248289761001","aud":"shop","exp":1893456000,"iat":1893452400,"scope":"openid profile email orders:read orders:write","jti":"0b1f7d6c-5a4e-3928-9e9b-4d6f8a7c2b10"}"#;

type Sign = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, Unspecified>>;

/// A public key, and what signs with its other half.
struct Signer {
    algorithm: TokenAlgorithm,
    jwk: Value,
    sign: Sign,
}

/// The library's errors are plain values: it is built without what would make them more.
fn said<T>(result: Result<T, impl Display>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa() -> Result<Signer, Box<dyn Error>> {
    let lines = RSA.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let der = STANDARD.decode(lines.take_while(|line| !line.starts_with('-')).collect::<String>())?;
    let key = said(RsaKeyPair::from_pkcs8(&der))?;
    let public: PublicKeyComponents<Vec<u8>> = key.public().into();
    let sign = move |signed: &[u8]| {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature)?;
        Ok(signature)
    };
    let jwk = json!({ "kty": "RSA", "kid": "key", "n": encoded(public.n), "e": encoded(public.e) });
    Ok(Signer { algorithm: TokenAlgorithm::Rs256, jwk, sign: Box::new(sign) })
}

fn ecdsa() -> Result<Signer, Box<dyn Error>> {
    let random = SystemRandom::new();
    let made = said(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random))?;
    let key = said(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random))?;
    let (x, y) = key.public_key().as_ref().get(1..).ok_or("a point")?.split_at(32);
    let jwk = json!({ "kty": "EC", "kid": "key", "crv": "P-256", "x": encoded(x), "y": encoded(y) });
    let sign = move |signed: &[u8]| Ok(key.sign(&random, signed)?.as_ref().to_vec());
    Ok(Signer { algorithm: TokenAlgorithm::Es256, jwk, sign: Box::new(sign) })
}

fn ed25519() -> Result<Signer, Box<dyn Error>> {
    let made = said(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()))?;
    let key = said(Ed25519KeyPair::from_pkcs8(made.as_ref()))?;
    let jwk = json!({ "kty": "OKP", "kid": "key", "crv": "Ed25519", "x": encoded(key.public_key()) });
    let sign = move |signed: &[u8]| Ok(key.sign(signed).as_ref().to_vec());
    Ok(Signer { algorithm: TokenAlgorithm::EdDsa, jwk, sign: Box::new(sign) })
}

fn secret() -> Signer {
    let jwk = json!({ "kty": "oct", "kid": "key", "k": encoded(SECRET) });
    let sign = |signed: &[u8]| Ok(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed).as_ref().to_vec());
    Signer { algorithm: TokenAlgorithm::Hs256, jwk, sign: Box::new(sign) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::tempdir()?;
    let mut group = criterion.benchmark_group("token");
    for Signer { algorithm, jwk, sign } in [rsa()?, ecdsa()?, ed25519()?, secret()] {
        let name = algorithm.name();
        let file = folder.path().join(name);
        std::fs::write(&file, json!({ "keys": [jwk] }).to_string())?;
        let algorithms = [algorithm].into_iter().collect();
        let spec = Spec { name: name.to_owned(), algorithms, source: KeysetSource::File(file) };
        let keyset = Keyset::load(&spec, None).map_err(|problems| format!("{problems:?}"))?;
        let header = encoded(json!({ "alg": name, "kid": "key", "typ": "JWT" }).to_string());
        let signed = format!("{header}.{}", encoded(PAYLOAD));
        let token = format!("{signed}.{}", encoded(said(sign(signed.as_bytes()))?));
        keyset.verify(token.as_bytes())?;
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| keyset.verify(black_box(token.as_bytes())));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
