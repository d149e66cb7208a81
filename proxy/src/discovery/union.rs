//! One set of endpoints from several lists.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::source::Source;
use crate::config::model::{self, Endpoint, EndpointAddress};

/// The endpoints of an upstream, as far as they are known.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// Those of the file first; each address once, as the first list has it.
    pub endpoints: Cow<'a, [Endpoint]>,
    /// Whether somebody who lists some has not said anything yet.
    pub awaited: bool,
}

impl<'a> Known<'a> {
    /// What the configuration lists, and nobody else.
    #[must_use]
    pub fn listed(spec: &'a model::Upstream) -> Self {
        Self { endpoints: Cow::Borrowed(&spec.endpoints), awaited: false }
    }
}

/// What the file and these sources list.
pub(super) fn of<'a>(spec: &'a model::Upstream, sources: &[&Arc<Source>], mut awaited: bool) -> Known<'a> {
    let sets: Vec<_> = sources.iter().map(|source| (source, source.endpoints())).collect();
    let all = spec.endpoints.len() + sets.iter().flat_map(|(_, set)| set).map(|set| set.len()).sum::<usize>();
    let mut seen: HashSet<EndpointAddress> = HashSet::with_capacity(all);
    let mut endpoints = Vec::with_capacity(all);
    seen.extend(spec.endpoints.iter().map(|endpoint| endpoint.address.clone()));
    endpoints.extend_from_slice(&spec.endpoints);
    for (source, set) in sets {
        awaited |= set.is_none();
        let set = set.as_deref().unwrap_or_default();
        let before = endpoints.len();
        endpoints.extend(set.iter().filter(|endpoint| seen.insert(endpoint.address.clone())).cloned());
        source.tell_of_duplicates(set.len() - (endpoints.len() - before));
    }
    Known { endpoints: Cow::Owned(endpoints), awaited }
}
