//! The routes of one host, by path.

use std::collections::HashMap;

use regex::Regex;

use super::affix::AffixMap;
use crate::config::model::PathPattern;

/// Routes that share a path, the one with the most conditions first, then in the order of the file.
#[derive(Debug, Default)]
struct Ranked(Vec<(usize, usize)>);

impl Ranked {
    /// Routes must come in the order of the file. One that is filed twice (two hosts that are equal) is kept once.
    fn insert(&mut self, route: usize, rank: usize) {
        let at = self.0.partition_point(|(_, other)| *other >= rank);
        let before = at.checked_sub(1).and_then(|before| self.0.get(before));
        if before != Some(&(route, rank)) {
            self.0.insert(at, (route, rank));
        }
    }

    fn routes(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|(route, _)| *route)
    }
}

/// Routes by path pattern.
#[derive(Debug, Default)]
pub(super) struct PathTable {
    exact: HashMap<Box<str>, Ranked, ahash::RandomState>,
    prefixes: AffixMap<Ranked>,
    /// In the order in which each expression first occurs.
    regexes: Vec<(Regex, Ranked)>,
}

impl PathTable {
    /// Files a route; `rank` is the number of its conditions.
    pub(super) fn insert(&mut self, pattern: &PathPattern, route: usize, rank: usize) {
        match pattern {
            PathPattern::Exact(path) => self.exact.entry(path.as_str().into()).or_default().insert(route, rank),
            PathPattern::Prefix(prefix) => self.prefixes.entry(prefix.clone()).insert(route, rank),
            PathPattern::Regex(regex) => self.insert_regex(regex, route, rank),
        }
    }

    fn insert_regex(&mut self, regex: &Regex, route: usize, rank: usize) {
        match self.regexes.iter_mut().find(|(known, _)| known.as_str() == regex.as_str()) {
            Some((_, ranked)) => ranked.insert(route, rank),
            None => self.regexes.push((regex.clone(), Ranked(vec![(route, rank)]))),
        }
    }

    /// All routes whose path pattern fits, most specific first.
    pub(super) fn matching<'s>(&'s self, path: &'s str) -> impl Iterator<Item = usize> + 's {
        let exact = self.exact.get(path).into_iter();
        let prefixes = self.prefixes.prefixes_of(path);
        let regexes = self.regexes.iter().filter(|(regex, _)| regex.is_match(path)).map(|(_, ranked)| ranked);
        exact.chain(prefixes).chain(regexes).flat_map(Ranked::routes)
    }
}
