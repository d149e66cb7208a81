//! What a plugin may call its metrics and labels.

use super::{Kind, Labels, MAX_LABELS, PREFIX};
use crate::observe::metrics::own_names;

/// Bytes of a name, of a metric or a label.
const MAX_NAME: usize = 64;
/// Bytes of a label's value.
const MAX_VALUE: usize = 256;

/// Labels that the gateway sets itself.
const RESERVED: [&str; 2] = ["policy", "le"];
/// What the text format makes of a histogram's name: as names of their own they would be written twice.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Counters end in `_total` and nothing else does; no name is one that the gateway writes itself.
pub(super) fn name(kind: Kind, name: &str) -> bool {
    is_identifier(name)
        && name.ends_with("_total") == (kind == Kind::Counter)
        && !SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        && !own_names().any(|own| own.strip_prefix(PREFIX) == Some(name))
}

/// In the order of their names, so that two of one name stand beside each other.
pub(super) fn labels(labels: &Labels<'_>) -> bool {
    let is_legal = |(name, value): &(&str, &str)| {
        is_identifier(name) && !name.starts_with("__") && !RESERVED.contains(name) && value.len() <= MAX_VALUE
    };
    let is_twice = |pair: &[(&str, &str)]| matches!(pair, [(a, _), (b, _)] if a == b);
    labels.len() <= MAX_LABELS && labels.iter().all(is_legal) && !labels.windows(2).any(is_twice)
}

/// The data model of Prometheus, without the colon that is for recording rules.
fn is_identifier(text: &str) -> bool {
    let is_start = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    text.len() <= MAX_NAME
        && text.as_bytes().first().is_some_and(is_start)
        && text.bytes().all(|byte| is_start(&byte) || byte.is_ascii_digit())
}
