//! The contract in `wit/`: it parses, and says of everything what it is for.

use wit_parser::{Docs, Resolve, TypeDefKind};

use crate::repository;

fn contract() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(repository().join("wit")).unwrap_or_else(|error| panic!("wit/: {error:?}"));
    resolve
}

#[test]
fn the_contract_is_one_package_with_one_version() {
    let packages = contract().packages.iter().map(|(_, package)| package.name.to_string()).collect::<Vec<_>>();
    assert_eq!(packages, ["tidegate:gateway@0.1.0"]);
}

#[test]
fn everything_in_the_contract_says_what_it_is_for() {
    let resolve = contract();
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
        }
    }
    assert!(silent.is_empty(), "without a word of documentation: {silent:?}");
}
