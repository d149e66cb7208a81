//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::{FieldName, Problem};

/// The keys of the configuration, each with a default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The header field that carries the key.
    pub header: FieldName,
    /// A query parameter that may carry the key as well.
    pub query: Option<String>,
    /// Whether the key is taken out of the request before the upstream sees it.
    ///
    /// `true` where it is not written. Together with `query` it cannot be kept, since edits do not reach the query.
    pub hide: Option<bool>,
    /// The realm of the challenge (RFC 9110 section 11.5).
    pub realm: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { header: FieldName::from_static("apikey"), query: None, hide: None, realm: "tidegate".to_owned() }
    }
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let problems = [self.query_problem(), self.hide_problem(), Problem::unquotable("realm", &self.realm)];
        let problems: Vec<_> = problems.into_iter().flatten().collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn query_problem(&self) -> Option<Problem> {
        (self.query.as_deref() == Some(""))
            .then(|| Problem::at("query", "must not be empty; leave it out to switch it off"))
    }

    fn hide_problem(&self) -> Option<Problem> {
        (self.query.is_some() && self.hide != Some(false)).then(|| {
            Problem::at(
                "hide",
                "a key in the query cannot be hidden from the upstream; write `hide = false` to accept that",
            )
        })
    }
}
