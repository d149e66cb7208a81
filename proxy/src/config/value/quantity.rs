//! Counts, durations and sizes, each within bounds.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use humantime::format_duration;
use toml::de::{DeInteger, DeValue};

use super::{Wrong, quoted, string, unexpected};

/// A whole number within bounds.
pub(in crate::config) fn count<T>(bounds: RangeInclusive<T>) -> impl Fn(&DeValue<'_>) -> Result<T, Wrong>
where
    T: TryFrom<i128> + PartialOrd + Display,
{
    move |value| {
        let integer = value.as_integer().ok_or_else(|| unexpected("a whole number", value))?;
        let count = parsed(integer).and_then(|number| T::try_from(number).ok());
        let hint = || format!("{} to {}", bounds.start(), bounds.end());
        count
            .filter(|count| bounds.contains(count))
            .ok_or_else(|| Wrong::new(format!("{integer} is out of range")).hint(hint()))
    }
}

/// A whole number within bounds; none where the gateway is to choose.
pub(in crate::config) fn auto_or<T>(bounds: RangeInclusive<T>) -> impl Fn(&DeValue<'_>) -> Result<Option<T>, Wrong>
where
    T: TryFrom<i128> + PartialOrd + Display,
{
    let hint = format!("{} to {}", bounds.start(), bounds.end());
    let number = count(bounds);
    move |value| match value {
        DeValue::String(word) if word == "auto" => Ok(None),
        DeValue::Integer(_) => number(value).map(Some),
        other => Err(unexpected("\"auto\" or a whole number", other).hint(hint.clone())),
    }
}

/// A number that is not negative, in hundredths; more digits than that are refused rather than rounded.
pub(in crate::config) fn hundredths(value: &DeValue<'_>) -> Result<u32, Wrong> {
    let written = match value {
        DeValue::Integer(integer) => parsed(integer).map(|number| number as f64),
        DeValue::Float(float) => float.as_str().parse().ok(),
        other => return Err(unexpected("a number", other)),
    };
    let hundredths = written.map(|number: f64| number * 100.0).unwrap_or(f64::NAN);
    let whole = hundredths.round();
    if (0.0..=f64::from(u32::MAX)).contains(&whole) && (hundredths - whole).abs() < 1e-6 {
        return Ok(whole as u32);
    }
    Err(Wrong::new("expected a number with at most two digits after the point").hint("as in 1.25"))
}

/// The value of an integer in any of TOML's radices.
pub(super) fn parsed(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A length of time with its unit, within bounds.
pub(in crate::config) fn duration(
    bounds: RangeInclusive<Duration>,
) -> impl Fn(&DeValue<'_>) -> Result<Duration, Wrong> {
    move |value| {
        let written = with_unit(value, "a duration", "30s")?;
        let duration = humantime::parse_duration(written).map_err(|_| {
            Wrong::new(format!("{} is not a duration", quoted(written)))
                .hint("write a number and its unit, as in \"250ms\", \"30s\" or \"1h 30m\"")
        })?;
        if bounds.contains(&duration) {
            return Ok(duration);
        }
        let hint = format!("{} to {}", format_duration(*bounds.start()), format_duration(*bounds.end()));
        Err(Wrong::new(format!("{} is out of range", quoted(written))).hint(hint))
    }
}

/// A number of bytes with its unit, within bounds.
pub(in crate::config) fn size<T>(bounds: RangeInclusive<T>) -> impl Fn(&DeValue<'_>) -> Result<T, Wrong>
where
    T: TryFrom<u64> + TryInto<u64> + PartialOrd + Copy,
{
    move |value| {
        let written = with_unit(value, "a size", "32KiB")?;
        let bytes = bytes(written).ok_or_else(|| {
            Wrong::new(format!("{} is not a size", quoted(written)))
                .hint("write a number and its unit, as in \"512B\", \"32KiB\" or \"16MiB\"")
        })?;
        T::try_from(bytes).ok().filter(|size| bounds.contains(size)).ok_or_else(|| {
            let shown = |size: T| shown_size(size.try_into().unwrap_or(u64::MAX));
            Wrong::new(format!("{} is out of range", quoted(written))).hint(format!(
                "{} to {}",
                shown(*bounds.start()),
                shown(*bounds.end())
            ))
        })
    }
}

/// A size, or the word that lifts the limit.
pub(in crate::config) fn size_or_unlimited(
    bounds: RangeInclusive<u64>,
) -> impl Fn(&DeValue<'_>) -> Result<Option<u64>, Wrong> {
    move |value| match value.as_str() {
        Some("unlimited") => Ok(None),
        _ => size(bounds.clone())(value).map(Some),
    }
}

fn with_unit<'v>(value: &'v DeValue<'_>, what: &str, example: &str) -> Result<&'v str, Wrong> {
    match value {
        DeValue::Integer(_) | DeValue::Float(_) => {
            let hint = format!("write it as text with its unit, as in \"{example}\"");
            Err(unexpected(what, value).hint(hint))
        }
        _ => string(value),
    }
}

/// The crate would take a bare number for bytes; here a unit must say so.
fn bytes(written: &str) -> Option<u64> {
    let has_unit = written.ends_with(|c: char| c.is_ascii_alphabetic());
    let size: ByteSize = written.parse().ok().filter(|_| has_unit)?;
    Some(size.as_u64())
}

/// A size in the largest unit that leaves no fraction, so that it reads as it was written.
pub(in crate::config) fn shown_size(bytes: u64) -> String {
    let units = [("GiB", bytesize::GIB), ("MiB", bytesize::MIB), ("KiB", bytesize::KIB)];
    let fits = units.iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    fits.map_or_else(|| format!("{bytes}B"), |(unit, factor)| format!("{}{unit}", bytes / factor))
}
