//! Routes where a key, a token or a password is enough.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;

use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, guests, route, upstream};

const SECRET: &str = "tokens are signed with 32 bytes.";

fn token(subject: &str) -> String {
    let payload =
        format!("{{\"iss\":\"https://a.example\",\"aud\":\"shop\",\"exp\":4102444800,\"sub\":\"{subject}\"}}");
    let parts = [r#"{"alg":"HS256"}"#, &payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    let signed = parts.join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
}

/// Alice has a key, bob a token, carol a password; a policy behind them wants all of them counted.
async fn guarded(origin: &Origin) -> Gateway {
    let grants = "grants = [\"clock\", \"consumers\", \"counters\", \"keysets\", \"passwords\"]";
    let token = "config = { keyset = \"accounts\", issuer = [\"https://a.example\"], audience = [\"shop\"] }";
    let sections = upstream("origin", &[origin])
        + &plugin("api-key", &guests::shipped("api_key"), grants)
        + &plugin("jwt", &guests::shipped("jwt"), grants)
        + &plugin("basic-auth", &guests::shipped("basic_auth"), grants)
        + &policy("key", "api-key", "")
        + &policy("token", "jwt", token)
        + &policy("password", "basic-auth", "")
        + &format!(
            "[[keyset]]\nname = \"accounts\"\nalgorithms = [\"HS256\"]\nkeys = [{{ algorithm = \"HS256\", secret = \"{SECRET}\" }}]\n"
        )
        + "[[consumer]]\nname = \"alice\"\nkeys = [\"alice-key\"]\n"
        + "[[consumer]]\nname = \"bob\"\nsubject = [{ issuer = \"https://a.example\", subject = \"bob\" }]\n"
        + "[[consumer]]\nname = \"carol\"\npassword = \"$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie\"\n"
        + &route("all", "origin", "policies = [{ any_of = [\"key\", \"token\", \"password\"] }]");
    Setup::new(sections).start().await
}

fn with(name: &str, value: &str) -> Request {
    Request::get("/").field(name, value)
}

#[tokio::test]
async fn any_one_credential_is_enough_and_says_who_it_is() {
    let origin = Origin::start().await;
    let gateway = guarded(&origin).await;
    let password = STANDARD.encode("carol:correctbatteryhorsestapler");
    let requests = [
        (with("apikey", "alice-key"), "alice"),
        (with("authorization", &format!("Bearer {}", token("bob"))), "bob"),
        (with("authorization", &format!("Basic {password}")), "carol"),
        (with("authorization", &format!("Bearer {}", token("bob"))).field("apikey", "guessed"), "bob"),
        (with("authorization", &format!("Bearer {}", token("bob"))).field("apikey", "alice-key"), "alice"),
    ];
    for (request, name) in requests {
        assert_eq!(gateway.call(&request).await.status(), 200, "{name}");
        let seen = origin.requests().pop().expect("a request");
        assert_eq!(seen.all("x-consumer-name"), [name]);
    }
}

#[tokio::test]
async fn none_is_not_enough_and_the_client_is_told_what_would_be() {
    let origin = Origin::start().await;
    let gateway = guarded(&origin).await;
    let requests = [
        Request::get("/"),
        with("apikey", "guessed"),
        with("authorization", &format!("Bearer {}", token("eve"))),
        with("authorization", &format!("Basic {}", STANDARD.encode("carol:guessed"))),
    ];
    for request in requests {
        let answer = gateway.call(&request).await;
        assert_eq!(answer.status(), 401);
        let challenges = answer.head.all("www-authenticate");
        let schemes: Vec<_> = challenges.iter().filter_map(|challenge| challenge.split(' ').next()).collect();
        assert_eq!(schemes, ["ApiKey", "Bearer", "Basic"]);
    }
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn a_limit_may_stand_for_those_without_a_key() {
    let origin = Origin::start().await;
    let sections = upstream("origin", &[&origin])
        + &plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &plugin("rate-limit", &guests::shipped("rate_limit"), "")
        + &policy("key", "api-key", "")
        + &policy("a-few", "rate-limit", "config = { limit = 2, window = \"40d\" }")
        + "[[consumer]]\nname = \"alice\"\nkeys = [\"alice-key\"]\n"
        + &route("all", "origin", "policies = [{ any_of = [\"key\", \"a-few\"] }]");
    let gateway = Setup::new(sections).start().await;
    for (status, left) in [(200, "\"default\";r=1;"), (200, "\"default\";r=0;"), (429, "\"default\";r=0;")] {
        let answer = gateway.call(&Request::get("/")).await;
        let standing = answer.head.all("ratelimit");
        assert!(answer.status() == status && standing.len() == 1, "{:?}", answer.head);
        assert!(standing.iter().all(|item| item.starts_with(left)), "{standing:?}");
    }
    let alice = gateway.call(&with("apikey", "alice-key")).await;
    assert_eq!((alice.status(), alice.head.all("ratelimit").len()), (200, 0));
}
