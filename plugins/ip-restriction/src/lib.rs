//! Lets requests pass by client address.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod ranges;

use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, export};

use config::{Config, Network};
use ranges::AddressSet;

/// The policy: who passes, and who does not.
#[derive(Debug)]
pub struct IpRestriction {
    allow: Option<AddressSet>,
    deny: AddressSet,
    status: u16,
}

impl Policy for IpRestriction {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        let set = |networks: Vec<Network>| AddressSet::of(networks.into_iter().map(Network::get));
        Ok(Self { allow: config.allow.map(set), deny: set(config.deny), status: config.status.into() })
    }
}

impl RequestPolicy for IpRestriction {
    fn on_request(&self, request: &Request) -> Decision {
        let client = request.client_address();
        let passes = !self.deny.contains(client) && self.allow.as_ref().is_none_or(|allow| allow.contains(client));
        if passes { Decision::forward().into() } else { Decision::respond(self.status).into() }
    }
}

export!(IpRestriction: request);

#[cfg(test)]
mod tests;
