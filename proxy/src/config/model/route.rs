//! `[[route]]`: which requests go where.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use http::header::HeaderName;

/// Which requests go where, through which policies.
#[derive(Clone, Debug)]
pub struct Route {
    /// Unique.
    pub name: String,
    /// Which requests are meant.
    pub matches: RouteMatch,
    /// In the order a request meets them.
    pub policies: Vec<RoutePolicy>,
    /// Names an upstream.
    pub upstream: String,
    /// What becomes of the path.
    pub rewrite: Rewrite,
    /// How long its requests may take.
    pub timeouts: RouteTimeouts,
    /// How long an endpoint is given before another is asked besides; `None` is for ever.
    pub hedge_after: Option<Duration>,
}

/// How long a request of a route may take; what is `None` is as its upstream has it, or without end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// To an established connection.
    pub connect: Option<Duration>,
    /// Silence of an endpoint that has the whole request, up to its response head.
    pub first_byte: Option<Duration>,
    /// Silence of an endpoint within the body of its response.
    pub idle: Option<Duration>,
    /// One try, from the choice of an endpoint to its response head.
    pub each_try: Option<Duration>,
    /// The whole request, from its head to the last octet of the response.
    pub total: Option<Duration>,
    /// The field that tells endpoints what is left of `total`, in milliseconds.
    pub deadline_header: Option<HeaderName>,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.matches == other.matches
            && self.policies == other.policies
            && self.upstream == other.upstream
            && self.rewrite == other.rewrite
            && self.timeouts == other.timeouts
            && self.hedge_after == other.hedge_after
    }
}

/// All conditions must hold; an empty list holds always.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteMatch {
    /// Any of these.
    pub hosts: Vec<HostPattern>,
    /// This path.
    pub path: PathPattern,
    /// Any of these.
    pub methods: Vec<Method>,
    /// Each of these has a value that fits.
    pub headers: Vec<(HeaderName, ValuePattern)>,
    /// Each of these parameters has a value that fits.
    pub query: BTreeMap<String, ValuePattern>,
}

/// One place in the chain of a route; each name is that of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoutePolicy {
    /// It has to let the request pass.
    One(String),
    /// The first of these that lets the request pass is the only one that takes part; there are two at least.
    AnyOf(Vec<String>),
}

impl RoutePolicy {
    /// Every policy that may be asked here, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::AnyOf(names) => names,
        }
    }
}

/// Which hosts a route is for, without a port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// `*.example.com`, kept as `.example.com`: one or more labels before it.
    Suffix(String),
}

/// Which paths a route is for.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// This path and no other.
    Exact(String),
    /// This path and what lies below it: `/a` means `/a` and `/a/b`, never `/ab`.
    Prefix(String),
    /// The whole path fits (anchored at both ends).
    Regex(regex::Regex),
}

impl Default for PathPattern {
    fn default() -> Self {
        Self::Prefix("/".into())
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) | (Self::Prefix(a), Self::Prefix(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

/// What a header or query value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuePattern {
    /// Anything, as long as it is there.
    Present,
    /// This text.
    Exact(String),
}

/// What becomes of the path on its way to the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rewrite {
    /// It stays as it is.
    #[default]
    Keep,
    /// The matched prefix goes: `/api/users` below `/api` becomes `/users`.
    StripPrefix,
    /// The matched prefix becomes this one.
    ReplacePrefix(String),
}
