//! From a request to a route.
//!
//! The most specific route whose conditions all hold wins. In this order, a later line deciding only between equals:
//!
//! 1. host: an exact host, then the longest `*.suffix`, then routes for any host;
//! 2. path: an exact path, then the longest prefix, then regular expressions in the order of the file, where equal ones
//!    of the same host stand together at the place of the first;
//! 3. the number of conditions, where each header and each query parameter is one and a list of methods is one;
//! 4. the order of the file.
//!
//! A route whose conditions do not hold is passed over, and the search goes on to less specific paths and then to less
//! specific hosts: a route for any host also serves what a listed host's own routes leave over.
//!
//! Hosts are compared without regard to case and to one closing dot (`shop.example.` is the same name). Paths are
//! compared byte by byte as they were received: nothing is decoded or tidied up, so that policies, routes and upstreams
//! speak of the same path. What servers read in different ways is refused before ([`target::suspicious`]), or where one of
//! the readings would lead to another route ([`readings`]).

mod affix;
mod conditions;
mod paths;
pub mod readings;
pub mod rewrite;
pub mod server_names;
pub mod target;
#[cfg(test)]
mod tests;
pub mod timeouts;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

use crate::config::model::{HostPattern, RouteMatch};
use affix::AffixMap;
use conditions::Conditions;
use paths::PathTable;

/// What route lookup looks at.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// Host without port, any case; empty where the client gave none.
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

/// Routes of one snapshot; `T` is what a route leads to.
///
/// A lookup costs a hash of the host and of the path, and one more for each distinct length among the prefixes of that
/// host that could end where a segment of the path does; it does not depend on how many routes there are.
#[derive(Debug)]
pub struct RouteTable<T> {
    routes: Vec<(Conditions, Arc<T>)>,
    exact: HashMap<Box<str>, PathTable, ahash::RandomState>,
    suffixes: AffixMap<PathTable>,
    any: PathTable,
}

impl<T> RouteTable<T> {
    /// Files each route under its hosts and its path; `entries` come in the order of the file.
    #[must_use]
    pub fn new(entries: Vec<(RouteMatch, Arc<T>)>) -> Self {
        let mut table = Self {
            routes: Vec::with_capacity(entries.len()),
            exact: HashMap::default(),
            suffixes: AffixMap::default(),
            any: PathTable::default(),
        };
        for (matches, to) in entries {
            table.insert(matches, to);
        }
        table
    }

    fn insert(&mut self, matches: RouteMatch, to: Arc<T>) {
        let RouteMatch { hosts, path, methods, headers, query } = matches;
        let route = self.routes.len();
        let conditions = Conditions::new(methods, headers, query);
        let rank = conditions.count();
        if hosts.is_empty() {
            self.any.insert(&path, route, rank);
        }
        for host in hosts {
            let paths = match host {
                HostPattern::Exact(host) => self.exact.entry(host.into()).or_default(),
                HostPattern::Suffix(suffix) => self.suffixes.entry(suffix),
            };
            paths.insert(&path, route, rank);
        }
        self.routes.push((conditions, to));
    }

    /// The most specific route that matches.
    #[must_use]
    pub fn find(&self, request: &Lookup<'_>) -> Option<&Arc<T>> {
        let host = comparable(request.host);
        let host = host.as_ref();
        let listed = self.exact.get(host).into_iter().chain(self.suffixes.suffixes_of(host));
        listed
            .chain(std::iter::once(&self.any))
            .flat_map(|paths| paths.matching(request.path))
            .filter_map(|route| self.routes.get(route))
            .find(|(conditions, _)| conditions.hold(request))
            .map(|(_, to)| to)
    }
}

/// Copies only a host that is not in lower case yet, which no client of note sends.
fn comparable(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}
