//! Answers preflights and tells browsers which origins may read responses (Fetch, "CORS protocol").
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod origins;
mod preflight;

use tidegate_plugin_sdk::{Ambiguity, Decision, Edit, Forward, Policy, Problem, Request, RequestPolicy, export};

use config::Config;
use origins::Origins;
use preflight::{Asked, Preflight};

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// The policy, with everything prepared that does not depend on the request.
#[derive(Debug)]
pub struct Cors {
    origins: Origins,
    preflight: Preflight,
    enforce: bool,
    /// Edits of a response that somebody may read, but the origin.
    readable: Vec<Edit>,
    /// Edits of any other response: what the upstream says of origins is not for it to say.
    unreadable: Vec<Edit>,
}

/// Who asks.
enum Origin {
    /// No page, or one of this origin itself.
    Unnamed,
    /// A page of this origin, which may read; as the answer names it.
    Allowed(String),
    /// A page that may not, or nobody knows of which origin.
    Forbidden,
}

impl Policy for Cors {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        let origins = config.origins()?;
        let depends = !matches!(origins, Origins::Any);
        Ok(Self {
            preflight: Preflight::new(&config),
            enforce: config.enforce,
            readable: readable(&config).into_iter().chain(vary(depends)).collect(),
            unreadable: unreadable().into_iter().chain(vary(depends)).collect(),
            origins,
        })
    }
}

impl RequestPolicy for Cors {
    fn on_request(&self, request: &Request) -> Decision {
        let origin = self.origin(request);
        if matches!(origin, Origin::Unnamed) {
            return self.pass(None).into();
        }
        let allowed = match &origin {
            Origin::Allowed(name) => Some(name.as_str()),
            Origin::Forbidden | Origin::Unnamed => None,
        };
        match Asked::of(request) {
            Some(asked) => self.preflight.answer(&asked, allowed).into(),
            None if allowed.is_none() && self.enforce => Decision::respond(403).header("vary", "origin").into(),
            None => self.pass(allowed).into(),
        }
    }
}

impl Cors {
    /// Two origins are none: whoever reads the first and whoever reads the last would disagree on who asks.
    fn origin(&self, request: &Request) -> Origin {
        let origin = match request.sole_header("origin") {
            Err(Ambiguity::Missing) => return Origin::Unnamed,
            Err(Ambiguity::Repeated) => return Origin::Forbidden,
            Ok(origin) => origin,
        };
        match (&self.origins, String::from_utf8(origin)) {
            (Origins::Any, _) => Origin::Allowed("*".to_owned()),
            (origins, Ok(origin)) if origins.hold(&origin) => Origin::Allowed(origin),
            _ => Origin::Forbidden,
        }
    }

    fn pass(&self, allowed: Option<&str>) -> Forward {
        let response = match (allowed, &self.origins) {
            (Some(origin), _) => with_origin(origin, &self.readable),
            // The answer is the same for everybody, so that it may be kept for everybody.
            (None, Origins::Any) => with_origin("*", &self.readable),
            (None, Origins::Some(_)) => self.unreadable.clone(),
        };
        Forward { response, ..Forward::default() }
    }
}

fn with_origin(origin: &str, others: &[Edit]) -> Vec<Edit> {
    let mut edits = Vec::with_capacity(others.len() + 1);
    edits.push(Edit::set(ALLOW_ORIGIN, origin));
    edits.extend_from_slice(others);
    edits
}

fn readable(config: &Config) -> [Edit; 2] {
    let (credentials, expose) = ("access-control-allow-credentials", "access-control-expose-headers");
    [
        if config.credentials { Edit::set(credentials, "true") } else { Edit::remove(credentials) },
        if config.expose.is_empty() { Edit::remove(expose) } else { Edit::set(expose, config.expose.join(", ")) },
    ]
}

fn unreadable() -> [Edit; 3] {
    [ALLOW_ORIGIN, "access-control-allow-credentials", "access-control-expose-headers"].map(Edit::remove)
}

/// Also where no origin was named: a cache must not hand that answer to a page.
fn vary(depends: bool) -> Option<Edit> {
    depends.then(|| Edit::append("vary", "origin"))
}

export!(Cors: request);

#[cfg(test)]
mod tests;
