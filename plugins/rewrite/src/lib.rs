//! Changes path and query on the way to the upstream.
//!
//! What comes out is a path that every server reads as the same one, or the request is refused. See the README for what an
//! operator configures; [`config`] holds the keys.

pub mod config;
mod parameters;

use tidegate_plugin_sdk::path::{Changed, PathRule};
use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, export};

use config::Config;
use parameters::{Ambiguous, Parameters};

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct Rewrite {
    path: Vec<PathRule>,
    query: Parameters,
}

impl Policy for Rewrite {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        if config.is_empty() {
            return Err(vec![Problem::whole(
                "changes nothing; write `path`, `query.remove`, `query.set` or `query.add`",
            )]);
        }
        let mut problems = Vec::new();
        let mut path = Vec::new();
        for (index, written) in config.path.iter().enumerate() {
            match PathRule::new(written, &format!("path[{index}]")) {
                Ok(rule) => path.push(rule),
                Err(found) => problems.extend(found),
            }
        }
        let query = Parameters::new(config.query, &mut problems);
        if problems.is_empty() { Ok(Self { path, query }) } else { Err(problems) }
    }
}

/// Twice what the gateway takes of a client: values of the request make targets longer.
const LONGEST: usize = 16 * 1024;

impl RequestPolicy for Rewrite {
    fn on_request(&self, request: &Request) -> Decision {
        let before = request.path();
        if !before.starts_with('/') {
            // `OPTIONS *` asks about the server, and has no path.
            return Decision::forward().into();
        }
        let path = match self.path.iter().map(|rule| rule.apply(request, &before)).find(|path| *path != Changed::Unfit)
        {
            Some(Changed::To(path)) => Some(path),
            Some(Changed::Ambiguous) => return Decision::respond(400).into(),
            Some(Changed::Unfit) | None => None,
        };
        let query = match self.query.changed(request) {
            Ok(query) => query,
            Err(Ambiguous) => return Decision::respond(400).into(),
        };
        if path.is_none() && query.is_none() {
            return Decision::forward().into();
        }
        let query = query.unwrap_or_else(|| request.query());
        let target = path.unwrap_or(before) + &query.map(|query| format!("?{query}")).unwrap_or_default();
        if target.len() > LONGEST {
            return Decision::respond(414).into();
        }
        Decision::forward().target(target).into()
    }
}

export!(Rewrite: request);

#[cfg(test)]
mod tests;
