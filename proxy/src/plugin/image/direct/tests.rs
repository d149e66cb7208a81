use proptest::prelude::*;
use wasmtime::component::Component;

use super::linked;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, engine};

/// Reads a header, for which the host needs the guest's memory and its allocator.
fn reading() -> Fixture {
    reading_by("(call $header (local.get 0) (i32.const 0) (i32.const 0) (i32.const 512))")
}

fn reading_by(body: &str) -> Fixture {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    Fixture::new("request-role")
        .accepting()
        .import("http", "[method]request.header", "(func $header (param i32 i32 i32 i32))")
        .on_request(&format!("{body} (call $drop-request (local.get 0)) (i32.const {decision})"))
        .data(image)
}

fn is_valid(component: &[u8]) -> bool {
    Component::new(engine().wasmtime(), component).is_ok()
}

/// What core modules of a component import, and how many of them there are that do anything.
fn core_imports(component: &[u8]) -> (Vec<String>, usize) {
    let (mut imports, mut instances) = (Vec::new(), 0);
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            wasmparser::Payload::ImportSection(section) => {
                imports.extend(section.into_imports().map(|import| import.unwrap().name.to_owned()));
            }
            wasmparser::Payload::InstanceSection(section) => {
                let modules = section.into_iter().map(Result::unwrap);
                instances += modules.filter(|one| matches!(one, wasmparser::Instance::Instantiate { .. })).count();
            }
            _ => {}
        }
    }
    (imports, instances)
}

#[test]
fn each_function_is_linked_once_and_one_instance_less_is_made() {
    let component = reading().build();
    let rewritten = linked(&component).unwrap();
    assert!(is_valid(&rewritten));
    let (imports, instances) = core_imports(&component);
    assert_eq!((imports.len(), instances), (4, 3), "{imports:?}");
    let (imports, instances) = core_imports(&rewritten);
    assert_eq!(instances, 2);
    assert_eq!(imports, ["[method]request.header", "[resource-drop]request", "memory", "table"]);
}

#[test]
fn a_component_without_a_shim_stays_as_it_is() {
    let component = Fixture::request("(i32.const 0)").build();
    assert!(linked(&component).unwrap_err().to_string().contains("no shim"));
}

#[test]
fn a_component_whose_start_is_left_to_its_fix_up_stays_as_it_is() {
    let starting = reading().raw_export("(func (export \"_initialize\"))").build();
    assert!(linked(&starting).is_err());
}

#[test]
fn what_is_linked_already_is_not_linked_again() {
    let rewritten = linked(&reading().build()).unwrap();
    assert!(linked(&rewritten).is_err());
}

#[test]
fn data_that_code_copies_by_itself_keep_their_places() {
    let copying = "(memory.init $second (i32.const 900) (i32.const 0) (i32.const 3)) (data.drop $second)";
    let data = "(data (i32.const 800) \"first\") (data $second \"two\") (data (i32.const 850) \"third\")";
    let rewritten = linked(&reading_by(copying).raw_export(data).build()).unwrap();
    assert!(is_valid(&rewritten));
}

#[test]
fn tables_of_the_module_keep_their_elements() {
    let calling = "(drop (call_indirect (type $answer) (i32.const 1)))";
    let table = "(type $answer (func (result i32))) (table 2 2 funcref)
         (elem (i32.const 1) $answer) (func $answer (type $answer) (i32.const 7))";
    let rewritten = linked(&reading_by(calling).raw_export(table).build()).unwrap();
    assert!(is_valid(&rewritten));
}

proptest! {
    /// A stranger's component is no reason to panic, whatever is in it.
    #[test]
    fn whatever_is_in_a_component_is_read_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = reading().build();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        let _ = linked(&bytes);
    }
}
