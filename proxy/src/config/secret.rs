//! Which values are secret, and how a source line is shown without them.

use std::ops::Range;

/// What the name of a secret has in it. Keys of tables are names of fields as well: of routes, policies and checks.
const WORDS: [&str; 7] = ["key", "secret", "token", "password", "credential", "authorization", "cookie"];

/// Whether a key's name says that its value is secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// Whether the value at this path is not to be shown.
///
/// Where credentials are written, everything is that is not known to be public: a misspelt key must not give its value
/// away. Elsewhere the name decides. File names (`token_file`, `tls.key`) and the name of a sticky cookie are public.
pub(super) fn is_secret(path: &str) -> bool {
    let (section, below) = path.split_once('.').unwrap_or((path, ""));
    let is_one_of = |public: &[&str]| public.iter().any(|key| below == *key || below.starts_with(&format!("{key}[")));
    match section.split('[').next().unwrap_or_default() {
        "consumer" => !is_one_of(&["name", "tags", "subject", "certificates"]) && !is_public_of_signing_key(below),
        "admin" => !is_one_of(&["enabled", "address", "token_file"]),
        "counters" => !is_one_of(&["timeout", "prefix"]),
        "keyset" => !is_public_of_keyset(below),
        "listener" => is_secret_name(below) && !is_one_of(&["tls.key"]),
        "upstream" => is_secret_name(below) && !is_one_of(&["sticky.cookie"]),
        _ => is_secret_name(path),
    }
}

/// Of a key set, only what is known to be public: a misspelt `secret` must not give its value away,
/// and a url may hold a password.
fn is_public_of_keyset(below: &str) -> bool {
    const PUBLIC: [&str; 7] = ["name", "file", "refresh", "min_interval", "timeout", "max_bytes", "ca"];
    const PUBLIC_OF_KEY: [&str; 5] = ["kid", "algorithm", "pem", "pem_file", "secret_file"];
    let of_key = below.strip_prefix("keys[").and_then(|rest| rest.split_once("].")).map(|(_, key)| key);
    PUBLIC.contains(&below) || below.starts_with("algorithms") || of_key.is_some_and(|key| PUBLIC_OF_KEY.contains(&key))
}

/// Its id; a misspelt `secret` must not give its value away.
fn is_public_of_signing_key(below: &str) -> bool {
    below.strip_prefix("signing_key[").and_then(|rest| rest.split_once("].")).is_some_and(|(_, key)| key == "id")
}

/// A stretch to hide where a text is no TOML and no key path can tell: the rest of an assignment to a secret name.
///
/// The name may stand on a line before, as the opening of a list does.
pub(super) fn around(text: &str, offset: usize) -> Option<Range<usize>> {
    let end = text.get(offset..)?.find('\n').map_or(text.len(), |length| offset + length);
    let equals = text.get(..end)?.rfind('=')?;
    let line_start = text.get(..equals)?.rfind('\n').map_or(0, |at| at + 1);
    is_secret_name(text.get(line_start..equals)?).then_some(equals + 1..end)
}

/// Replaces the characters of the hidden stretches by stars; the marked stretch moves with them.
pub(super) fn mask(
    line: &str,
    hidden: impl Iterator<Item = Range<usize>>,
    marked: Range<usize>,
) -> (String, Range<usize>) {
    let hidden: Vec<_> = hidden.filter(|range| !range.is_empty()).collect();
    let mut shown = String::with_capacity(line.len());
    let (mut start, mut end) = (line.len(), line.len());
    for (at, character) in line.char_indices() {
        start = if at == marked.start { shown.len() } else { start };
        end = if at == marked.end { shown.len() } else { end };
        shown.push(if hidden.iter().any(|range| range.contains(&at)) { '*' } else { character });
    }
    let start = if marked.start >= line.len() { shown.len() } else { start };
    let end = if marked.end >= line.len() { shown.len() } else { end };
    (shown, start..end.max(start))
}
