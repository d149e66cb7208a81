//! Names of header fields that come from a configuration.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of a header field that a policy may change, in lower case.
///
/// A configuration that holds one is checked when it is read, so that the mistake meets the operator and not the traffic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldName(Cow<'static, str>);

/// Names that frame or route a message or belong to one connection; the contract refuses edits of them.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl FieldName {
    /// A name written in the source, for the default of a key.
    ///
    /// # Panics
    /// Where the name is not legal and in lower case; in a `const` that is an error of the compiler.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(is_lower_case_name(name.as_bytes()), "no header name in lower case");
        Self(Cow::Borrowed(name))
    }

    /// A name that edits may carry.
    ///
    /// # Errors
    /// Why the name is illegal (RFC 9110 section 5.1) or reserved.
    pub fn new(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase();
        if !is_lower_case_name(lower.as_bytes()) {
            return Err(format!("{name:?} is no header name"));
        }
        let name = lower;
        if Self::is_reserved(&name) {
            return Err(format!("the header {name:?} belongs to the gateway"));
        }
        Ok(Self(Cow::Owned(name)))
    }

    /// Whether a name in lower case belongs to the gateway: a policy may read such a field, and change none.
    #[must_use]
    pub fn is_reserved(name: &str) -> bool {
        RESERVED.contains(&name)
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_lower_case_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        if !is_token(*byte) || byte.is_ascii_uppercase() {
            return false;
        }
        rest = tail;
    }
    !name.is_empty()
}

/// `tchar` of RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&FieldName> for String {
    fn from(name: &FieldName) -> Self {
        name.as_str().to_owned()
    }
}

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(de::Error::custom)
    }
}

/// Defaults are shown in the schema of a configuration.
impl Serialize for FieldName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for FieldName {
    fn schema_name() -> Cow<'static, str> {
        "FieldName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[!#-'*+.0-9A-Z^_`a-z|~-]+$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_in_lower_case() {
        assert_eq!(FieldName::new("X-Api-Key").unwrap().as_str(), "x-api-key");
    }

    #[test]
    fn what_no_edit_may_carry_is_no_field_name() {
        for name in ["", "x y", "x:y", "x\r\ny", "Host", "Content-Length", ":path"] {
            assert!(FieldName::new(name).is_err(), "{name:?}");
        }
    }
}
