//! A rule that makes one path of another.

use regex_lite::{Captures, Regex};
use serde::Deserialize;

use super::{escape, is_canonical};
use crate::template::{REQUEST, Template};
use crate::{Problem, Request};

/// A rule for paths, as an operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WrittenPathRule {
    /// Paths below this one are changed; what follows it is put behind `to`. Excludes `regex`.
    pub prefix: Option<String>,
    /// Paths that this expression matches from end to end are changed. Excludes `prefix`.
    pub regex: Option<String>,
    /// The path to put in place: a template, in which `${1}` is the first group of `regex`.
    pub to: String,
}

/// A rule for paths, prepared. Regular expressions take time in proportion to the path.
#[derive(Debug)]
pub struct PathRule {
    pattern: Pattern,
    to: Template,
}

/// What a rule came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is not for this path.
    Unfit,
    /// This is the path to put in place; it is canonical.
    To(String),
    /// What came out is a path that servers read differently, or a value for it is missing: refuse the request.
    Ambiguous,
}

#[derive(Debug)]
enum Pattern {
    Any,
    /// Without a closing slash.
    Prefix(String),
    Regex(Regex),
}

impl PathRule {
    /// Prepares what is written at this place.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(written: &WrittenPathRule, at: &str) -> Result<Self, Vec<Problem>> {
        let pattern = pattern(written, at);
        let groups = match &pattern {
            Ok(Pattern::Regex(regex)) => regex.captures_len() - 1,
            _ => 0,
        };
        let to = Template::parse_with_captures(&written.to, &[REQUEST], groups)
            .map_err(|error| error.to_string())
            .and_then(|to| if is_start_of_path(&written.to, &to) { Ok(to) } else { Err(NO_PATH.to_owned()) })
            .map_err(|why| Problem::at(format!("{at}.to"), why));
        match (pattern, to) {
            (Ok(pattern), Ok(to)) => Ok(Self { pattern, to }),
            (pattern, to) => Err(pattern.err().into_iter().chain(to.err()).collect()),
        }
    }

    /// What becomes of this path, which is mostly the request's.
    #[must_use]
    pub fn apply(&self, request: &Request, path: &str) -> Changed {
        let (start, rest) = match &self.pattern {
            Pattern::Any => (self.start(request, &[]), ""),
            Pattern::Prefix(prefix) => match below(path, prefix) {
                Some(rest) => (self.start(request, &[]), rest),
                None => return Changed::Unfit,
            },
            Pattern::Regex(regex) => match regex.captures(path) {
                Some(captures) => (self.start(request, &groups(&captures)), ""),
                None => return Changed::Unfit,
            },
        };
        match start.map(|start| joined(start, rest)).filter(|path| is_canonical(path)) {
            Some(path) => Changed::To(path),
            None => Changed::Ambiguous,
        }
    }

    fn start(&self, request: &Request, captures: &[Option<&str>]) -> Option<String> {
        String::from_utf8(self.to.fill(request, captures, escape)?).ok()
    }
}

const NO_PATH: &str = "is no path; it starts with one `/`, and has no `?`, `#`, space or backslash";

/// Whether a template makes a path where its values are well-behaved.
fn is_start_of_path(written: &str, to: &Template) -> bool {
    let is_fit = |text: &str| text.bytes().all(super::is_path_byte);
    let starts_well = written.starts_with(['/', '$']) && !written.starts_with("$$");
    starts_well && !written.starts_with("//") && to.texts().all(is_fit) && to.fixed().is_none_or(is_canonical)
}

fn pattern(written: &WrittenPathRule, at: &str) -> Result<Pattern, Problem> {
    match (&written.prefix, &written.regex) {
        (Some(_), Some(_)) => Err(Problem::at(at, "has both `prefix` and `regex`; take one")),
        (None, None) => Ok(Pattern::Any),
        (Some(prefix), None) if is_canonical(prefix) => Ok(Pattern::Prefix(prefix.trim_end_matches('/').to_owned())),
        (Some(prefix), None) => Err(Problem::at(format!("{at}.prefix"), format!("{prefix:?} {NO_PATH}"))),
        // Compiled alone first: `a)(b` would otherwise close the group of the anchors and pass.
        (None, Some(regex)) => Regex::new(regex)
            .and_then(|_| Regex::new(&format!("^(?:{regex})$")))
            .map(Pattern::Regex)
            .map_err(|error| Problem::at(format!("{at}.regex"), format!("is no regular expression: {error}"))),
    }
}

/// What follows a prefix that ends where a segment ends.
fn below<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn groups<'p>(captures: &Captures<'p>) -> Vec<Option<&'p str>> {
    captures.iter().skip(1).map(|group| group.map(|group| group.as_str())).collect()
}

