//! What an operator may write under `config`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_plugin_sdk::subject::Subject;
use tidegate_plugin_sdk::{FieldName, Problem};

/// The keys of the configuration; `zone` has no default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The zone of the endpoints that are tried out.
    pub zone: String,
    /// How much of the traffic goes there, 0 to 100; to two decimals.
    #[serde(default)]
    pub percent: f64,
    /// Whose requests stay together.
    #[serde(default)]
    pub by: Subject,
    /// Who goes there whatever the share is.
    #[serde(default)]
    pub include: Whom,
    /// Who never goes there; goes before `include`.
    #[serde(default)]
    pub exclude: Whom,
    /// Mixed into the choice: two policies with the same one choose the same clients. The zone where it is not written.
    pub salt: Option<String>,
}

/// Some clients.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Whom {
    /// Consumers by name.
    pub consumers: Vec<String>,
    /// Consumers by tag.
    pub tags: Vec<String>,
    /// Requests with such a field, and no other value of it.
    pub headers: BTreeMap<String, String>,
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if self.zone.is_empty() {
            problems.push(Problem::at("zone", "must be the zone of the endpoints to try out, as in \"canary\""));
        }
        if !(0.0..=100.0).contains(&self.percent) {
            problems.push(Problem::at("percent", "must be between 0 and 100"));
        }
        if self.percent == 0.0 && self.include.is_empty() {
            problems.push(Problem::whole("sends nobody to the zone; write `percent` or `include`"));
        }
        problems.extend(self.include.problems("include").chain(self.exclude.problems("exclude")));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

impl Whom {
    fn is_empty(&self) -> bool {
        self.consumers.is_empty() && self.tags.is_empty() && self.headers.is_empty()
    }

    fn problems(&self, at: &'static str) -> impl Iterator<Item = Problem> {
        let is_readable =
            |name: &str| FieldName::new(name).is_ok() || FieldName::is_reserved(&name.to_ascii_lowercase());
        let wrong = self.headers.keys().filter(move |name| !is_readable(name));
        wrong.map(move |name| Problem::at(format!("{at}.headers.{name}"), format!("{name:?} is no header name")))
    }
}
