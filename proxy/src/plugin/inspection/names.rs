//! Reads the names of what a component imports and exports off its binary form.

use wasmparser::{BinaryReaderError, ComponentExternName, Parser, Payload};

use crate::plugin::failure::printable;
use crate::plugin::problem::LoadProblem;

/// What every WebAssembly binary starts with, and the eight bytes of a core module and of a component.
const MAGIC: &[u8] = b"\0asm";
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// Imports and exports together; the whole contract and WASI have less than a hundred.
const MAX_NAMES: usize = 1000;

/// Names as the component says them, made fit to be shown.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

/// Reads the outermost component; what is inside of it is its own business.
pub(super) fn read(bytes: &[u8]) -> Result<Names, LoadProblem> {
    check_kind(bytes)?;
    let names = collect(bytes).map_err(unreadable)?;
    if names.imports.len() + names.exports.len() > MAX_NAMES {
        return Err(LoadProblem::new(
            format!("imports and exports more than {MAX_NAMES} things"),
            "a policy imports what it uses of the contract, and exports its roles",
        ));
    }
    Ok(names)
}

fn collect(bytes: &[u8]) -> Result<Names, BinaryReaderError> {
    let mut names = Names::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    push(&mut names.imports, import?.name);
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    push(&mut names.exports, export?.name);
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

/// One more than may be is enough to know that there are too many.
fn push(names: &mut Vec<String>, name: ComponentExternName<'_>) {
    if names.len() <= MAX_NAMES {
        names.push(printable(name.name));
    }
}

fn check_kind(bytes: &[u8]) -> Result<(), LoadProblem> {
    if bytes.starts_with(COMPONENT) {
        return Ok(());
    }
    if bytes.starts_with(CORE_MODULE) {
        return Err(LoadProblem::new(
            "is a core WebAssembly module, not a component",
            "make a component of it: `tidegate plugin componentize module.wasm --world request-role -o plugin.wasm`",
        ));
    }
    if bytes.starts_with(MAGIC) {
        return Err(LoadProblem::new(
            "is WebAssembly of a version this gateway does not know",
            "build it with current tools",
        ));
    }
    Err(LoadProblem::new("is not WebAssembly", "a plugin is a WebAssembly component in binary form"))
}

fn unreadable(error: BinaryReaderError) -> LoadProblem {
    LoadProblem::new(
        format!("cannot be read as a component: {}", printable(&error.to_string())),
        "the file is damaged or cut off: build or copy it again",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plugin::fixture::Fixture;

    #[test]
    fn only_the_outermost_component_is_asked() {
        let names = read(&Fixture::request("(i32.const 0)").build()).unwrap();
        assert!(names.exports.contains(&"tidegate:gateway/request-policy@0.1.0".to_owned()), "{names:?}");
        assert!(names.imports.iter().all(|name| name.starts_with("tidegate:gateway/")), "{names:?}");
    }

    #[test]
    fn a_component_of_too_many_names_is_refused() {
        let imports: String = (0..=MAX_NAMES).map(|number| format!("(import \"a{number}\" (func))")).collect();
        let bytes = wat::parse_str(format!("(component {imports})")).unwrap();
        assert_eq!(read(&bytes).unwrap_err().message, "imports and exports more than 1000 things");
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_refused_or_read_but_never_panic(at in 8_usize..400, byte: u8, cut in 8_usize..2000) {
            let mut bytes = Fixture::request("(i32.const 0)").build();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(cut.max(8));
            if let Ok(names) = read(&bytes) {
                prop_assert!(names.imports.iter().chain(&names.exports).all(|name| !name.contains(char::is_control)));
            }
        }
    }
}
