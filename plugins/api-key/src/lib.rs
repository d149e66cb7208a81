//! Identifies clients by API key.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;

use tidegate_plugin_sdk::consumers::{self, Consumer};
use tidegate_plugin_sdk::{Decision, FieldName, Forward, Policy, Problem, Request, RequestPolicy, export};

use config::Config;

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct ApiKey {
    header: FieldName,
    query: Option<String>,
    hide: bool,
    challenge: String,
}

/// What the client handed over.
enum Credential {
    Missing,
    One(Vec<u8>),
    /// Two different ones: whoever checks the first and whoever acts on the last would disagree on who is calling.
    Several,
}

impl Policy for ApiKey {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self {
            challenge: format!("ApiKey realm=\"{}\"", config.realm),
            header: config.header,
            query: config.query,
            hide: config.hide.unwrap_or(true),
        })
    }
}

impl RequestPolicy for ApiKey {
    fn on_request(&self, request: &Request) -> Decision {
        let found = match self.credential(request) {
            Credential::One(key) => consumers::find_by_key(&key),
            Credential::Missing | Credential::Several => None,
        };
        match found {
            Some(consumer) => self.admit(consumer).into(),
            None => Decision::respond(401).header("www-authenticate", self.challenge.as_str()).into(),
        }
    }
}

impl ApiKey {
    fn credential(&self, request: &Request) -> Credential {
        let mut keys = request.header_values(self.header.as_str());
        if let Some(parameter) = &self.query {
            keys.extend(request.query_values(parameter));
        }
        keys.dedup();
        match keys.pop() {
            None => Credential::Missing,
            Some(key) if keys.is_empty() => Credential::One(key),
            Some(_) => Credential::Several,
        }
    }

    fn admit(&self, consumer: Consumer) -> Forward {
        // The gateway tells the upstream who it is, and has removed what the client claimed to be.
        let forward = Decision::forward().identify(consumer.name);
        if self.hide { forward.remove_request_header(&self.header) } else { forward }
    }
}

export!(ApiKey: request);

#[cfg(test)]
mod tests;
