//! From the configuration and from files.

use std::path::Path;
use std::sync::Arc;

use ring::signature::KeyPair;
use serde_json::json;

use super::allowed;
use super::signer::{
    PAYLOAD, RSA_PRIVATE, RSA_PUBLIC, SECRET, base64, ec_jwk, good, jwks, keys, oct_jwk, rsa_jwk, token,
};
use crate::config::model::{self, KeyMaterial, KeysetSource, RemoteKeyset, SharedSecret, StaticKey, TokenAlgorithm};
use crate::keysets::{Keyset, KeysetProblem, jwk};

fn written(names: &[&str], source: KeysetSource) -> model::Keyset {
    model::Keyset { name: "accounts".into(), algorithms: allowed(names), source }
}

fn of_keys(keys: Vec<StaticKey>) -> model::Keyset {
    model::Keyset {
        name: "accounts".into(),
        algorithms: keys.iter().map(|key| key.algorithm).collect(),
        source: KeysetSource::Keys(keys),
    }
}

fn key(algorithm: &str, material: KeyMaterial) -> StaticKey {
    StaticKey { kid: None, algorithm: TokenAlgorithm::named(algorithm).unwrap(), material }
}

fn pem(algorithm: &str, text: &str) -> StaticKey {
    key(algorithm, KeyMaterial::Pem(text.into()))
}

fn refused(spec: &model::Keyset) -> Vec<(String, String)> {
    let problems = Keyset::load(spec, None).unwrap_err();
    problems.into_iter().map(|KeysetProblem { key, message, .. }| (key, message)).collect()
}

