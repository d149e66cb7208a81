//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::path::WrittenPathRule;

/// The keys of the configuration; at least one of `scheme`, `host` and `path` has to be there.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The scheme to go to; the client's where it is not written.
    pub scheme: Option<Scheme>,
    /// The host to go to, with a port where it needs one; the client's where it is not written.
    pub host: Option<String>,
    /// Which paths are sent elsewhere, and where. All are kept where it is not written.
    pub path: Option<WrittenPathRule>,
    /// What becomes of the query.
    #[serde(default)]
    pub query: Query,
    /// 301 and 308 are kept by clients for good; 307 and 308 keep method and body.
    #[serde(default)]
    pub status: Status,
}

/// The scheme of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// What becomes of the query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// It goes along.
    #[default]
    Keep,
    /// It is left behind.
    Drop,
}

/// A status that sends a client elsewhere (RFC 9110 section 15.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(try_from = "u16")]
#[cfg_attr(test, serde(into = "u16"), schemars(extend("enum" = [301, 302, 307, 308])))]
pub enum Status {
    /// For good.
    MovedPermanently,
    /// For now.
    Found,
    /// For now, with the same method and body.
    #[default]
    TemporaryRedirect,
    /// For good, with the same method and body.
    PermanentRedirect,
}

impl Status {
    /// Its number.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::MovedPermanently => 301,
            Self::Found => 302,
            Self::TemporaryRedirect => 307,
            Self::PermanentRedirect => 308,
        }
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        status.code()
    }
}

impl TryFrom<u16> for Status {
    type Error = String;

    fn try_from(code: u16) -> Result<Self, String> {
        let all = [Self::MovedPermanently, Self::Found, Self::TemporaryRedirect, Self::PermanentRedirect];
        let known = all.into_iter().find(|status| status.code() == code);
        known.ok_or_else(|| format!("{code} sends nobody elsewhere; take 301, 302, 307 or 308"))
    }
}

impl Scheme {
    /// As it stands in an address.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}
