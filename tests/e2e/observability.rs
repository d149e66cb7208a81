//! Metrics, access lines and the log say what happened, and keep secrets.

use crate::harness::sections::{consumer, plugin, policy};
use crate::harness::{Answer, Gateway, Latch, Origin, Reply, Request, Setup, guests, h2, route, upstream};

const KEY: &str = "alice-secret-key-7f3a";
const TOKEN: &str = "admin-secret-token-91bc";
const CONFIGURED: &str = "configured-secret-55d0";

async fn proxied() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    (gateway, origin)
}

#[tokio::test]
async fn an_access_line_tells_the_whole_story_of_a_request() {
    let (gateway, origin) = proxied().await;
    let request = Request::post("/story?chapter=1", "hello").field("x-request-id", "story-1");
    gateway.call(&request).await;
    let line = gateway.access_line("/story?chapter=1").await;
    for (key, value) in [
        ("client", "127.0.0.1"),
        ("request_id", "story-1"),
        ("method", "POST"),
        ("host", "edge.test"),
        ("protocol", "HTTP/1.1"),
        ("route", "all"),
        ("upstream", "origin"),
    ] {
        assert_eq!(line[key], value, "{key} in {line}");
    }
    assert_eq!(line["status"], 200);
    assert_eq!(line["endpoint"], origin.address().to_string());
    assert_eq!(line["tries"], 1);
    assert_eq!(line["bytes_in"], 5);
    assert_eq!(line["bytes_out"], 6);
    assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration >= 0.0), "{line}");
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    assert!(line["consumer"].is_null() && line["cause"].is_null(), "{line}");
}

#[tokio::test]
async fn an_access_line_names_http2_and_the_missing_route() {
    let (gateway, _origin) = proxied().await;
    gateway.h2().await.call(h2::get("http://edge.test/two"), &[]).await;
    assert_eq!(gateway.access_line("/two").await["protocol"], "HTTP/2.0");
    let bare = Setup::new(upstream("none", &[]) + &route("only", "none", "hosts = [\"only.test\"]")).start().await;
    bare.get("/nowhere").await;
    let line = bare.access_line("/nowhere").await;
    assert_eq!(line["status"], 404);
    assert!(line["route"].is_null() && line["cause"].is_string(), "{line}");
}

#[tokio::test]
async fn a_refused_request_has_an_access_line_too() {
    let (gateway, _origin) = proxied().await;
    gateway.send("GET /hostless HTTP/1.1\r\n\r\n").await;
    let line = gateway.access_line("/hostless").await;
    assert_eq!(line["status"], 400);
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("no-host")), "{line}");
}

#[tokio::test]
async fn what_a_client_sends_cannot_forge_an_access_line() {
    let (gateway, _origin) = proxied().await;
    let id = "x\",\"status\":200,\"forged\":\"y";
    gateway.call(&Request::get("/forged").field("x-request-id", id).field("host", "edge.test")).await;
    let line = gateway.access_line("/forged").await;
    assert!(line.get("forged").is_none(), "{line}");
    let text = gateway.access_log();
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
}

#[tokio::test]
async fn a_failed_try_is_told_with_its_cause() {
    let (gateway, origin) = proxied().await;
    origin.answer(Answer::reset());
    gateway.call(&Request::post("/broken", "x")).await;
    let line = gateway.access_line("/broken").await;
    assert_eq!(line["status"], 502);
    assert!(line["cause"].is_string(), "{line}");
    let metrics = gateway.admin().metrics().await;
    let labels = [("upstream", "origin"), ("kind", "reset")];
    assert_eq!(metrics.sum("tidegate_endpoint_failures_total", &labels), 1.0, "{}", metrics.text());
    assert_eq!(metrics.sum("tidegate_local_responses_total", &[("cause", "upstream-reset"), ("status", "502")]), 1.0);
}

