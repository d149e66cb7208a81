//! Which origins are meant, and what an origin looks like.

use regex_lite::Regex;
use tidegate_plugin_sdk::Problem;

use crate::config::is_any;

/// No longer than a host name may be, with scheme and port.
const LONGEST: usize = 300;

/// The origins whose pages may read responses.
#[derive(Debug)]
pub(crate) enum Origins {
    /// All of them, `null` included.
    Any,
    /// Those that match.
    Some(Vec<Pattern>),
}

/// What an origin has to look like.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// Exactly this one.
    Exact(String),
    /// A host below this one: `https://` before it, `.app.example` or `.app.example:8443` behind it.
    Below { before: String, behind: String },
    /// What the whole of it matches.
    Expression(Regex),
}

impl Origins {
    /// Adds what is wrong with them to `problems`.
    pub(crate) fn new(origins: &[String], expressions: &[String], problems: &mut Vec<Problem>) -> Self {
        if is_any(origins) {
            return Self::Any;
        }
        let mut patterns = Vec::new();
        let mut keep = |key: &str, index, pattern: Result<Pattern, String>| match pattern {
            Ok(pattern) => patterns.push(pattern),
            Err(wrong) => problems.push(Problem::at(format!("{key}[{index}]"), wrong)),
        };
        // A star among others was told already.
        origins
            .iter()
            .enumerate()
            .filter(|(_, text)| *text != "*")
            .for_each(|(index, text)| keep("origins", index, Pattern::parse(text)));
        expressions
            .iter()
            .enumerate()
            .for_each(|(index, text)| keep("origin_patterns", index, Pattern::expression(text)));
        Self::Some(patterns)
    }

    /// Whether this origin is meant. What is no origin of a host, `null` first of all, is so only where all are.
    pub(crate) fn hold(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Some(patterns) => is_origin(origin) && patterns.iter().any(|pattern| pattern.matches(origin)),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_lowercase();
        if text == "null" {
            return Err("every sandboxed page is `null`, whoever made it; it cannot be allowed by name".to_owned());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| shape(&text))?;
        let Some(below) = rest.strip_prefix("*.") else {
            return without_default_port(&text).map(|()| Self::Exact(text.clone()));
        };
        without_default_port(&format!("{scheme}://{below}"))?;
        let host = below.split(':').next().unwrap_or_default();
        if !host.contains('.') && host != "localhost" {
            return Err(format!("{text:?} would hold everybody's hosts; name a domain below {host:?}"));
        }
        Ok(Self::Below { before: format!("{scheme}://"), behind: format!(".{below}") })
    }

    fn expression(text: &str) -> Result<Self, String> {
        // By itself first: a stray bracket must not open the group that holds both ends.
        let regex = Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
        regex.map(Self::Expression).map_err(|error| format!("{text:?} is no regular expression: {error}"))
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Exact(exact) => origin == exact,
            Self::Below { before, behind } => {
                let label = origin.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(behind.as_str()));
                label.is_some_and(is_host)
            }
            Self::Expression(regex) => regex.is_match(origin),
        }
    }
}

fn without_default_port(origin: &str) -> Result<(), String> {
    if !is_origin(origin) {
        return Err(shape(origin));
    }
    let is_default = (origin.starts_with("https://") && origin.ends_with(":443"))
        || (origin.starts_with("http://") && origin.ends_with(":80"));
    if is_default {
        Err(format!("{origin:?} is sent without its port, which is the usual one; leave it out"))
    } else {
        Ok(())
    }
}

fn shape(text: &str) -> String {
    format!(
        "{text:?} is no origin; write scheme, host and port as a browser sends them, such as \"https://app.example\""
    )
}

/// Scheme, host and perhaps a port, in lower case, as browsers serialise it (RFC 6454 section 6.2), and nothing else.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://").filter(|_| text.len() <= LONGEST) else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    is_scheme && is_authority(rest)
}

fn is_authority(text: &str) -> bool {
    let address = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let Some((address, port)) = address {
        return address.parse::<std::net::Ipv6Addr>().is_ok() && is_port(port);
    }
    let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
    is_host(host) && is_port(port)
}

/// Nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(digits) => {
            !digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok()
        }
        None => text.is_empty(),
    }
}

