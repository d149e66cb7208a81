//! Lets consumers pass by their tags.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;

use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, export};

use config::Config;

/// The policy: who passes, and who does not.
#[derive(Debug)]
pub struct Acl {
    allow: Option<Vec<String>>,
    deny: Vec<String>,
    challenge: String,
}

impl Policy for Acl {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self { allow: config.allow, deny: config.deny, challenge: config.challenge })
    }
}

impl RequestPolicy for Acl {
    fn on_request(&self, request: &Request) -> Decision {
        let Some(consumer) = request.consumer() else {
            return Decision::respond(401).header("www-authenticate", self.challenge.as_str()).into();
        };
        if self.admits(&consumer.tags()) { Decision::forward().into() } else { Decision::respond(403).into() }
    }
}

impl Acl {
    fn admits(&self, tags: &[String]) -> bool {
        let is_among = |list: &[String]| tags.iter().any(|tag| list.contains(tag));
        !is_among(&self.deny) && self.allow.as_deref().is_none_or(is_among)
    }
}

export!(Acl: request);

#[cfg(test)]
mod tests;
