//! Cookies of a request, read where they lie.

use crate::policy::view::RequestView;

/// What `read` makes of the first cookie of this name that it makes anything of.
pub(super) fn value<T>(request: &dyn RequestView, name: &str, mut read: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let mut found = None;
    request.header_values("cookie", &mut |field| {
        let mut pairs = field.split(|byte| *byte == b';').filter_map(pair);
        if found.is_none() {
            found = pairs.find_map(|(key, value)| if key == name.as_bytes() { read(value) } else { None });
        }
    });
    found
}

/// Name and value; quotes around a value are part of no value (RFC 6265 section 4.1.1).
fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (text.get(..at)?.trim_ascii(), text.get(at + 1..)?.trim_ascii());
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some((name, unquoted.unwrap_or(value)))
}
