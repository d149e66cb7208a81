//! Limits requests per consumer, client address, route or header value.
//!
//! The gateway counts ([`tidegate_plugin_sdk::counters`]), so that all instances share one count and a reload keeps it.
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod cost;
mod limit;
mod standing;

use tidegate_plugin_sdk::counters::Admission;
use tidegate_plugin_sdk::{
    Decision, Edit, Forward, LocalResponse, Policy, Problem, Request, RequestPolicy, Subject, export,
};

use config::Config;
use cost::Cost;
use limit::Limit;
use standing::{Advertised, Standing};

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct RateLimit {
    /// From the shortest window to the longest.
    limits: Vec<Limit>,
    subject: Subject,
    cost: Cost,
    advertised: Option<Advertised>,
}

impl Policy for RateLimit {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        let limits = config.limits()?;
        Ok(Self {
            advertised: config.headers.then(|| Advertised::new(&limits)),
            limits: limits.iter().map(Limit::new).collect(),
            cost: Cost::new(&config),
            subject: config.by,
        })
    }
}

impl RequestPolicy for RateLimit {
    fn on_request(&self, request: &Request) -> Decision {
        match self.cost.of(request) {
            0 => Decision::forward().into(),
            cost => self.take(request, cost),
        }
    }
}

impl RateLimit {
    /// Takes from each limit in turn, and stops at the first that refuses.
    ///
    /// What the ones before it gave is lost. They are those with shorter windows, so that it comes back first.
    fn take(&self, request: &Request, cost: u32) -> Decision {
        let mut key = self.subject.key_of(request);
        let mut standing = Standing::default();
        for (index, limit) in self.limits.iter().enumerate() {
            let admission = match self.limits.as_slice() {
                [_] => limit.take_alone(&key, cost),
                _ => limit.take_among_others(&mut key, cost),
            };
            if let Some(advertised) = &self.advertised {
                advertised.add(&mut standing, index, &admission);
            }
            if !admission.allowed {
                return self.refuse(&admission, standing).into();
            }
        }
        self.admit(standing).into()
    }

    fn admit(&self, standing: Standing) -> Forward {
        let response = self
            .advertised
            .as_ref()
            .map_or_else(Vec::new, |advertised| advertised.fields(standing).map(Edit::Set).into());
        Forward { response, ..Forward::default() }
    }

    fn refuse(&self, admission: &Admission, standing: Standing) -> LocalResponse {
        // A client that comes back within the second it is told to wait would only be refused again.
        let seconds = admission.retry_after_seconds().max(1);
        let mut response = Decision::respond(429).header("retry-after", seconds.to_string());
        if let Some(advertised) = &self.advertised {
            response.headers.extend(advertised.fields(standing));
        }
        response
    }
}

export!(RateLimit: request);

#[cfg(test)]
mod tests;
