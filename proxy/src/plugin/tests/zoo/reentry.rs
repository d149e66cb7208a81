//! Guests that want to be called while they call.
//!
//! The gateway calls nothing of a guest's from a host function but its allocator, so there is one way left to come back
//! in: a component that wires its own export to its own import. Both are closed by the component model.

use wasmtime::component::{Component, Linker};
use wasmtime::{Store, Trap};

use super::traps;
use crate::plugin::fixture::{Fixture, engine};

const LOG: &str = "(func $log (param i32 i32 i32))";
const CALL: &str = "(call $log (i32.const 2) (i32.const 0) (i32.const 0))";
const MAY_NOT: &str = "cannot leave component instance";

#[test]
fn an_allocator_may_not_call_the_host() {
    let fixture = Fixture::new("request-role")
        .accepting()
        .import("http", "[method]request.path", "(func $path (param i32 i32))")
        .import("log", "write", LOG)
        .on_request("(global.set $armed (i32.const 1)) (call $path (local.get 0) (i32.const 512)) (unreachable)")
        .realloc("(call $log (i32.const 2) (i32.const 0) (i32.const 0))");
    traps(&fixture, MAY_NOT);
}

#[test]
fn cleaning_up_may_not_call_the_host() {
    let post = "cabi_post_tidegate:gateway/request-policy@0.1.0#on-request";
    let fixture = Fixture::request("(i32.const 0)")
        .import("log", "write", LOG)
        .raw_export(&format!("(func (export \"{post}\") (param i32) {CALL})"));
    traps(&fixture, MAY_NOT);
}

/// Puts a lowering of its own export into the table that it calls through.
const OUROBOROS: &str = r#"
    (component
      (core module $body
        (table (export "table") 1 1 funcref)
        (type $again (func))
        (func (export "run") (call_indirect (type $again) (i32.const 0))))
      (core instance $it (instantiate $body))
      (func $run (canon lift (core func $it "run")))
      (core func $again (canon lower (func $run)))
      (core module $bite
        (import "" "table" (table 1 1 funcref))
        (import "" "again" (func $again))
        (elem (i32.const 0) func $again))
      (core instance (instantiate $bite (with "" (instance
        (export "table" (table $it "table"))
        (export "again" (func $again))))))
      (export "run" (func $run)))"#;

#[test]
fn a_component_that_calls_its_own_export_traps() {
    let engine = engine();
    let component = Component::new(engine.wasmtime(), wat::parse_str(OUROBOROS).unwrap()).unwrap();
    let mut store = Store::new(engine.wasmtime(), ());
    store.set_epoch_deadline(1_000_000);
    let instance = Linker::new(engine.wasmtime()).instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    assert!(error.downcast_ref::<Trap>().is_some(), "{error:?}");
    assert!(error.root_cause().to_string().contains("cannot enter component instance"), "{error:?}");
}
