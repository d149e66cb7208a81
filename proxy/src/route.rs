//! From a request to a route.

use std::sync::Arc;

use http::Method;

use crate::config::model::{PathPattern, RouteMatch};

/// What route lookup looks at.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// Host without port, any case.
    pub host: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// Query without `?`.
    pub query: Option<&'a str>,
    /// Method.
    pub method: &'a Method,
    /// All header fields.
    pub headers: &'a http::HeaderMap,
}

/// Routes of one snapshot, most specific first; `T` is what a route leads to.
#[derive(Debug)]
pub struct RouteTable<T> {
    entries: Vec<(RouteMatch, Arc<T>)>,
}

impl<T> RouteTable<T> {
    /// Sorts routes so that the first match is the most specific one.
    #[must_use]
    pub fn new(entries: Vec<(RouteMatch, Arc<T>)>) -> Self {
        Self { entries }
    }

    /// The most specific route that matches.
    #[must_use]
    pub fn find(&self, request: &Lookup<'_>) -> Option<&Arc<T>> {
        self.entries
            .iter()
            .find(|(m, _)| matches!(&m.path, PathPattern::Prefix(p) if request.path.starts_with(p.as_str())))
            .map(|(_, t)| t)
    }
}
