//! The graph of who needs whom, file by file.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Named, Source};

/// The files of one crate and the files each names.
pub(crate) struct Modules {
    /// `upstream::peer` to every module it needs, with the line that says so.
    needs: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Modules {
    /// Resolves what the sources name; a name that a module only re-exports counts for the file that has it.
    pub(crate) fn of(sources: &[Source]) -> Self {
        let known = sources.iter().map(|source| source.module.clone()).collect::<BTreeSet<_>>();
        let exports = exports(sources, &known);
        let needs = sources
            .iter()
            .filter(|source| !source.module.is_empty())
            .map(|source| (source.module.join("::"), needed(source, &known, &exports)))
            .collect();
        Self { needs }
    }

    /// Ways from a module back to itself that leave its top-level module: of each module the shortest, as lines to read.
    pub(crate) fn cycles_between_top_level_modules(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let cycles = self.needs.keys().filter_map(|start| self.way_back(start));
        let new = cycles.filter(|steps| seen.insert(steps.iter().cloned().collect::<BTreeSet<_>>()));
        new.map(|steps| steps.join("\n")).collect()
    }

    /// The shortest way from `start` over another top-level module back to it.
    fn way_back(&self, start: &str) -> Option<Vec<String>> {
        let mut came_from = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([(start, false)]);
        while let Some((here, has_left)) = queue.pop_front() {
            for next in self.needs.get(here).into_iter().flatten().map(|(next, _)| next.as_str()) {
                let state = (next, has_left || top(next) != top(start));
                if next == start && has_left {
                    return Some(self.tell((here, has_left), start, &came_from));
                }
                if next != start && !came_from.contains_key(&state) {
                    came_from.insert(state, (here, has_left));
                    queue.push_back(state);
                }
            }
        }
        None
    }

    fn tell<'a>(
        &self,
        last: (&'a str, bool),
        start: &'a str,
        came_from: &BTreeMap<(&'a str, bool), (&'a str, bool)>,
    ) -> Vec<String> {
        let mut steps = vec![self.step(last.0, start)];
        let mut here = last;
        while let Some(before) = came_from.get(&here) {
            steps.push(self.step(before.0, here.0));
            here = *before;
        }
        steps.reverse();
        steps
    }

    fn step(&self, from: &str, to: &str) -> String {
        let line = self.needs.get(from).and_then(|needs| needs.get(to)).unwrap_or(&0);
        format!("{from} (line {line}) needs {to}")
    }
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

type Known = BTreeSet<Vec<String>>;
type Exports = BTreeMap<Vec<String>, Vec<String>>;

/// `upstream::Member` to `upstream::member::Member`, for every `pub use`.
fn exports(sources: &[Source], known: &Known) -> Exports {
    let mut found = Exports::new();
    for source in sources {
        for name in source.names.iter().filter(|name| name.exported) {
            if let (Some(path), Some(last)) = (absolute(source, name, known), name.segments.last()) {
                found.insert([source.module.as_slice(), std::slice::from_ref(last)].concat(), path);
            }
        }
    }
    found
}

fn needed(source: &Source, known: &Known, exports: &Exports) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for name in &source.names {
        let Some(path) = absolute(source, name, known) else { continue };
        let owner = owner(&path, known, exports);
        if !owner.is_empty() && owner != source.module {
            found.entry(owner.join("::")).or_insert(name.line);
        }
    }
    found
}

/// The module whose file has what the path names.
fn owner(path: &[String], known: &Known, exports: &Exports) -> Vec<String> {
    let mut path = path.to_vec();
    // A chain of re-exports is short; the bound only keeps a wrong reading from going round.
    for _ in 0..8 {
        let target = (1..=path.len()).rev().find_map(|length| {
            let (head, tail) = path.split_at(length);
            exports.get(head).filter(|target| target.as_slice() != head).map(|target| [target, tail].concat())
        });
        match target {
            Some(target) if !known.contains(&path) => path = target,
            _ => break,
        }
    }
    while !path.is_empty() && !known.contains(&path) {
        path.pop();
    }
    path
}

/// The path from the crate's root, or `None` where it leads into another crate.
fn absolute(source: &Source, name: &Named, known: &Known) -> Option<Vec<String>> {
    let (first, rest) = name.segments.split_first()?;
    let ups = name.segments.iter().take_while(|segment| *segment == "super").count();
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([source.module.as_slice(), rest].concat()),
        "super" => {
            let kept = source.module.len().checked_sub(ups)?;
            Some([source.module.get(..kept)?, name.segments.get(ups..)?].concat())
        }
        child => {
            let inside = [source.module.as_slice(), &[child.to_owned()]].concat();
            known.contains(&inside).then(|| [source.module.as_slice(), &name.segments].concat())
        }
    }
}
