//! Paths, methods, fields and statuses.

use http::Method;
use http::header::HeaderName;
use regex::{Regex, RegexBuilder};
use toml::de::DeValue;

use super::quantity::parsed;
use super::{Wrong, quoted, string, unexpected};
use crate::config::model::ValuePattern;

/// A compiled expression may take this much memory; more is a mistake or an attack on the reload.
const LARGEST_REGEX: usize = 256 * 1024;

/// A path of a request target, percent-encoded as on the wire, without a query.
pub(in crate::config) fn path(written: &str) -> Result<String, Wrong> {
    if written.contains(['?', '#']) {
        return Err(Wrong::new(format!("{} is more than a path", quoted(written))).hint("write what stands before `?`"));
    }
    target(written)
}

/// A request target in origin form: a path, with a query where there is one.
pub(in crate::config) fn target(written: &str) -> Result<String, Wrong> {
    if !written.starts_with('/') {
        let hint = format!("did you mean {}?", quoted(format!("/{written}")));
        return Err(Wrong::new(format!("{} does not start with `/`", quoted(written))).hint(hint));
    }
    match written.chars().find(|c| !c.is_ascii_graphic()) {
        Some(c) => {
            let message = format!("{:?} cannot stand in a request target", c);
            Err(Wrong::new(message).hint("percent-encode it, as in \"/a%20b\""))
        }
        None => Ok(written.to_owned()),
    }
}

/// An expression that must fit the whole path.
pub(in crate::config) fn regex(written: &str) -> Result<Regex, Wrong> {
    // Compiled alone first: `a)(b` would otherwise close the group of the anchors and pass.
    compile(written)?;
    compile(&format!("^(?:{written})$"))
}

fn compile(pattern: &str) -> Result<Regex, Wrong> {
    RegexBuilder::new(pattern).size_limit(LARGEST_REGEX).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            Wrong::new("the regular expression compiles to more than 256 KiB").hint("make its repetitions shorter")
        }
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            let cause = last.trim().trim_start_matches("error: ").to_owned();
            Wrong::new(format!("not a regular expression: {cause}"))
                .hint("the syntax is that of https://docs.rs/regex; single quotes keep TOML from reading `\\`")
        }
    })
}

/// A method, in the case in which clients send it.
pub(in crate::config) fn method(value: &DeValue<'_>) -> Result<Method, Wrong> {
    const USUAL: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    let written = string(value)?;
    let upper = written.to_ascii_uppercase();
    if upper != written && USUAL.contains(&upper.as_str()) {
        let message = format!("methods are case-sensitive: no client sends {}", quoted(written));
        return Err(Wrong::new(message).hint(format!("did you mean {upper:?}?")));
    }
    Method::from_bytes(written.as_bytes())
        .map_err(|_| Wrong::new(format!("{} is not a method", quoted(written))).hint("as in \"GET\""))
}

/// Name of a header field.
pub(in crate::config) fn header_name(written: &str) -> Result<HeaderName, Wrong> {
    HeaderName::from_bytes(written.as_bytes())
        .map_err(|_| Wrong::new(format!("{} is not a header name", quoted(written))).hint("as in \"x-tenant\""))
}

/// Name of a cookie (a token, RFC 6265 section 4.1.1).
pub(in crate::config) fn cookie_name(written: &str) -> Result<String, Wrong> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if (1..=64).contains(&written.len()) && written.bytes().all(is_token) {
        return Ok(written.to_owned());
    }
    Err(Wrong::new(format!("{} is not a cookie name", quoted(written))).hint("as in \"session\""))
}

/// Name of a query parameter, decoded.
pub(in crate::config) fn parameter_name(written: &str) -> Result<String, Wrong> {
    if written.is_empty() { Err(Wrong::new("a query parameter needs a name")) } else { Ok(written.to_owned()) }
}

/// What a header or parameter must be: a text, or `true` for anything.
pub(in crate::config) fn value_pattern(value: &DeValue<'_>) -> Result<ValuePattern, Wrong> {
    match value {
        DeValue::String(text) => Ok(ValuePattern::Exact(text.to_string())),
        DeValue::Boolean(true) => Ok(ValuePattern::Present),
        other => Err(unexpected("a string or true", other).hint("true means any value, as long as there is one")),
    }
}

/// A status code or a range of them.
pub(in crate::config) fn statuses(value: &DeValue<'_>) -> Result<(u16, u16), Wrong> {
    let range = match value {
        DeValue::Integer(integer) => parsed(integer).and_then(|code| u16::try_from(code).ok()).map(|code| (code, code)),
        DeValue::String(text) => text.split_once('-').and_then(|(low, high)| {
            let code = |text: &str| text.trim().parse::<u16>().ok();
            code(low).zip(code(high))
        }),
        other => return Err(unexpected("a status or a range of them", other).hint("as in 200 or \"200-299\"")),
    };
    range
        .filter(|(low, high)| 100 <= *low && low <= high && *high <= 599)
        .ok_or_else(|| Wrong::new("not a status or a range of them").hint("100 to 599, as in 200 or \"200-299\""))
}
