//! Signed tokens: keys from an issuer, a file and the configuration, through a policy in the real binary.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::harness::gateway::replace;
use crate::harness::sections::{plugin, policy};
use crate::harness::tls::Authority;
use crate::harness::{Answer, Gateway, Latch, Origin, Reply, Request, Setup, eventually, guests, route, upstream};

const SECRET: &str = "a secret that only the gateway and the issuer know";

/// What an issuer signs with.
struct Issuer {
    kid: &'static str,
    key: EcdsaKeyPair,
}

impl Issuer {
    fn new(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random);
        Self { kid, key: key.expect("the key that was made") }
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "kid": self.kid, "crv": "P-256", "x": base64(x), "y": base64(y) })
    }

    fn token(&self, payload: &str) -> String {
        let header = json!({ "alg": "ES256", "kid": self.kid });
        signed(&header, payload, |bytes| {
            self.key.sign(&SystemRandom::new(), bytes).expect("a signature").as_ref().to_vec()
        })
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signed(header: &Value, payload: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", base64(header.to_string()), base64(payload));
    let signature = base64(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn set(issuers: &[&Issuer]) -> String {
    json!({ "keys": issuers.iter().map(|issuer| issuer.jwk()).collect::<Vec<_>>() }).to_string()
}

fn keyset(more: &str) -> String {
    format!("[[keyset]]\nname = \"accounts\"\n{more}\n")
}

fn remote(server: &Origin) -> String {
    let url = format!("url = \"http://{}/keys\"\n", server.address());
    keyset(&(url + "algorithms = [\"ES256\"]\nmin_interval = \"100ms\""))
}

/// The policy on every route, and this key set.
fn guarded(origin: &Origin, keyset: &str) -> String {
    upstream("origin", &[origin])
        + &plugin("reader", &guests::guest("token_reader"), "grants = [\"keysets\"]")
        + &policy("read", "reader", "")
        + keyset
        + &route("all", "origin", "policies = [\"read\"]")
}

async fn start(origin: &Origin, keyset: &str) -> Gateway {
    Setup::new(guarded(origin, keyset)).start().await
}

fn with(token: &str) -> Request {
    Request::get("/").field("x-token", token)
}

/// Why a token is refused; empty where it passes.
async fn why(gateway: &Gateway, token: &str) -> String {
    gateway.call(&with(token)).await.field("x-why").unwrap_or_default().to_owned()
}

async fn until(gateway: &Gateway, token: &str, wanted: &str) {
    let what = format!("a token to be {}", if wanted.is_empty() { "believed" } else { wanted });
    eventually(&what, async || (why(gateway, token).await == wanted).then_some(())).await;
}

async fn status(gateway: &Gateway) -> Value {
    gateway.admin().get("/keysets").await[0].clone()
}

#[tokio::test]
async fn a_token_whose_signature_is_right_passes_and_its_payload_is_known() {
    let (origin, server, issuer) = (Origin::start().await, Origin::named("issuer").await, Issuer::new("2026"));
    server.answer(Reply::ok(set(&[&issuer])));
    let gateway = start(&origin, &remote(&server)).await;
    until(&gateway, &issuer.token("{}"), "").await;
    let before = origin.requests().len();
    assert_eq!(gateway.call(&with(&issuer.token("{\"sub\":\"alice\"}"))).await.status(), 200);
    assert_eq!(origin.requests()[before].field("x-payload"), Some("{\"sub\":\"alice\"}"));
}

#[tokio::test]
async fn a_token_that_is_not_right_is_refused_with_the_reason() {
    let (origin, server, issuer) = (Origin::start().await, Origin::named("issuer").await, Issuer::new("2026"));
    server.answer(Reply::ok(set(&[&issuer])));
    let gateway = start(&origin, &remote(&server)).await;
    let good = issuer.token("{}");
    until(&gateway, &good, "").await;
    let forged = Issuer::new("2026").token("{}");
    let none = signed(&json!({ "alg": "none" }), "{}", |_| vec![0]);
    let secret = signed(&json!({ "alg": "HS256" }), "{}", |bytes| hmac_of(server.address().to_string(), bytes));
    let before = origin.requests().len();
    assert_eq!(why(&gateway, "").await, "malformed");
    assert_eq!(why(&gateway, &none).await, "malformed");
    assert_eq!(why(&gateway, &secret).await, "algorithm");
    assert_eq!(why(&gateway, &forged).await, "signature");
    assert_eq!(why(&gateway, &Issuer::new("2027").token("{}")).await, "unknown-key");
    let elsewhere = gateway.call(&with(&good).field("x-keyset", "elsewhere")).await;
    assert_eq!(elsewhere.field("x-why"), Some("unknown-keyset"));
    assert_eq!(origin.requests().len(), before);
}

fn hmac_of(secret: impl AsRef<[u8]>, bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()), bytes).as_ref().to_vec()
}

#[tokio::test]
async fn a_new_key_is_fetched_when_its_first_token_comes() {
    let (origin, server) = (Origin::start().await, Origin::named("issuer").await);
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    server.answer(Reply::ok(set(&[&old])));
    let gateway = start(&origin, &remote(&server)).await;
    until(&gateway, &old.token("{}"), "").await;
    let withdrawn = old.token("{}");
    for _ in 0..20 {
        assert_eq!(why(&gateway, &withdrawn).await, "", "what is decided by it may be remembered now");
    }
    server.answer(Reply::ok(set(&[&new])));
    assert_eq!(why(&gateway, &new.token("{}")).await, "unknown-key", "a request does not wait for keys");
    until(&gateway, &new.token("{}"), "").await;
    for _ in 0..20 {
        assert_eq!(why(&gateway, &withdrawn).await, "unknown-key", "what is withdrawn is believed no longer");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_told_and_asked_for_again() {
    let (origin, server, issuer) = (Origin::start().await, Origin::named("issuer").await, Issuer::new("2026"));
    server.answer_status(500);
    let gateway = start(&origin, &remote(&server)).await;
    assert_eq!(why(&gateway, &issuer.token("{}")).await, "unavailable");
    gateway.until_logged("key set not fetched").await;
    let told = status(&gateway).await;
    assert_eq!(told["failure"]["why"], "the answer is 500 Internal Server Error");
    assert_eq!((&told["fetched_at"], &told["keys"]), (&Value::Null, &json!([])));
    server.answer(Reply::ok(set(&[&issuer])));
    until(&gateway, &issuer.token("{}"), "").await;
    let told = status(&gateway).await;
    assert_eq!((&told["failure"], &told["keys"][0]["kid"]), (&Value::Null, &json!("2026")));
    let metrics = gateway.admin().metrics().await;
    assert_eq!(metrics.sum("tidegate_keyset_fetches_total", &[("keyset", "accounts"), ("outcome", "fetched")]), 1.0);
    assert!(metrics.sum("tidegate_keyset_fetches_total", &[("keyset", "accounts"), ("outcome", "failed")]) >= 1.0);
    assert_eq!(metrics.sum("tidegate_keyset_keys", &[("keyset", "accounts")]), 1.0);
}

#[tokio::test]
async fn requests_that_need_no_token_do_not_wait_for_an_issuer() {
    let (origin, server) = (Origin::start().await, Origin::named("issuer").await);
    let latch = Latch::new();
    server.answer(Answer::after(&latch, Reply::ok("{}")));
    let open = route("open", "origin", "path = { prefix = \"/open\" }");
    let gateway = Setup::new(guarded(&origin, &remote(&server)) + &open).start().await;
    assert_eq!(gateway.get("/open").await.status(), 200);
    assert_eq!(why(&gateway, &Issuer::new("2026").token("{}")).await, "unavailable");
    latch.open();
}

#[tokio::test]
async fn a_reload_keeps_the_keys_even_where_the_issuer_is_gone() {
    let (origin, server, issuer) = (Origin::start().await, Origin::named("issuer").await, Issuer::new("2026"));
    server.answer(Reply::ok(set(&[&issuer])));
    let gateway = start(&origin, &remote(&server)).await;
    until(&gateway, &issuer.token("{}"), "").await;
    server.stop().await;
    let elsewhere = route("new", "origin", "hosts = [\"new.test\"]");
    gateway.take_over(guarded(&origin, &remote(&server)) + &elsewhere).await;
    assert_eq!(why(&gateway, &issuer.token("{}")).await, "");
    let slower = remote(&server).replace("min_interval", "refresh = \"1h\"\nmin_interval");
    gateway.take_over(guarded(&origin, &slower)).await;
    assert_eq!(why(&gateway, &issuer.token("{}")).await, "", "another rhythm is no reason to forget keys");
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_when_it_changes() {
    let (origin, old, new) = (Origin::start().await, Issuer::new("old"), Issuer::new("new"));
    let setup = Setup::new("");
    let file = setup.directory().join("jwks.json");
    std::fs::write(&file, set(&[&old])).expect("a writable folder");
    let keyset = keyset(&format!("file = \"{}\"\nalgorithms = [\"ES256\"]", file.display()));
    let gateway = setup.rest(guarded(&origin, &keyset)).start().await;
    assert_eq!(why(&gateway, &old.token("{}")).await, "");
    replace(&file, set(&[&new]));
    until(&gateway, &new.token("{}"), "").await;
    replace(&file, "{}");
    gateway.until_logged("it is not a JWK set: missing field `keys`").await;
    assert_eq!(why(&gateway, &new.token("{}")).await, "", "what is wrong does not replace what is right");
}

#[tokio::test]
async fn a_secret_in_a_file_checks_tokens_and_is_shown_nowhere() {
    let origin = Origin::start().await;
    let setup = Setup::new("");
    std::fs::write(setup.directory().join("secret"), format!("{SECRET}\n")).expect("a writable folder");
    let inline = format!("{{ algorithm = \"HS256\", kid = \"b\", secret = \"{SECRET}\" }}");
    let keys = format!("keys = [{{ algorithm = \"HS256\", kid = \"a\", secret_file = \"secret\" }}, {inline}]");
    let gateway = setup.rest(guarded(&origin, &keyset(&format!("algorithms = [\"HS256\"]\n{keys}")))).start().await;
    for kid in ["a", "b"] {
        let token = signed(&json!({ "alg": "HS256", "kid": kid }), "{}", |bytes| hmac_of(SECRET, bytes));
        assert_eq!(why(&gateway, &token).await, "", "{kid}");
    }
    let shown = gateway.admin().get("/config").await.to_string() + &gateway.admin().get("/keysets").await.to_string();
    assert!(shown.contains("secret_file") && !shown.contains(SECRET) && !gateway.log().contains(SECRET), "{shown}");
}

#[tokio::test]
async fn keys_come_over_tls_from_whom_the_operator_trusts_and_from_nobody_else() {
    let (origin, issuer) = (Origin::start().await, Issuer::new("2026"));
    let setup = Setup::new("");
    let (own, other) = (Authority::new(), Authority::new());
    own.issue(setup.directory(), "issuer", "localhost");
    own.write(&setup.directory().join("own.pem"));
    other.write(&setup.directory().join("other.pem"));
    let address = own.serve(setup.directory(), "issuer", set(&[&issuer])).await;
    let url = format!("url = \"https://localhost:{}/keys\"\nalgorithms = [\"ES256\"]\n", address.port());
    let with_ca = |ca: &str| guarded(&origin, &keyset(&format!("{url}ca = \"{ca}\"")));
    let gateway = setup.rest(with_ca("other.pem")).start().await;
    gateway.until_logged("no secure connection to localhost").await;
    assert_eq!(why(&gateway, &issuer.token("{}")).await, "unavailable");
    gateway.take_over(with_ca("own.pem")).await;
    until(&gateway, &issuer.token("{}"), "").await;
}

/// Keys of the configuration, and the policy `jwt` on every route.
fn believing(origin: &Origin) -> String {
    let keys = format!("algorithms = [\"HS256\"]\nkeys = [{{ algorithm = \"HS256\", secret = \"{SECRET}\" }}]");
    let config =
        "keyset = \"accounts\", issuer = [\"https://a.test\"], audience = [\"shop\"], consumer = \"none\", leeway = 0";
    upstream("origin", &[origin])
        + &plugin("jwt", &guests::shipped("jwt"), "grants = [\"consumers\", \"keysets\"]")
        + &policy("users", "jwt", &format!("config = {{ {config} }}"))
        + &keyset(&keys)
        + &route("all", "origin", "policies = [\"users\"]")
}

#[tokio::test]
async fn a_token_that_comes_again_is_not_calculated_again_and_is_refused_once_it_has_ended() {
    let origin = Origin::start().await;
    let gateway = Setup::new(believing(&origin)).start().await;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right");
    let end = Duration::from_secs(now().as_secs() + 3);
    let payload = json!({ "iss": "https://a.test", "aud": "shop", "exp": end.as_secs() }).to_string();
    let token = signed(&json!({ "alg": "HS256" }), &payload, |bytes| hmac_of(SECRET, bytes));
    let request = Request::get("/").field("authorization", &format!("Bearer {token}"));
    let last = eventually("a request that begins once the token has ended", async || {
        let begun = now();
        let answer = gateway.call(&request).await;
        assert!(answer.status() == 200 || now() >= end, "{}", answer.status());
        (begun >= end).then_some(answer)
    });
    let last = last.await;
    assert_eq!(last.status(), 401, "the very first of them");
    let challenge = last.field("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("the token has expired"), "{challenge}");
    let metrics = gateway.admin().metrics().await;
    let remembered = metrics.sum("tidegate_policy_remembered_total", &[("policy", "users")]);
    let passed = f64::from(u32::try_from(origin.requests().len()).expect("few requests"));
    assert!(remembered >= passed / 2.0, "{remembered} of {passed}");
}
