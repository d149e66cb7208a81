use proptest::prelude::*;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::linked;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, engine, load, services, setup, spec};
use crate::plugin::image::snapshot;
use crate::plugin::policy::PolicyRuntime;
use crate::plugin::tests::with_request;
use crate::policy::decision::{Answer, RequestDecision};

/// Reads a header, for which the host needs the guest's memory and its allocator.
fn reading() -> Fixture {
    reading_by("(call $header (local.get 0) (i32.const 0) (i32.const 0) (i32.const 512))")
}

fn reading_by(body: &str) -> Fixture {
    unconfigured(body).accepting()
}

fn unconfigured(body: &str) -> Fixture {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    Fixture::new("request-role")
        .import("http", "[method]request.header", "(func $header (param i32 i32 i32 i32))")
        .on_request(&format!("{body} (call $drop-request (local.get 0)) (i32.const {decision})"))
        .data(image)
}

/// Answers with the status that `status` gives.
fn answering(status: &str) -> Fixture {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    reading_by(&format!("(i32.store16 (i32.const {}) {status})", decision + 8))
}

/// What a policy of this component answers with.
fn status(component: &[u8]) -> u16 {
    let plugin = load(component, all_grants(), LIMITS).unwrap();
    let policy = PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services()).unwrap();
    match with_request("", |request| policy.on_request(request)) {
        Ok(RequestDecision::Respond(Answer { response, .. })) => response.status.as_u16(),
        other => panic!("{other:?}"),
    }
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
    let copying = "(block (result i32)
            (memory.init $second (i32.const 900) (i32.const 0) (i32.const 1)) (data.drop $second)
            (i32.add (i32.const 200) (i32.load8_u (i32.const 900))))";
    let data = "(data (i32.const 800) \"first\") (data $second \"\\1e\") (data (i32.const 850) \"third\")";
    let component = answering(copying).raw_export(data).build();
    let rewritten = linked(&component).unwrap();
    assert_eq!((status(&component), status(&rewritten)), (230, 230));
}

#[test]
fn tables_of_the_module_keep_their_elements() {
    let calling = "(call_indirect (type $answer) (i32.const 1))";
    let table = "(type $answer (func (result i32))) (table 2 2 funcref)
         (elem (i32.const 1) $answer) (func $answer (type $answer) (i32.const 207))";
    let component = answering(calling).raw_export(table).build();
    let rewritten = linked(&component).unwrap();
    assert_eq!((status(&component), status(&rewritten)), (207, 207));
}

#[test]
fn the_image_of_a_configured_instance_has_a_form_that_is_linked_directly() {
    let remembering = unconfigured("").configure("(i32.store (i32.const 700) (i32.const 211)) (i32.const 0)");
    let source = remembering.build();
    let plugin = load(&source, all_grants(), LIMITS).unwrap();
    let Ok(image) = snapshot(&plugin, &setup(&plugin), &source) else { panic!("no image") };
    let rewritten = linked(&image).unwrap();
    assert!(is_valid(&rewritten));
    assert_eq!(core_imports(&rewritten).1, 2);
}

/// What `wit-component` made before version 0.258: the table is given to the fix-up with the functions.
const OLDER: &str = r#"(component
    (import "host" (instance $host (export "read" (func (result string)))))
    (core module $main
        (import "host" "read" (func $read (param i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "run") (result i32)
            (call $read (i32.const 16))
            (i32.add (i32.load (i32.const 20)) (i32.load8_u (i32.load (i32.const 16)))))
        (data (i32.const 1000) "x"))
    (core module $shim
        (type $read (func (param i32)))
        (table (export "$imports") 1 1 funcref)
        (func (export "0") (type $read) (local.get 0) (i32.const 0) (call_indirect (type $read))))
    (core module $fix-up
        (import "" "0" (func (param i32)))
        (import "" "$imports" (table 1 1 funcref))
        (elem (i32.const 0) func 0))
    (core instance $shims (instantiate $shim))
    (alias core export $shims "0" (core func $indirect))
    (core instance $given (export "read" (func $indirect)))
    (core instance $mains (instantiate $main (with "host" (instance $given))))
    (alias core export $mains "memory" (core memory $memory))
    (alias core export $shims "$imports" (core table $table))
    (alias export $host "read" (func $read))
    (alias core export $mains "cabi_realloc" (core func $realloc))
    (core func $lowered (canon lower (func $read) (memory $memory) (realloc $realloc)))
    (core instance $functions (export "0" (func $lowered)) (export "$imports" (table $table)))
    (core instance (instantiate $fix-up (with "" (instance $functions))))
    (alias core export $mains "run" (core func $run))
    (func (export "run") (result u32) (canon lift (core func $run))))"#;

/// Runs a component of that form, for which the host reads "Hello".
fn run(component: &[u8]) -> u32 {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let hello = |_: wasmtime::StoreContextMut<'_, ()>, (): ()| Ok(("Hello".to_owned(),));
    linker.instance("host").unwrap().func_wrap("read", hello).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &Component::new(&engine, component).unwrap()).unwrap();
    let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run").unwrap();
    run.call(&mut store, ()).unwrap().0
}

#[test]
fn the_older_form_is_linked_directly_too() {
    let component = wat::parse_str(OLDER).unwrap();
    let rewritten = linked(&component).unwrap();
    assert_eq!((run(&component), run(&rewritten)), (77, 77), "the length, and an H");
    assert_eq!(core_imports(&rewritten).1, 2);
}

#[test]
fn what_is_more_than_a_shim_stays_as_it_is() {
    let more = [
        // Another function than the one it was given.
        ("(elem (i32.const 0) func 0)", "(func $own (param i32)) (elem (i32.const 0) func $own)"),
        ("(elem (i32.const 0) func 0)", "(elem (i32.const 0) func 0) (func $own) (start $own)"),
        // Does something on the way.
        ("(local.get 0) (i32.const 0) (call_indirect", "(i32.const 8) (i32.const 0) (call_indirect"),
        ("(table (export \"$imports\") 1 1 funcref)", "(table (export \"$imports\") 1 1 funcref) (memory 1)"),
        // Has an instance of something else.
        (
            "(core instance $shims (instantiate $shim))",
            "(core module $other) (core instance (instantiate $other)) (core instance $shims (instantiate $shim))",
        ),
        // Has a resource whose destructor is a function.
        ("(core instance $shims", "(type (resource (rep i32))) (core instance $shims"),
    ];
    for (shim, other) in more {
        let component = wat::parse_str(OLDER.replace(shim, other)).unwrap();
        assert!(linked(&component).is_err(), "{other}");
    }
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
