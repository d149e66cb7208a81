//! Sends clients to another scheme, host or path.
//!
//! Every address that is sent is absolute, and the host in it is the operator's or the one the client asked for: a path can
//! say what it likes, it stays a path. See the README for what an operator configures; [`config`] holds the keys.

mod authority;
pub mod config;

use tidegate_plugin_sdk::path::{Changed, PathRule};
use tidegate_plugin_sdk::{Decision, Policy, Problem, Request, RequestPolicy, export};

use config::{Config, Query, Scheme, Status};

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct Redirect {
    scheme: Option<Scheme>,
    host: Option<String>,
    path: Option<PathRule>,
    query: Query,
    status: Status,
}

/// What the request's path comes to.
enum Destination {
    Path(String),
    NotForIt,
    Ambiguous,
}

impl Policy for Redirect {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if config.scheme.is_none() && config.host.is_none() && config.path.is_none() {
            problems.push(Problem::whole("sends nobody anywhere; write `scheme`, `host` or `path`"));
        }
        let host = config.host.map(|host| host.to_ascii_lowercase());
        if let Some(host) = host.as_deref().filter(|host| !authority::is_legal(host)) {
            problems.push(Problem::at(
                "host",
                format!("{host:?} is no host, as in \"shop.example\" or \"shop.example:8443\""),
            ));
        }
        let path = config.path.map(|written| PathRule::new(&written, "path")).transpose();
        match (path, problems.is_empty()) {
            (Ok(path), true) => {
                Ok(Self { scheme: config.scheme, host, path, query: config.query, status: config.status })
            }
            (path, _) => Err(problems.into_iter().chain(path.err().into_iter().flatten()).collect()),
        }
    }
}

/// Longer addresses are more than clients take.
const LONGEST: usize = 16 * 1024;

impl RequestPolicy for Redirect {
    fn on_request(&self, request: &Request) -> Decision {
        let before = request.path();
        let path = match self.destination(request, &before) {
            Destination::Path(path) => path,
            Destination::NotForIt => return Decision::forward().into(),
            Destination::Ambiguous => return Decision::respond(400).into(),
        };
        let (asked_scheme, asked) = (request.scheme(), request.authority().to_ascii_lowercase());
        if !authority::is_legal(&asked) {
            return Decision::respond(400).into();
        }
        let scheme = self.scheme.map_or(asked_scheme.as_str(), |scheme| scheme.as_str());
        let host = match &self.host {
            Some(host) => host.as_str(),
            // The port of one scheme is not that of the other.
            None if scheme != asked_scheme => authority::host(&asked),
            None => &asked,
        };
        if scheme == asked_scheme && authority::is_same(host, &asked, scheme) && path == before {
            // Whoever is there already would be sent round in circles.
            return Decision::forward().into();
        }
        let location = format!("{scheme}://{host}{path}{}", self.query(request));
        if location.len() > LONGEST {
            return Decision::respond(414).into();
        }
        Decision::respond(self.status.code()).header("location", location).into()
    }
}

impl Redirect {
    fn destination(&self, request: &Request, before: &str) -> Destination {
        match self.path.as_ref().map(|rule| rule.apply(request, before)) {
            None if before.starts_with('/') => Destination::Path(before.to_owned()),
            None | Some(Changed::Unfit) => Destination::NotForIt,
            Some(Changed::To(path)) => Destination::Path(path),
            Some(Changed::Ambiguous) => Destination::Ambiguous,
        }
    }

    /// The query to send along, with its `?`.
    fn query(&self, request: &Request) -> String {
        let kept = (self.query == Query::Keep).then(|| request.query()).flatten();
        kept.map(|query| format!("?{query}")).unwrap_or_default()
    }
}

export!(Redirect: request);

#[cfg(test)]
mod tests;
