//! Numbers of bytes, as an operator writes them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes from a configuration, written `512B`, `64KiB` or `10MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    bytes: u64,
}

/// Longest unit names first where one ends in another; of two that fit a number, it is shown in the one that stands first.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

impl Size {
    /// A size written in the source, for the default of a key.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
        // `parse` would take a sign as well.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        number.parse::<u64>().ok()?.checked_mul(*unit).map(Self::from_bytes)
    }
}

/// In the largest unit that says it as a whole number.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, unit)| self.bytes > 0 && self.bytes.is_multiple_of(*unit));
        let (name, unit) = whole.unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.bytes / unit)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("{text:?} is no size; write one such as \"512B\", \"64KiB\", \"10MB\""))
        })
    }
}

/// Defaults are shown in the schema of a configuration.
impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+(B|KB|MB|GB|KiB|MiB|GiB)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<u64> {
        Size::parse(text).map(Size::bytes)
    }

    #[test]
    fn each_unit_has_its_bytes() {
        let sizes = ["0B", "7B", "2KB", "2KiB", "3MB", "3MiB", "1GB", "1GiB"].map(bytes);
        let expected = [0, 7, 2000, 2048, 3_000_000, 3 << 20, 1_000_000_000, 1 << 30];
        assert_eq!(sizes, expected.map(Some));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "B",
            "1",
            "-1B",
            "+1B",
            "1.5MiB",
            "1 KiB",
            "1kib",
            "1TB",
            "99999999999999999999B",
            "18446744073709551615KB",
        ] {
            assert_eq!(bytes(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_size_is_shown_in_its_largest_whole_unit() {
        let shown = ["0B", "1024B", "1500B", "1000KB", "2048KiB"].map(|text| Size::parse(text).unwrap().to_string());
        assert_eq!(shown, ["0B", "1KiB", "1500B", "1MB", "2MiB"]);
    }
}
