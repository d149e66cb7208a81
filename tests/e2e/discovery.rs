//! Endpoints that others list: files, DNS and etcd, as each changes, fails and lies.

mod dns;
mod etcd;
mod file;

use std::net::SocketAddr;

use serde_json::Value;

use crate::harness::{Gateway, Origin, eventually, route};

/// An upstream `shop` with these keys, and everything goes there.
fn shop(keys: &str) -> String {
    format!("[[upstream]]\nname = \"shop\"\n{keys}\n") + &route("all", "shop", "")
}

/// The addresses of the upstream's endpoints now.
async fn endpoints(gateway: &Gateway) -> Vec<String> {
    let upstream = gateway.admin().get("/upstreams/shop").await;
    let endpoints = upstream["endpoints"].as_array().cloned().unwrap_or_default();
    endpoints.iter().map(|endpoint| endpoint["address"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits until these are the endpoints, in any order.
async fn until_endpoints(gateway: &Gateway, wanted: &[SocketAddr]) {
    let mut wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
    wanted.sort();
    let are_there = async || {
        let mut now = endpoints(gateway).await;
        now.sort();
        (now == wanted).then_some(())
    };
    eventually(&format!("the endpoints {wanted:?}"), are_there).await;
}

/// What is said of the only one who lists endpoints.
async fn source(gateway: &Gateway) -> Value {
    gateway.admin().get("/upstreams/shop").await["discovery"][0].clone()
}

/// Waits until a problem of the only source holds this text.
async fn until_problem(gateway: &Gateway, text: &str) -> Value {
    let is_told = async || {
        let source = source(gateway).await;
        source["problem"]["why"].as_str().is_some_and(|why| why.contains(text)).then_some(source)
    };
    eventually(&format!("a problem with {text:?}"), is_told).await
}

async fn until_no_problem(gateway: &Gateway) {
    let is_gone = async || source(gateway).await["problem"].is_null().then_some(());
    eventually("no problem", is_gone).await;
}

/// Who answers a request.
async fn answered_by(gateway: &Gateway) -> String {
    let answer = gateway.get("/").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.text()
}

async fn two() -> (Origin, Origin) {
    (Origin::named("one").await, Origin::named("two").await)
}
