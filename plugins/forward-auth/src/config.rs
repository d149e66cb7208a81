//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::{FieldName, Problem};

/// Fields by which the gateway tells what it is asked about.
const OWN_PREFIX: &str = "x-forwarded-";
const LONGEST_WAIT: u32 = 60_000;

/// The keys of the configuration; `upstream` has no default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The upstream that is asked; the plugin has to have it in `upstreams`.
    pub upstream: String,
    /// Path and query that it is asked for.
    #[serde(default = "default_target")]
    pub target: String,
    /// The method it is asked with.
    #[serde(default)]
    pub method: Method,
    /// Milliseconds the answer may take, at most 60 000; the plugin's `limits.http_timeout` is a limit as well.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u32,
    /// Fields of the request that it is shown.
    #[serde(default = "default_request_headers")]
    pub request_headers: Vec<FieldName>,
    /// Fields of its answer that the request goes on with, in the place of the client's.
    #[serde(default)]
    pub upstream_headers: Vec<FieldName>,
    /// Fields of a refusal that the client is sent.
    #[serde(default = "default_client_headers")]
    pub client_headers: Vec<FieldName>,
    /// A field of its answer that names the consumer.
    pub consumer_header: Option<FieldName>,
}

/// The method an upstream is asked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// What most of them expect.
    #[default]
    Get,
    /// For those that answer without a body.
    Head,
    /// With an empty body.
    Post,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

fn default_target() -> String {
    "/".to_owned()
}

fn default_timeout() -> u32 {
    1000
}

fn default_request_headers() -> Vec<FieldName> {
    ["authorization", "cookie"].map(FieldName::from_static).to_vec()
}

fn default_client_headers() -> Vec<FieldName> {
    ["www-authenticate", "location", "set-cookie", "content-type", "retry-after"].map(FieldName::from_static).to_vec()
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every problem.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        problems.extend(self.upstream.is_empty().then(|| Problem::at("upstream", "must name an upstream")));
        let is_target =
            self.target.starts_with('/') && self.target.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#');
        problems.extend(
            (!is_target).then(|| Problem::at("target", "must be a path that begins with `/`, with or without a query")),
        );
        let is_wait = (1..=LONGEST_WAIT).contains(&self.timeout_ms);
        problems.extend((!is_wait).then(|| Problem::at("timeout_ms", "must be between 1 and 60000")));
        let own = self.request_headers.iter().enumerate().filter(|(_, name)| name.as_str().starts_with(OWN_PREFIX));
        problems.extend(own.map(|(index, name)| {
            Problem::at(
                format!("request_headers[{index}]"),
                format!("{name:?} is told by the gateway itself", name = name.as_str()),
            )
        }));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}