/// Labels with dots between them.
fn is_host(text: &str) -> bool {
    let is_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(is_byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origins(origins: &[&str], expressions: &[&str]) -> Result<Origins, Vec<String>> {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let mut problems = Vec::new();
        let origins = Origins::new(&owned(origins), &owned(expressions), &mut problems);
        if problems.is_empty() { Ok(origins) } else { Err(problems.iter().map(ToString::to_string).collect()) }
    }

    #[test]
    fn an_exact_origin_is_that_one_and_no_other() {
        let origins = origins(&["https://app.example", "HTTP://Localhost:3000", "http://[::1]:8080"], &[]).unwrap();
        for origin in ["https://app.example", "http://localhost:3000", "http://[::1]:8080"] {
            assert!(origins.hold(origin), "{origin}");
        }
        for origin in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil.test",
            "https://evilapp.example",
            "https://app.example/",
            "https://APP.example",
            " https://app.example",
            "https://app.example.",
            "null",
            "",
            "https://app.example, https://evil.test",
            "https://user@app.example",
            "https://x.app.example",
            "app.example",
        ] {
            assert!(!origins.hold(origin), "{origin}");
        }
    }

    #[test]
    fn hosts_below_a_domain_are_meant_by_a_star() {
        let origins = origins(&["https://*.app.example", "http://*.localhost:3000"], &[]).unwrap();
        for origin in ["https://a.app.example", "https://a.b-1.app.example", "http://x.localhost:3000"] {
            assert!(origins.hold(origin), "{origin}");
        }
        for origin in [
            "https://app.example",
            "https://.app.example",
            "https://a..app.example",
            "https://evilapp.example",
            "https://evil.test/.app.example",
            "https://evil.test?.app.example",
            "https://evil.test#.app.example",
            "https://evil.test:1.app.example",
            "https://evil.test@x.app.example",
            "https://a.app.example:444",
            "https://a.app.example.evil.test",
            "http://a.app.example",
            "https://\u{430}.app.example",
            "https://%61.app.example",
            "https://*.app.example",
            "https://evil.test\\.app.example",
            "https://x.localhost:3000",
        ] {
            assert!(!origins.hold(origin), "{origin}");
        }
    }

    #[test]
    fn an_expression_has_to_match_the_whole() {
        let origins = origins(&[], &[r"https://(a|b)\.example", "https://c[.]example|https://d[.]example"]).unwrap();
        for origin in ["https://a.example", "https://b.example", "https://c.example", "https://d.example"] {
            assert!(origins.hold(origin), "{origin}");
        }
        for origin in ["https://a.example.evil.test", "xhttps://a.example", "https://axexample", "https://d.example:1"]
        {
            assert!(!origins.hold(origin), "{origin}");
        }
    }

    #[test]
    fn an_expression_does_not_break_out_of_its_ends() {
        for text in ["a)|(?:b", "(?x)a # b", ")("] {
            assert!(origins(&[], &[text]).is_err(), "{text}");
        }
    }

    #[test]
    fn no_expression_makes_something_else_an_origin() {
        let origins = origins(&[], &[".*"]).unwrap();
        assert!(origins.hold("https://anything.example"));
        for origin in
            ["null", "", "*", "https://a.example\r\nx: y", "https://a.example/path", "https://", "://a", "file://"]
        {
            assert!(!origins.hold(origin), "{origin:?}");
        }
    }

    #[test]
    fn all_is_all() {
        assert!(origins(&["*"], &[]).unwrap().hold("null"));
    }

    #[test]
    fn what_no_browser_sends_is_refused_to_the_operator() {
        for text in [
            "",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example/path",
            "https://a.example:x",
            "https://a.example:0",
            "https://a.example:65536",
            "https://a b",
            "https://*",
            "https://*.",
            "https://a.*.example",
            "https://*.com",
            "*.example.com",
            "https://user@a.example",
            "https://a..example",
            "https://m\u{fc}nchen.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://*.a.example:443",
            "null",
            "NULL",
        ] {
            assert!(origins(&[text], &[]).is_err(), "{text:?}");
        }
        assert!(origins(&[], &["("]).unwrap_err()[0].starts_with("origin_patterns[0]: \"(\" is no regular expression"));
    }

    proptest! {
        #[test]
        fn a_star_lets_no_other_domain_in(host in "[ -~]{0,40}") {
            let origins = origins(&["https://*.app.example"], &[]).unwrap();
            let origin = format!("https://{host}");
            if origins.hold(&origin) {
                prop_assert!(host.ends_with(".app.example") && is_host(&host), "{host}");
            }
        }
    }
}
