//! Guests that want more of something than there is.

use super::{failure, traps};
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, services, spec};
use crate::plugin::policy::{PluginFailure, PolicyRuntime};

/// Refused when it is loaded or when it is started.
#[track_caller]
fn is_refused(fixture: &Fixture) {
    let loaded = load(&fixture.build(), all_grants(), LIMITS);
    let bound = loaded.map(|plugin| PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services()));
    assert!(matches!(bound, Err(_) | Ok(Err(_))), "it runs");
}

#[test]
fn a_table_that_grows_for_ever_comes_to_an_end() {
    let grow =
        "(loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable)";
    let fixture = Fixture::request(grow).raw_export("(table $t 0 funcref)");
    assert!(!matches!(failure(&fixture), PluginFailure::Illegal(_) | PluginFailure::Overloaded));
}

#[test]
fn a_component_with_tables_or_memories_beyond_all_bounds_does_not_start() {
    for declared in ["(table 100000000 funcref)", "(memory 65536)", &"(table 1 funcref)".repeat(100)] {
        is_refused(&Fixture::request("(unreachable)").raw_export(declared));
    }
}

#[test]
fn recursion_through_a_table_ends_where_the_stack_does() {
    let fixture = Fixture::request("(call_indirect (type $f) (i32.const 0)) (i32.const 0)").raw_export(
        "(type $f (func)) (table 1 funcref) (elem (i32.const 0) $deep)
         (func $deep (local i64 i64 i64 i64) (call_indirect (type $f) (i32.const 0)) (local.set 0 (i64.const 1)))",
    );
    traps(&fixture, "call stack exhausted");
}

#[test]
fn recursion_in_the_allocator_ends_where_the_stack_does() {
    let fixture = Fixture::new("request-role")
        .accepting()
        .import("http", "[method]request.path", "(func $path (param i32 i32))")
        .on_request("(global.set $armed (i32.const 1)) (call $path (local.get 0) (i32.const 512)) (unreachable)")
        .realloc("(call $deep)")
        .raw_export("(func $deep (call $deep))");
    traps(&fixture, "call stack exhausted");
}

/// `count` edits, all of them one name and one value of `length` bytes, said over and over.
fn echoing(count: u32, length: u32) -> Fixture {
    let mut image = Image::default();
    let [name, name_length] = image.bytes(b"x-a");
    let decision = image.forward(&[], &[], None);
    // The list lies behind the image: a case and a field for each edit, 20 bytes.
    let body = format!(
        "(local $at i32)
         (drop (memory.grow (i32.const 60)))
         (memory.fill (i32.const 65536) (i32.const 97) (i32.const {length}))
         (local.set $at (i32.const 1048576))
         (loop
           (i32.store (local.get $at) (i32.const 1))
           (i32.store offset=4 (local.get $at) (i32.const {name}))
           (i32.store offset=8 (local.get $at) (i32.const {name_length}))
           (i32.store offset=12 (local.get $at) (i32.const 65536))
           (i32.store offset=16 (local.get $at) (i32.const {length}))
           (local.set $at (i32.add (local.get $at) (i32.const 20)))
           (br_if 0 (i32.lt_u (local.get $at) (i32.const {end}))))
         (i32.store (i32.const {list}) (i32.const 1048576))
         (i32.store (i32.const {list_length}) (i32.const {count}))
         (call $drop-request (local.get 0))
         (i32.const {decision})",
        end = 1_048_576 + 20 * count,
        list = decision + 8,
        list_length = decision + 12,
    );
    Fixture::new("request-role").accepting().on_request(&body).data(image)
}

#[test]
fn the_same_bytes_said_a_hundred_thousand_times_are_not_copied_as_often() {
    // 100 000 edits of 900 KiB: 86 GiB, out of 4 MiB of memory.
    traps(&echoing(100_000, 900 << 10), "too much data is being copied");
}

#[test]
fn output_just_over_the_limit_is_named_as_that() {
    assert!(matches!(failure(&echoing(2, 40 << 10)), PluginFailure::Illegal(_)));
}

#[test]
fn a_body_of_a_gigabyte_that_is_not_there_traps() {
    let mut image = Image::default();
    let decision = image.words(&[1, 200, 0, 0, 1024, 1 << 30]);
    assert!(matches!(failure(&Fixture::deciding(image, decision)), PluginFailure::Trap(_)));
}
