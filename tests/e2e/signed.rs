//! Signed requests, bodies included, through the real binary.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, guests, route, upstream};

const SECRET: &str = "alice signs with these 32 bytes.";

async fn guarded(origin: &Origin, config: &str) -> Gateway {
    let sections = upstream("origin", &[origin])
        + &plugin("hmac-auth", &guests::shipped("hmac_auth"), "grants = [\"clock\", \"consumers\", \"shared-data\"]")
        + &policy("signatures", "hmac-auth", config)
        + &format!("[[consumer]]\nname = \"alice\"\nsigning_key = [{{ id = \"alice-1\", secret = \"{SECRET}\" }}]\n")
        + &route("all", "origin", "policies = [\"signatures\"]");
    Setup::new(sections).start().await
}

/// A request for `/orders` whose signature covers `signed`, and which carries `body`.
fn post(gateway: &Gateway, signed: &str, body: &str) -> Request {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    let digest = STANDARD.encode(digest::digest(&digest::SHA256, signed.as_bytes()));
    let digest = format!("sha-256=:{digest}:");
    let list = "(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\")";
    let parameters = format!("{list};created={now};keyid=\"alice-1\"");
    let base = format!(
        "\"@method\": POST\n\"@authority\": {}\n\"@path\": /orders\n\"@query\": ?\n\"content-digest\": {digest}\n\
         \"@signature-params\": {parameters}",
        gateway.address()
    );
    let hmac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), base.as_bytes());
    Request::post("/orders", body)
        .field("host", &gateway.address().to_string())
        .field("content-digest", &digest)
        .field("signature-input", &format!("s={parameters}"))
        .field("signature", &format!("s=:{}:", STANDARD.encode(hmac)))
}

#[tokio::test]
async fn a_signed_body_reaches_the_upstream_and_another_one_does_not() {
    let origin = Origin::start().await;
    let gateway = guarded(&origin, "").await;
    for body in ["{\"amount\":9}", "{\"amount\":1", ""] {
        let answer = gateway.call(&post(&gateway, "{\"amount\":1}", body)).await;
        assert_eq!(answer.status(), 401, "{body}");
    }
    assert_eq!(gateway.call(&post(&gateway, "{\"amount\":1}", "{\"amount\":9}").chunked()).await.status(), 401);
    assert!(origin.requests().iter().all(|request| request.body.is_empty()), "nothing of a wrong body is passed on");

    for request in [post(&gateway, "{\"amount\":1}", "{\"amount\":1}"), post(&gateway, "x", "x").chunked()] {
        assert_eq!(gateway.call(&request).await.status(), 200);
    }
    let seen = origin.requests().pop().expect("a request");
    assert_eq!((seen.field("x-consumer-name"), seen.field("signature"), &*seen.body), (Some("alice"), None, &b"x"[..]));
}

#[tokio::test]
async fn a_request_that_was_recorded_cannot_be_sent_again_where_each_is_good_once() {
    let origin = Origin::start().await;
    let gateway = guarded(&origin, "config = { once = true }").await;
    let recorded = post(&gateway, "x", "x");
    assert_eq!(gateway.call(&recorded).await.status(), 200);
    assert_eq!(gateway.call(&recorded).await.status(), 401);
    assert_eq!(origin.requests().len(), 1);
}
