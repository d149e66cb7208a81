//! Refuses requests by patterns in their header fields.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod patterns;

use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, export};

use config::{Compiled, Config, Missing};

/// Bytes of all values of a field that are looked through. More are refused: no client needs them, and they would cost
/// everybody time.
const LONGEST: usize = 2048;

/// The policy: rules with their patterns compiled.
#[derive(Debug)]
pub struct BotRules {
    rules: Vec<Compiled>,
}

impl Policy for BotRules {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        Ok(Self { rules: config.compile()? })
    }
}

impl RequestPolicy for BotRules {
    fn on_request(&self, request: &Request) -> Decision {
        if self.rules.iter().any(|rule| rule.refuses(&request.header_values(rule.header.as_str()))) {
            return Decision::respond(403).into();
        }
        Decision::forward().into()
    }
}

impl Compiled {
    /// Every value has to pass: nobody knows which one the upstream reads.
    fn refuses(&self, values: &[Vec<u8>]) -> bool {
        let is_missing = values.is_empty() || values.iter().any(|value| value.trim_ascii().is_empty());
        let is_long = values.iter().map(Vec::len).sum::<usize>() > LONGEST;
        is_long || (is_missing && self.missing == Missing::Deny) || values.iter().any(|value| self.refuses_value(value))
    }

    fn refuses_value(&self, value: &[u8]) -> bool {
        !value.trim_ascii().is_empty() && self.admits(value) != Some(true)
    }

    fn admits(&self, value: &[u8]) -> Option<bool> {
        let is_allowed = self.allow.as_ref().map_or(Some(true), |allow| allow.is_match(value))?;
        Some(is_allowed && (!self.deny.is_match(value)? || self.except.is_match(value)?))
    }
}

export!(BotRules: request);

#[cfg(test)]
mod tests;
