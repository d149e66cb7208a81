use std::cmp::Reverse;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use regex::Regex;

use super::{Lookup, RouteTable};
use crate::config::model::{HostPattern, PathPattern, RouteMatch, ValuePattern};

fn exact(path: &str) -> PathPattern {
    PathPattern::Exact(path.into())
}

fn prefix(path: &str) -> PathPattern {
    PathPattern::Prefix(path.into())
}

fn regex(path: &str) -> PathPattern {
    PathPattern::Regex(Regex::new(&format!("^(?:{path})$")).unwrap())
}

fn host(text: &str) -> HostPattern {
    match text.strip_prefix('*') {
        Some(suffix) => HostPattern::Suffix(suffix.into()),
        None => HostPattern::Exact(text.into()),
    }
}

fn on(path: PathPattern) -> RouteMatch {
    RouteMatch { path, ..RouteMatch::default() }
}

fn at(hosts: &[&str], path: PathPattern) -> RouteMatch {
    RouteMatch { hosts: hosts.iter().map(|text| host(text)).collect(), path, ..RouteMatch::default() }
}

/// Routes called 0, 1, 2 in the order given.
fn table(routes: Vec<RouteMatch>) -> RouteTable<usize> {
    RouteTable::new(routes.into_iter().enumerate().map(|(name, matches)| (matches, Arc::new(name))).collect())
}

struct Request {
    host: String,
    path: String,
    query: Option<String>,
    method: Method,
    headers: HeaderMap,
}

impl Request {
    fn get(host: &str, target: &str) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Self { host: host.into(), path: path.into(), query, method: Method::GET, headers: HeaderMap::new() }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            method: &self.method,
            headers: &self.headers,
        }
    }

    fn route(&self, table: &RouteTable<usize>) -> Option<usize> {
        table.find(&self.lookup()).map(|name| **name)
    }
}

fn find(table: &RouteTable<usize>, host: &str, target: &str) -> Option<usize> {
    Request::get(host, target).route(table)
}

#[test]
fn an_exact_host_comes_before_the_longest_suffix_and_that_before_any() {
    let table = table(vec![
        on(prefix("/")),
        at(&["*.example.com"], prefix("/")),
        at(&["*.shop.example.com"], prefix("/")),
        at(&["a.shop.example.com", "b.example.com"], prefix("/")),
    ]);
    assert_eq!(find(&table, "a.shop.example.com", "/"), Some(3));
    assert_eq!(find(&table, "b.example.com", "/"), Some(3));
    assert_eq!(find(&table, "c.shop.example.com", "/"), Some(2));
    assert_eq!(find(&table, "x.y.example.com", "/"), Some(1));
    assert_eq!(find(&table, "example.com", "/"), Some(0));
    assert_eq!(find(&table, "", "/"), Some(0));
}

#[test]
fn a_host_is_found_in_any_case_and_with_a_closing_dot() {
    let table = table(vec![at(&["shop.example"], prefix("/")), at(&["*.shop.example"], prefix("/"))]);
    assert_eq!(find(&table, "Shop.EXAMPLE", "/"), Some(0));
    assert_eq!(find(&table, "shop.example.", "/"), Some(0));
    assert_eq!(find(&table, "A.Shop.Example.", "/"), Some(1));
}

#[test]
fn an_exact_path_comes_before_the_longest_prefix_and_that_before_a_regex() {
    let table =
        table(vec![on(regex("/a/.*")), on(prefix("/a")), on(prefix("/a/b")), on(exact("/a/b")), on(regex("/c.*"))]);
    assert_eq!(find(&table, "", "/a/b"), Some(3));
    assert_eq!(find(&table, "", "/a/b/c"), Some(2));
    assert_eq!(find(&table, "", "/a/x"), Some(1));
    assert_eq!(find(&table, "", "/cc"), Some(4));
    assert_eq!(find(&table, "", "/x"), None);
}

#[test]
fn a_prefix_ends_where_a_segment_does() {
    let table = table(vec![on(prefix("/a")), on(prefix("/b/"))]);
    for path in ["/a", "/a/", "/a/b", "/a//b"] {
        assert_eq!(find(&table, "", path), Some(0), "{path}");
    }
    assert_eq!(find(&table, "", "/ab"), None);
    assert_eq!(find(&table, "", "/b/x"), Some(1));
    assert_eq!(find(&table, "", "/b/"), Some(1));
    assert_eq!(find(&table, "", "/b"), None);
}

#[test]
fn regexes_are_asked_in_the_order_of_the_file() {
    let table = table(vec![on(regex("/[0-9]+")), on(regex("/1.*")), on(regex("/.*"))]);
    assert_eq!(find(&table, "", "/12"), Some(0));
    assert_eq!(find(&table, "", "/1x"), Some(1));
    assert_eq!(find(&table, "", "/x"), Some(2));
}

#[test]
fn more_conditions_come_first_then_the_order_of_the_file() {
    let mut posting = on(prefix("/"));
    posting.methods = vec![Method::POST, Method::PUT];
    let mut beta = on(prefix("/"));
    beta.headers = vec![(HeaderName::from_static("x-beta"), ValuePattern::Exact("1".into()))];
    let mut both = posting.clone();
    both.headers = vec![(HeaderName::from_static("x-beta"), ValuePattern::Present)];
    let table = table(vec![on(prefix("/")), on(prefix("/")), posting, beta, both]);

    let mut request = Request::get("", "/").with("x-beta", "0").with("x-beta", "1");
    assert_eq!(request.route(&table), Some(3));
    request.method = Method::PUT;
    assert_eq!(request.route(&table), Some(4));
    request.headers.clear();
    assert_eq!(request.route(&table), Some(2));
    request.method = Method::GET;
    assert_eq!(request.route(&table), Some(0));
}