/// `BEGIN PUBLIC KEY` around an algorithm's bytes and a key.
fn spki(algorithm: &[u8], key: &[u8]) -> String {
    use base64::Engine;
    let bits = [&[3, u8::try_from(key.len() + 1).unwrap(), 0], key].concat();
    let content = [algorithm, &bits].concat();
    let der = [&[0x30, u8::try_from(content.len()).unwrap()], &content[..]].concat();
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

fn p256_pem() -> String {
    let algorithm = b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    spki(algorithm, keys().p256.public_key().as_ref())
}

fn p384_pem() -> String {
    let algorithm = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
    spki(algorithm, keys().p384.public_key().as_ref())
}

fn ed25519_pem() -> String {
    spki(b"\x30\x05\x06\x03\x2b\x65\x70", keys().ed25519.public_key().as_ref())
}

#[test]
fn public_keys_in_pem_of_each_kind_check_tokens() {
    let all = [("RS256", RSA_PUBLIC.to_owned()), ("PS512", RSA_PUBLIC.to_owned())];
    let curves = [("ES256", p256_pem()), ("ES384", p384_pem()), ("EdDSA", ed25519_pem())];
    for (algorithm, text) in all.into_iter().chain(curves) {
        let keyset = Keyset::load(&of_keys(vec![pem(algorithm, &text)]), None).unwrap();
        assert_eq!(keyset.verify(good(algorithm, "any").as_bytes()).as_deref(), Ok(PAYLOAD), "{algorithm}");
    }
}

#[test]
fn a_key_of_another_kind_than_its_algorithm_is_refused() {
    let problems =
        refused(&of_keys(vec![pem("ES256", RSA_PUBLIC), pem("ES384", &p256_pem()), pem("RS256", &ed25519_pem())]));
    let expected = ["ES256", "ES384", "RS256"]
        .iter()
        .enumerate()
        .map(|(index, name)| (format!("keys[{index}].pem"), format!("the key is not one for {name}")));
    assert_eq!(problems, expected.collect::<Vec<_>>());
}

#[test]
fn what_is_no_public_key_is_refused_and_says_why() {
    let short = include_str!("../../../../tests/keys/rsa-1024.pub.pem");
    let cut = RSA_PUBLIC.replace("MIIB", "MIIC");
    let mut off_curve = keys().p256.public_key().as_ref().to_vec();
    off_curve[64] ^= 1;
    let algorithm = b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    for (text, why) in [
        ("key", "it is not PEM with a `BEGIN PUBLIC KEY` section"),
        (RSA_PRIVATE, "it is a \"PRIVATE KEY\", not a `PUBLIC KEY`"),
        (short, "an RSA modulus of 1024 bits is not between 2048 and 8192"),
        (&cut, "its content is not a public key"),
        (&spki(algorithm, &off_curve), "its point is not on the curve P-256"),
    ] {
        assert_eq!(refused(&of_keys(vec![pem("RS256", text)])), [("keys[0].pem".into(), why.into())]);
    }
}

#[test]
fn a_secret_shorter_than_its_hash_is_refused() {
    let secret = |bytes: &[u8]| KeyMaterial::Secret(SharedSecret::new(bytes));
    for (algorithm, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let long = of_keys(vec![key(algorithm, secret(&SECRET[..least]))]);
        assert!(Keyset::load(&long, None).is_ok());
        let problems = refused(&of_keys(vec![key(algorithm, secret(&SECRET[..least - 1]))]));
        let why = format!("a secret of {} bytes is too short for {algorithm}, which wants {least}", least - 1);
        assert_eq!(problems, [("keys[0].secret".into(), why)]);
    }
}

#[test]
fn a_line_end_behind_a_secret_in_a_file_is_not_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for end in ["", "\n", "\r\n"] {
        std::fs::write(&path, [SECRET, end.as_bytes()].concat()).unwrap();
        let spec = of_keys(vec![key("HS256", KeyMaterial::SecretFile(path.clone()))]);
        assert_eq!(Keyset::load(&spec, None).unwrap().verify(good("HS256", "x").as_bytes()).as_deref(), Ok(PAYLOAD));
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let secret = KeyMaterial::Secret(SharedSecret::new(SECRET));
    let spec = of_keys(vec![key("HS256", secret)]);
    let keyset = Keyset::load(&spec, None).unwrap();
    let shown = format!("{spec:?} {keyset:?} {:?} {}", keyset.facts(), base64(SECRET));
    assert!(!shown.contains("sixty-four") && !shown.contains(&format!("{:?}", &SECRET[..8])), "{shown}");
}

fn file_spec(path: &Path) -> model::Keyset {
    written(&["RS256", "ES256"], KeysetSource::File(path.into()))
}

#[test]
fn a_file_that_says_the_same_is_the_same_key_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, jwks().to_string()).unwrap();
    let first = Keyset::load(&file_spec(&path), None).unwrap();
    assert!(Arc::ptr_eq(&first, &Keyset::load(&file_spec(&path), Some(&first)).unwrap()));
    std::fs::write(&path, json!({ "keys": [rsa_jwk()] }).to_string()).unwrap();
    let second = Keyset::load(&file_spec(&path), Some(&first)).unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!((first.facts().ring.unwrap().keys().len(), second.facts().ring.unwrap().keys().len()), (2, 1));
}

#[test]
fn a_file_without_a_usable_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let shown = path.display();
    assert_eq!(refused(&file_spec(&path))[0].1, format!("cannot read {shown}: there is no such file"));
    for (text, why) in [
        ("[]", "it is not a JWK set: invalid length 0"),
        ("{\"keys\":[]}", "none of its keys can be used: it has none"),
        (&json!({ "keys": [oct_jwk()] }).to_string(), "none of its keys can be used: none of the allowed algorithms"),
    ] {
        std::fs::write(&path, text).unwrap();
        let problem = &refused(&file_spec(&path))[0];
        assert_eq!(problem.0, "file");
        assert!(problem.1.starts_with(&format!("{shown}: {why}")), "{problem:?}");
    }
}

