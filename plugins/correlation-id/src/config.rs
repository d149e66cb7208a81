//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::{FieldName, Problem};

/// The keys of the configuration, each with a default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The header field that carries the id.
    pub header: FieldName,
    /// How an id is made.
    pub generator: Generator,
    /// Whether an id that a client sends is kept, where it is usable.
    pub keep: bool,
    /// Whether the client is told the id in the response.
    pub echo: bool,
    /// The longest id of a client that is usable.
    pub max_length: u16,
}

/// How an id is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// A random one for each request (UUID version 4).
    Uuid,
    /// A random one for each instance of the plugin, and a number that counts its requests.
    Counter,
    /// The gateway's own id of the request, as its log has it.
    RequestId,
}

impl Default for Config {
    fn default() -> Self {
        let header = FieldName::from_static("x-correlation-id");
        Self { header, generator: Generator::Uuid, keep: true, echo: true, max_length: 128 }
    }
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let own = (self.header.as_str() == "x-request-id").then(|| {
            Problem::at("header", "the gateway makes, keeps and echoes `x-request-id` itself; take another name")
        });
        let length =
            (!(1..=1024).contains(&self.max_length)).then(|| Problem::at("max_length", "must be between 1 and 1024"));
        let problems: Vec<_> = own.into_iter().chain(length).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}
