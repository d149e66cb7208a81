//! From the server name of a TLS handshake to where its connection goes.

use std::collections::HashMap;
use std::sync::Arc;

use super::affix::AffixMap;
use super::comparable;
use crate::config::model::HostPattern;

/// Where the connections of one tcp listener go; `T` is what that is.
///
/// An exact name wins over the longest `*.suffix`, and that over the default, which also serves connections without a
/// name.
#[derive(Debug)]
pub struct ServerNames<T> {
    exact: HashMap<Box<str>, Arc<T>, ahash::RandomState>,
    suffixes: AffixMap<Option<Arc<T>>>,
    default: Option<Arc<T>>,
}

impl<T> ServerNames<T> {
    /// All connections go to the default, until names are added.
    #[must_use]
    pub fn new(default: Option<Arc<T>>) -> Self {
        Self { exact: HashMap::default(), suffixes: AffixMap::default(), default }
    }

    /// Connections for this name go there.
    pub fn insert(&mut self, name: &HostPattern, to: Arc<T>) {
        match name {
            HostPattern::Exact(name) => {
                self.exact.insert(name.as_str().into(), to);
            }
            HostPattern::Suffix(suffix) => *self.suffixes.entry(suffix.clone()) = Some(to),
        }
    }

    /// Where a connection goes; `None` where nowhere.
    #[must_use]
    pub fn find(&self, name: Option<&str>) -> Option<&Arc<T>> {
        name.and_then(|name| self.named(&comparable(name))).or(self.default.as_ref())
    }

    fn named<'s>(&'s self, name: &str) -> Option<&'s Arc<T>> {
        self.exact.get(name).or_else(|| self.suffixes.suffixes_of(name).find_map(Option::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(default: Option<&'static str>) -> ServerNames<&'static str> {
        let mut names = ServerNames::new(default.map(Arc::new));
        names.insert(&HostPattern::Exact("db.test".to_owned()), Arc::new("db"));
        names.insert(&HostPattern::Suffix(".test".to_owned()), Arc::new("any"));
        names.insert(&HostPattern::Suffix(".shop.test".to_owned()), Arc::new("shop"));
        names
    }

    #[test]
    fn the_most_specific_name_wins() {
        let names = names(None);
        let found = |name| names.find(Some(name)).map(|to| **to);
        assert_eq!(found("db.test"), Some("db"));
        assert_eq!(found("DB.test."), Some("db"));
        assert_eq!(found("a.test"), Some("any"));
        assert_eq!(found("a.b.shop.test"), Some("shop"));
        assert_eq!(found("test"), None);
    }

    #[test]
    fn what_has_no_name_or_an_unknown_one_goes_to_the_default() {
        assert_eq!(names(Some("rest")).find(None).map(|to| **to), Some("rest"));
        assert_eq!(names(Some("rest")).find(Some("other.example")).map(|to| **to), Some("rest"));
        assert!(names(None).find(None).is_none());
    }
}
