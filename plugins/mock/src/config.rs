//! What an operator may write under `config`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The keys of the configuration.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The answers. The first that fits a request is given.
    pub answers: Vec<Answer>,
    /// What becomes of a request that no answer fits.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// One answer, and which requests it is for.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The methods it is for; all where none is written.
    #[serde(default)]
    pub methods: Vec<String>,
    /// The paths it is for; all where none is written.
    pub path: Option<PathPattern>,
    /// Its status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Its media type. Values in the body are escaped for it.
    #[serde(default = "plain_text")]
    pub content_type: String,
    /// Further fields: name = template. One without a value is left out.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its body: a template. Where a value is missing, it is empty text.
    #[serde(default)]
    pub body: String,
}

/// Which paths are meant.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PathPattern {
    /// This one.
    Exact(String),
    /// This one, and what is below it.
    Prefix(String),
}

/// What becomes of a request that no answer fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// It goes on to the upstream.
    #[default]
    Pass,
    /// It is answered 404.
    NotFound,
}

fn ok() -> u16 {
    200
}

fn plain_text() -> String {
    "text/plain; charset=utf-8".to_owned()
}
