//! Identifies clients by the certificate they show in the TLS handshake.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;

use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, consumers, export};

use config::Config;

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct ClientCertificate {
    challenge: String,
}

impl Policy for ClientCertificate {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self { challenge: format!("ClientCertificate realm=\"{}\"", config.realm) })
    }
}

impl RequestPolicy for ClientCertificate {
    fn on_request(&self, request: &Request) -> Decision {
        // Header fields say nothing here: whoever sends them has shown no key.
        let certificate = request.client_certificate();
        match certificate.and_then(|certificate| consumers::find_by_certificate(&certificate.sha256)) {
            Some(consumer) => Decision::forward().identify(consumer).into(),
            None => Decision::respond(401).header("www-authenticate", self.challenge.as_str()).into(),
        }
    }
}

export!(ClientCertificate: request);

#[cfg(test)]
mod tests;
