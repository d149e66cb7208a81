//! How else a path could be read, by servers that tidy up more than others.
//!
//! Behind a gateway stand servers that merge slashes, decode twice, or drop what follows a semicolon. A path is let through
//! as it is, but only where each of them would find it below the same route: else it would pass the policies of one route
//! and be served as another's.

use std::collections::BTreeSet;

/// Whether there is one reading only. What nearly all paths are, told at the speed of a byte search.
#[must_use]
pub fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    let ends_in_slash = |slash: usize| bytes.get(slash + 1) == Some(&b'/');
    memchr::memchr(b';', bytes).is_none()
        && !memchr::memchr_iter(b'%', bytes).any(|percent| hides_ascii(bytes.get(percent + 1..).unwrap_or_default()))
        && !memchr::memchr_iter(b'/', bytes).any(ends_in_slash)
}

/// Whether an escape stands for a visible character, which may be one of those that paths are made of. A space, a control
/// character or a byte of a letter beyond ASCII means the same to everybody.
fn hides_ascii(after_percent: &[u8]) -> bool {
    match after_percent {
        [b'2', b'0', ..] => false,
        [b'7', b'f' | b'F', ..] => false,
        [b'2'..=b'7', low, ..] => low.is_ascii_hexdigit(),
        _ => false,
    }
}

/// The other readings of a path that has some: decoded up to twice, with and without parameters and empty segments.
#[must_use]
pub fn of(path: &str) -> BTreeSet<String> {
    let once = decoded(path);
    let twice = decoded(&once);
    let mut readings = BTreeSet::new();
    for base in [path, &once, &twice] {
        for (parameters, empty) in [(true, true), (true, false), (false, true), (false, false)] {
            readings.insert(tidied(base, parameters, empty));
        }
    }
    readings.remove(path);
    readings
}

fn decoded(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// Dot segments are resolved (RFC 3986 section 5.2.4) with backslashes taken for slashes, up to a NUL; `parameters` and
/// `empty` segments are kept or not.
fn tidied(path: &str, parameters: bool, empty: bool) -> String {
    let path = path.split('\0').next().unwrap_or_default().replace('\\', "/");
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        let segment = if parameters { segment } else { segment.split(';').next().unwrap_or_default() };
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            "" if !empty => {}
            other => kept.push(other),
        }
    }
    let ends_in_slash = !empty && path.len() > 1 && path.ends_with('/') && !kept.is_empty();
    format!("/{}{}", kept.join("/"), if ends_in_slash { "/" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_have_one_reading() {
        for path in ["/", "", "*", "/a/b.c", "/caf%C3%A9/a%20b", "/.well-known/x", "/a/", "/100%", "/a%0"] {
            assert!(is_plain(path), "{path}");
        }
        for path in ["//a", "/a//b", "/a;b", "/%61", "/a%2fb", "/%252e", "/a%5Cb", "/%7e"] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    fn every_way_to_write_a_path_is_among_its_readings() {
        for path in [
            "//admin/x",
            "/%61dmin/x",
            "/%2fadmin/x",
            "/admin;v=1/x",
            "/;/admin/x",
            "/shop/%252e%252e/admin/x",
            "/shop%252f..%252fadmin/x",
            "/%2561dmin/x",
            "/%5cadmin%5cx",
            "/shop;/%2e%2e;/admin/x",
        ] {
            assert!(of(path).contains("/admin/x"), "{path}: {:?}", of(path));
        }
    }

    #[test]
    fn a_closing_slash_stays_one() {
        assert!(of("//admin/").contains("/admin/"));
        assert!(of("//").contains("/"));
    }
}
