//! Limits requests per consumer, client address or header value.
//!
//! The gateway counts ([`tidegate_plugin_sdk::counters`]), so that all instances share one count and a reload keeps it.
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod key;
mod window;

use tidegate_plugin_sdk::counters::{Admission, Quota};
use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, export};

use config::{Algorithm, By, Config};
pub use window::Window;

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct RateLimit {
    quota: Quota,
    taking: Taking,
    by: By,
    advertised: Option<Advertised>,
}

/// How a unit is taken.
#[derive(Clone, Copy, Debug)]
enum Taking {
    Gcra { burst: u32 },
    Window,
}

/// What tells clients where they stand (draft-ietf-httpapi-ratelimit-headers-10).
#[derive(Debug)]
struct Advertised {
    /// The value of `ratelimit-policy`, the same for every request.
    policy: String,
    /// The policy's name as a quoted string: how each `ratelimit` begins.
    name: String,
}

impl Policy for RateLimit {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        let quota = Quota { limit: config.limit, window_ms: config.window.milliseconds() };
        let taking = match config.algorithm {
            Algorithm::Gcra => Taking::Gcra { burst: config.burst.unwrap_or(config.limit) },
            Algorithm::Window => Taking::Window,
        };
        let advertised = config.headers.then(|| Advertised::new(&config.name, quota));
        Ok(Self { quota, taking, by: config.by, advertised })
    }
}

impl RequestPolicy for RateLimit {
    fn on_request(&self, request: &Request) -> Decision {
        let key = key::of(&self.by, request);
        let admission = match self.taking {
            Taking::Gcra { burst } => self.quota.take_gcra(&key, burst, 1),
            Taking::Window => self.quota.take_window(&key, 1),
        };
        if admission.allowed { self.admit(&admission) } else { self.refuse(&admission) }
    }
}

impl RateLimit {
    fn admit(&self, admission: &Admission) -> Decision {
        let forward = Decision::forward();
        match &self.advertised {
            Some(advertised) => forward
                .set_response_header("ratelimit-policy", advertised.policy.as_str())
                .set_response_header("ratelimit", advertised.standing(admission))
                .into(),
            None => forward.into(),
        }
    }

    fn refuse(&self, admission: &Admission) -> Decision {
        // A client that comes back within the second it is told to wait would only be refused again.
        let seconds = admission.retry_after_seconds().max(1);
        let response = Decision::respond(429).header("retry-after", seconds.to_string());
        match &self.advertised {
            Some(advertised) => response
                .header("ratelimit-policy", advertised.policy.as_str())
                .header("ratelimit", advertised.standing(admission))
                .into(),
            None => response.into(),
        }
    }
}

impl Advertised {
    fn new(name: &str, quota: Quota) -> Self {
        let name = format!("\"{name}\"");
        // The draft counts windows in whole seconds and lets the length be left out.
        let policy = match (quota.window_ms / 1000, quota.window_ms % 1000) {
            (seconds, 0) => format!("{name};q={};w={seconds}", quota.limit),
            _ => format!("{name};q={}", quota.limit),
        };
        Self { policy, name }
    }

    fn standing(&self, admission: &Admission) -> String {
        format!("{};r={};t={}", self.name, admission.remaining, admission.reset_seconds())
    }
}

export!(RateLimit: request);

#[cfg(test)]
mod tests;
