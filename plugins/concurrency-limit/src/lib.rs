//! Limits how many requests are under way at once.
//!
//! The gateway holds the places ([`counters::hold`]) and gives each back when its exchange is over, however that ends. See the
//! README for what an operator configures; [`config`] holds the keys.

pub mod config;

use tidegate_plugin_sdk::{
    Decision, LocalResponse, Policy, Problem, Request, RequestPolicy, Subject, counters, export,
};

use config::Config;

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct ConcurrencyLimit {
    limit: u32,
    subject: Subject,
    status: u16,
    /// The value of `retry-after`.
    retry_after: Option<String>,
}

impl Policy for ConcurrencyLimit {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        Ok(Self {
            limit: config.limit,
            subject: config.by,
            status: config.status.into(),
            retry_after: config.retry_after.map(|wait| wait.milliseconds().div_ceil(1000).to_string()),
        })
    }
}

impl RequestPolicy for ConcurrencyLimit {
    fn on_request(&self, request: &Request) -> Decision {
        match counters::hold(self.subject.key_of(request).as_bytes(), self.limit) {
            Some(_) => Decision::forward().into(),
            None => self.refuse().into(),
        }
    }
}

impl ConcurrencyLimit {
    fn refuse(&self) -> LocalResponse {
        let response = Decision::respond(self.status);
        match &self.retry_after {
            Some(seconds) => response.header("retry-after", seconds.as_str()),
            None => response,
        }
    }
}

export!(ConcurrencyLimit: request);

#[cfg(test)]
mod tests;
