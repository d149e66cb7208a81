//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::Problem;

/// The keys of the configuration; at least one list has to be written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Tags of consumers that pass: one of them is enough. Every consumer passes where it is not written.
    pub allow: Option<Vec<String>>,
    /// Tags of consumers that are refused, also where `allow` lets them pass.
    #[serde(default)]
    pub deny: Vec<String>,
    /// The challenge in the 401 for who is nobody (RFC 9110 section 11.6.1).
    #[serde(default = "challenge")]
    pub challenge: String,
}

fn challenge() -> String {
    "ApiKey realm=\"tidegate\"".to_owned()
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let allow = self.allow.as_deref().unwrap_or_default();
        let nobody = self.allow.as_ref().is_some_and(Vec::is_empty);
        let nobody = nobody.then(|| {
            Problem::at("allow", "names no tag, so nobody would pass; leave it out to let all consumers pass")
        });
        let nothing = (self.allow.is_none() && self.deny.is_empty())
            .then(|| Problem::whole("restricts nothing; write `allow` or `deny`"));
        let empty = tags("allow", allow).chain(tags("deny", &self.deny)).filter(|(_, tag)| tag.is_empty());
        let empty = empty.map(|(at, _)| Problem::at(at, "must not be empty: no consumer has such a tag"));
        let both = tags("allow", allow).filter(|(_, tag)| self.deny.contains(tag));
        let both =
            both.map(|(at, tag)| Problem::at(at, format!("{tag:?} is denied as well, so it would let nobody pass")));
        let challenge = (!is_challenge(&self.challenge))
            .then(|| Problem::at("challenge", "must be printable ASCII that begins with a scheme, such as \"Bearer\""));
        let problems: Vec<_> = nobody.into_iter().chain(nothing).chain(empty).chain(both).chain(challenge).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// Tags with their places.
fn tags<'a>(list: &'static str, tags: &'a [String]) -> impl Iterator<Item = (String, &'a String)> {
    tags.iter().enumerate().map(move |(index, tag)| (format!("{list}[{index}]"), tag))
}

fn is_challenge(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
