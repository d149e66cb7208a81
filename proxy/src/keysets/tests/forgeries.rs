use proptest::prelude::*;
use ring::hmac;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use serde_json::json;

use super::keyset;
use super::signer::{PAYLOAD, RSA_PUBLIC, base64, ec_jwk, ecdsa, good, jwks, keys, oct_jwk, rsa_jwk, sign, token};
use crate::keysets::TokenError::{self, Algorithm, Malformed, Signature, UnknownKey};

const PUBLIC: [&str; 4] = ["RS256", "ES256", "ES384", "EdDSA"];
const ALL_PUBLIC: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const SECRETS: [&str; 3] = ["HS256", "HS384", "HS512"];

fn kid_of(algorithm: &str) -> &'static str {
    match algorithm {
        "ES256" => "ec",
        "ES384" => "ec384",
        "EdDSA" => "ed",
        name if name.starts_with('H') => "secret",
        _ => "rsa",
    }
}

/// `RS256` by the key `rsa`, with further members in the header.
fn with_members(members: &str) -> String {
    token(format!(r#"{{"alg":"RS256","kid":"rsa"{members}}}"#), PAYLOAD, |signed| sign("RS256", signed))
}

fn with_header(header: impl AsRef<[u8]>) -> String {
    token(header, PAYLOAD, |signed| sign("RS256", signed))
}

/// A good token, its parts changed.
fn with_parts(change: impl FnOnce(&mut Vec<String>)) -> String {
    let mut parts: Vec<String> = good("RS256", "rsa").split('.').map(str::to_owned).collect();
    change(&mut parts);
    parts.join(".")
}

/// The signature of another algorithm than the header says.
fn claiming(claimed: &str, kid: &str, signed_by: &str) -> String {
    token(json!({ "alg": claimed, "kid": kid }).to_string(), PAYLOAD, |signed| sign(signed_by, signed))
}

fn with_signature(algorithm: &str, signature: Vec<u8>) -> String {
    let header = json!({ "alg": algorithm, "kid": kid_of(algorithm) }).to_string();
    token(header, PAYLOAD, |_| signature.clone())
}

/// HMAC with what is public as the secret.
fn confused(key: &[u8]) -> String {
    let sign = |signed: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed).as_ref().to_vec();
    token(r#"{"alg":"HS256","kid":"rsa"}"#, PAYLOAD, sign)
}

/// The signer's own key in the header, and a signature that fits it.
fn self_signed(member: &str) -> String {
    let own = ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let header = match member {
        "jwk" => json!({ "alg": "ES256", "kid": "ec", "jwk": ec_jwk("ec", &own) }),
        other => json!({ "alg": "ES256", "kid": "ec", other: "https://attacker.example/jwks.json" }),
    };
    let sign = |signed: &[u8]| own.sign(&ring::rand::SystemRandom::new(), signed).unwrap().as_ref().to_vec();
    token(header.to_string(), PAYLOAD, sign)
}

/// An ECDSA signature as ASN.1, as most libraries make it, instead of two numbers.
fn asn1() -> Vec<u8> {
    let raw = sign("ES256", b"anything");
    [&[0x30, 0x44, 0x02, 0x20][..], &raw[..32], &[0x02, 0x20], &raw[32..]].concat()
}

fn forgeries() -> Vec<(&'static str, String, TokenError)> {
    let swapped = |first: &str, second: &str| {
        format!("{}.{}", first.rsplit_once('.').unwrap().0, second.rsplit('.').next().unwrap())
    };
    vec![
        ("alg none, without a signature", format!("{}.{}.", base64(r#"{"alg":"none"}"#), base64(PAYLOAD)), Malformed),
        ("alg none, with a signature", with_header(r#"{"alg":"none","kid":"rsa"}"#), Malformed),
        ("alg None", with_header(r#"{"alg":"None"}"#), Malformed),
        ("alg NONE", with_header(r#"{"alg":"NONE"}"#), Malformed),
        ("alg nOnE", with_header(r#"{"alg":"nOnE"}"#), Malformed),
        ("alg none, escaped", with_header(r#"{"alg":"\u006eone"}"#), Malformed),
        ("alg none behind an escaped name", with_header(r#"{"\u0061lg":"none"}"#), Malformed),
        ("alg none with a blank", with_header(r#"{"alg":"none "}"#), Algorithm),
        ("no alg", with_header(r#"{"kid":"rsa"}"#), Malformed),
        ("alg empty", with_header(r#"{"alg":""}"#), Algorithm),
        ("alg null", with_header(r#"{"alg":null}"#), Malformed),
        ("alg a list", with_header(r#"{"alg":["RS256"]}"#), Malformed),
        ("alg in another case", with_header(r#"{"alg":"rs256","kid":"rsa"}"#), Algorithm),
        ("alg of another library", with_header(r#"{"alg":"SHA256withRSA","kid":"rsa"}"#), Algorithm),
        ("alg known and not allowed", claiming("RS512", "rsa", "RS512"), Algorithm),
        ("PS256 where RS256 is allowed", claiming("PS256", "rsa", "PS256"), Algorithm),
        ("PS256 passed off as RS256", claiming("RS256", "rsa", "PS256"), Signature),
        ("alg twice, good first", with_header(r#"{"alg":"RS256","kid":"rsa","alg":"none"}"#), Malformed),
        ("alg twice, good last", with_header(r#"{"alg":"none","alg":"RS256","kid":"rsa"}"#), Malformed),
        ("alg twice and the same", with_members(r#","alg":"RS256""#), Malformed),
        ("kid twice", with_members(r#","kid":"ec""#), Malformed),
        ("HS256 with the public key's PEM", confused(RSA_PUBLIC.as_bytes()), Algorithm),
        ("HS256 with the public key's PEM, trimmed", confused(RSA_PUBLIC.trim_end().as_bytes()), Algorithm),
        ("HS256 with the JWK", confused(rsa_jwk().to_string().as_bytes()), Algorithm),
        ("HS256 with nothing", confused(b""), Algorithm),
        ("kid unknown", claiming("RS256", "other", "RS256"), UnknownKey),
        ("kid in another case", claiming("RS256", "RSA", "RS256"), UnknownKey),
        ("kid with a blank", claiming("RS256", "rsa ", "RS256"), UnknownKey),
        ("kid with a NUL", claiming("RS256", "rsa\0", "RS256"), UnknownKey),
        ("kid as a path", claiming("RS256", "../../dev/null", "RS256"), UnknownKey),
        ("kid as a query", claiming("RS256", "rsa' OR '1'='1", "RS256"), UnknownKey),
        ("kid empty", claiming("RS256", "", "RS256"), UnknownKey),
        ("kid null", with_header(r#"{"alg":"RS256","kid":null}"#), Malformed),
        ("kid a number", with_header(r#"{"alg":"RS256","kid":0}"#), Malformed),
        ("kid a list", with_header(r#"{"alg":"RS256","kid":["rsa"]}"#), Malformed),
        ("kid of a key of another kind", claiming("RS256", "ec", "RS256"), UnknownKey),
        ("the other curve's key", claiming("ES256", "ec384", "ES384"), UnknownKey),
        ("the other curve's signature", claiming("ES256", "ec", "ES384"), Signature),
        ("an Ed25519 signature as ES256", claiming("ES256", "ec", "EdDSA"), Signature),
        ("its own key in jwk", self_signed("jwk"), Signature),
        ("its own key at jku", self_signed("jku"), Signature),
        ("its own key at x5u", self_signed("x5u"), Signature),
        ("its own key in x5c", self_signed("x5c"), Signature),
        ("crit", with_members(r#","crit":["exp"],"exp":1"#), Malformed),
        ("crit empty", with_members(r#","crit":[]"#), Malformed),
        ("crit null", with_members(r#","crit":null"#), Malformed),
        ("b64 false", with_members(r#","b64":false"#), Malformed),
        ("b64 false and critical", with_members(r#","b64":false,"crit":["b64"]"#), Malformed),
        ("b64 not a boolean", with_members(r#","b64":"false""#), Malformed),
        ("ES256 of (0, 0)", with_signature("ES256", vec![0; 64]), Signature),
        ("ES384 of (0, 0)", with_signature("ES384", vec![0; 96]), Signature),
        ("ES256 of numbers above the order", with_signature("ES256", vec![0xff; 64]), Signature),
        ("ES256 in ASN.1", with_signature("ES256", asn1()), Signature),
        ("ES256 one byte short", with_signature("ES256", vec![1; 63]), Signature),
        ("ES256 one byte long", with_signature("ES256", vec![1; 65]), Signature),
        ("EdDSA of zeros", with_signature("EdDSA", vec![0; 64]), Signature),
        ("RS256 of zeros", with_signature("RS256", vec![0; 256]), Signature),
        ("RS256 of ones", with_signature("RS256", [&[0; 255][..], &[1]].concat()), Signature),
        ("RS256 one byte short", with_signature("RS256", vec![1; 255]), Signature),
        ("RS256 one byte long", with_signature("RS256", vec![1; 257]), Signature),
        ("another payload", with_parts(|parts| parts[1] = base64(br#"{"sub":"root"}"#)), Signature),
        ("another header", with_parts(|parts| parts[0] = base64(r#"{"kid":"rsa","alg":"RS256"}"#)), Signature),
        ("no payload", with_parts(|parts| parts[1].clear()), Signature),
        ("the signature of another token", swapped(&good("RS256", "rsa"), &with_members("")), Signature),
        ("nothing", String::new(), Malformed),
        ("dots", "..".into(), Malformed),
        ("no signature", with_parts(|parts| parts[2].clear()), Malformed),
        ("no header", with_parts(|parts| parts[0].clear()), Malformed),
        ("two parts", with_parts(|parts| drop(parts.pop())), Malformed),
        ("four parts", with_parts(|parts| parts.push("e30".into())), Malformed),
        ("five parts, as an encrypted one", with_parts(|parts| parts.extend(["e30".into(), "e30".into()])), Malformed),
        ("a dot behind it", with_parts(|parts| parts.push(String::new())), Malformed),
        ("the signature cut off by a character", with_parts(|parts| parts[2].truncate(341)), Malformed),
        ("padding behind the header", with_parts(|parts| parts[0].push('=')), Malformed),
        ("padding behind the payload", with_parts(|parts| parts[1].push('=')), Malformed),
        ("padding behind the signature", with_parts(|parts| parts[2].push_str("==")), Malformed),
        ("a blank before it", format!(" {}", good("RS256", "rsa")), Malformed),
        ("a line end behind it", format!("{}\n", good("RS256", "rsa")), Malformed),
        ("a line end in it", with_parts(|parts| parts[1].insert(4, '\n')), Malformed),
        ("a NUL behind it", format!("{}\0", good("RS256", "rsa")), Malformed),
        ("with its scheme", format!("Bearer {}", good("RS256", "rsa")), Malformed),
        ("in the other alphabet", with_parts(|parts| parts[2].replace_range(0..1, "+")), Malformed),
        (
            "bits that mean nothing in the header",
            with_parts(|parts| parts[0] = base64(r#"{"alg":"RS256"}  "#).replace("ICA", "ICB")),
            Malformed,
        ),
        ("JSON instead of compact", json!({ "payload": "", "signatures": [] }).to_string(), Malformed),
        ("a header that is a list", with_header(r#"["RS256","rsa"]"#), Malformed),
        ("a header that is a list behind a blank", with_header(r#" ["RS256"]"#), Malformed),
        ("a header that is a text", with_header(r#""RS256""#), Malformed),
        ("a header with more behind it", with_header(r#"{"alg":"RS256","kid":"rsa"}{}"#), Malformed),
        ("a header cut off", with_header(r#"{"alg":"RS256","kid":"rsa""#), Malformed),
        ("a header with a comma too many", with_header(r#"{"alg":"RS256","kid":"rsa",}"#), Malformed),
        ("a header that is not UTF-8", with_header(b"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x\":\"\xff\"}"), Malformed),
        ("a header behind a byte order mark", with_header("\u{feff}{\"alg\":\"RS256\",\"kid\":\"rsa\"}"), Malformed),
        ("a huge header", with_members(&format!(r#","x":"{}""#, "x".repeat(20_000))), Malformed),
        (
            "a huge token",
            token(r#"{"alg":"RS256","kid":"rsa"}"#, &[b'x'; 60_000], |signed| sign("RS256", signed)),
            Malformed,
        ),
    ]
}

#[test]
fn no_forged_or_malformed_token_is_believed() {
    let keyset = keyset(&jwks(), &PUBLIC);
    let forgeries = forgeries();
    assert!(forgeries.len() >= 80);
    let wrong: Vec<_> = forgeries
        .iter()
        .map(|(name, token, expected)| (name, keyset.verify(token.as_bytes()), Err(*expected)))
        .filter(|(_, found, expected)| found != expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_token_of_each_algorithm_is_believed_and_its_payload_returned() {
    let secrets = keyset(&json!({ "keys": [oct_jwk()] }), &SECRETS);
    let public = keyset(&jwks(), &ALL_PUBLIC);
    for algorithm in ALL_PUBLIC {
        assert_eq!(public.verify(good(algorithm, kid_of(algorithm)).as_bytes()).as_deref(), Ok(PAYLOAD), "{algorithm}");
    }
    for algorithm in SECRETS {
        assert_eq!(secrets.verify(good(algorithm, "secret").as_bytes()).as_deref(), Ok(PAYLOAD), "{algorithm}");
    }
}

#[test]
fn what_a_header_may_hold_beside_is_let_through() {
    let keyset = keyset(&jwks(), &PUBLIC);
    let deep = format!(r#","x":{}{}"#, "[".repeat(4000), "]".repeat(4000));
    for members in [
        deep.as_str(),
        r#","b64":true"#,
        r#","x5t":"abc","cty":"JWT""#,
        r#","jku":"https://attacker.example/""#,
        r#","x":{"alg":"none"}"#,
    ] {
        assert_eq!(keyset.verify(with_members(members).as_bytes()).as_deref(), Ok(PAYLOAD), "{members}");
    }
}

#[test]
fn a_token_without_a_kid_is_tried_with_each_key_of_its_kind() {
    let unnamed = token(r#"{"alg":"ES256"}"#, PAYLOAD, |signed| sign("ES256", signed));
    let other = ec_jwk("other", &ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING));
    let set = json!({ "keys": [rsa_jwk(), other, ec_jwk("ec", &keys().p256)] });
    assert_eq!(keyset(&set, &PUBLIC).verify(unnamed.as_bytes()).as_deref(), Ok(PAYLOAD));
    assert_eq!(keyset(&json!({ "keys": [rsa_jwk()] }), &PUBLIC).verify(unnamed.as_bytes()), Err(UnknownKey));
}

#[test]
fn a_token_without_a_kid_is_not_tried_with_more_than_eight_keys() {
    let unnamed = token(r#"{"alg":"ES256"}"#, PAYLOAD, |signed| sign("ES256", signed));
    let others = |count| (0..count).map(|_| ec_jwk("other", &ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)));
    let with_others = |count| json!({ "keys": others(count).chain([ec_jwk("ec", &keys().p256)]).collect::<Vec<_>>() });
    assert_eq!(keyset(&with_others(7), &PUBLIC).verify(unnamed.as_bytes()).as_deref(), Ok(PAYLOAD));
    assert_eq!(keyset(&with_others(8), &PUBLIC).verify(unnamed.as_bytes()), Err(Signature));
    assert_eq!(keyset(&with_others(8), &PUBLIC).verify(good("ES256", "ec").as_bytes()).as_deref(), Ok(PAYLOAD));
}

#[test]
fn a_key_without_a_kid_fits_every_token() {
    let mut key = rsa_jwk();
    key.as_object_mut().unwrap().remove("kid");
    let keyset = keyset(&json!({ "keys": [key] }), &PUBLIC);
    assert_eq!(keyset.verify(good("RS256", "whatever").as_bytes()).as_deref(), Ok(PAYLOAD));
}

#[test]
fn a_key_that_says_its_algorithm_is_used_with_no_other() {
    let mut key = rsa_jwk();
    key["alg"] = "PS256".into();
    let keyset = keyset(&json!({ "keys": [key] }), &["RS256", "PS256"]);
    assert_eq!(keyset.verify(good("PS256", "rsa").as_bytes()).as_deref(), Ok(PAYLOAD));
    assert_eq!(keyset.verify(good("RS256", "rsa").as_bytes()), Err(UnknownKey));
}

#[test]
fn an_empty_payload_is_a_payload() {
    let empty = token(r#"{"alg":"EdDSA","kid":"ed"}"#, b"", |signed| sign("EdDSA", signed));
    assert_eq!(keyset(&jwks(), &PUBLIC).verify(empty.as_bytes()).as_deref(), Ok(&b""[..]));
}

proptest! {
    #[test]
    fn no_byte_of_a_token_can_be_another(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let keyset = keyset(&jwks(), &PUBLIC);
        let mut token = good("EdDSA", "ed").into_bytes();
        let place = place.index(token.len());
        prop_assume!(token[place] != byte);
        token[place] = byte;
        prop_assert!(keyset.verify(&token).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(token in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(keyset(&jwks(), &PUBLIC).verify(&token).is_err());
    }

    #[test]
    fn no_header_makes_it_panic(header in ".{0,80}", alg in "(RS256|ES256|EdDSA|none)") {
        let made = with_header(json!({ "alg": alg, "kid": header }).to_string());
        let keyset = keyset(&jwks(), &PUBLIC);
        prop_assert!(keyset.verify(made.as_bytes()).is_err());
        prop_assert!(keyset.verify(with_header(&header).as_bytes()).is_err());
    }
}
