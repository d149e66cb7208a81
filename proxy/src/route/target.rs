//! Paths that a gateway and the services behind it could read differently.

/// Why a path must be refused before anything looks at it, or `None` where it may pass.
///
/// Policies, routes and upstreams all see the path as it was received, so a path that some servers tidy up and others
/// do not would pass a check as one thing and be served as another. Refused are therefore:
///
/// - the segments `.` and `..` (RFC 3986 section 5.2.4: user agents resolve them before they send), in any mixture of
///   plain and percent-encoded dots, also before `;` (some application servers drop such parameters first) and next to
///   an encoded separator (`..%2fadmin`, `..%5cadmin`);
/// - a backslash, which some servers take for a slash;
/// - `%00`, which ends a name for programs that think in C strings.
///
/// Left alone are `//`, `%2f` and `%5c` by themselves: object stores and others have names with them, and no two readings
/// of them leave the prefix that a route matched.
#[must_use]
pub fn suspicious(path: &str) -> Option<&'static str> {
    if is_ordinary(path.as_bytes()) {
        return None;
    }
    let mut segment = Segment::Empty;
    for symbol in Symbols(path.as_bytes()) {
        match symbol {
            Symbol::Backslash => return Some("backslash in the path"),
            Symbol::Nul => return Some("encoded NUL in the path"),
            Symbol::Separator | Symbol::Parameter if segment.is_dots() => return Some(DOTS),
            Symbol::Separator => segment = Segment::Empty,
            Symbol::Dot => segment = segment.with_dot(),
            Symbol::Parameter | Symbol::Other => segment = Segment::Other,
        }
    }
    segment.is_dots().then_some(DOTS)
}

/// What nearly all paths are, told at the speed of a byte search: nothing is escaped, and no segment starts with a dot.
fn is_ordinary(path: &[u8]) -> bool {
    let inside = |dot: usize| dot.checked_sub(1).and_then(|before| path.get(before)).is_some_and(|byte| *byte != b'/');
    memchr::memchr2(b'%', b'\\', path).is_none() && memchr::memchr_iter(b'.', path).all(inside)
}

const DOTS: &str = "dot segment in the path";

/// What the segment under the reader is made of so far.
#[derive(Clone, Copy)]
enum Segment {
    Empty,
    OneDot,
    TwoDots,
    Other,
}

impl Segment {
    fn with_dot(self) -> Self {
        match self {
            Self::Empty => Self::OneDot,
            Self::OneDot => Self::TwoDots,
            Self::TwoDots | Self::Other => Self::Other,
        }
    }

    fn is_dots(self) -> bool {
        matches!(self, Self::OneDot | Self::TwoDots)
    }
}

enum Symbol {
    Separator,
    Dot,
    Parameter,
    Backslash,
    Nul,
    Other,
}

/// Reads a path byte by byte, decoding only what matters here, and once only.
struct Symbols<'p>(&'p [u8]);

impl Iterator for Symbols<'_> {
    type Item = Symbol;

    fn next(&mut self) -> Option<Symbol> {
        let (symbol, rest) = match self.0 {
            [b'%', high, low, rest @ ..] if let Some(symbol) = escaped(*high, *low) => (symbol, rest),
            [first, rest @ ..] => (plain(*first), rest),
            [] => return None,
        };
        self.0 = rest;
        Some(symbol)
    }
}

/// `None` for other escapes and for what is none: the `%` is then a byte like others, and hides nothing behind it.
fn escaped(high: u8, low: u8) -> Option<Symbol> {
    match (high, low.to_ascii_lowercase()) {
        (b'2', b'e') => Some(Symbol::Dot),
        (b'2', b'f') | (b'5', b'c') => Some(Symbol::Separator),
        (b'3', b'b') => Some(Symbol::Parameter),
        (b'0', b'0') => Some(Symbol::Nul),
        _ => None,
    }
}

fn plain(byte: u8) -> Symbol {
    match byte {
        b'/' => Symbol::Separator,
        b'.' => Symbol::Dot,
        b';' => Symbol::Parameter,
        b'\\' => Symbol::Backslash,
        _ => Symbol::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dot_segments_are_refused_however_they_are_written() {
        for path in [
            "/..",
            "/.",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/a/%2e/",
            "..",
            "/a/..;x/b",
            "/a/..%3bx",
            "/a/..%2fb",
            "/a%2f..%2Fb",
            "/a/..%5cb",
            "/a/%2e%2e%2f",
            "/x%a/../b",
            "/x%%2f../b",
        ] {
            assert_eq!(suspicious(path), Some(DOTS), "{path}");
        }
    }

    #[test]
    fn backslashes_and_encoded_nul_are_refused() {
        assert_eq!(suspicious("/a\\b"), Some("backslash in the path"));
        assert_eq!(suspicious("/a%00.png"), Some("encoded NUL in the path"));
    }

    #[test]
    fn ordinary_paths_pass() {
        for path in [
            "/",
            "",
            "*",
            "/a/b.c",
            "/.well-known/acme",
            "/...",
            "/..a",
            "/a..",
            "/a//b",
            "/a%2fb",
            "/a%5cb",
            "/%",
            "/%2",
            "/a;b",
            "/a%20b",
            "/%252e%252e/",
        ] {
            assert_eq!(suspicious(path), None, "{path}");
        }
    }

    /// As the segments are defined, without regard to speed.
    fn reference(path: &str) -> bool {
        let lower = path.to_ascii_lowercase();
        let decoded = lower.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace("%3b", ";");
        let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
        path.contains('\\') || lower.contains("%00") || decoded.split('/').any(dots)
    }

    proptest! {
        #[test]
        fn what_is_refused_is_what_the_definition_says(parts in proptest::collection::vec(
            prop::sample::select(vec!["/", ".", "a", ";", "%2e", "%2F", "%5c", "%3B", "%00", "\\", "%", "2", "f"]), 0..8,
        )) {
            let path = parts.concat();
            prop_assert_eq!(suspicious(&path).is_some(), reference(&path), "{}", path);
        }
    }
}
