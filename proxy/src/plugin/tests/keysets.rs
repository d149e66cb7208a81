use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::with_request;
use crate::config::model::{KeyMaterial, Keyset, KeysetSource, SharedSecret, StaticKey, TokenAlgorithm};
use crate::keysets::{self, Keysets};
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, services, spec};
use crate::plugin::policy::{PolicyRuntime, PolicyServices};
use crate::policy::decision::RequestDecision;

const SECRET: &[u8] = b"a secret of the host, 32 bytes..";

fn keysets() -> Arc<Keysets> {
    let algorithm = TokenAlgorithm::Hs256;
    let key = StaticKey { kid: None, algorithm, material: KeyMaterial::Secret(SharedSecret::new(SECRET)) };
    let source = KeysetSource::Keys(vec![key]);
    let spec = Keyset { name: "accounts".into(), algorithms: [algorithm].into_iter().collect(), source };
    Arc::new(Keysets::new([keysets::Keyset::load(&spec, None).unwrap()]))
}

fn token(header: &str, payload: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Answers 200 and the payload's length, or 300 and the case of the error.
fn asking(keyset: &str, token: &str) -> Fixture {
    let mut image = Image::default();
    let [name, name_length] = image.bytes(keyset.as_bytes());
    let [token, token_length] = image.bytes(token.as_bytes());
    let decision = image.respond(200, &[], b"");
    let body = format!(
        "(call $verify (i32.const {name}) (i32.const {name_length}) (i32.const {token}) (i32.const {token_length})
           (i32.const 512))
         (i32.store16 (i32.const {status}) (if (result i32) (i32.load8_u (i32.const 512))
           (then (i32.add (i32.const 300) (i32.load8_u (i32.const 516))))
           (else (i32.add (i32.const 200) (i32.load (i32.const 520))))))
         (i32.const {decision})",
        status = decision + 8
    );
    Fixture::request(&body).import("keysets", "verify", "(func $verify (param i32 i32 i32 i32 i32))").data(image)
}

fn status(keyset: &str, token: &str) -> u16 {
    let plugin = load(&asking(keyset, token).build(), all_grants(), LIMITS).unwrap();
    let services = PolicyServices { keysets: keysets(), ..services() };
    let policy = PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services).unwrap();
    match with_request("", |request| policy.on_request(request)) {
        Ok(RequestDecision::Respond(response)) => response.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guest_is_given_the_payload_of_a_token_that_is_right() {
    assert_eq!(status("accounts", &token(r#"{"alg":"HS256"}"#, "{\"sub\":\"alice\"}", SECRET)), 200 + 15);
}

#[test]
fn a_guest_is_told_why_a_token_is_wrong() {
    let good = r#"{"alg":"HS256"}"#;
    assert_eq!(status("elsewhere", &token(good, "", SECRET)), 300);
    assert_eq!(status("accounts", "a.b"), 301);
    assert_eq!(status("accounts", &token(r#"{"alg":"HS384"}"#, "", SECRET)), 302);
    assert_eq!(status("accounts", &token(good, "", b"another secret of 32 bytes......")), 304);
}