#[tokio::test]
async fn metrics_count_requests_by_route_endpoint_and_listener() {
    let (gateway, origin) = proxied().await;
    let mut client = gateway.client().await;
    for _ in 0..5 {
        client.call(&Request::get("/")).await;
    }
    origin.answer_status(500);
    client.call(&Request::get("/")).await;
    let admin = gateway.admin();
    admin.until_metric("tidegate_requests_total", &[("route", "all"), ("class", "2xx")], 5.0).await;
    admin.until_metric("tidegate_requests_total", &[("route", "all"), ("class", "5xx")], 1.0).await;
    let metrics = admin.metrics().await;
    let endpoint = origin.address().to_string();
    let labels = [("upstream", "origin"), ("endpoint", endpoint.as_str())];
    assert_eq!(metrics.sum("tidegate_endpoint_responses_total", &labels), 6.0);
    assert_eq!(metrics.sum("tidegate_request_duration_seconds_count", &[("route", "all")]), 6.0);
    assert_eq!(metrics.sum("tidegate_connections_open", &[("listener", "http")]), 1.0);
    assert_eq!(metrics.sum("tidegate_requests_in_flight", &[("route", "all")]), 0.0);
    assert_eq!(metrics.sum("tidegate_config_generation", &[]), 1.0);
    drop(client);
    admin.until_metric("tidegate_connections_open", &[("listener", "http")], 0.0).await;
}

#[tokio::test]
async fn a_request_under_way_is_seen_as_such() {
    let (gateway, origin) = proxied().await;
    let latch = Latch::new();
    origin.answer(Answer::after(&latch, Reply::ok("late")));
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    origin.until("the request to arrive", |seen| seen.len() == 1).await;
    gateway.admin().until_metric("tidegate_requests_in_flight", &[("route", "all")], 1.0).await;
    let endpoint = gateway.admin().endpoint("origin", origin.address()).await.expect("the endpoint is shown");
    assert_eq!(endpoint["in_flight"], 1);
    latch.open();
    client.receive().await;
    gateway.admin().until_metric("tidegate_requests_in_flight", &[("route", "all")], 0.0).await;
}

#[tokio::test]
async fn secrets_stay_out_of_everything_that_is_shown() {
    let origin = Origin::start().await;
    let introduction = format!("authorization = \"Basic {CONFIGURED}\"");
    let text = upstream("origin", &[&origin])
        + &plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &policy("keys", "api-key", "[policy.config]\nrealm = \"edge\"")
        + &plugin("headers", &guests::shipped("headers"), "grants = [\"consumers\"]")
        + &policy("introduce", "headers", &format!("config = {{ request = {{ set = {{ {introduction} }} }} }}"))
        + &consumer("alice", KEY)
        + &route("all", "origin", "policies = [\"keys\", \"introduce\"]");
    let gateway = Setup::new(text.clone()).token(TOKEN).start().await;
    gateway.call(&Request::get("/right").field("apikey", KEY)).await;
    let introduced = origin.only_request().field("authorization").map(str::to_owned);
    assert_eq!(introduced, Some(format!("Basic {CONFIGURED}")), "the origin is told");
    gateway.call(&Request::get("/wrong").field("apikey", "guessed-secret-key")).await;
    gateway.admin().with_token(Some("guessed-secret-token")).call("GET", "/status", None).await;
    let report = gateway.reload_with(text.replace("config = { request", "config = { reqest")).await;
    gateway.until_logged("reqest").await;
    gateway.access_line("/wrong").await;
    let mut shown = report.to_string() + &gateway.log() + gateway.admin().metrics().await.text();
    for path in ["/config", "/status", "/plugins", "/upstreams"] {
        shown += &gateway.admin().get(path).await.to_string();
    }
    shown += &gateway.access_log();
    for secret in [KEY, TOKEN, CONFIGURED, "guessed-secret-key", "guessed-secret-token"] {
        assert!(!shown.contains(secret), "{secret} is shown:\n{shown}");
    }
    assert!(shown.contains("alice"), "and yet it says who called");
}
