//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::{Problem, Size};

/// The keys of the configuration; what is not written is not limited here.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Bytes of the body. More are refused with 413: at once where the length is announced, otherwise where it is exceeded.
    pub body: Option<Size>,
    /// Whether a body has to announce its length; one that does not is refused with 411.
    #[serde(default)]
    pub require_length: bool,
    /// Header fields. More are refused with 431.
    pub headers: Option<u32>,
    /// Bytes of all header fields, names and values. More are refused with 431.
    pub header_bytes: Option<Size>,
    /// Bytes of path and query. More are refused with 414.
    pub target: Option<Size>,
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let limits = [self.body, self.header_bytes, self.target];
        let nothing = limits.iter().all(Option::is_none) && self.headers.is_none() && !self.require_length;
        let nothing = nothing.then(|| {
            Problem::whole("limits nothing; write `body`, `headers`, `header_bytes`, `target` or `require_length`")
        });
        let headers =
            (self.headers == Some(0)).then(|| Problem::at("headers", "must be at least 1: each request has a host"));
        let target = self.target.filter(|target| target.bytes() == 0);
        let target = target.map(|_| Problem::at("target", "must be at least 1B: each request has a path"));
        let problems: Vec<_> = [nothing, headers, target].into_iter().flatten().collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}
