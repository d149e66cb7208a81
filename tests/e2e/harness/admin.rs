//! The admin listener, as an operator's script uses it.

use std::net::SocketAddr;

use serde_json::Value;

use super::client::{Client, Request};
use super::message::Response;
use super::metrics::Metrics;
use super::wait::eventually;

/// Calls the admin listener with the token it wants.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    address: SocketAddr,
    token: Option<String>,
}

impl Admin {
    pub(crate) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self { address, token }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same listener with another token, or none.
    pub(crate) fn with_token(&self, token: Option<&str>) -> Self {
        Self { address: self.address, token: token.map(str::to_owned) }
    }

    /// One call on a connection of its own.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        let mut request = Request::new(method, path).field("host", &self.address.to_string());
        if let Some(token) = &self.token {
            request = request.field("authorization", &format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.field("content-type", "application/json").body(body.to_string());
        }
        Client::connect(self.address).await.call(&request).await
    }

    /// A GET that must succeed.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ok("GET", path, None).await
    }

    /// A call that must succeed; an answer without a body is `null`.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.call(method, path, body).await;
        assert!((200..300).contains(&answer.status()), "{method} {path}: {} {}", answer.status(), answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Asks for a reload and returns what came of it.
    pub(crate) async fn reload(&self) -> Value {
        self.call("POST", "/reload", None).await.json()
    }

    /// The running generation.
    pub(crate) async fn generation(&self) -> u64 {
        self.get("/status").await["generation"].as_u64().expect("a generation is a number")
    }

    /// Waits until the last reload came to this, and returns `/status`.
    pub(crate) async fn until_reload(&self, outcome: &str) -> Value {
        let ask = async || {
            let status = self.get("/status").await;
            (status["last_reload"]["outcome"] == outcome).then_some(status)
        };
        eventually(&format!("a reload that is {outcome}"), ask).await
    }

    /// What is known of one endpoint.
    pub(crate) async fn endpoint(&self, upstream: &str, address: SocketAddr) -> Option<Value> {
        let upstream = self.get(&format!("/upstreams/{upstream}")).await;
        let endpoints = upstream["endpoints"].as_array().cloned().unwrap_or_default();
        endpoints.into_iter().find(|endpoint| endpoint["address"] == address.to_string())
    }

    /// Waits until an endpoint is healthy, or is not.
    pub(crate) async fn until_healthy(&self, upstream: &str, address: SocketAddr, healthy: bool) {
        let ask = async || {
            let endpoint = self.endpoint(upstream, address).await?;
            (endpoint["healthy"] == healthy).then_some(())
        };
        eventually(&format!("{address} to be {}", if healthy { "healthy" } else { "unhealthy" }), ask).await;
    }

    /// All metrics now.
    pub(crate) async fn metrics(&self) -> Metrics {
        let answer = self.call("GET", "/metrics", None).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        Metrics::parse(&answer.text())
    }

    /// Waits until a metric has this value.
    pub(crate) async fn until_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        let what = format!("{name} of {labels:?} to be {value}");
        eventually(&what, async || (self.metrics().await.sum(name, labels) == value).then_some(())).await;
    }
}
