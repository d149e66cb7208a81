//! The shipped policies and the chain, through the real binary.

use crate::harness::load::Load;
use crate::harness::sections::{consumer, plugin, policy, upstream_with};
use crate::harness::{Gateway, Origin, Reply, Request, Response, Setup, guests, route, upstream};

const CONSUMERS: &str = "grants = [\"consumers\"]";

/// `alice` and `bob` with a key each, and the policy `keys`.
fn keys() -> String {
    plugin("api-key", &guests::shipped("api_key"), CONSUMERS)
        + &policy("keys", "api-key", "")
        + &consumer("alice", "alice-key")
        + &consumer("bob", "bob-key")
}

/// The policy `limit`.
fn limit(config: &str) -> String {
    plugin("rate-limit", &guests::shipped("rate_limit"), "")
        + &policy("limit", "rate-limit", &format!("[policy.config]\n{config}"))
}

async fn guarded(sections: &str, policies: &str) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let route = route("all", "origin", &format!("policies = {policies}"));
    let gateway = Setup::new(upstream("origin", &[&origin]) + sections + &route).start().await;
    (gateway, origin)
}

fn with_key(key: &str) -> Request {
    Request::get("/").field("apikey", key)
}

#[track_caller]
fn is_refused(answer: &Response, status: u16) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["request_id"], answer.field("x-request-id").expect("a request id"));
}

#[tokio::test]
async fn a_request_without_a_key_or_with_a_wrong_one_is_refused() {
    let (gateway, origin) = guarded(&keys(), "[\"keys\"]").await;
    let two = Request::get("/").field("apikey", "alice-key").field("apikey", "bob-key");
    for request in [Request::get("/"), with_key("wrong"), with_key(""), with_key("alice-keyx"), two] {
        let answer = gateway.call(&request).await;
        is_refused(&answer, 401);
        assert!(answer.field("www-authenticate").is_some_and(|challenge| challenge.starts_with("ApiKey")));
    }
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn a_known_key_passes_and_tells_the_origin_who_calls() {
    let (gateway, origin) = guarded(&keys(), "[\"keys\"]").await;
    let request = with_key("alice-key").field("x-consumer-name", "root").field("x-consumer-tags", "admin");
    assert_eq!(gateway.call(&request).await.status(), 200);
    let seen = origin.only_request();
    assert_eq!(seen.all("x-consumer-name"), ["alice"], "what the client claims is replaced");
    assert_eq!(seen.all("x-consumer-tags"), Vec::<&str>::new());
    assert_eq!(seen.all("apikey"), Vec::<&str>::new(), "the key ends here");
    assert_eq!(gateway.access_line("/").await["consumer"], "alice");
}

#[tokio::test]
async fn keys_work_over_http2_as_well() {
    let (gateway, origin) = guarded(&keys(), "[\"keys\"]").await;
    let client = gateway.h2().await;
    let request = |key: &str| http::Request::get("http://edge.test/").header("apikey", key).body(()).expect("legal");
    assert_eq!(client.call(request("wrong"), &[]).await.status(), 401);
    assert_eq!(client.call(request("bob-key"), &[]).await.status(), 200);
    assert_eq!(origin.only_request().all("x-consumer-name"), ["bob"]);
}

#[tokio::test]
async fn a_consumer_that_a_reload_removes_is_refused_from_then_on() {
    let (gateway, origin) = guarded(&keys(), "[\"keys\"]").await;
    let mut client = gateway.client().await;
    for _ in 0..8 {
        assert_eq!(client.call(&with_key("bob-key")).await.status(), 200);
    }
    let remembered = gateway.admin().metrics().await.sum("tidegate_policy_remembered_total", &[("policy", "keys")]);
    assert!(remembered > 0.0, "what was decided before is at stake here");
    let without_bob = keys().replace(&consumer("bob", "bob-key"), "");
    let route = route("all", "origin", "policies = [\"keys\"]");
    gateway.take_over(upstream("origin", &[&origin]) + &without_bob + &route).await;
    assert_eq!(client.call(&with_key("bob-key")).await.status(), 401);
    assert_eq!(client.call(&with_key("alice-key")).await.status(), 200);
}

#[tokio::test]
async fn a_request_over_the_limit_is_told_when_to_come_back() {
    let (gateway, origin) = guarded(&limit("limit = 3\nwindow = \"1h\"\nby = \"client-address\""), "[\"limit\"]").await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        let answer = client.call(&Request::get("/")).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.field("ratelimit").is_some() && answer.field("ratelimit-policy").is_some(), "{:?}", answer.head);
    }
    let answer = client.call(&Request::get("/")).await;
    is_refused(&answer, 429);
    let seconds: u64 = answer.field("retry-after").and_then(|value| value.parse().ok()).expect("a number of seconds");
    assert!((1..=3600).contains(&seconds), "{seconds}");
    assert_eq!(origin.requests().len(), 3);
}

#[tokio::test]
async fn each_consumer_has_a_limit_of_its_own() {
    let sections = keys() + &limit("limit = 2\nwindow = \"1h\"\nby = \"consumer\"");
    let (gateway, origin) = guarded(&sections, "[\"keys\", \"limit\"]").await;
    for status in [200, 200, 429, 429] {
        assert_eq!(gateway.call(&with_key("alice-key")).await.status(), status);
    }
    for status in [200, 200, 429] {
        assert_eq!(gateway.call(&with_key("bob-key")).await.status(), status);
    }
    assert_eq!(origin.requests().len(), 4);
}

