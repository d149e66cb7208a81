//! The worlds of the contract, each as a tool chain takes it that imports the whole of one.

use std::path::Path;

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, TypeDefKind, WorldId, WorldItem};

use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load};
use crate::plugin::inspect;

/// Those that export a role.
const WORLDS: [&str; 8] = [
    "request-role",
    "limit-role",
    "response-role",
    "exchange-role",
    "body-role",
    "balancer-role",
    "observer-role",
    "plugin",
];

fn contract() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap();
    resolve
}

/// A guest that imports every function of its world, and exports every one.
fn whole(resolve: &Resolve, name: &'static str, world: WorldId) -> Fixture {
    let world = &resolve.worlds[world];
    let mut guest = Fixture::new(name);
    for import in world.imports.values() {
        let WorldItem::Interface { id, .. } = import else { continue };
        let module = resolve.id_of(*id).unwrap();
        for function in resolve.interfaces[*id].functions.values() {
            let signature = signature(resolve, AbiVariant::GuestImport, function);
            guest = guest.raw_import(&format!("(import \"{module}\" \"{}\" (func {signature}))", function.name));
        }
        for (resource, kind) in &resolve.interfaces[*id].types {
            if matches!(resolve.types[*kind].kind, TypeDefKind::Resource) {
                let drop = format!("(import \"{module}\" \"[resource-drop]{resource}\" (func (param i32)))");
                guest = guest.raw_import(&drop);
            }
        }
    }
    for export in world.exports.values() {
        let WorldItem::Interface { id, .. } = export else { continue };
        for function in resolve.interfaces[*id].functions.values() {
            let name = format!("{}#{}", resolve.id_of(*id).unwrap(), function.name);
            let signature = signature(resolve, AbiVariant::GuestExport, function);
            guest = guest.raw_export(&format!("(func (export \"{name}\") {signature} (unreachable))"));
        }
    }
    guest
}

/// What the canonical ABI makes of a function.
fn signature(resolve: &Resolve, variant: AbiVariant, function: &Function) -> String {
    let flat = resolve.wasm_signature(variant, function);
    let listed = |kinds: &[WasmType]| -> String {
        let name = |kind: &WasmType| match kind {
            WasmType::I64 | WasmType::PointerOrI64 => " i64",
            WasmType::F32 => " f32",
            WasmType::F64 => " f64",
            WasmType::I32 | WasmType::Pointer | WasmType::Length => " i32",
        };
        kinds.iter().map(name).collect()
    };
    format!("(param{}) (result{})", listed(&flat.params), listed(&flat.results))
}

#[test]
fn a_component_that_uses_the_whole_of_its_world_loads() {
    let resolve = contract();
    let mut exporting: Vec<&str> = Vec::new();
    for (id, world) in resolve.worlds.iter().filter(|(_, world)| !world.exports.is_empty()) {
        let name = WORLDS.into_iter().find(|name| *name == world.name);
        let name = name.unwrap_or_else(|| panic!("the world {} is not held to this", world.name));
        let component = whole(&resolve, name, id).build();
        let imported = inspect(&component).unwrap().imports;
        let missing = world.imports.values().filter(|import| match import {
            WorldItem::Interface { id, .. } => {
                let is_used = !resolve.interfaces[*id].functions.is_empty();
                is_used && !imported.contains(&resolve.id_of(*id).unwrap())
            }
            _ => false,
        });
        assert_eq!(missing.count(), 0, "{name}: {imported:?}");
        load(&component, all_grants(), LIMITS).unwrap_or_else(|error| panic!("{name}: {error}"));
        exporting.push(name);
    }
    exporting.sort_unstable();
    let mut expected = WORLDS;
    expected.sort_unstable();
    assert_eq!(exporting, expected);
}

#[test]
fn the_two_worlds_of_imports_differ_by_what_waits() {
    let resolve = contract();
    let names = |world: &str| -> Vec<String> {
        let (_, world) = resolve.worlds.iter().find(|(_, known)| known.name == world).unwrap();
        let interface = |item: &WorldItem| match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
            _ => None,
        };
        world.imports.values().filter_map(interface).collect()
    };
    let prompt = names("prompt-imports");
    let more: Vec<String> = names("imports").into_iter().filter(|name| !prompt.contains(name)).collect();
    assert_eq!(more, ["passwords", "http-client"]);
    assert_eq!(prompt.len() + more.len(), names("imports").len());
}