/// One slash where the two meet, and never two at the start.
fn joined(mut start: String, rest: &str) -> String {
    if !rest.is_empty() {
        start.truncate(start.trim_end_matches('/').len());
        start.push('/');
        start.push_str(rest.trim_start_matches('/'));
    }
    start
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::TestRequest;

    fn written(prefix: Option<&str>, regex: Option<&str>, to: &str) -> WrittenPathRule {
        WrittenPathRule { prefix: prefix.map(str::to_owned), regex: regex.map(str::to_owned), to: to.to_owned() }
    }

    fn apply(rule: &WrittenPathRule, request: &TestRequest) -> Changed {
        let view = request.view();
        PathRule::new(rule, "path").unwrap().apply(&view, &view.path())
    }

    fn to(path: &str) -> Changed {
        Changed::To(path.to_owned())
    }

    #[test]
    fn a_prefix_is_replaced_where_a_segment_ends() {
        let rule = written(Some("/api/"), None, "/v1");
        assert_eq!(apply(&rule, &TestRequest::get("/api/users")), to("/v1/users"));
        assert_eq!(apply(&rule, &TestRequest::get("/api")), to("/v1"));
        assert_eq!(apply(&rule, &TestRequest::get("/api/")), to("/v1/"));
        assert_eq!(apply(&rule, &TestRequest::get("/apis")), Changed::Unfit);
        assert_eq!(apply(&rule, &TestRequest::get("/api..")), Changed::Unfit);
    }

    #[test]
    fn a_prefix_taken_away_never_leaves_two_slashes_at_the_start() {
        let rule = written(Some("/api"), None, "/");
        assert_eq!(apply(&rule, &TestRequest::get("/api//evil.example/x")), to("/evil.example/x"));
        assert_eq!(apply(&rule, &TestRequest::get("/api")), to("/"));
    }

    #[test]
    fn an_expression_means_the_whole_path_and_gives_its_groups() {
        let rule = written(None, Some("/users/([0-9]+)(?:/(.*))?"), "/u/${1}/${2:-home}");
        assert_eq!(apply(&rule, &TestRequest::get("/users/7/orders")), to("/u/7/orders"));
        assert_eq!(apply(&rule, &TestRequest::get("/users/7")), to("/u/7/home"));
        assert_eq!(apply(&rule, &TestRequest::get("/x/users/7")), Changed::Unfit);
    }

    #[test]
    fn a_group_that_would_climb_out_of_its_folder_is_refused() {
        let rule = written(None, Some("/files(.*)"), "/public/${1}");
        assert_eq!(apply(&rule, &TestRequest::get("/files..%2f..%2fetc")), Changed::Ambiguous);
        assert_eq!(apply(&rule, &TestRequest::get("/files../admin")), Changed::Ambiguous);
        let dots = written(None, Some("/(.*)-"), "/a/${1}.");
        assert_eq!(apply(&dots, &TestRequest::get("/.-")), Changed::Ambiguous);
    }

    #[test]
    fn a_group_that_would_make_a_host_of_the_path_is_refused() {
        let rule = written(None, Some("/go(.*)"), "/${1}");
        assert_eq!(apply(&rule, &TestRequest::get("/go/evil.example")), Changed::Ambiguous);
        assert_eq!(apply(&rule, &TestRequest::get("/go/x")), Changed::Ambiguous);
        assert_eq!(apply(&rule, &TestRequest::get("/gox")), to("/x"));
    }

    #[test]
    fn a_value_from_elsewhere_is_encoded_and_a_missing_one_refused() {
        let rule = written(None, None, "/t/${request.header.x-tenant}${request.path}");
        let request = TestRequest::get("/a%20b");
        assert_eq!(apply(&rule, &request.clone().header("x-tenant", "a?b#c d")), to("/t/a%3Fb%23c%20d/a%20b"));
        assert_eq!(apply(&rule, &request.clone().header("x-tenant", "..")), Changed::Ambiguous);
        assert_eq!(apply(&rule, &request), Changed::Ambiguous);
    }

    #[test]
    fn every_problem_of_a_rule_has_its_place() {
        let problems = |rule: &WrittenPathRule| -> Vec<String> {
            PathRule::new(rule, "path[1]").unwrap_err().iter().map(|problem| problem.path.clone()).collect()
        };
        assert_eq!(problems(&written(Some("/a"), Some("/a"), "b")), ["path[1]", "path[1].to"]);
        assert_eq!(problems(&written(Some("a"), None, "/b?c")), ["path[1].prefix", "path[1].to"]);
        assert_eq!(problems(&written(None, Some("("), "//b")), ["path[1].regex", "path[1].to"]);
        assert_eq!(problems(&written(None, Some("/a"), "/${1}")), ["path[1].to"]);
        assert_eq!(problems(&written(None, Some("a)(b"), "/a b")), ["path[1].regex", "path[1].to"]);
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_the_result_is_canonical(
            parts in proptest::collection::vec(prop::sample::select(vec!["/", ".", "..", "a", ";", "%2e", "%2F", "%5c", "%00"]), 0..8)
        ) {
            let path = format!("/p/{}", parts.concat());
            for rule in [written(Some("/p"), None, "/"), written(None, Some("/p(.*)"), "/q${1}"), written(None, None, "${request.path}")] {
                if let Changed::To(path) = apply(&rule, &TestRequest::get(&path)) {
                    prop_assert!(is_canonical(&path), "{}", path);
                }
            }
        }
    }
}
