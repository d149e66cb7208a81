//! The longest of many prefixes or suffixes, found by hash.

use std::collections::HashMap;

/// Values by prefix or suffix.
///
/// Only the lengths that occur among the keys are tried, longest first. The work is therefore bounded by the
/// configuration: a request with thousands of slashes or dots costs no more than another.
#[derive(Debug)]
pub(super) struct AffixMap<V> {
    /// Distinct lengths of the keys in bytes, descending.
    lengths: Vec<usize>,
    values: HashMap<Box<str>, V, ahash::RandomState>,
}

impl<V> Default for AffixMap<V> {
    fn default() -> Self {
        Self { lengths: Vec::new(), values: HashMap::default() }
    }
}

impl<V: Default> AffixMap<V> {
    /// The value of this key, made where there is none.
    pub(super) fn entry(&mut self, key: String) -> &mut V {
        let at = self.lengths.partition_point(|length| *length > key.len());
        if self.lengths.get(at) != Some(&key.len()) {
            self.lengths.insert(at, key.len());
        }
        self.values.entry(key.into()).or_default()
    }
}

impl<V> AffixMap<V> {
    /// Values of all prefixes of `path` that end where one of its segments does, longest first.
    ///
    /// `/a` is a prefix of `/a`, `/a/` and `/a/b`, not of `/ab`; `/a/` is one of `/a/` and `/a/b`, not of `/a`.
    pub(super) fn prefixes_of<'s>(&'s self, path: &'s str) -> impl Iterator<Item = &'s V> {
        self.lengths.iter().filter_map(move |length| {
            let (prefix, rest) = path.split_at_checked(*length)?;
            let whole = rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/');
            if whole { self.values.get(prefix) } else { None }
        })
    }

    /// Values of all suffixes (`.example.com`) of `host` that leave at least one label, longest first.
    pub(super) fn suffixes_of<'s>(&'s self, host: &str) -> impl Iterator<Item = &'s V> {
        self.lengths.iter().filter_map(move |length| {
            let (label, suffix) = host.split_at_checked(host.len().checked_sub(*length)?)?;
            let whole = !label.is_empty() && suffix.starts_with('.');
            if whole { self.values.get(suffix) } else { None }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(keys: &[&str]) -> AffixMap<String> {
        let mut map = AffixMap::default();
        for key in keys {
            *map.entry((*key).to_owned()) = (*key).to_owned();
        }
        map
    }

    #[test]
    fn prefixes_end_where_a_segment_ends() {
        let map = map(&["/", "/a", "/a/", "/a/b", "/ab"]);
        let of = |path: &'static str| map.prefixes_of(path).collect::<Vec<_>>();
        assert_eq!(of("/a/b/c"), ["/a/b", "/a/", "/a", "/"]);
        assert_eq!(of("/a"), ["/a", "/"]);
        assert_eq!(of("/a/"), ["/a/", "/a", "/"]);
        assert_eq!(of("/abc"), ["/"]);
        assert_eq!(of("*"), [""; 0]);
    }

    #[test]
    fn suffixes_leave_at_least_one_label() {
        let map = map(&[".example.com", ".shop.example.com", ".com"]);
        let of = |host: &'static str| map.suffixes_of(host).collect::<Vec<_>>();
        assert_eq!(of("a.b.shop.example.com"), [".shop.example.com", ".example.com", ".com"]);
        assert_eq!(of("example.com"), [".com"]);
        assert_eq!(of("badexample.com"), [".com"]);
        assert_eq!(of(".example.com"), [".com"]);
        assert_eq!(of(""), [""; 0]);
    }

    #[test]
    fn a_cut_through_a_character_is_no_match() {
        let map = map(&["/\u{e4}", ".\u{e4}"]);
        assert_eq!(map.prefixes_of("/x\u{e4}").count(), 0);
        assert_eq!(map.suffixes_of("\u{e4}\u{e4}").count(), 0);
    }
}
