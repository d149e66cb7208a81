//! Lengths of time, as an operator writes them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time from a configuration: 1 ms to 49 days, written `500ms`, `60s`, `5m`, `1h` or `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    milliseconds: u32,
}

/// Longest unit names first where one ends in another.
const UNITS: [(&str, u32); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Period {
    /// A length written in the source, for the default of a key.
    #[must_use]
    pub const fn from_seconds(seconds: u16) -> Self {
        // At least 1 ms, and far below what 32 bits hold.
        Self { milliseconds: if seconds == 0 { 1 } else { seconds as u32 * 1000 } }
    }

    /// Its length, at least 1.
    #[must_use]
    pub fn milliseconds(self) -> u32 {
        self.milliseconds
    }

    /// Its length.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds.into())
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
        // `parse` would take a sign as well.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let milliseconds = number.parse::<u32>().ok()?.checked_mul(*unit)?;
        (milliseconds > 0).then_some(Self { milliseconds })
    }
}

/// In the longest unit that says it as a whole number.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().rev().find(|(_, unit)| self.milliseconds.is_multiple_of(*unit));
        let (name, unit) = whole.unwrap_or(&("ms", 1));
        write!(f, "{}{name}", self.milliseconds / unit)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is no length of time; write one such as \"500ms\", \"60s\", \"5m\", \"1h\""
            ))
        })
    }
}

/// Defaults are shown in the schema of a configuration.
impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(text: &str) -> Option<u32> {
        Period::parse(text).map(Period::milliseconds)
    }

    #[test]
    fn each_unit_has_its_length() {
        let lengths = ["250ms", "60s", "5m", "1h", "49d"].map(milliseconds);
        assert_eq!(lengths, [Some(250), Some(60_000), Some(300_000), Some(3_600_000), Some(4_233_600_000)]);
    }

    #[test]
    fn what_is_no_length_or_out_of_range_is_refused() {
        for text in ["", "s", "0s", "-1s", "+1s", "1.5s", "60", "1w", "50d", "99999999999s", "1 s"] {
            assert_eq!(milliseconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_length_is_shown_in_its_longest_whole_unit() {
        let shown = ["1500ms", "60s", "90s", "24h", "36h"].map(|text| Period::parse(text).unwrap().to_string());
        assert_eq!(shown, ["1500ms", "1m", "90s", "1d", "36h"]);
        assert_eq!(Period::from_seconds(0).milliseconds(), 1);
    }
}
