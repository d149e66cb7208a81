//! The world that language runtimes expect (WASI), empty: what they need to start is answered, and nothing else is there.
//!
//! There are no files, variables, arguments or sockets; standard output swallows, standard input has ended. Clock and
//! random numbers are those of the contract and want the same grants. Whatever else is called traps with its name, so
//! that a component which imports it and does not use it runs.

mod answer;

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use super::instance::HostState;
use crate::config::model::{Capability, Grants};
use answer::{Answer, Nothing};

/// What all of WASI is called before its own name.
const PACKAGES: &str = "wasi:";

/// Whether an import is of this kind.
pub(super) fn is_one(name: &str) -> bool {
    name.starts_with(PACKAGES)
}

/// The grant without which what such an import asks for is not answered; none where no grant would change that.
pub(super) fn wanted_grant(name: &str) -> Option<Capability> {
    match name.split('@').next().unwrap_or_default() {
        "wasi:clocks/wall-clock" | "wasi:clocks/monotonic-clock" => Some(Capability::Clock),
        "wasi:random/random" | "wasi:random/insecure" => Some(Capability::Random),
        _ => None,
    }
}

/// Those of these imports whose grant is not among these.
pub(super) fn ungranted(imports: &[String], grants: Grants) -> impl Iterator<Item = (&str, Capability)> {
    let wanted = imports.iter().filter_map(|name| Some((name.as_str(), wanted_grant(name)?)));
    wanted.filter(move |(_, capability)| !grants.has(*capability))
}

/// Gives the component's imports of this kind something to link to.
pub(super) fn answer(
    linker: &mut Linker<HostState>,
    engine: &Engine,
    component: &Component,
    grants: Grants,
) -> wasmtime::Result<()> {
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        if !is_one(name) {
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (item, export) in interface.exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(_) => {
                    let answer = Answer::to(name, item, grants);
                    instance.func_new(item, move |store, _, asked, given| answer.give(store, asked, given))?;
                }
                ComponentItem::Resource(_) => {
                    instance.resource(item, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
