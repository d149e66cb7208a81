//! The admin listener: who may use it, what it shows, how it refuses.

use serde_json::json;

use crate::harness::programs::free_port;
use crate::harness::sections::{plugin, policy};
use crate::harness::{Client, Gateway, Origin, Request, Setup, guests, route, upstream};

const TOKEN: &str = "correct-horse-battery-staple";

async fn proxied() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).start().await;
    (gateway, origin)
}

#[tokio::test]
async fn health_needs_no_token_and_everything_else_does() {
    let origin = Origin::start().await;
    let gateway = Setup::proxying(&origin).token(TOKEN).start().await;
    for token in [None, Some("wrong"), Some("")] {
        let admin = gateway.admin().with_token(token);
        assert_eq!(admin.call("GET", "/healthz", None).await.status(), 200);
        for path in ["/status", "/upstreams", "/upstreams/origin", "/plugins", "/config", "/metrics"] {
            assert_eq!(admin.call("GET", path, None).await.status(), 401, "{path} with {token:?}");
        }
        assert_eq!(admin.call("POST", "/reload", None).await.status(), 401);
        let delete = format!("/upstreams/origin/endpoints/{}", origin.address());
        assert_eq!(admin.call("DELETE", &delete, None).await.status(), 401);
    }
    assert_eq!(gateway.admin().get("/status").await["generation"], 1);
    assert_eq!(gateway.get("/").await.status(), 200, "and no endpoint was removed");
}

