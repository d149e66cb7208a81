//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::Problem;

use crate::REFERRER_POLICIES;

/// The keys of the configuration, each with a default. `false` leaves a field out, `true` is the default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Config {
    /// `strict-transport-security`: browsers come back over TLS only. Sent over TLS alone.
    pub hsts: Setting<Hsts>,
    /// `x-content-type-options: nosniff`: what is no script is not run as one.
    pub content_type_options: bool,
    /// `x-frame-options`: who may show the page inside of theirs.
    pub frame_options: Setting<FrameOptions>,
    /// `content-security-policy`; by default who may show the page inside of theirs, as `frame_options` says.
    pub content_security_policy: Setting<String>,
    /// `referrer-policy`: how much other sites learn of where somebody came from.
    pub referrer_policy: Setting<String>,
    /// `permissions-policy`: what of the device pages may use.
    pub permissions_policy: Setting<String>,
    /// `cross-origin-opener-policy`; none where it is not written.
    pub cross_origin_opener_policy: Option<String>,
    /// `cross-origin-resource-policy`; none where it is not written.
    pub cross_origin_resource_policy: Option<String>,
    /// Whether a field that the upstream sent is replaced.
    #[serde(rename = "override")]
    pub overrides: bool,
}

/// A value of the operator's own, or whether the default is wanted.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(untagged)]
pub enum Setting<T> {
    /// `true` for the default, `false` for none.
    Switch(bool),
    /// This value.
    Value(T),
}

/// How long browsers come back over TLS only (RFC 6797).
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Hsts {
    /// In seconds; 0 makes browsers forget.
    pub max_age: u32,
    /// Whether hosts below this one are meant too.
    pub include_subdomains: bool,
    /// Whether the host may be put on the lists that browsers are shipped with. It takes months to come off.
    pub preload: bool,
}

/// Who may show a page inside of theirs (RFC 7034).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum FrameOptions {
    /// Nobody.
    Deny,
    /// Pages of the same origin.
    SameOrigin,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hsts: Setting::Switch(true),
            content_type_options: true,
            frame_options: Setting::Switch(true),
            content_security_policy: Setting::Switch(true),
            referrer_policy: Setting::Switch(true),
            permissions_policy: Setting::Switch(true),
            cross_origin_opener_policy: None,
            cross_origin_resource_policy: None,
            overrides: false,
        }
    }
}

impl Default for Hsts {
    fn default() -> Self {
        Self { max_age: ONE_YEAR, include_subdomains: false, preload: false }
    }
}

/// What the lists of browsers ask for at least; in seconds.
const ONE_YEAR: u32 = 31_536_000;

impl<T> Setting<T> {
    /// What is wanted, where anything is.
    pub(crate) fn or(self, default: impl FnOnce() -> Option<T>) -> Option<T> {
        match self {
            Self::Switch(false) => None,
            Self::Switch(true) => default(),
            Self::Value(value) => Some(value),
        }
    }
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction, and every value that no field may hold.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let problems: Vec<_> =
            self.text_problems().chain(self.referrer_problem()).chain(self.preload_problem()).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn text_problems(&self) -> impl Iterator<Item = Problem> {
        let settings = [
            ("content_security_policy", written(&self.content_security_policy)),
            ("referrer_policy", written(&self.referrer_policy)),
            ("permissions_policy", written(&self.permissions_policy)),
            ("cross_origin_opener_policy", self.cross_origin_opener_policy.as_deref()),
            ("cross_origin_resource_policy", self.cross_origin_resource_policy.as_deref()),
        ];
        let is_wrong = |text: &str| text.trim().is_empty() || !text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        settings
            .into_iter()
            .filter(move |(_, text)| text.is_some_and(is_wrong))
            .map(|(key, _)| Problem::at(key, "must be printable ASCII in one line; `false` leaves the field out"))
    }

    fn referrer_problem(&self) -> Option<Problem> {
        let policies = written(&self.referrer_policy)?;
        let unknown = policies.split(',').map(str::trim).find(|policy| !REFERRER_POLICIES.contains(policy))?;
        let message = format!("{unknown:?} is no referrer policy; they are {}", REFERRER_POLICIES.join(", "));
        Some(Problem::at("referrer_policy", message))
    }

    /// The conditions of <https://hstspreload.org>.
    fn preload_problem(&self) -> Option<Problem> {
        let Setting::Value(Hsts { max_age, include_subdomains, preload: true }) = self.hsts else { return None };
        let is_enough = include_subdomains && max_age >= ONE_YEAR;
        let message = format!("needs `include_subdomains = true` and a `max_age` of at least {ONE_YEAR}");
        (!is_enough).then(|| Problem::at("hsts.preload", message))
    }
}

fn written(setting: &Setting<String>) -> Option<&str> {
    match setting {
        Setting::Value(text) => Some(text),
        Setting::Switch(_) => None,
    }
}