#[test]
fn a_key_of_a_set_that_cannot_be_used_is_left_out_and_told() {
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut key = ec_jwk("ec", &keys().p256);
        change(&mut key);
        let set = json!({ "keys": [key, rsa_jwk()] }).to_string();
        let ring = jwk::read(set.as_bytes(), allowed(&["ES256", "RS256"])).unwrap();
        assert_eq!(ring.keys().len(), 1);
        ring.unusable()[0].why.clone()
    };
    assert_eq!(with(&|key| key["use"] = "enc".into()), "it is not for signatures");
    assert_eq!(with(&|key| key["key_ops"] = json!(["sign"])), "it is not for signatures");
    assert_eq!(with(&|key| key["kty"] = "PQ".into()), "its type \"PQ\" is not known");
    assert_eq!(with(&|key| key["crv"] = "secp256k1".into()), "its curve \"secp256k1\" is not known");
    assert_eq!(with(&|key| key["crv"] = "P-384".into()), "`x` has 32 bytes instead of 48");
    assert_eq!(with(&|key| key["alg"] = "ES512".into()), "its algorithm \"ES512\" is not allowed");
    assert_eq!(with(&|key| key["alg"] = "none".into()), "its algorithm \"none\" is not allowed");
    assert_eq!(with(&|key| key["x"] = key["y"].clone()), "its point is not on the curve P-256");
    assert_eq!(with(&|key| key["y"] = "====".into()), "`y` is not base64url");
    assert_eq!(with(&|key| drop(key.as_object_mut().unwrap().remove("x"))), "`x` is missing");
    assert_eq!(with(&|key| *key = json!(7)), "it is not a JWK: invalid type: integer `7`, expected struct WrittenKey");
}

#[test]
fn a_set_with_more_keys_than_anybody_needs_is_refused() {
    let set = json!({ "keys": vec![json!({}); 257] }).to_string();
    let error = jwk::read(set.as_bytes(), allowed(&["RS256"])).unwrap_err();
    assert_eq!(error.to_string(), "it has 257 keys, more than 256");
}

#[test]
fn a_secret_in_a_set_for_public_keys_checks_nothing() {
    let set = json!({ "keys": [oct_jwk(), rsa_jwk()] }).to_string();
    let ring = jwk::read(set.as_bytes(), allowed(&["RS256"])).unwrap();
    assert_eq!((ring.keys().len(), ring.unusable().len()), (1, 1));
}

fn remote(url: &str, ca: Option<&Path>) -> model::Keyset {
    let remote = RemoteKeyset {
        url: url.parse().unwrap(),
        refresh: std::time::Duration::from_secs(300),
        min_interval: std::time::Duration::from_secs(10),
        timeout: std::time::Duration::from_secs(5),
        max_bytes: 1 << 20,
        ca: ca.map(Into::into),
    };
    written(&["RS256"], KeysetSource::Url(remote))
}

#[test]
fn what_may_vouch_for_a_server_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let spec = remote("https://accounts.example/", Some(&ca));
    assert_eq!(refused(&spec), [("ca".into(), format!("cannot read {}: there is no such file", ca.display()))]);
    std::fs::write(&ca, RSA_PUBLIC).unwrap();
    assert_eq!(refused(&spec), [("ca".into(), "it contains no certificate".into())]);
    let certificate = rcgen::generate_simple_self_signed(["accounts.example".into()]).unwrap().cert.pem();
    std::fs::write(&ca, certificate).unwrap();
    let first = Keyset::load(&spec, None).unwrap();
    assert!(Arc::ptr_eq(&first, &Keyset::load(&spec, Some(&first)).unwrap()));
    assert!(first.facts().ring.is_none());
}

#[test]
fn a_token_is_checked_over_its_bytes_as_they_stand() {
    let keyset = Keyset::load(&of_keys(vec![pem("EdDSA", &ed25519_pem())]), None).unwrap();
    let odd = token(" {\n\"alg\" : \"EdDSA\" } ", b"not json", |signed| keys().ed25519.sign(signed).as_ref().to_vec());
    assert_eq!(keyset.verify(odd.as_bytes()).as_deref(), Ok(&b"not json"[..]));
}
