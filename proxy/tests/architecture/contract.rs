//! The contract in `wit/`: each version is served, a released one stays as it is, and everything says what it is for.

use std::fs;
use std::path::PathBuf;

use semver::Version;
use sha2::{Digest, Sha256};
use tidegate::plugin::contract::ContractVersion;
use wit_parser::{Docs, Resolve, Stability, TypeDefKind};

use crate::repository;

/// What `wit/` itself is a version of; a later one has a folder of its own below it.
const FIRST: &str = "0.1";

/// Released versions, and SHA-256 of what each says.
const RELEASED: &[(&str, &str)] = &[("0.1.0", "85e5a80734a001328a3cce575db8953b2b7eb3997a615b1157e17e49de7d4349")];

/// The folder of each version, and what it is to be a version of.
fn folders() -> Vec<(PathBuf, String)> {
    let root = repository().join("wit");
    let below = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut folders =
        below.map(|path| (path.clone(), path.file_name().unwrap().to_string_lossy().into_owned())).collect::<Vec<_>>();
    folders.push((root, FIRST.to_owned()));
    folders
}

fn contracts() -> Vec<(Resolve, String)> {
    let contract = |(folder, version): (PathBuf, String)| {
        let mut resolve = Resolve::default();
        resolve.push_dir(&folder).unwrap_or_else(|error| panic!("{}: {error:?}", folder.display()));
        (resolve, version)
    };
    folders().into_iter().map(contract).collect()
}

#[test]
fn each_folder_of_the_contract_is_one_package_of_the_version_it_is_called_by_and_served() {
    let mut served = Vec::new();
    let mut versions = Vec::new();
    for (resolve, called) in contracts() {
        let packages = resolve.packages.iter().map(|(_, package)| package.name.clone()).collect::<Vec<_>>();
        let [package] = packages.as_slice() else { panic!("{called}: {packages:?}") };
        assert_eq!((package.namespace.as_str(), package.name.as_str()), ("tidegate", "gateway"));
        let version = package.version.clone().unwrap();
        assert_eq!(format!("{}.{}", version.major, version.minor), called);
        served.push(ContractVersion::of(&version).unwrap_or_else(|| panic!("{version} is not served")));
        versions.push(version);
    }
    served.sort();
    assert_eq!(served, ContractVersion::ALL, "every version that is served is in `wit/`");
    assert_eq!(versions.iter().max().unwrap().to_string(), ContractVersion::NEWEST);
}

/// What a type has inside, by name.
fn members(kind: &TypeDefKind) -> Vec<(&str, &Docs)> {
    match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| (&*field.name, &field.docs)).collect(),
        TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| (&*case.name, &case.docs)).collect(),
        TypeDefKind::Enum(choice) => choice.cases.iter().map(|case| (&*case.name, &case.docs)).collect(),
        TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| (&*flag.name, &flag.docs)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn everything_in_the_contract_says_since_when_it_is_there() {
    let untold = contracts().iter().flat_map(|(resolve, _)| of_no_version(resolve)).collect::<Vec<_>>();
    assert!(untold.is_empty(), "without `@since`: {untold:?}");
}

fn of_no_version(resolve: &Resolve) -> Vec<String> {
    let worlds = resolve.worlds.iter().map(|(_, world)| (&world.name, &world.stability));
    let interfaces = resolve.interfaces.iter().filter_map(|(_, of)| Some((of.name.as_ref()?, &of.stability)));
    let untold = worlds.chain(interfaces).filter(|(_, stability)| !matches!(stability, Stability::Stable { .. }));
    untold.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_released_contract_does_not_change() {
    for (version, released) in RELEASED {
        let version = Version::parse(version).unwrap();
        let said = said_by(&version);
        assert_eq!(
            said, *released,
            "contract {version} no longer says what it said when it was released, and components of it may not load any \
             more: take that back. What is new is a function or an interface with `@since` of a later \
             {0}.{1}.x, and what cannot be is another version in a folder of its own (`wit/README.md`, The promise). \
             A version that is released from now on has its line in `RELEASED`.",
            version.major, version.minor
        );
    }
}

/// SHA-256 of what a version says, which is not how it is explained and laid out, nor what later ones add.
fn said_by(version: &Version) -> String {
    let called = format!("{}.{}", version.major, version.minor);
    let (folder, _) = folders().into_iter().find(|(_, of)| *of == called).unwrap();
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wit"));
    files.sort();
    let texts = files.iter().map(|file| said(&fs::read_to_string(file).unwrap(), version));
    hex::encode(Sha256::digest(texts.collect::<Vec<_>>().join(" ")))
}

fn said(text: &str, version: &Version) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap()).filter(|line| !line.starts_with("package "));
    laid_out(&without_later(&lines.collect::<Vec<_>>().join(" "), version))
}

