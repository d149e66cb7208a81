//! Keeps a client at its endpoint by a cookie.
//!
//! Two roles of one policy: as balancer it picks the endpoint that the client's cookie names; for the response it sets the
//! cookie of the endpoint that answered, where the client has another one or none. Neither needs to know what the other
//! did, so that any instance can do either. See the README for what an operator configures; [`config`] holds the keys.

pub mod config;
mod cookie;

use siphasher::sip128::{Hasher128, SipHasher24};
use tidegate_plugin_sdk::{
    Balancer, Candidates, Edit, Endpoint, Policy, Problem, Request, Response, ResponseDecision, ResponsePolicy, export,
};

use config::{Config, Secure};

/// The policy: how endpoints are named, and which there are.
#[derive(Debug)]
pub struct StickyCookie {
    key: [u8; 16],
    name: String,
    /// What follows the value, without `Secure`.
    attributes: String,
    secure: Secure,
    /// The names of the endpoints last told.
    members: Vec<String>,
}

impl Policy for StickyCookie {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        let key = config.check()?;
        let age = config.max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let attributes = format!("; Path={}{age}; SameSite={}; HttpOnly", config.path, config.same_site.as_str());
        Ok(Self { key, name: config.name, attributes, secure: config.secure, members: Vec::new() })
    }
}

impl Balancer for StickyCookie {
    fn update(&mut self, endpoints: Vec<Endpoint>) {
        self.members = endpoints.iter().map(|endpoint| self.token(&endpoint.address)).collect();
    }

    fn pick(&mut self, request: &Request, candidates: &Candidates) -> Option<usize> {
        let token = self.sent(request)?;
        let member = self.members.iter().position(|member| *member == token)?;
        candidates.endpoints.iter().position(|endpoint| usize::try_from(*endpoint) == Ok(member))
    }
}

impl ResponsePolicy for StickyCookie {
    fn on_response(&self, request: &Request, response: &Response) -> ResponseDecision {
        let Some(endpoint) = response.endpoint() else { return ResponseDecision::forward().into() };
        let token = self.token(&endpoint);
        if self.sent(request).as_ref() == Some(&token) {
            return ResponseDecision::forward().into();
        }
        ResponseDecision::Forward(vec![Edit::append("set-cookie", self.cookie(&token, request))])
    }
}

impl StickyCookie {
    /// The name of an endpoint, from which nobody without the secret learns its address.
    fn token(&self, address: &str) -> String {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        std::hash::Hasher::write(&mut hasher, address.as_bytes());
        format!("{:032x}", hasher.finish128().as_u128())
    }

    /// What the client's cookie names; none where it has two that differ.
    fn sent(&self, request: &Request) -> Option<String> {
        cookie::sole(&request.header_values("cookie"), &self.name)
    }

    fn cookie(&self, token: &str, request: &Request) -> String {
        let is_secure = match self.secure {
            Secure::Auto => request.scheme() == "https",
            Secure::Always => true,
            Secure::Never => false,
        };
        let secure = if is_secure { "; Secure" } else { "" };
        format!("{}={token}{}{secure}", self.name, self.attributes)
    }
}

export!(StickyCookie: balancer, response);

#[cfg(test)]
mod tests;
