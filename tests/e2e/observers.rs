//! What an observer hears of exchanges, through the real binary.

use crate::harness::sections::{plugin, policy, upstream_with};
use crate::harness::{Answer, Gateway, Origin, Reply, Request, Setup, eventually, guests, h2, route};

/// One instance, so that it has one memory.
const ALONE: &str = "[plugin.limits]\ninstances = 1";

async fn observed(origins: &[&Origin]) -> Gateway {
    let endpoints: Vec<_> = origins.iter().map(|origin| (*origin, 100)).collect();
    let text = upstream_with("shop", "retries = 1", &endpoints)
        + &plugin("observer", &guests::guest("observer"), ALONE)
        + &policy("watch", "observer", "on_failure = \"allow\"")
        + &route("all", "shop", "policies = [\"watch\"]");
    Setup::new(text).start().await
}

/// What the observer heard of requests for this path.
async fn heard(gateway: &Gateway, path: &str) -> String {
    let line = async || {
        let all = gateway.get("/heard").await.text();
        all.lines().find_map(|line| line.strip_prefix(&format!("{path} ")).map(str::to_owned))
    };
    eventually(&format!("an observation of {path}"), line).await
}

#[tokio::test]
async fn an_observer_hears_status_sizes_tries_and_cause() {
    let origin = Origin::start().await;
    origin.script(|seen| match seen.target() {
        "/missing" => Reply::new(404).field("content-type", "text/x").body("gone").into(),
        "/reset" => Answer::reset(),
        _ => Reply::ok("a body").into(),
    });
    let gateway = observed(&[&origin]).await;
    let answer = gateway.get("/reset").await;
    let length = answer.body.len();
    assert_eq!(
        heard(&gateway, "/reset").await,
        format!(
            "status=502 in=0 out={length} tries=1 endpoint=some cause=upstream-reset type=application/problem+json timed"
        )
    );
    gateway.call(&Request::post("/sent", "12345")).await;
    assert_eq!(heard(&gateway, "/sent").await, "status=200 in=5 out=6 tries=1 endpoint=some cause=none type= timed");
    gateway.get("/missing").await;
    let missing = heard(&gateway, "/missing").await;
    assert_eq!(missing, "status=404 in=0 out=4 tries=1 endpoint=some cause=none type=text/x timed");
}

#[tokio::test]
async fn an_observer_hears_of_every_try_and_over_http2() {
    let (down, up) = (Origin::down("down"), Origin::named("up").await);
    let gateway = observed(&[&down, &up]).await;
    let client = gateway.h2().await;
    for path in ["/a", "/b"] {
        client.call(h2::post(&format!("http://edge.test{path}")), &["123", "45"]).await;
    }
    let both = [heard(&gateway, "/a").await, heard(&gateway, "/b").await].join("\n");
    assert!(both.contains("status=200 in=5 out=2 tries=2 endpoint=some cause=none"), "{both}");
}

#[tokio::test]
async fn an_observer_hears_of_an_exchange_that_asked_no_endpoint() {
    let origin = Origin::start().await;
    let text = upstream_with("shop", "", &[(&origin, 100)])
        + &plugin("observer", &guests::guest("observer"), ALONE)
        + &policy("watch", "observer", "")
        + &plugin("greeter", &guests::guest("greeter_v1"), "")
        + &policy("greet", "greeter", "")
        + &route("all", "shop", "policies = [\"watch\", \"greet\"]");
    let gateway = Setup::new(text).start().await;
    let length = gateway.get("/hello").await.body.len();
    assert_eq!(
        heard(&gateway, "/hello").await,
        format!("status=200 in=0 out={length} tries=0 endpoint=none cause=policy type=text/plain; charset=utf-8 timed")
    );
}

#[tokio::test]
async fn an_observer_that_fails_is_counted_and_nothing_else() {
    let origin = Origin::start().await;
    let gateway = observed(&[&origin]).await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        assert_eq!(client.call(&Request::get("/trap")).await.text(), "origin");
    }
    let failures = async || {
        let labels = [("policy", "watch"), ("outcome", "trap")];
        (gateway.admin().metrics().await.sum("tidegate_policy_calls_total", &labels) == 3.0).then_some(())
    };
    eventually("three failures counted", failures).await;
}
