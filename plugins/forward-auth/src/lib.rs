//! Asks an upstream whether a request may pass.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;

use std::time::Duration;

use tidegate_plugin_sdk::consumers;
use tidegate_plugin_sdk::http_client::{Incoming, Outgoing};
use tidegate_plugin_sdk::{
    Decision, FieldName, Forward, LocalResponse, Policy, Problem, Request, RequestPolicy, export,
};

use config::Config;

/// Of a refusal's body, so much reaches the client; a longer one would be cut, and is left out instead.
const MOST_BODY: usize = 16 << 10;

/// The policy.
#[derive(Debug)]
pub struct ForwardAuth(Config);

impl Policy for ForwardAuth {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self(config))
    }
}

impl RequestPolicy for ForwardAuth {
    fn on_request(&self, request: &Request) -> Decision {
        match self.question(request).send() {
            Ok(answer) if (200..300).contains(&answer.status) => self.admit(&answer),
            // It refuses, or wants the client elsewhere.
            Ok(answer) if (300..500).contains(&answer.status) => self.relay(answer).into(),
            // It does not know, and whoever does not know lets nobody in.
            Ok(_) | Err(_) => Decision::respond(503).header("retry-after", "1").into(),
        }
    }
}

impl ForwardAuth {
    fn question(&self, request: &Request) -> Outgoing {
        let Config { upstream, target, method, timeout_ms, request_headers, .. } = &self.0;
        let mut question = Outgoing::new(method.as_str(), upstream, target)
            .timeout(Duration::from_millis(u64::from(*timeout_ms)))
            .header("x-forwarded-method", request.method())
            .header("x-forwarded-proto", request.scheme())
            .header("x-forwarded-host", request.authority())
            .header("x-forwarded-uri", uri(request))
            .header("x-forwarded-for", request.client_address().to_string())
            .header("x-request-id", request.request_id());
        for name in request_headers {
            for value in request.header_values(name.as_str()) {
                question = question.header(name, value);
            }
        }
        question
    }

    fn admit(&self, answer: &Incoming) -> Decision {
        let forward =
            self.0.upstream_headers.iter().fold(Decision::forward(), |forward, name| replace(forward, name, answer));
        let Some(name) = &self.0.consumer_header else { return forward.into() };
        let mut named = values(answer, name);
        let consumer = match (named.next(), named.next()) {
            (Some(name), None) => std::str::from_utf8(name).ok().and_then(consumers::find_by_name),
            _ => None,
        };
        match consumer {
            Some(consumer) => forward.identify(consumer).into(),
            None => Decision::respond(403).into(),
        }
    }

    /// What the client is sent: the status, the fields that are named, and a body it can read.
    fn relay(&self, answer: Incoming) -> LocalResponse {
        let mut refusal = Decision::respond(answer.status);
        let is_readable = answer.header("content-encoding").is_none() && answer.body.len() <= MOST_BODY;
        for name in &self.0.client_headers {
            if is_readable || name.as_str() != "content-type" {
                refusal = values(&answer, name).fold(refusal, |refusal, value| refusal.header(name, value));
            }
        }
        if is_readable { refusal.body(answer.body) } else { refusal }
    }
}

/// What the client asked for, as it is asked of the upstream now.
fn uri(request: &Request) -> String {
    match request.query() {
        Some(query) => format!("{}?{query}", request.path()),
        None => request.path(),
    }
}

fn values<'a>(answer: &'a Incoming, name: &'a FieldName) -> impl Iterator<Item = &'a [u8]> {
    let named = answer.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name.as_str()));
    named.map(|field| field.value.as_slice())
}

/// The answer's values of a field, and none of the client's.
fn replace(forward: Forward, name: &FieldName, answer: &Incoming) -> Forward {
    values(answer, name)
        .fold(forward.remove_request_header(name), |forward, value| forward.append_request_header(name, value))
}

export!(ForwardAuth: request);

#[cfg(test)]
mod tests;
