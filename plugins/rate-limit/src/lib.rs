//! Limits requests per consumer, client address, route or header value.
//!
//! It names the limits, and the gateway counts ([`LimitPolicy`]): all instances share one count, a reload keeps it, and what it
//! named once for a subject is remembered. See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod cost;
mod quota;

use tidegate_plugin_sdk::{Limit, LimitPolicy, Limits, Policy, Problem, Request, Subject, export};

use config::Config;
use cost::Cost;
use quota::Quota;

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct RateLimit {
    /// From the shortest window to the longest.
    quotas: Vec<Quota>,
    subject: Subject,
    cost: Cost,
    advertise: bool,
}

impl Policy for RateLimit {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        Ok(Self {
            quotas: config.limits()?.iter().map(Quota::new).collect(),
            cost: Cost::new(&config),
            subject: config.by,
            advertise: config.headers,
        })
    }
}

impl LimitPolicy for RateLimit {
    fn limits_of(&self, request: &Request) -> Limits {
        match self.cost.of(request) {
            0 => Limits::default(),
            cost => Limits { all: self.all(request, cost), advertise: self.advertise },
        }
    }
}

impl RateLimit {
    /// Those with shorter windows come first: what they gave to a request that a longer one refuses is lost, and comes back
    /// first.
    fn all(&self, request: &Request, cost: u32) -> Vec<Limit> {
        let key = self.subject.key_of(request);
        match self.quotas.as_slice() {
            [only] => vec![only.of(key.into_bytes(), cost)],
            several => several.iter().map(|quota| quota.of(key.of_counter(quota.mark()), cost)).collect(),
        }
    }
}

export!(RateLimit: limit);

#[cfg(test)]
mod tests;
