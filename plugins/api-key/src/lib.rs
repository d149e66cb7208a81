//! Identifies clients by API key.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;

use tidegate_plugin_sdk::consumers::{self, ConsumerId};
use tidegate_plugin_sdk::{Credential, Decision, FieldName, Forward, Policy, Problem, Request, RequestPolicy, export};

use config::Config;

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct ApiKey {
    header: FieldName,
    query: Option<String>,
    hide: bool,
    challenge: String,
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
        match self.owner(request) {
            Some(consumer) => self.admit(consumer).into(),
            None => Decision::respond(401).header("www-authenticate", self.challenge.as_str()).into(),
        }
    }
}

impl ApiKey {
    /// Whose key the request carries. Where it can stand in the header only, it does not come into the plugin.
    fn owner(&self, request: &Request) -> Option<ConsumerId> {
        let Some(parameter) = &self.query else {
            return consumers::find_by_key_header(request, self.header.as_str()).ok();
        };
        let in_header = Credential::from(request.sole_header(self.header.as_str()));
        match request.query_values(parameter).into_iter().fold(in_header, Credential::and) {
            Credential::One(key) => consumers::find_by_key(&key),
            Credential::Missing | Credential::Several => None,
        }
    }

    fn admit(&self, consumer: ConsumerId) -> Forward {
        // The gateway tells the upstream who it is, and has removed what the client claimed to be.
        let forward = Decision::forward().identify(consumer);
        if self.hide { forward.remove_request_header(&self.header) } else { forward }
    }
}

export!(ApiKey: request);

#[cfg(test)]
mod tests;
