//! Prefers endpoints in the gateway's own zone while they have room, and spills the rest over the others.
//!
//! What counts as room is weight: that of the zone's endpoints which may be picked now, of all that the zone has. See the
//! README for what an operator configures; [`config`] holds the keys.

pub mod config;

use tidegate_plugin_sdk::{Balancer, Candidates, Endpoint, Policy, Problem, Request, Rotation, export};

use config::Config;

/// The policy: what it was told of the endpoints, and what it owes to the zone.
#[derive(Debug)]
pub struct ZoneAware {
    zone: String,
    enough: u64,
    /// The weight of each endpoint of the zone; `None` for those of others.
    near: Vec<Option<u32>>,
    /// The weight of all of them.
    near_weight: u64,
    rotation: Rotation,
    /// How much of the next request stays in the zone, in parts of [`WHOLE`].
    owed: u64,
}

/// One request.
const WHOLE: u64 = 1_000_000;

impl Policy for ZoneAware {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        let (near, rotation) = (Vec::new(), Rotation::default());
        Ok(Self { zone: config.zone, enough: config.enough.into(), near, near_weight: 0, rotation, owed: 0 })
    }
}

impl Balancer for ZoneAware {
    fn update(&mut self, endpoints: Vec<Endpoint>) {
        let weight = |endpoint: &Endpoint| (endpoint.zone == self.zone).then_some(endpoint.weight.max(1));
        self.near = endpoints.iter().map(weight).collect();
        self.near_weight = self.near.iter().flatten().copied().map(u64::from).sum();
        self.rotation = Rotation::new(&endpoints);
    }

    fn pick(&mut self, _: &Request, candidates: &Candidates) -> Option<usize> {
        let stays = self.stays(candidates);
        let near = &self.near;
        let is_near = |endpoint: usize| near.get(endpoint).is_some_and(Option::is_some);
        // Whichever has nobody leaves it to the other.
        let first = self.rotation.next(candidates, |endpoint| is_near(endpoint) == stays);
        first.or_else(|| self.rotation.next(candidates, |endpoint| is_near(endpoint) != stays))
    }
}

impl ZoneAware {
    /// Whether this request stays in the zone: evenly so many of them as the zone has room for.
    fn stays(&mut self, candidates: &Candidates) -> bool {
        let share = self.share(candidates);
        if share >= WHOLE {
            return true;
        }
        self.owed += share;
        let stays = self.owed >= WHOLE;
        if stays {
            self.owed -= WHOLE;
        }
        stays
    }

    /// How many requests stay, in parts of [`WHOLE`].
    fn share(&self, candidates: &Candidates) -> u64 {
        let weight = |endpoint: &u32| self.near.get(usize::try_from(*endpoint).ok()?).copied().flatten();
        let there: u64 = candidates.endpoints.iter().filter_map(weight).map(u64::from).sum();
        let wanted = u128::from(self.near_weight) * u128::from(self.enough);
        let share = (u128::from(there) * 100 * u128::from(WHOLE)).checked_div(wanted).unwrap_or_default();
        u64::try_from(share).unwrap_or(WHOLE).min(WHOLE)
    }
}

export!(ZoneAware: balancer);

#[cfg(test)]
mod tests;