#[tokio::test]
async fn a_web_page_of_another_site_cannot_steer_the_gateway() {
    let (gateway, origin) = proxied().await;
    let address = gateway.admin().address();
    let path = format!("/upstreams/origin/endpoints/{}", origin.address());
    for (name, value) in [("host", "evil.test"), ("origin", "http://evil.test"), ("origin", "null")] {
        let mut request = Request::new("DELETE", &path).field(name, value);
        if name != "host" {
            request = request.field("host", &address.to_string());
        }
        assert_eq!(Client::connect(address).await.call(&request).await.status(), 403, "{name}: {value}");
    }
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn the_status_tells_version_and_generation() {
    let (gateway, _origin) = proxied().await;
    let status = gateway.admin().get("/status").await;
    assert_eq!(status["generation"], 1);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn upstreams_show_their_endpoints() {
    let (gateway, origin) = proxied().await;
    let endpoint = gateway.admin().endpoint("origin", origin.address()).await.expect("the endpoint is shown");
    assert_eq!(endpoint["weight"], 100);
    assert_eq!(endpoint["healthy"], true);
    assert_eq!(endpoint["draining"], false);
    assert_eq!(endpoint["in_flight"], 0);
    let all = gateway.admin().get("/upstreams").await.to_string();
    assert!(all.contains(&origin.address().to_string()), "{all}");
}

#[tokio::test]
async fn plugins_show_what_they_are_and_may() {
    let origin = Origin::start().await;
    let text = upstream("origin", &[&origin])
        + &plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &policy("keys", "api-key", "")
        + &route("all", "origin", "policies = [\"keys\"]");
    let gateway = Setup::new(text).start().await;
    gateway.get("/").await;
    let plugins = gateway.admin().get("/plugins").await.to_string();
    for part in ["\"api-key\"", "\"keys\"", "consumers", "sha256", "0.1.0"] {
        assert!(plugins.contains(part), "no {part} in {plugins}");
    }
}

#[tokio::test]
async fn changes_that_make_no_sense_are_refused_and_change_nothing() {
    let (gateway, origin) = proxied().await;
    let admin = gateway.admin();
    let here = format!("/upstreams/origin/endpoints/{}", origin.address());
    let there = "/upstreams/origin/endpoints/127.0.0.1:1";
    let again = json!({ "address": origin.address().to_string(), "weight": 1 });
    for (method, path, body, status) in [
        ("GET", "/upstreams/orign", None, 404),
        ("DELETE", there, None, 404),
        ("PATCH", there, Some(json!({ "weight": 1 })), 404),
        ("POST", "/upstreams/origin/endpoints", Some(again), 409),
    ] {
        assert_eq!(admin.call(method, path, body).await.status(), status, "{method} {path}");
    }
    for (method, path, body) in [
        ("PATCH", here.as_str(), json!({ "weight": 1001 })),
        ("PATCH", here.as_str(), json!({ "wait": 1 })),
        ("POST", "/upstreams/origin/endpoints", json!({ "address": "nowhere" })),
        ("POST", "/upstreams/origin/endpoints", json!([])),
    ] {
        let answer = admin.call(method, path, Some(body)).await;
        assert!(matches!(answer.status(), 400 | 422), "{method} {path}: {} {}", answer.status(), answer.text());
        assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    }
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_listener_of_our_own_becomes_no_endpoint_in_either_dialect() {
    let (origin, ours) = (Origin::start().await, free_port());
    let listener = format!("[[listener]]\nname = \"http\"\naddress = \"{ours}\"\n");
    let gateway = Setup::proxying(&origin).listeners(&listener).start().await;
    for (path, key) in [("/upstreams/origin/endpoints", "address"), ("/upstreams/origin/targets", "target")] {
        let answer = gateway.admin().call("POST", path, Some(json!({ key: ours.to_string() }))).await;
        let why = format!("{ours} is a listener of this gateway: requests would come round for ever");
        assert_eq!((answer.status(), &answer.json()["detail"]), (400, &json!(why)), "{path}");
    }
    assert_eq!(gateway.admin().endpoint("origin", ours).await, None);
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn an_unknown_upstream_is_answered_with_the_nearest_name() {
    let (gateway, _origin) = proxied().await;
    let answer = gateway.admin().call("GET", "/upstreams/orign", None).await;
    assert_eq!(answer.status(), 404);
    assert!(answer.text().contains("origin"), "{}", answer.text());
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_told_apart() {
    let (gateway, _origin) = proxied().await;
    assert_eq!(gateway.admin().call("GET", "/nowhere", None).await.status(), 404);
    assert_eq!(gateway.admin().call("DELETE", "/status", None).await.status(), 405);
    assert_eq!(gateway.admin().call("GET", "/reload", None).await.status(), 405);
}

#[tokio::test]
async fn scripts_for_kong_find_targets_and_their_health() {
    let (gateway, origin) = proxied().await;
    let (admin, other) = (gateway.admin(), Origin::named("other").await);
    let (here, there) = (origin.address().to_string(), other.address().to_string());
    let target = json!({ "target": there, "weight": 5, "tags": ["blue"] });
    let added = admin.call("POST", "/upstreams/origin/targets", Some(target)).await;
    assert_eq!((added.status(), &added.json()["target"]), (201, &json!(there)));
    let listed = admin.get("/upstreams/origin/targets").await;
    assert_eq!(listed["data"][0]["target"], here);
    assert_eq!((&listed["data"][1]["weight"], &listed["next"]), (&json!(5), &json!(null)));
    assert_eq!(listed["data"][1]["upstream"]["name"], "origin");
    let path = format!("/upstreams/origin/targets/{there}");
    let changed = admin.ok("PATCH", &path, Some(json!({ "weight": 9, "tags": null }))).await;
    assert_eq!((&changed["weight"], &changed["tags"]), (&json!(9), &json!(null)), "tags are taken and not kept");
    let health = admin.get("/upstreams/origin/health").await;
    assert_eq!(
        health["data"][1],
        json!({ "target": there, "weight": 9, "upstream": { "name": "origin" }, "health": "HEALTHY" })
    );
    assert_eq!(admin.call("DELETE", &path, None).await.status(), 204);
    assert_eq!(admin.call("DELETE", &path, None).await.status(), 404);
    assert_eq!(admin.call("GET", "/upstreams/orign/health", None).await.status(), 404);
    for wrong in [json!({ "target": "nowhere" }), json!({ "target": there, "tag": "blue" })] {
        assert_eq!(admin.call("POST", "/upstreams/origin/targets", Some(wrong)).await.status(), 400);
    }
}
