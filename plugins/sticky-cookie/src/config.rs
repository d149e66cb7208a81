//! What an operator may write under `config`.

use serde::Deserialize;
use tidegate_plugin_sdk::Problem;

/// The keys of the configuration; `secret` has no default.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// 32 hexadecimal digits: `openssl rand -hex 16`. All gateways before an upstream need the same.
    pub secret: String,
    /// The name of the cookie.
    #[serde(default = "default_name")]
    pub name: String,
    /// For which paths clients send it.
    #[serde(default = "default_path")]
    pub path: String,
    /// How many seconds a client keeps it; for as long as the browser runs where it is not written.
    pub max_age: Option<u32>,
    /// Whether it comes back over TLS alone.
    #[serde(default)]
    pub secure: Secure,
    /// With which requests from other sites it comes back.
    #[serde(default)]
    pub same_site: SameSite,
}

/// Whether a cookie comes back over TLS alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Secure {
    /// Where the client came over TLS.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// With which requests from other sites a cookie comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SameSite {
    /// With none.
    Strict,
    /// With those that follow a link.
    #[default]
    Lax,
    /// With all; browsers want `secure = "always"` for that.
    None,
}

fn default_name() -> String {
    "tidegate-endpoint".to_owned()
}

fn default_path() -> String {
    "/".to_owned()
}

impl SameSite {
    /// As it stands in a cookie.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

impl Config {
    /// The key that the secret is.
    ///
    /// # Errors
    /// Everything that types do not say.
    pub fn check(&self) -> Result<[u8; 16], Vec<Problem>> {
        let problems = [self.name_problem(), self.path_problem(), self.secure_problem()];
        let mut problems: Vec<_> = problems.into_iter().flatten().collect();
        match key(&self.secret) {
            Some(key) if problems.is_empty() => return Ok(key),
            Some(_) => {}
            None => problems.insert(
                0,
                Problem::at("secret", "must be 32 hexadecimal digits, as `openssl rand -hex 16` prints them"),
            ),
        }
        Err(problems)
    }

    fn name_problem(&self) -> Option<Problem> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let message = if self.name.is_empty() || !self.name.bytes().all(is_token) {
            "must be a name for a cookie: letters, digits and `-`, `_`, `.`"
        } else if self.name.starts_with("__Host-") && (self.path != "/" || self.secure != Secure::Always) {
            "a name that begins with `__Host-` needs `secure = \"always\"` and `path = \"/\"`"
        } else if self.name.starts_with("__Secure-") && self.secure != Secure::Always {
            "a name that begins with `__Secure-` needs `secure = \"always\"`"
        } else {
            return None;
        };
        Some(Problem::at("name", message))
    }

    fn path_problem(&self) -> Option<Problem> {
        let is_fit =
            self.path.starts_with('/') && self.path.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b';');
        (!is_fit).then(|| Problem::at("path", "must start with `/`, and have neither spaces nor `;`"))
    }

    fn secure_problem(&self) -> Option<Problem> {
        (self.same_site == SameSite::None && self.secure != Secure::Always)
            .then(|| Problem::at("same_site", "`none` needs `secure = \"always\"`: browsers drop the cookie otherwise"))
    }
}

fn key(secret: &str) -> Option<[u8; 16]> {
    let is_hex = secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(secret, 16).ok().filter(|_| is_hex)?;
    Some(number.to_be_bytes())
}
