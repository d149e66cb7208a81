//! Lets requests with a known API key pass: the example policy that stands beside this one in five more languages.

use serde::Deserialize;
use tidegate_plugin_sdk::consumers::{self, ConsumerId};
use tidegate_plugin_sdk::{Decision, Forward, LocalResponse, Policy, Problem, Request, RequestPolicy, export};

/// The policy, which is its configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyGate {
    /// The header field that carries the key.
    pub header: String,
    /// The header field that the upstream is given.
    pub tag: String,
    /// Its value.
    pub mark: String,
    /// The one path that needs no key, and is answered here.
    pub public: String,
}

impl Default for KeyGate {
    fn default() -> Self {
        let [header, tag, mark, public] = ["apikey", "x-gate", "rust", "/health"].map(str::to_owned);
        Self { header, tag, mark, public }
    }
}

impl Policy for KeyGate {
    type Config = Self;

    fn configure(config: Self) -> Result<Self, Vec<Problem>> {
        Ok(config)
    }
}

impl RequestPolicy for KeyGate {
    fn on_request(&self, request: &Request) -> Decision {
        if request.path() == self.public {
            return Decision::respond(200).header("content-type", "text/plain").body("ok\n").into();
        }
        let key = request.sole_header(&self.header).ok();
        match key.and_then(|key| consumers::find_by_key(&key)) {
            Some(consumer) => self.admit(consumer).into(),
            None => refusal().into(),
        }
    }
}

impl KeyGate {
    fn admit(&self, consumer: ConsumerId) -> Forward {
        Decision::forward()
            .identify(consumer)
            .remove_request_header(&self.header)
            .set_request_header(&self.tag, self.mark.as_str())
            .set_response_header("x-policy", "key-gate")
    }
}

fn refusal() -> LocalResponse {
    Decision::respond(401).header("www-authenticate", "ApiKey").body("{\"error\":\"no key\"}\n")
}

export!(KeyGate: request);