/// A text with one space between any two of its words and signs.
fn laid_out(text: &str) -> String {
    let mut apart = String::new();
    for character in text.chars() {
        match character {
            '{' | '}' | '(' | ')' | '<' | '>' | ',' | ';' | ':' | '=' => apart.extend([' ', character, ' ']),
            _ => apart.push(character),
        }
    }
    apart.split_whitespace().collect::<Vec<_>>().join(" ").replace(", }", "}")
}

/// Leaves out gates, and with theirs those items that have no promise or came after `version`.
fn without_later(text: &str, version: &Version) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, gated)) = rest.split_once('@') {
        kept += before;
        let (gate, item) = gated.split_once(')').unwrap();
        let is_later = match gate.split_once('(').unwrap() {
            ("since", since) => Version::parse(since.trim_start_matches("version = ")).unwrap() > *version,
            ("unstable", _) => true,
            ("deprecated", _) => false,
            other => panic!("{other:?}"),
        };
        rest = if is_later { after_item(item) } else { item };
    }
    kept + rest
}

/// What follows an item, which ends with its closing brace or its semicolon.
fn after_item(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        let rest = &text[at + character.len_utf8()..];
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return rest.trim_start().strip_prefix(';').unwrap_or(rest),
            '}' => depth -= 1,
            ';' if depth == 0 => return rest,
            _ => {}
        }
    }
    ""
}

#[test]
fn a_contract_says_the_same_with_what_later_versions_add_and_another_with_what_they_change() {
    let version = Version::new(0, 1, 0);
    let released = said(SAMPLE, &version);
    let added = SAMPLE.replace("// later", LATER).replace("0.1.0;", "0.1.1;");
    assert_eq!(said(&added, &version), released);
    assert_ne!(said(&added, &Version::new(0, 1, 1)), released);
    for (ours, theirs) in [("whose", "which"), ("{", "{\n"), ("counts {", "counts{"), (": ", ":")] {
        assert_eq!(said(&SAMPLE.replace(ours, theirs), &version), released, "{theirs:?} in the place of {ours:?}");
    }
    for (ours, theirs) in [("u32", "u64"), ("key: string, ", ""), ("interface", "world")] {
        assert_ne!(said(&SAMPLE.replace(ours, theirs), &version), released, "{theirs:?} in the place of {ours:?}");
    }
}

const SAMPLE: &str = "package tidegate:gateway@0.1.0;
    /// Counts whose turn it is.
    @since(version = 0.1.0)
    interface counts {
        count: func(key: string, by: u32);
        // later
    }";
const LATER: &str = "@since(version = 0.1.1)
        use more.{thing};
        @since(version = 0.1.1)
        record step { by: u32 }
        @since(version = 0.1.1)
        count-step: func(key: string, step: step) -> thing;
        @unstable(feature = some-day)
        guess: func();";

#[test]
fn everything_in_the_contract_says_what_it_is_for() {
    let silent = contracts().iter().flat_map(|(resolve, _)| silent(resolve)).collect::<Vec<_>>();
    assert!(silent.is_empty(), "without a word of documentation: {silent:?}");
}

fn silent(resolve: &Resolve) -> Vec<String> {
    let mut silent = Vec::new();
    let mut check = |name: String, docs: &Docs| {
        if docs.contents.as_deref().unwrap_or_default().trim().is_empty() {
            silent.push(name);
        }
    };
    for (_, world) in &resolve.worlds {
        check(format!("world {}", world.name), &world.docs);
    }
    for (_, interface) in &resolve.interfaces {
        let owner = interface.name.clone().unwrap_or_default();
        check(format!("interface {owner}"), &interface.docs);
        for (name, function) in &interface.functions {
            check(format!("{owner}.{name}"), &function.docs);
        }
        for (name, id) in &interface.types {
            let kind = &resolve.types[*id];
            // `use other.{name}` makes an alias, which is documented where it comes from.
            if !matches!(kind.kind, TypeDefKind::Type(_)) {
                check(format!("{owner}.{name}"), &kind.docs);
            }
            for (member, docs) in members(&kind.kind) {
                check(format!("{owner}.{name}.{member}"), docs);
            }
        }
    }
    silent
}
