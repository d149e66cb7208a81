//! Adds, sets, removes and renames header fields of requests and responses.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod rules;

use tidegate_plugin_sdk::{
    Decision, Forward, Policy, Problem, Request, RequestPolicy, Response, ResponseDecision, ResponsePolicy, export,
};

use config::Config;
use rules::Rules;

/// The policy: what becomes of the fields of each direction.
#[derive(Debug)]
pub struct Headers {
    request: Rules,
    response: Rules,
}

impl Policy for Headers {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.whole_problem()?;
        let mut problems = Vec::new();
        let request = Rules::new(config.request, "request", &mut problems);
        let response = Rules::new(config.response, "response", &mut problems);
        if problems.is_empty() { Ok(Self { request, response }) } else { Err(problems) }
    }
}

impl RequestPolicy for Headers {
    fn on_request(&self, request: &Request) -> Decision {
        let edits = self.request.edits(request, |name| request.header_values(name));
        Forward { request: edits, ..Forward::default() }.into()
    }
}

impl ResponsePolicy for Headers {
    fn on_response(&self, request: &Request, response: &Response) -> ResponseDecision {
        ResponseDecision::Forward(self.response.edits(request, |name| response.header_values(name)))
    }
}

export!(Headers: request, response);

#[cfg(test)]
mod tests;
