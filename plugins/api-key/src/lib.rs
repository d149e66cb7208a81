//! Identifies clients by API key.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;

use tidegate_plugin_sdk::consumers::{self, ConsumerId};
use tidegate_plugin_sdk::{Ambiguity, Decision, FieldName, Forward, Policy, Problem, Request, RequestPolicy, export};

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

impl Credential {
    fn and(self, further: Vec<u8>) -> Self {
        match self {
            Self::Missing => Self::One(further),
            Self::One(first) if first == further => Self::One(first),
            Self::One(_) | Self::Several => Self::Several,
        }
    }
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
        let in_header = match request.sole_header(self.header.as_str()) {
            Ok(key) => Credential::One(key),
            Err(Ambiguity::Missing) => Credential::Missing,
            Err(Ambiguity::Repeated) => Credential::Several,
        };
        let in_query = self.query.as_ref().map(|parameter| request.query_values(parameter)).unwrap_or_default();
        in_query.into_iter().fold(in_header, Credential::and)
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
