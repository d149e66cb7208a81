//! Who may ask, from where, with what: the policies of access through the real binary.

use crate::harness::sections::{consumer, plugin, policy};
use crate::harness::{Gateway, Origin, Reply, Request, Setup, guests, route, upstream};

/// A gateway with this policy on every route, and `more` before all other sections.
async fn guarded(name: &str, config: &str, grants: &str, more: &str) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let text = more.to_owned()
        + &upstream("origin", &[&origin])
        + &plugin(name, &guests::shipped(&name.replace('-', "_")), grants)
        + &policy("guard", name, &format!("[policy.config]\n{config}"))
        + &route("all", "origin", "policies = [\"guard\"]");
    (Setup::new(text).start().await, origin)
}

async fn statuses(gateway: &Gateway, requests: impl IntoIterator<Item = Request>) -> Vec<u16> {
    let mut client = gateway.client().await;
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(client.call(&request).await.status());
    }
    statuses
}

#[tokio::test]
async fn an_address_counts_only_where_it_comes_from_somebody_who_is_trusted() {
    let config = "allow = [\"192.0.2.0/24\", \"2001:db8::/32\"]\ndeny = [\"192.0.2.66\"]";
    let from = |address: &str| Request::get("/").field("x-forwarded-for", address);
    let (gateway, origin) = guarded("ip-restriction", config, "", "").await;
    let claims = [from("192.0.2.1"), Request::get("/").field("x-real-ip", "192.0.2.1"), Request::get("/")];
    assert_eq!(statuses(&gateway, claims).await, [403; 3]);
    assert!(origin.requests().is_empty());

    let trusted = "[forwarded]\ntrusted = [\"127.0.0.0/8\"]\n";
    let (gateway, _origin) = guarded("ip-restriction", config, "", trusted).await;
    let requests = [
        from("192.0.2.1"),
        from("::ffff:192.0.2.1"),
        from("2001:db8::9"),
        from("192.0.2.66"),
        from("::ffff:192.0.2.66"),
        from("192.0.2.1, 203.0.113.9"),
        from("203.0.113.9, 192.0.2.1"),
    ];
    assert_eq!(statuses(&gateway, requests).await, [200, 200, 200, 403, 403, 403, 200]);
}

#[tokio::test]
async fn a_consumer_passes_by_its_tags_and_by_nothing_it_claims() {
    let origin = Origin::start().await;
    let text = upstream("origin", &[&origin])
        + &plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &policy("keys", "api-key", "")
        + &plugin("acl", &guests::shipped("acl"), "grants = [\"consumers\"]")
        + &policy("staff", "acl", "config = { allow = [\"staff\"] }")
        + &(consumer("alice", "alice-key") + "tags = [\"staff\"]\n")
        + &consumer("bob", "bob-key")
        + &route("all", "origin", "path = { prefix = \"/staff\" }\npolicies = [\"keys\", \"staff\"]")
        + &route("bare", "origin", "path = { prefix = \"/bare\" }\npolicies = [\"staff\"]");
    let gateway = Setup::new(text).start().await;
    let with = |key: &str, path: &str| Request::get(path).field("apikey", key);
    let requests = [
        with("alice-key", "/staff"),
        with("bob-key", "/staff"),
        with("bob-key", "/staff").field("x-consumer-tags", "staff"),
        with("bob-key", "/staff").field("x-consumer-name", "alice"),
        Request::get("/staff"),
        with("alice-key", "/bare"),
    ];
    assert_eq!(statuses(&gateway, requests).await, [200, 403, 403, 403, 401, 401]);
    let refused = gateway.get("/bare").await;
    assert_eq!(refused.field("www-authenticate"), Some("ApiKey realm=\"tidegate\""));
    assert_eq!(origin.only_request().all("x-consumer-tags"), ["staff"]);
}

#[tokio::test]
async fn a_scanner_does_not_hide_its_name() {
    let config = "rules = [{ deny = [\"sqlmap\", \"^curl/\"] }]";
    let (gateway, origin) = guarded("bot-rules", config, "", "").await;
    let agent = |name: &str| Request::get("/").field("user-agent", name);
    let requests = [
        agent("Mozilla/5.0"),
        agent("SQLmap/1.7"),
        agent("Mozilla/5.0").field("User-Agent", "sqlmap"),
        agent(""),
        Request::get("/"),
        agent(&"a".repeat(3000)),
    ];
    assert_eq!(statuses(&gateway, requests).await, [200, 403, 403, 403, 403, 403]);
    assert_eq!(origin.requests().len(), 1);
}

const ORIGINS: &str = "origins = [\"https://app.example\"]\ncredentials = true\nmethods = [\"GET\", \"PUT\"]";

#[tokio::test]
async fn only_the_gateway_says_which_origins_may_read() {
    let (gateway, origin) = guarded("cors", ORIGINS, "", "").await;
    let reply = Reply::ok("private").field("access-control-allow-origin", "https://evil.test");
    let reply = reply.field("access-control-allow-credentials", "true").field("Vary", "accept-encoding");
    origin.answer(reply.field("access-control-expose-headers", "x-secret"));
    for forged in
        ["https://evil.test", "null", "https://app.example.evil.test", "https://evil.test#https://app.example"]
    {
        let answer = gateway.call(&Request::get("/").field("origin", forged)).await;
        assert_eq!((answer.status(), answer.field("access-control-allow-origin")), (200, None), "{forged}");
        assert_eq!(answer.field("access-control-allow-credentials"), None);
        assert_eq!(answer.head.all("vary"), ["accept-encoding", "origin"]);
    }
    let answer = gateway.call(&Request::get("/").field("Origin", "https://app.example")).await;
    assert_eq!(answer.head.all("access-control-allow-origin"), ["https://app.example"]);
    assert_eq!(answer.head.all("access-control-allow-credentials"), ["true"]);
    assert_eq!(answer.field("access-control-expose-headers"), None);
}

#[tokio::test]
async fn a_preflight_is_answered_without_the_upstream_and_without_a_key() {
    let origin = Origin::start().await;
    let text = upstream("origin", &[&origin])
        + &plugin("cors", &guests::shipped("cors"), "")
        + &policy("pages", "cors", &format!("[policy.config]\n{ORIGINS}"))
        + &plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &policy("keys", "api-key", "")
        + &route("all", "origin", "policies = [\"pages\", \"keys\"]");
    let gateway = Setup::new(text).start().await;
    let ask = |origin: &str, method: &str| {
        Request::new("OPTIONS", "/").field("origin", origin).field("access-control-request-method", method)
    };
    let granted = gateway.call(&ask("https://app.example", "PUT")).await;
    assert_eq!((granted.status(), granted.field("access-control-allow-methods")), (204, Some("GET, PUT")));
    assert_eq!(granted.field("access-control-allow-origin"), Some("https://app.example"));
    for request in [ask("https://evil.test", "PUT"), ask("https://app.example", "DELETE"), ask("null", "GET")] {
        let refused = gateway.call(&request).await;
        assert_eq!((refused.status(), refused.field("access-control-allow-origin")), (403, None));
    }
    let keyless = gateway.call(&Request::get("/").field("origin", "https://app.example")).await;
    assert_eq!(keyless.status(), 401);
    assert_eq!(keyless.field("access-control-allow-origin"), Some("https://app.example"), "a page can read why");
    assert!(origin.requests().is_empty());
}
