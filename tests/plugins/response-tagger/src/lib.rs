//! A response policy: it sets a header (`x-tagged: yes` where the configuration names no other), shows what it saw, and
//! replaces a 418 by a 503 of its own.

use serde::Deserialize;
use tidegate_plugin_sdk::{FieldName, Policy, Problem, Request, Response, ResponseDecision, ResponsePolicy, export};

/// The keys of the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The header it sets.
    pub name: FieldName,
    /// The value it sets.
    pub value: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { name: FieldName::from_static("x-tagged"), value: "yes".to_owned() }
    }
}

/// The policy.
#[derive(Debug)]
pub struct ResponseTagger(Config);

impl Policy for ResponseTagger {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        Ok(Self(config))
    }
}

impl ResponsePolicy for ResponseTagger {
    fn on_response(&self, request: &Request, response: &Response) -> ResponseDecision {
        let Config { name, value } = &self.0;
        if response.status() == 418 {
            return ResponseDecision::replace(503).header(name, value.as_str()).body("no teapots here\n").into();
        }
        ResponseDecision::forward()
            .set_header(name, value.as_str())
            .set_header("x-saw", format!("{} {} {}", request.method(), request.path(), response.status()))
            .remove_header("x-powered-by")
            .into()
    }
}

export!(ResponseTagger: response);