#[tokio::test]
async fn a_limit_is_exact_over_many_connections_that_send_ten_times_as_much() {
    let (gateway, origin) =
        guarded(&limit("limit = 20\nwindow = \"1h\"\nby = \"client-address\""), "[\"limit\"]").await;
    let load = Load::run(gateway.address(), 8, 200, Request::get("/"), |answer| answer.status().to_string());
    let tally = load.await;
    tally.is_flawless();
    assert_eq!((tally.kinds.get("200"), tally.kinds.get("429")), (Some(&20), Some(&180)));
    assert_eq!(origin.requests().len(), 20);
}

#[tokio::test]
async fn a_limit_keeps_counting_over_a_reload() {
    let (gateway, origin) = guarded(&limit("limit = 2\nwindow = \"1h\"\nby = \"client-address\""), "[\"limit\"]").await;
    assert_eq!(gateway.get("/").await.status(), 200);
    let route = route("all", "origin", "policies = [\"limit\"]") + &route("new", "origin", "hosts = [\"new.test\"]");
    let limit = limit("limit = 2\nwindow = \"1h\"\nby = \"client-address\"");
    gateway.take_over(upstream("origin", &[&origin]) + &limit + &route).await;
    for status in [200, 429] {
        assert_eq!(gateway.get("/").await.status(), status);
    }
}

#[tokio::test]
async fn a_plugin_may_answer_by_itself() {
    let greeter = plugin("greeter", &guests::guest("greeter_v1"), "") + &policy("greet", "greeter", "");
    let (gateway, origin) = guarded(&greeter, "[\"greet\"]").await;
    let mut client = gateway.client().await;
    let answer = client.call(&Request::get("/hello")).await;
    assert_eq!((answer.status(), answer.field("x-version")), (200, Some("1")));
    assert_eq!(answer.text(), "hello from version 1\n");
    assert!(answer.field("x-request-id").is_some());
    assert!(origin.requests().is_empty());
    assert_eq!(client.call(&Request::get("/else")).await.field("x-version"), Some("1"));
    assert_eq!(origin.only_request().target(), "/else");
}

#[tokio::test]
async fn a_response_policy_edits_and_replaces_answers() {
    let tagger = plugin("tagger", &guests::guest("response_tagger"), "") + &policy("tag", "tagger", "");
    let (gateway, origin) = guarded(&tagger, "[\"tag\"]").await;
    let mut client = gateway.client().await;
    let tagged = client.call(&Request::get("/")).await;
    assert_eq!((tagged.status(), tagged.text().as_str()), (200, "origin"));
    assert_eq!((tagged.field("x-tagged"), tagged.field("x-saw")), (Some("yes"), Some("GET / 200")));
    origin.answer(Reply::new(418).body("a long story of a teapot").chunked());
    let replaced = client.call(&Request::get("/")).await;
    assert_eq!((replaced.status(), replaced.text().as_str()), (503, "no teapots here\n"));
    origin.answer_well();
    assert_eq!(gateway.get("/").await.text(), "origin");
}

#[tokio::test]
async fn policies_of_one_route_do_not_touch_another() {
    let origin = Origin::start().await;
    let text = upstream("origin", &[&origin])
        + &keys()
        + &route("open", "origin", "path = { prefix = \"/open\" }")
        + &route("closed", "origin", "path = { prefix = \"/closed\" }\npolicies = [\"keys\"]");
    let gateway = Setup::new(text).start().await;
    assert_eq!(gateway.get("/open").await.status(), 200);
    assert_eq!(gateway.get("/closed").await.status(), 401);
}

#[tokio::test]
async fn a_balancer_with_fresh_instances_picks_and_the_log_warns_of_what_it_costs() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let text = plugin("fresh", &guests::guest("saboteur_balancer"), "instances = \"per-request\"")
        + &policy("last", "fresh", "")
        + &upstream_with("shop", "balancer = { policy = \"last\" }", &[(&a, 100), (&b, 100)])
        + &route("all", "shop", "");
    let gateway = Setup::new(text).start().await;
    for _ in 0..3 {
        assert_eq!(gateway.get("/").await.text(), "b");
    }
    gateway.until_logged("is told of all endpoints for each pick").await;
}

#[tokio::test]
async fn a_lying_balancer_costs_no_request() {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let text = plugin("liar", &guests::guest("saboteur_balancer"), "")
        + &policy("lie", "liar", "")
        + &upstream_with("shop", "balancer = { policy = \"lie\" }", &[(&a, 100), (&b, 100)])
        + &route("all", "shop", "");
    let gateway = Setup::new(text).start().await;
    let mut client = gateway.client().await;
    let mut names = String::new();
    for mode in ["range", "far", "trap", "loop", "none", "range"] {
        names += &client.call(&Request::get("/").field("x-mode", mode)).await.text();
    }
    assert_eq!(names, "ababab", "round robin stands in");
    assert_eq!(client.call(&Request::get("/")).await.text(), "b", "a tame pick is the last one");
    let metrics = gateway.admin().metrics().await;
    for (outcome, calls) in [("illegal", 3.0), ("trap", 1.0), ("out_of_time", 1.0), ("decline", 1.0), ("pick", 1.0)] {
        let labels = [("policy", "lie"), ("outcome", outcome)];
        assert_eq!(metrics.sum("tidegate_policy_calls_total", &labels), calls, "{outcome}");
    }
}
