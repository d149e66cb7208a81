//! Lengths of time, as an operator writes them.

use serde::{Deserialize, Deserializer, de};

/// The length of a window: 1 ms to 49 days, written `500ms`, `60s`, `5m`, `1h` or `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    milliseconds: u32,
}

/// Longest unit names first where one ends in another.
const UNITS: [(&str, u32); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Window {
    /// Its length, at least 1.
    #[must_use]
    pub fn milliseconds(self) -> u32 {
        self.milliseconds
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

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is no length of time; write one such as \"500ms\", \"60s\", \"5m\", \"1h\""
            ))
        })
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Window {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(text: &str) -> Option<u32> {
        Window::parse(text).map(Window::milliseconds)
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
}
