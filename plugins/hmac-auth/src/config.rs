//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::Problem;

use crate::component::Component;

/// Beyond this, whoever recorded a request could send it again on another day.
const LONGEST_WINDOW: u64 = 3600;

/// The keys of the configuration, each with a default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What every signature has to cover: `@method`, `@authority`, `@scheme`, `@path`, `@query`, `@request-target`,
    /// `@target-uri`, or the name of a header field in lower case.
    pub required: Vec<String>,
    /// Seconds for which a signature is good after it was made, at most 3600.
    pub window: u64,
    /// Whether a body must match `content-digest`, which the signature then has to cover.
    pub body: bool,
    /// Whether a signature is good for one request only. Each takes a place in the policy's shared data.
    pub once: bool,
    /// Whether the fields of the signature are taken out of the request before the upstream sees it.
    pub hide: bool,
    /// The realm of the challenge (RFC 9110 section 11.5).
    pub realm: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            required: ["@method", "@authority", "@path", "@query"].map(str::to_owned).to_vec(),
            window: 300,
            body: true,
            once: false,
            hide: true,
            realm: "tidegate".to_owned(),
        }
    }
}

impl Config {
    /// Checks what types do not say, and reads the components.
    ///
    /// # Errors
    /// Every problem.
    pub(crate) fn check(&self) -> Result<Vec<Component>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut required = Vec::new();
        for (index, name) in self.required.iter().enumerate() {
            match Component::named(name) {
                Some(component) => required.push(component),
                None => problems.push(Problem::at(format!("required[{index}]"), UNKNOWN)),
            }
        }
        if required.is_empty() && problems.is_empty() {
            problems.push(Problem::at("required", "must name what signatures cover"));
        }
        if !(1..=LONGEST_WINDOW).contains(&self.window) {
            problems.push(Problem::at("window", "must be between 1 and 3600 seconds"));
        }
        problems.extend(Problem::unquotable("realm", &self.realm));
        if problems.is_empty() { Ok(required) } else { Err(problems) }
    }
}

const UNKNOWN: &str = "must be `@method`, `@authority`, `@scheme`, `@path`, `@query`, `@request-target`, `@target-uri`, or the name of a header field in lower case";
