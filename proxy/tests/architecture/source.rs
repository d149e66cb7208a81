//! What a source file says about its surroundings: the paths it names, the functions it has, what of it is only test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::tokens::{Token, tokens};

/// A path as written, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// `crate::a::b` as `["crate", "a", "b"]`; a path that starts with `::` starts with an empty segment.
    pub(crate) segments: Vec<String>,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Whether it stands in a `pub use`.
    pub(crate) exported: bool,
}

/// One file of what ships: its tests are left out.
#[derive(Debug)]
pub(crate) struct Source {
    /// Below the root it was found in.
    pub(crate) path: PathBuf,
    /// `upstream/peer.rs` as `["upstream", "peer"]`; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    /// All lines, tests included.
    pub(crate) lines: usize,
    /// Every path it names.
    pub(crate) names: Vec<Named>,
    /// Every word of code that is in it, for what is named without a path.
    pub(crate) words: Vec<(String, usize)>,
    /// Lines from `fn` to the closing brace, per function.
    pub(crate) functions: Vec<(String, usize)>,
}

/// Reads all Rust files below `root` but those that are compiled for tests alone.
pub(crate) fn read_tree(root: &Path) -> io::Result<Vec<Source>> {
    let files = files_below(root, "rs")?;
    let mut sources = Vec::new();
    let mut test_only = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        let path = file.strip_prefix(root).unwrap_or(&file).to_path_buf();
        let module = module_of(&path);
        let (code, test_modules) = without_tests(&tokens(&text));
        test_only.extend(test_modules.into_iter().map(|name| [module.as_slice(), &[name]].concat()));
        sources.push(Source {
            lines: text.lines().count(),
            names: names(&code),
            words: code.iter().map(|token| (token.text.to_owned(), token.line)).collect(),
            functions: functions(&code),
            path,
            module,
        });
    }
    sources.retain(|source| !test_only.iter().any(|test| source.module.starts_with(test)));
    Ok(sources)
}

/// Every file below `root` with this extension, sorted; what Git ignores is not looked at, and neither is what the gateway
/// writes for plugin authors.
pub(crate) fn files_below(root: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | "dist" | "node_modules" | "templates" | ".git") {
            found.extend(files_below(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn module_of(path: &Path) -> Vec<String> {
    let segments = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>();
    match segments.as_slice() {
        [only] if only == "lib" || only == "main" => Vec::new(),
        _ => segments,
    }
}

/// Drops every item under a `cfg` that names `test`; also tells the modules among them that are files of their own.
fn without_tests<'a>(all: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<String>) {
    let (mut code, mut modules) = (Vec::new(), Vec::new());
    let mut rest = all;
    while let Some((first, after)) = rest.split_first() {
        let attribute = attribute_length(rest);
        let inside = rest.get(..attribute).unwrap_or_default();
        if inside.iter().any(|token| token.text == "cfg")
            && inside.iter().any(|token| token.text == "test")
            && !inside.iter().any(|token| token.text == "not")
        {
            let item = item_length(rest);
            modules.extend(file_module(rest.get(..item).unwrap_or_default()));
            rest = rest.get(item..).unwrap_or_default();
        } else {
            code.push(*first);
            rest = after;
        }
    }
    (code, modules)
}

/// The length of the outer attribute `#[…]` at the start, 0 where there is none.
fn attribute_length(rest: &[Token<'_>]) -> usize {
    match rest {
        [hash, open, ..] if hash.text == "#" && open.text == "[" => 1 + balanced(rest.get(1..).unwrap_or_default()),
        _ => 0,
    }
}

/// The length of an item with its attributes: to its closing brace or semicolon. A case of an enum, or of a match, is taken
/// with those that follow it.
fn item_length(rest: &[Token<'_>]) -> usize {
    let mut at = 0;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        match here.first().map(|token| token.text) {
            Some("#") => at += attribute_length(here).max(1),
            Some("(" | "[") => at += balanced(here),
            Some("{") => {
                at += balanced(here);
                let is_use = rest.get(..at).unwrap_or_default().iter().any(|token| token.text == "use");
                if !is_use {
                    return at;
                }
            }
            Some(";") => return at + 1,
            Some("}" | "]" | ")") => return at,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length from an opening bracket to the one that closes it.
fn balanced(rest: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in rest.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    rest.len()
}

fn file_module(item: &[Token<'_>]) -> Option<String> {
    let at = item.iter().position(|token| token.text == "mod")?;
    let is_file = item.last().is_some_and(|token| token.text == ";");
    is_file.then(|| item.get(at + 1).map(|token| token.text.to_owned())).flatten()
}

/// Every path in the code: `use` trees written out, and paths that stand in expressions, types and attributes.
fn names(code: &[Token<'_>]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = code.get(at) {
        let before = at.checked_sub(1).and_then(|before| code.get(before)).map_or("", |token| token.text);
        if token.text == "use" {
            let end = code.iter().skip(at).position(|token| token.text == ";").map_or(code.len(), |length| at + length);
            let exported = matches!(before, "pub" | ")");
            use_tree(code.get(at + 1..end).unwrap_or_default(), &[], exported, &mut found);
            at = end;
        } else if is_identifier(token.text) {
            let (segments, length) = run(code.get(at..).unwrap_or_default());
            if segments.len() > 1 {
                found.push(Named { segments, line: token.line, exported: false });
            }
            at += length.max(1);
        } else {
            at += 1;
        }
    }
    found
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Identifiers joined by `::`, as many as follow each other.
fn run(code: &[Token<'_>]) -> (Vec<String>, usize) {
    let mut segments = Vec::new();
    let mut at = 0;
    while let Some(token) = code.get(at).filter(|token| is_identifier(token.text)) {
        segments.push(token.text.to_owned());
        at += 1;
        if code.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    (segments, at)
}

/// Writes `a::{b, c::d}` out as `a::b` and `a::c::d`.
fn use_tree(tree: &[Token<'_>], prefix: &[String], exported: bool, found: &mut Vec<Named>) {
    for branch in branches(tree) {
        let tail = match branch {
            [first, tail @ ..] if first.text == "::" => tail,
            all => all,
        };
        let (segments, length) = run(tail);
        let path = [prefix, &segments].concat();
        match tail.get(length..).unwrap_or_default() {
            [open, inner @ .., _] if open.text == "{" => use_tree(inner, &path, exported, found),
            _ if path.is_empty() => {}
            _ => found.push(Named { segments: path, line: branch.first().map_or(0, |token| token.line), exported }),
        }
    }
}

/// Splits at the commas that stand in no braces.
fn branches<'t, 'a>(tree: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0_usize;
    tree.split(|token| {
        match token.text {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        token.text == "," && depth == 0
    })
    .filter(|branch| !branch.is_empty())
    .collect()
}

/// Name and length in lines of every function that has a body.
fn functions(code: &[Token<'_>]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, pair) in code.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        if keyword.text != "fn" || !is_identifier(name.text) {
            continue;
        }
        let rest = code.get(at..).unwrap_or_default();
        let last = rest.get(item_length(rest).saturating_sub(1));
        if let Some(end) = last.filter(|token| token.text == "}") {
            found.push((name.text.to_owned(), end.line - keyword.line + 1));
        }
    }
    found
}
