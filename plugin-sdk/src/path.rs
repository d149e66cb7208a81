//! Paths that a policy makes: changed by rules, and never into something that servers read differently.

#[cfg(feature = "path-rule")]
mod rule;

#[cfg(feature = "path-rule")]
pub use rule::{Changed, PathRule, WrittenPathRule};

/// Whether every server reads a path as the same one, so that it may be sent to an upstream or a client.
///
/// It starts with one slash, holds nothing but the characters of a path (RFC 3986 section 3.3), and none of: the segments
/// `.` and `..` in any mixture of plain and encoded dots, before a parameter or an encoded separator as well, and `%00`.
#[must_use]
pub fn is_canonical(path: &str) -> bool {
    let starts_well = path.starts_with('/') && !path.starts_with("//");
    starts_well && path.bytes().all(is_path_byte) && !has_trap(&path.to_ascii_lowercase())
}

/// Encodes what may not stand in a path; what is encoded already stays as it is.
pub fn escape(value: &[u8], path: &mut Vec<u8>) {
    for byte in value {
        if is_path_byte(*byte) { path.push(*byte) } else { crate::query::encode_byte(*byte, path) }
    }
}

/// `pchar` of RFC 3986 section 3.3, the slash, and the sign of what is encoded.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte)
}

fn has_trap(lower: &str) -> bool {
    if !lower.contains('%') && !lower.contains("/.") {
        return false;
    }
    let decoded = lower.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace("%3b", ";");
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    lower.contains("%00") || decoded.split('/').any(is_dots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_paths_are_canonical() {
        for path in ["/", "/a/b.c", "/.well-known/x", "/...", "/a//b", "/a%2fb", "/a;b", "/a%20b", "/%252e%252e/"] {
            assert!(is_canonical(path), "{path}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_not_canonical() {
        for path in [
            "",
            "a",
            "*",
            "//evil.example",
            "/\\evil.example",
            "/..",
            "/a/./b",
            "/a/%2e%2E/b",
            "/a/..;x/b",
            "/a/..%3bx",
            "/a/..%2fb",
            "/a%2f..%2Fb",
            "/a/..%5cb",
            "/a%00",
            "/a b",
            "/a?b",
            "/a#b",
            "/a\r\nb",
            "/ä",
        ] {
            assert!(!is_canonical(path), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_path_leaves_no_segment_behind(parts in proptest::collection::vec(
            prop::sample::select(vec!["/", ".", "a", ";", "%2e", "%2F", "%5c", "%3B", "%00", "\\", "?", " "]), 0..8,
        )) {
            let path = format!("/{}", parts.concat());
            if is_canonical(&path) {
                prop_assert!(!path.contains(['\\', '?', ' ']) && !path.contains("%00") && !path.starts_with("//"));
                prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
            }
        }

        #[test]
        fn what_is_escaped_may_stand_in_a_path(value: Vec<u8>) {
            let mut path = Vec::new();
            escape(&value, &mut path);
            prop_assert!(path.iter().copied().all(is_path_byte));
        }
    }
}