#[test]
fn a_route_whose_conditions_fail_leaves_the_request_to_less_specific_ones() {
    let mut narrow = at(&["a.example"], exact("/x"));
    narrow.methods = vec![Method::POST];
    let table = table(vec![narrow, at(&["*.example"], exact("/y")), on(prefix("/"))]);
    assert_eq!(find(&table, "a.example", "/x"), Some(2));
    assert_eq!(find(&table, "a.example", "/y"), Some(1));
}

#[test]
fn query_parameters_are_compared_after_decoding() {
    let mut versioned = on(prefix("/"));
    versioned.query.insert("api version".into(), ValuePattern::Exact("a&b".into()));
    let table = table(vec![versioned]);
    assert_eq!(find(&table, "", "/?x=1&api%20version=a%26b"), Some(0));
    assert_eq!(find(&table, "", "/?api+version=z&api+version=a%26b"), Some(0));
    assert_eq!(find(&table, "", "/?api+version=a&b"), None);
    assert_eq!(find(&table, "", "/"), None);
}

#[test]
fn a_path_is_not_decoded() {
    let table = table(vec![on(prefix("/a/b"))]);
    assert_eq!(find(&table, "", "/a%2fb"), None);
    assert_eq!(find(&table, "", "/%61/b"), None);
}

/// The rules as they read, applied to all routes one by one.
fn reference(routes: &[RouteMatch], request: &Request) -> Option<usize> {
    let ranked = routes.iter().enumerate().filter_map(|(name, route)| {
        let host = match route.hosts.is_empty() {
            true => None,
            false => Some(route.hosts.iter().filter(|host| host_fits(host, request)).max_by_key(|host| rank(host))?),
        };
        let alike = |other: &RouteMatch| {
            other.path == route.path && host.map_or(other.hosts.is_empty(), |host| other.hosts.contains(host))
        };
        let path = match &route.path {
            PathPattern::Exact(_) => (2, 0),
            PathPattern::Prefix(prefix) => (1, prefix.len()),
            PathPattern::Regex(_) => (0, routes.len() - routes.iter().position(alike).unwrap()),
        };
        let methods = route.methods.is_empty() || route.methods.contains(&request.method);
        let headers = route.headers.iter().all(|(name, _)| request.headers.contains_key(name));
        let conditions = usize::from(!route.methods.is_empty()) + route.headers.len();
        let fits = methods && headers && path_fits(&route.path, request);
        fits.then_some((host.map_or((0, 0), rank), path, conditions, Reverse(name)))
    });
    ranked.max().map(|(_, _, _, Reverse(name))| name)
}

fn rank(host: &HostPattern) -> (u8, usize) {
    match host {
        HostPattern::Exact(_) => (2, 0),
        HostPattern::Suffix(suffix) => (1, suffix.len()),
    }
}

fn host_fits(host: &HostPattern, request: &Request) -> bool {
    match host {
        HostPattern::Exact(host) => *host == request.host,
        HostPattern::Suffix(suffix) => request.host.ends_with(suffix) && request.host.len() > suffix.len(),
    }
}

fn path_fits(path: &PathPattern, request: &Request) -> bool {
    match path {
        PathPattern::Exact(path) => *path == request.path,
        PathPattern::Prefix(prefix) => (request.path.strip_prefix(prefix.as_str()))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')),
        PathPattern::Regex(regex) => regex.is_match(&request.path),
    }
}

fn some_path() -> impl Strategy<Value = PathPattern> {
    prop_oneof![
        "(/[ab]{0,1}){1,3}".prop_map(|path| exact(&path)),
        "(/[ab]{0,1}){1,3}".prop_map(|path| prefix(&path)),
        "/[ab.]{0,2}[*]?".prop_map(|path| regex(&path)),
    ]
}

fn some_route() -> impl Strategy<Value = RouteMatch> {
    let hosts = proptest::collection::vec("[*]\\.[ab]|[*]\\.a\\.b|[ab](\\.[ab]){0,2}", 0..3);
    (hosts, some_path(), any::<bool>(), any::<bool>()).prop_map(|(hosts, path, get, header)| {
        let mut route = at(&hosts.iter().map(String::as_str).collect::<Vec<_>>(), path);
        route.methods = if get { vec![Method::GET] } else { vec![] };
        route.headers = if header { vec![(HeaderName::from_static("x-a"), ValuePattern::Present)] } else { vec![] };
        route
    })
}

fn some_request() -> impl Strategy<Value = Request> {
    ("[ab](\\.[ab]){0,3}", "(/[ab]{0,2}){1,4}", any::<bool>(), any::<bool>()).prop_map(|(host, path, get, header)| {
        let mut request = Request::get(&host, &path);
        if !get {
            request.method = Method::POST;
        }
        if header { request.with("x-a", "1") } else { request }
    })
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}{} {:?}", self.method, self.host, self.path, self.headers)
    }
}

proptest! {
    #[test]
    fn the_table_agrees_with_the_rules_applied_one_by_one(
        routes in proptest::collection::vec(some_route(), 0..24),
        requests in proptest::collection::vec(some_request(), 1..16),
    ) {
        let table = table(routes.clone());
        for request in requests {
            prop_assert_eq!(request.route(&table), reference(&routes, &request), "{:?}", request);
        }
    }
}
