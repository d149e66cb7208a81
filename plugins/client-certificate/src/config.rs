//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::Problem;

/// The keys of the configuration, each with a default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The realm of the challenge (RFC 9110 section 11.5).
    pub realm: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { realm: "tidegate".to_owned() }
    }
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every problem.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        Problem::unquotable("realm", &self.realm).map_or(Ok(()), |problem| Err(vec![problem]))
    }
}
