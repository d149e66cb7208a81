//! What an operator may write under `config`.

mod check;

use serde::Deserialize;
use tidegate_plugin_sdk::{Period, Problem};

use crate::origins::Origins;

/// The keys of the configuration; `origins` has no default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Origins whose pages may read responses: `https://app.example`, `https://*.app.example`, or `*` alone for all.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Regular expressions of further origins; each has to match the whole of one.
    #[serde(default)]
    pub origin_patterns: Vec<String>,
    /// Methods that a preflight may ask for; `*` alone for all, without credentials.
    #[serde(default = "methods")]
    pub methods: Vec<String>,
    /// Header fields that a preflight may ask for; `*` alone for all but `authorization`, without credentials.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Fields of responses that pages may read, beside those that always may.
    #[serde(default)]
    pub expose: Vec<String>,
    /// Whether pages may send cookies and other credentials, and read what comes back.
    #[serde(default)]
    pub credentials: bool,
    /// How long a browser may keep the answer to a preflight, in whole seconds; as long as it likes where nothing is written.
    pub max_age: Option<Period>,
    /// Whether requests that name another origin are answered 403, and not only kept from being read.
    #[serde(default)]
    pub enforce: bool,
}

/// Those that need no preflight (Fetch, "CORS-safelisted method").
fn methods() -> Vec<String> {
    ["GET", "HEAD", "POST"].map(str::to_owned).to_vec()
}

impl Config {
    /// The origins, once everything is right.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub(crate) fn origins(&self) -> Result<Origins, Vec<Problem>> {
        let mut problems = check::problems(self);
        let origins = Origins::new(&self.origins, &self.origin_patterns, &mut problems);
        if problems.is_empty() { Ok(origins) } else { Err(problems) }
    }
}

/// Whether a list is `*` and nothing else.
pub(crate) fn is_any(list: &[String]) -> bool {
    matches!(list, [only] if only == "*")
}
