//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::{Period, Problem, Subject};

/// The keys of the configuration; `limit` has no default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Requests that may be under way at once, at least 1.
    pub limit: u32,
    /// Whose requests are counted together.
    #[serde(default)]
    pub by: Subject,
    /// Status of a refusal: 429 where a client takes more than its share, 503 where what is behind has no room.
    #[serde(default)]
    pub status: Status,
    /// When a refused client is told to come back, in whole seconds, rounded up; it is not told where nothing is written.
    pub retry_after: Option<Period>,
}

/// The statuses that say "not now" (RFC 6585 section 4, RFC 9110 section 15.6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(try_from = "u16", into = "u16")]
pub enum Status {
    /// 429
    #[default]
    TooManyRequests,
    /// 503
    ServiceUnavailable,
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        if self.limit == 0 { Err(vec![Problem::at("limit", "must be at least 1")]) } else { Ok(()) }
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        match status {
            Status::TooManyRequests => 429,
            Status::ServiceUnavailable => 503,
        }
    }
}

impl TryFrom<u16> for Status {
    type Error = String;

    fn try_from(status: u16) -> Result<Self, String> {
        match status {
            429 => Ok(Self::TooManyRequests),
            503 => Ok(Self::ServiceUnavailable),
            _ => Err(format!("{status} does not say \"not now\"; write 429 or 503")),
        }
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Status {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "enum": [429, 503] })
    }
}
