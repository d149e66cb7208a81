//! What stands in the field `authorization`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A name and what is claimed to be its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl Credentials {
    /// `None` where it is another scheme, or not what RFC 7617 section 2 allows: base64 in its one form, UTF-8 without
    /// control characters, a colon behind the name.
    pub(crate) fn parse(field: &[u8]) -> Option<Self> {
        let (scheme, rest) = field.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) || rest.first() != Some(&b' ') {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest.trim_ascii()).ok()?).ok()?;
        if text.chars().any(char::is_control) {
            return None;
        }
        let (name, password) = text.split_once(':')?;
        Some(Self { name: name.to_owned(), password: password.to_owned() })
    }
}

const SCHEME: &[u8] = b"basic";
