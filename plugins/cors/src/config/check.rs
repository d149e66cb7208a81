//! What types do not say.

use tidegate_plugin_sdk::Problem;

use super::{Config, is_any};

/// Everything wrong but the origins themselves.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.origins.is_empty() && config.origin_patterns.is_empty() {
        problems.push(Problem::at("origins", "must name an origin, or `*`"));
    }
    if is_any(&config.origins) && !config.origin_patterns.is_empty() {
        problems.push(Problem::at("origin_patterns", "adds nothing to `origins = [\"*\"]`"));
    }
    if is_any(&config.origins) && config.enforce {
        problems.push(Problem::at("enforce", "refuses nobody where `origins = [\"*\"]`"));
    }
    for (key, list) in lists(config) {
        stars(key, list, config.credentials, &mut problems);
    }
    tokens("methods", &config.methods, is_method, "is no method; write it in capitals, such as PUT", &mut problems);
    tokens("headers", &config.headers, is_token, "is no header name", &mut problems);
    tokens("expose", &config.expose, is_token, "is no header name", &mut problems);
    if config.methods.is_empty() {
        problems.push(Problem::at("methods", "must name a method, or `*`"));
    }
    problems
}

fn lists(config: &Config) -> [(&'static str, &[String]); 4] {
    [
        ("origins", &config.origins),
        ("methods", &config.methods),
        ("headers", &config.headers),
        ("expose", &config.expose),
    ]
}

/// With credentials, browsers take `*` for a name, and for origins they refuse it (Fetch, "CORS check"): so nobody may
/// believe to have allowed all.
fn stars(key: &str, list: &[String], credentials: bool, problems: &mut Vec<Problem>) {
    if is_any(list) && credentials {
        problems.push(Problem::at(key, "cannot be `*` together with `credentials`: name who and what is meant"));
    } else if !is_any(list) && list.iter().any(|item| item == "*") {
        problems.push(Problem::at(key, "holds `*` beside others; write it alone, or leave it out"));
    }
}

fn tokens(key: &str, list: &[String], is: fn(&str) -> bool, wrong: &str, problems: &mut Vec<Problem>) {
    let faults = list.iter().enumerate().filter(|(_, item)| *item != "*" && !is(item));
    problems.extend(faults.map(|(index, item)| Problem::at(format!("{key}[{index}]"), format!("{item:?} {wrong}"))));
}

/// Methods are told apart by case (RFC 9110 section 9.1).
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

/// `token` of RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let is_mark =
        |byte| matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}
