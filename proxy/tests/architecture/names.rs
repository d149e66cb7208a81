//! What files are called, and how long files and functions get.

use crate::repository;
use crate::source::{files_below, read_tree};

/// A name that says nothing collects everything.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "mod"];

/// Sizes that a reader can hold; the longest are told when one is passed.
struct Budget {
    what: &'static str,
    median: usize,
    nine_in_ten: usize,
}

const FILES: Budget = Budget { what: "file", median: 150, nine_in_ten: 450 };
const FUNCTIONS: Budget = Budget { what: "function", median: 10, nine_in_ten: 35 };

impl Budget {
    fn check(&self, mut lengths: Vec<(String, usize)>) {
        lengths.sort_by_key(|(_, lines)| *lines);
        let at = |tenths: usize| lengths[(lengths.len() - 1) * tenths / 10].1;
        let (median, nine_in_ten) = (at(5), at(9));
        let longest =
            lengths.iter().rev().take(10).map(|(name, lines)| format!("{lines:5} {name}")).collect::<Vec<_>>();
        assert!(
            median <= self.median && nine_in_ten <= self.nine_in_ten,
            "the median {} has {median} lines (budget {}), nine in ten have up to {nine_in_ten} (budget {}); the longest:\n{}",
            self.what,
            self.median,
            self.nine_in_ten,
            longest.join("\n"),
        );
    }
}

#[test]
fn every_file_is_named_after_what_it_holds() {
    let root = repository();
    let files = ["proxy", "plugin-sdk", "plugins", "tests"]
        .iter()
        .flat_map(|part| files_below(&root.join(part), "rs").unwrap());
    let empty = files
        .filter(|file| {
            file.strip_prefix(&root)
                .unwrap()
                .with_extension("")
                .iter()
                .any(|part| EMPTY_NAMES.iter().any(|name| part == *name))
        })
        .collect::<Vec<_>>();
    assert!(empty.is_empty(), "names that say nothing: {empty:?}");
}

#[test]
fn files_stay_short() {
    let sources = read_tree(&repository().join("proxy/src")).unwrap();
    FILES.check(sources.iter().map(|source| (source.path.display().to_string(), source.lines)).collect());
}

#[test]
fn functions_stay_short() {
    let sources = read_tree(&repository().join("proxy/src")).unwrap();
    let functions = sources.iter().flat_map(|source| {
        source.functions.iter().map(|(name, lines)| (format!("{} {name}", source.path.display()), *lines))
    });
    FUNCTIONS.check(functions.collect());
}
