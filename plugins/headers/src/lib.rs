//! Adds, sets, removes and renames header fields of requests and responses.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod rules;

use tidegate_plugin_sdk::{
    Decision, Edit, Forward, Policy, Problem, Request, RequestPolicy, Response, ResponseDecision, ResponsePolicy,
    export,
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
        if weight(&edits) > HEAVIEST {
            return Decision::respond(TOO_LARGE).into();
        }
        Forward { request: edits, ..Forward::default() }.into()
    }
}

impl ResponsePolicy for Headers {
    fn on_response(&self, request: &Request, response: &Response) -> ResponseDecision {
        let edits = self.response.edits(request, |name| response.header_values(name));
        if weight(&edits) > HEAVIEST {
            return ResponseDecision::replace(TOO_LARGE).into();
        }
        ResponseDecision::Forward(edits)
    }
}

/// Half of what a plugin may return: values of the request can stand in several fields, and a client that made this policy
/// fail often enough would have it paused.
const HEAVIEST: usize = 32 * 1024;
/// The fields of the request are too large (RFC 6585 section 5).
const TOO_LARGE: u16 = 431;

/// The bytes of all values.
fn weight(edits: &[Edit]) -> usize {
    let values = edits.iter().map(|edit| match edit {
        Edit::Set(field) | Edit::Append(field) => field.value.len(),
        Edit::Remove(_) => 0,
    });
    values.sum()
}

export!(Headers: request, response);

#[cfg(test)]
mod tests;
