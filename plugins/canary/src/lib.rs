//! Sends a share of the traffic to some of the endpoints, and always the same clients.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod whom;

use tidegate_plugin_sdk::subject::Subject;
use tidegate_plugin_sdk::{Balancer, Candidates, Endpoint, Policy, Problem, Request, Rotation, export};

use config::{Config, Whom};

/// The policy: who is sent where, and the endpoints last told.
#[derive(Debug)]
pub struct Canary {
    zone: String,
    /// How many of [`whom::BUCKETS`] go to the zone.
    share: u64,
    by: Subject,
    include: Whom,
    exclude: Whom,
    salt: String,
    /// Which of the endpoints are in the zone.
    in_zone: Vec<bool>,
    rotation: Rotation,
}

impl Policy for Canary {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self {
            share: whom::share(config.percent),
            salt: config.salt.unwrap_or_else(|| config.zone.clone()),
            zone: config.zone,
            by: config.by,
            include: config.include,
            exclude: config.exclude,
            in_zone: Vec::new(),
            rotation: Rotation::default(),
        })
    }
}

impl Balancer for Canary {
    fn update(&mut self, endpoints: Vec<Endpoint>) {
        self.in_zone = endpoints.iter().map(|endpoint| endpoint.zone == self.zone).collect();
        self.rotation = Rotation::new(&endpoints);
    }

    fn pick(&mut self, request: &Request, candidates: &Candidates) -> Option<usize> {
        let (in_zone, tries) = (&self.in_zone, self.tries(request));
        let is_tried = |endpoint: usize| in_zone.get(endpoint).copied().unwrap_or_default();
        let tried = if tries { self.rotation.next(candidates, is_tried) } else { None };
        // Where the zone has nobody to answer, its clients are served as all others are.
        tried.or_else(|| self.rotation.next(candidates, |endpoint| !is_tried(endpoint)))
    }
}

impl Canary {
    /// Whether this request goes to the zone.
    fn tries(&self, request: &Request) -> bool {
        if self.exclude.means(request) {
            return false;
        }
        self.include.means(request) || (self.share > 0 && whom::bucket(&self.by, &self.salt, request) < self.share)
    }
}

export!(Canary: balancer);

#[cfg(test)]
mod tests;
