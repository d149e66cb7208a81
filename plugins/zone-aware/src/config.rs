//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::Problem;

/// The keys of the configuration; `zone` has no default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The zone that this gateway is in, as its near endpoints have it.
    pub zone: String,
    /// How much of the zone's weight has to be there for all requests to stay in it, in percent, 1 to 100.
    #[serde(default = "most")]
    pub enough: u8,
}

fn most() -> u8 {
    70
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let zone =
            self.zone.is_empty().then(|| Problem::at("zone", "must be the zone of this gateway, as in \"eu-1a\""));
        let enough = (!(1..=100).contains(&self.enough)).then(|| Problem::at("enough", "must be between 1 and 100"));
        let problems: Vec<_> = zone.into_iter().chain(enough).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}
