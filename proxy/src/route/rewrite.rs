//! What becomes of a path on its way to the upstream.

use std::borrow::Cow;

use crate::config::model::{PathPattern, Rewrite};

/// A rewrite made ready for the path of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRewrite(Option<Replacement>);

/// Both without a closing slash, so that what follows them is empty or starts a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Replacement {
    prefix: Box<str>,
    by: Box<str>,
}

impl PathRewrite {
    /// Takes the prefix to replace from the route's own path.
    ///
    /// The prefix of an exact path is the whole of it. A regular expression has no prefix: the path stays as it is.
    #[must_use]
    pub fn new(pattern: &PathPattern, rewrite: &Rewrite) -> Self {
        let by = match rewrite {
            Rewrite::Keep => return Self(None),
            Rewrite::StripPrefix => "",
            Rewrite::ReplacePrefix(by) => by,
        };
        let (PathPattern::Exact(prefix) | PathPattern::Prefix(prefix)) = pattern else { return Self(None) };
        let bare = |text: &str| text.trim_end_matches('/').into();
        Self(Some(Replacement { prefix: bare(prefix), by: bare(by) }))
    }

    /// The target to send for the one received; both are a path with, where there is one, `?` and the query.
    ///
    /// The result starts with exactly one slash where the rewrite made its start, and exactly one slash stands where
    /// the two parts meet: `/api//x` without `/api` must not become `//x`, which reads as a host. Slashes further on
    /// and the query are the client's. A target that is no path (`*`) or not below the prefix stays as it is.
    #[must_use]
    pub fn apply<'t>(&self, target: &'t str) -> Cow<'t, str> {
        let Some(Replacement { prefix, by }) = &self.0 else { return Cow::Borrowed(target) };
        let Some(rest) = target.strip_prefix(&**prefix) else { return Cow::Borrowed(target) };
        match rest.chars().next() {
            Some('/') => Cow::Owned(format!("{by}/{}", rest.trim_start_matches('/'))),
            None | Some('?') if by.is_empty() => Cow::Owned(format!("/{rest}")),
            None | Some('?') => Cow::Owned(format!("{by}{rest}")),
            Some(_) => Cow::Borrowed(target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix(text: &str) -> PathPattern {
        PathPattern::Prefix(text.into())
    }

    fn strip(pattern: &PathPattern, target: &str) -> String {
        PathRewrite::new(pattern, &Rewrite::StripPrefix).apply(target).into_owned()
    }

    fn replace(from: &str, to: &str, target: &str) -> String {
        PathRewrite::new(&prefix(from), &Rewrite::ReplacePrefix(to.into())).apply(target).into_owned()
    }

    #[test]
    fn keep_does_not_copy() {
        let rewrite = PathRewrite::new(&prefix("/api"), &Rewrite::Keep);
        assert!(matches!(rewrite.apply("/api/x?y"), Cow::Borrowed("/api/x?y")));
    }

    #[test]
    fn stripping_leaves_a_path_with_its_query() {
        for (pattern, target, want) in [
            ("/api", "/api", "/"),
            ("/api", "/api/", "/"),
            ("/api", "/api?a=/api", "/?a=/api"),
            ("/api", "/api/users?x=1", "/users?x=1"),
            ("/api/", "/api/users", "/users"),
            ("/api/", "/api/", "/"),
            ("/", "/users", "/users"),
            ("/api", "/api//evil.example/x", "/evil.example/x"),
            ("/api", "/api/a//b", "/a//b"),
            ("/api", "*", "*"),
            ("/", "*", "*"),
        ] {
            assert_eq!(strip(&prefix(pattern), target), want, "{pattern} from {target}");
        }
    }

    #[test]
    fn replacing_joins_with_one_slash() {
        for (from, to, target, want) in [
            ("/api", "/v1", "/api/users?x", "/v1/users?x"),
            ("/api", "/v1", "/api", "/v1"),
            ("/api", "/v1/", "/api/users", "/v1/users"),
            ("/api/", "/v1/", "/api/", "/v1/"),
            ("/", "/v1", "/users", "/v1/users"),
            ("/", "/v1", "/", "/v1/"),
            ("/api", "/", "/api/users", "/users"),
            ("/api", "/", "/api", "/"),
        ] {
            assert_eq!(replace(from, to, target), want, "{from} to {to} in {target}");
        }
    }

    #[test]
    fn an_exact_path_is_its_own_prefix_and_a_regex_has_none() {
        assert_eq!(strip(&PathPattern::Exact("/a/b".into()), "/a/b?q"), "/?q");
        let regex = PathPattern::Regex(regex::Regex::new("^/a.*$").unwrap());
        assert_eq!(strip(&regex, "/a/b"), "/a/b");
    }

    proptest! {
        #[test]
        fn a_rewritten_path_never_starts_with_two_slashes(
            from in "(/[ab]{0,2}){1,3}", to in "(/[ab]{1,2}){0,2}/?", rest in "[/ab]{0,6}", query in "(\\?[a=/]{0,4})?",
        ) {
            let to = if to.is_empty() { "/".to_owned() } else { to };
            prop_assume!(!from.starts_with("//"));
            let bare = from.trim_end_matches('/');
            let target = format!("{bare}/{rest}{query}");
            let sent = replace(&from, &to, &target);
            prop_assert!(sent.starts_with('/') && !sent.starts_with("//"), "{} became {}", target, sent);
            prop_assert!(sent.ends_with(&query));
        }
    }
}
