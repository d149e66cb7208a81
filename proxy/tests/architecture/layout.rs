//! Fences, cycles, dependencies.

use std::fs;

use crate::modules::Modules;
use crate::repository;
use crate::source::{Source, read_tree};

/// What only some modules may name, and which.
struct Fence {
    crates: &'static [&'static str],
    inside: &'static [&'static str],
}

const FENCES: &[Fence] = &[
    Fence { crates: &["wasmtime", "wasmparser", "cranelift"], inside: &["plugin"] },
    Fence { crates: &["pingora"], inside: &["server", "gate", "gateway", "upstream/peer", "wire", "error"] },
    Fence { crates: &["rustls", "tokio_rustls"], inside: &["certificates", "gate/tls", "upstream/tls", "keysets/tls"] },
    Fence {
        crates: &["ring"],
        inside: &["consumers/credentials", "keysets/key", "keysets/tls", "gate/tls", "upstream/tls"],
    },
    Fence { crates: &["redis"], inside: &["counters/shared"] },
    Fence { crates: &["toml"], inside: &["config", "admin"] },
];

/// Reading untrusted text into types belongs where the problems of a text are told.
const DESERIALISING: &[&str] = &["Deserialize", "DeserializeOwned"];
const MAY_DESERIALISE: &[&str] =
    &["config", "admin", "keysets/jwk", "keysets/lifetime", "keysets/token", "discovery/etcd/messages"];

fn gateway() -> Vec<Source> {
    read_tree(&repository().join("proxy/src")).unwrap()
}

fn is_inside(source: &Source, modules: &[&str]) -> bool {
    modules.iter().any(|module| {
        source
            .module
            .join("/")
            .split_at_checked(module.len())
            .is_some_and(|(head, tail)| head == *module && (tail.is_empty() || tail.starts_with('/')))
    })
}

/// `pingora` names `pingora`, `pingora_core` and all its other crates.
fn is_of(family: &str, name: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

#[test]
fn each_library_is_named_only_behind_its_fence() {
    let mut outside = Vec::new();
    for source in gateway() {
        for fence in FENCES.iter().filter(|fence| !is_inside(&source, fence.inside)) {
            for name in &source.names {
                let root = name.segments.iter().find(|segment| !segment.is_empty()).unwrap();
                if fence.crates.iter().any(|family| is_of(family, root)) {
                    let path = name.segments.join("::");
                    outside.push(format!("{}:{} names {path}", source.path.display(), name.line));
                }
            }
        }
    }
    assert!(outside.is_empty(), "outside of their fence:\n{}", outside.join("\n"));
}

#[test]
fn only_the_configuration_and_the_admin_api_deserialise() {
    let mut outside = Vec::new();
    for source in gateway().iter().filter(|source| !is_inside(source, MAY_DESERIALISE)) {
        let found = source.words.iter().filter(|(word, _)| DESERIALISING.contains(&word.as_str()));
        outside.extend(found.map(|(word, line)| format!("{}:{line} names {word}", source.path.display())));
    }
    assert!(outside.is_empty(), "they may not read text into types:\n{}", outside.join("\n"));
}

#[test]
fn what_one_version_of_the_contract_is_bound_by_is_named_where_versions_are_told_apart_and_where_it_is_lent() {
    let is_bound = |word: &str| matches!(word, "bindings" | "bindgen") || word.starts_with("v0_");
    let mut outside = Vec::new();
    for source in gateway().iter().filter(|source| is_inside(source, &["plugin"])) {
        if !is_inside(source, &["plugin/contract", "plugin/capability"]) {
            let found = source.words.iter().filter(|(word, _)| is_bound(word));
            outside.extend(found.map(|(word, line)| format!("{}:{line} names {word}", source.path.display())));
        }
    }
    assert!(outside.is_empty(), "the host speaks of host values:\n{}", outside.join("\n"));
}

#[test]
fn no_two_modules_need_each_other() {
    let cycles = Modules::of(&gateway()).cycles_between_top_level_modules();
    assert!(cycles.is_empty(), "cycles:\n\n{}", cycles.join("\n\n"));
}

#[test]
fn the_gateway_and_the_plugin_sdk_meet_only_at_the_contract() {
    for (package, other) in [("proxy", "tidegate-plugin-sdk"), ("plugin-sdk", "tidegate")] {
        let manifest = fs::read_to_string(repository().join(package).join("Cargo.toml")).unwrap();
        let manifest = manifest.parse::<toml::Table>().unwrap();
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let named = manifest.get(kind).and_then(toml::Value::as_table);
            assert!(named.is_none_or(|table| !table.contains_key(other)), "{package} has {other} among its {kind}");
        }
    }
}

#[test]
fn a_fence_is_seen_through_groups_and_attributes_and_not_in_tests_or_text() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("route.rs"), SAMPLE).unwrap();
    let sources = read_tree(folder.path()).unwrap();
    let named = sources[0].names.iter().map(|name| (name.segments.join("::"), name.line)).collect::<Vec<_>>();
    let expected = [
        ("crate::upstream::Member", 3),
        ("crate::wire", 3),
        ("wasmtime::Store", 6),
        ("wasmtime::Engine", 7),
        ("wasmtime::Linker", 22),
    ];
    assert_eq!(named, expected.map(|(path, line)| (path.to_owned(), line)));
    assert_eq!(sources[0].functions, [("own".to_owned(), 3)]);
}

#[test]
fn a_cycle_is_found_by_the_file_that_holds_a_name_not_by_the_one_that_passes_it_on() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    let cycles = || Modules::of(&read_tree(folder.path()).unwrap()).cycles_between_top_level_modules();
    fs::create_dir(folder.path().join("upstream")).unwrap();
    write("balance.rs", "use crate::upstream::Member;");
    write("upstream.rs", "mod member;\npub use member::Member;\nuse crate::balance::Balancer;");
    write("upstream/member.rs", "");
    assert!(cycles().is_empty());
    write("upstream/member.rs", "\nuse super::Upstream;");
    let steps = [
        "balance (line 1) needs upstream::member",
        "upstream::member (line 2) needs upstream",
        "upstream (line 3) needs balance",
    ];
    assert_eq!(cycles(), [steps.join("\n")]);
}

const SAMPLE: &str = r##"//! pingora::one
/* pingora::two /* nested */ pingora::three */
use crate::{upstream::Member, wire};
const TEXT: (&str, char) = ("pingora::four \" pingora::five", '"');
const RAW: &str = r#"pingora::six "pingora::seven" "#;
#[derive(wasmtime::Store)]
struct Own<'a>(&'a wasmtime::Engine);
fn own<'a>() -> [u8; 2] {
    [0; 2]
}
#[cfg(test)]
use pingora::{eight, nine};
#[cfg(test)]
#[expect(unused, reason = "sample")]
mod tests {
    fn f() { pingora::ten() }
}
enum Cases {
    #[cfg(test)]
    Tested(pingora::eleven),
}
struct After(wasmtime::Linker);
"##;
