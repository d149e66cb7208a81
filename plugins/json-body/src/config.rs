//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::Problem;

/// The keys of the configuration; `request` or `response` has to have a rule.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rules for the bodies of requests.
    #[serde(default)]
    pub request: Vec<WrittenRule>,
    /// Rules for the bodies of responses.
    #[serde(default)]
    pub response: Vec<WrittenRule>,
    /// Media types that are JSON beside `application/json`, `text/json` and all that end in `+json`.
    #[serde(default)]
    pub content_types: Vec<String>,
    /// What becomes of JSON under a `content-encoding`, which cannot be read here.
    #[serde(default)]
    pub compressed: Unreadable,
    /// What becomes of bodies of other types. Where it is not written, requests with a rule that rejects are refused, and
    /// everything else passes.
    pub other_types: Option<Unreadable>,
    /// Whether `Password` is what a rule for `password` means: many services read it so.
    #[serde(default = "yes")]
    pub ignore_case: bool,
    /// The status of a request that is rejected.
    #[serde(default = "bad_request")]
    pub status: u16,
    /// Arrays and objects in each other, at most; bodies with more are refused.
    #[serde(default = "depth")]
    pub max_depth: u16,
    /// Bytes of a body, and of what takes its place, at most; longer ones are refused. Raise it together with the plugin's
    /// `limits.body` and `limits.cpu`.
    #[serde(default = "bytes")]
    pub max_bytes: u32,
}

/// What becomes of a part of a body.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WrittenRule {
    /// A JSON pointer (RFC 6901), in which `*` stands for every element of an array and every member of an object.
    pub pointer: String,
    /// What to do where there is such a part.
    pub action: Action,
    /// What `redact` puts in its place; `"***"` where it is not written.
    #[cfg_attr(test, schemars(extend("type" = ["string", "number", "boolean", "object", "array"])))]
    pub with: Option<serde_json::Value>,
}

/// What to do with a part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Put something else in its place.
    Redact,
    /// Take it out, with its name.
    Remove,
    /// Refuse the whole message.
    Reject,
}

/// What becomes of a body that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Unreadable {
    /// The message is refused: 415 to a request, 502 in place of a response.
    #[default]
    Refuse,
    /// It passes unread.
    Pass,
}

fn yes() -> bool {
    true
}

fn bad_request() -> u16 {
    400
}

fn depth() -> u16 {
    64
}

/// Little enough that no body a client makes up takes more than a part of `limits.cpu` (10 ms) and `limits.body` (1 MiB).
fn bytes() -> u32 {
    256 * 1024
}

/// A recursion per level has to fit a small stack.
const DEEPEST: u16 = 128;

impl Config {
    /// Notes what types do not say; rules are checked where they are prepared.
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        if self.request.is_empty() && self.response.is_empty() {
            let message = "has no rule; write `request = [{ pointer = \"/password\", action = \"redact\" }]`";
            problems.push(Problem::whole(message));
        }
        for (index, kind) in self.content_types.iter().enumerate() {
            let is_essence = kind.split_once('/').is_some_and(|(one, other)| !one.is_empty() && !other.is_empty());
            if !is_essence || kind.contains([';', ' ', '*']) {
                let message = format!("{kind:?} is no media type, as in \"application/x-amz-json-1.1\"");
                problems.push(Problem::at(format!("content_types[{index}]"), message));
            }
        }
        if !(400..500).contains(&self.status) {
            problems.push(Problem::at("status", "must be between 400 and 499"));
        }
        if !(1..=DEEPEST).contains(&self.max_depth) {
            problems.push(Problem::at("max_depth", format!("must be between 1 and {DEEPEST}")));
        }
        if self.max_bytes == 0 {
            problems.push(Problem::at("max_bytes", "must be at least 1"));
        }
    }
}
