//! Sets the response fields that tell browsers what not to do.
//!
//! See the README for what an operator configures; [`config`] holds the keys.

pub mod config;

use tidegate_plugin_sdk::{Edit, Policy, Problem, Request, Response, ResponseDecision, ResponsePolicy, export};

use config::{Config, FrameOptions, Hsts};

/// The tokens of <https://www.w3.org/TR/referrer-policy/>.
const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "same-origin",
    "origin",
    "strict-origin",
    "origin-when-cross-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

/// The policy: the fields to send, made once.
#[derive(Debug)]
pub struct SecurityHeaders {
    fields: Vec<(&'static str, String)>,
    /// The value of `strict-transport-security`.
    hsts: Option<String>,
    overrides: bool,
}

impl Policy for SecurityHeaders {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        config.check()?;
        let hsts = config.hsts.or(|| Some(Hsts::default()));
        Ok(Self { hsts: hsts.map(strict_transport_security), overrides: config.overrides, fields: fields(config) })
    }
}

impl ResponsePolicy for SecurityHeaders {
    fn on_response(&self, request: &Request, response: &Response) -> ResponseDecision {
        let wanted = |name: &str| self.overrides || response.header(name).is_none();
        let fields = self.fields.iter().filter(|(name, _)| wanted(name));
        let mut edits: Vec<_> = fields.map(|(name, value)| Edit::set(*name, value.as_str())).collect();
        // Sent in the clear, anybody on the way could have written it (RFC 6797 section 7.2).
        if let Some(value) = self.hsts.as_deref().filter(|_| wanted(HSTS) && request.scheme() == "https") {
            edits.push(Edit::set(HSTS, value));
        }
        ResponseDecision::Forward(edits)
    }
}

const HSTS: &str = "strict-transport-security";

fn strict_transport_security(hsts: Hsts) -> String {
    let subdomains = if hsts.include_subdomains { "; includeSubDomains" } else { "" };
    let preload = if hsts.preload { "; preload" } else { "" };
    format!("max-age={}{subdomains}{preload}", hsts.max_age)
}

fn fields(config: Config) -> Vec<(&'static str, String)> {
    let frames = config.frame_options.or(|| Some(FrameOptions::Deny));
    let fixed = |text: &str| Some(text.to_owned());
    let fields = [
        ("x-content-type-options", config.content_type_options.then(|| "nosniff".to_owned())),
        ("x-frame-options", frames.map(|frames| frames.as_str().to_owned())),
        ("content-security-policy", config.content_security_policy.or(|| frames.map(FrameOptions::ancestors))),
        ("referrer-policy", config.referrer_policy.or(|| fixed("strict-origin-when-cross-origin"))),
        ("permissions-policy", config.permissions_policy.or(|| fixed("camera=(), geolocation=(), microphone=()"))),
        ("cross-origin-opener-policy", config.cross_origin_opener_policy),
        ("cross-origin-resource-policy", config.cross_origin_resource_policy),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

impl FrameOptions {
    fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "DENY",
            Self::SameOrigin => "SAMEORIGIN",
        }
    }

    /// The same in the words of a content security policy, which browsers put above it.
    fn ancestors(self) -> String {
        let ancestors = match self {
            Self::Deny => "'none'",
            Self::SameOrigin => "'self'",
        };
        format!("frame-ancestors {ancestors}")
    }
}

export!(SecurityHeaders: response);

#[cfg(test)]
mod tests;
