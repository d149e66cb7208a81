//! Identifies clients by name and password (RFC 7617).
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod credentials;

use tidegate_plugin_sdk::consumers::ConsumerId;
use tidegate_plugin_sdk::passwords::{self, PasswordError};
use tidegate_plugin_sdk::{Decision, Forward, LocalResponse, Policy, Problem, Request, RequestPolicy, export};

use config::Config;
use credentials::Credentials;

const AUTHORIZATION: &str = "authorization";

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct BasicAuth {
    hide: bool,
    challenge: String,
}

impl Policy for BasicAuth {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self { hide: config.hide, challenge: format!("Basic realm=\"{}\", charset=\"UTF-8\"", config.realm) })
    }
}

impl RequestPolicy for BasicAuth {
    fn on_request(&self, request: &Request) -> Decision {
        // Two different fields are none: the upstream might act on the other one.
        let Ok(field) = request.sole_header(AUTHORIZATION) else { return self.challenge().into() };
        let Some(Credentials { name, password }) = Credentials::parse(&field) else { return self.challenge().into() };
        match passwords::verify(&name, password.as_bytes()) {
            Ok(consumer) => self.admit(consumer).into(),
            Err(PasswordError::Wrong) => self.challenge().into(),
            Err(PasswordError::Overloaded) => Decision::respond(503).header("retry-after", "1").into(),
        }
    }
}

impl BasicAuth {
    fn challenge(&self) -> LocalResponse {
        Decision::respond(401).header("www-authenticate", self.challenge.as_str())
    }

    fn admit(&self, consumer: ConsumerId) -> Forward {
        let forward = Decision::forward().identify(consumer);
        if self.hide { forward.remove_request_header(AUTHORIZATION) } else { forward }
    }
}

export!(BasicAuth: request);

#[cfg(test)]
mod tests;
