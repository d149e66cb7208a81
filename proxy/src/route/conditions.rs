//! What a route asks for beside host and path.

use std::collections::BTreeMap;

use http::Method;
use http::header::HeaderName;

use super::Lookup;
use crate::config::model::ValuePattern;

/// Conditions on method, header fields and query, all of which must hold.
#[derive(Debug)]
pub(super) struct Conditions {
    methods: Vec<Method>,
    headers: Vec<(HeaderName, ValuePattern)>,
    query: BTreeMap<String, ValuePattern>,
}

impl Conditions {
    pub(super) fn new(
        methods: Vec<Method>,
        headers: Vec<(HeaderName, ValuePattern)>,
        query: BTreeMap<String, ValuePattern>,
    ) -> Self {
        Self { methods, headers, query }
    }

    /// How many there are; a list of methods is one condition, however long.
    pub(super) fn count(&self) -> usize {
        usize::from(!self.methods.is_empty()) + self.headers.len() + self.query.len()
    }

    /// Whether all of them hold.
    ///
    /// Of a field or parameter that occurs more than once, one value that fits is enough. Values are compared byte by
    /// byte; query names and values after decoding (`+` is a space, as forms write it).
    pub(super) fn hold(&self, request: &Lookup<'_>) -> bool {
        (self.methods.is_empty() || self.methods.contains(request.method))
            && self.headers.iter().all(|(name, pattern)| has_header(request, name, pattern))
            && self.query.iter().all(|(name, pattern)| has_parameter(request, name, pattern))
    }
}

fn has_header(request: &Lookup<'_>, name: &HeaderName, pattern: &ValuePattern) -> bool {
    request.headers.get_all(name).iter().any(|value| fits(pattern, value.as_bytes()))
}

fn has_parameter(request: &Lookup<'_>, name: &str, pattern: &ValuePattern) -> bool {
    let query = request.query.unwrap_or_default().as_bytes();
    form_urlencoded::parse(query).any(|(key, value)| key == name && fits(pattern, value.as_bytes()))
}

fn fits(pattern: &ValuePattern, value: &[u8]) -> bool {
    match pattern {
        ValuePattern::Present => true,
        ValuePattern::Exact(text) => text.as_bytes() == value,
    }
}
