//! Values that no honest tool chain writes into memory.

use super::{failure, traps};
use crate::plugin::fixture::Fixture;
use crate::plugin::fixture::image::Image;
use crate::plugin::policy::PluginFailure;

/// A guest whose decision are these words.
fn saying(words: &[u32]) -> Fixture {
    let mut image = Image::default();
    let decision = image.words(words);
    Fixture::deciding(image, decision)
}

#[test]
fn a_decision_that_is_neither_this_nor_that_traps() {
    traps(&saying(&[2, 0, 0, 0, 0, 0, 0]), "unexpected discriminant");
    traps(&saying(&[255, 0, 0, 0, 0, 0, 0]), "unexpected discriminant");
}

#[test]
fn an_option_that_is_neither_some_nor_none_traps() {
    assert!(matches!(failure(&saying(&[0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0])), PluginFailure::Trap(_)));
}

#[test]
fn a_list_that_is_not_aligned_or_wraps_around_traps() {
    for list in [1025, u32::MAX, u32::MAX - 3] {
        assert!(matches!(failure(&saying(&[0, 0, list, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])), PluginFailure::Trap(_)));
    }
}

#[test]
fn a_name_that_is_not_utf8_traps() {
    let mut image = Image::default();
    let [name, length] = image.bytes(b"x-\xff\xfe");
    let edit = image.words(&[0, name, length, name, length]);
    let decision = image.words(&[0, 0, edit, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    traps(&Fixture::deciding(image, decision), "invalid utf-8");
}

#[test]
fn a_handle_that_was_never_given_traps() {
    for handle in ["(i32.const 0)", "(i32.const 99)", "(i32.const -1)"] {
        let fixture = Fixture::request(&format!("(call $path {handle} (i32.const 512)) (i32.const 0)")).import(
            "http",
            "[method]request.path",
            "(func $path (param i32 i32))",
        );
        traps(&fixture, "unknown handle index");
    }
}

#[test]
fn a_handle_let_go_of_twice_traps() {
    traps(&Fixture::request("(call $drop-request (local.get 0)) (i32.const 0)"), "unknown handle index");
}

#[test]
fn a_host_call_that_is_pointed_outside_of_memory_traps() {
    let log = |pointer: &str| {
        Fixture::request(&format!("(call $log (i32.const 2) {pointer}) (i32.const 0)")).import(
            "log",
            "write",
            "(func $log (param i32 i32 i32))",
        )
    };
    traps(&log("(i32.const -1) (i32.const 1)"), "out of bounds");
    traps(&log("(i32.const 0) (i32.const -1)"), "out of bounds");
}

#[test]
fn a_level_that_does_not_exist_traps() {
    let fixture = Fixture::request("(call $log (i32.const 5) (i32.const 0) (i32.const 0)) (i32.const 0)").import(
        "log",
        "write",
        "(func $log (param i32 i32 i32))",
    );
    traps(&fixture, "discriminant");
}
