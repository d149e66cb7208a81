//! Guests that never return, wherever they are asked to.

use super::{is_out_of_time, traps};
use crate::plugin::fixture::{Fixture, LIMITS, try_bind};

const SPIN: &str = "(func $spin (loop (br 0)))";
const POST: &str = "cabi_post_tidegate:gateway/request-policy@0.1.0#on-request";

#[test]
fn a_start_function_that_loops_is_stopped() {
    let fixture = Fixture::request("(unreachable)").raw_export(SPIN).raw_export("(start $spin)");
    let problems = try_bind(&fixture, LIMITS).unwrap_err();
    assert_eq!(problems[0].message, "the plugin failed before its first call: out of CPU budget");
}

#[test]
fn a_start_function_of_a_guest_that_may_wait_is_stopped_too() {
    let send = "(func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))";
    let fixture = Fixture::request("(unreachable)")
        .import("http-client", "send", send)
        .raw_export(SPIN)
        .raw_export("(start $spin)");
    let problems = try_bind(&fixture, LIMITS).unwrap_err();
    assert_eq!(problems[0].message, "the plugin failed before its first call: out of CPU budget");
}

/// Reads the path, for which the gateway wants memory.
fn reading(realloc: &'static str) -> Fixture {
    Fixture::new("request-role")
        .accepting()
        .import("http", "[method]request.path", "(func $path (param i32 i32))")
        .on_request("(global.set $armed (i32.const 1)) (call $path (local.get 0) (i32.const 512)) (unreachable)")
        .realloc(realloc)
}

#[test]
fn an_allocator_that_loops_is_stopped() {
    is_out_of_time(&reading("(loop (br 0))"));
}

#[test]
fn an_allocator_that_traps_traps_the_call() {
    traps(&reading("(unreachable)"), "wasm `unreachable` instruction executed");
}

#[test]
fn an_allocator_that_gives_what_is_not_there_traps_the_call() {
    traps(&reading("(return (i32.const -16))"), "realloc return: beyond end of memory");
}

#[test]
fn cleaning_up_that_loops_is_stopped() {
    is_out_of_time(
        &Fixture::request("(i32.const 0)").raw_export(&format!("(func (export \"{POST}\") (param i32) (loop (br 0)))")),
    );
}

#[test]
fn cleaning_up_that_traps_fails_the_call() {
    let post = format!("(func (export \"{POST}\") (param i32) (unreachable))");
    traps(&Fixture::request("(i32.const 0)").raw_export(&post), "wasm `unreachable` instruction executed");
}

/// Makes a resource of its own and drops it, which runs `destructor`.
fn dropping(destructor: &str) -> Fixture {
    Fixture::new("hoarding")
        .raw_import(
            "(import \"[export]test:worlds/things\" \"[resource-new]thing\" (func $new (param i32) (result i32)))",
        )
        .raw_import("(import \"[export]test:worlds/things\" \"[resource-drop]thing\" (func $drop (param i32)))")
        .raw_export(&format!("(func (export \"test:worlds/things#[dtor]thing\") (param i32) {destructor})"))
        .on_request("(call $drop-request (local.get 0)) (call $drop (call $new (i32.const 7))) (i32.const 0)")
}

#[test]
fn a_destructor_that_loops_is_stopped() {
    is_out_of_time(&dropping("(loop (br 0))"));
}

#[test]
fn a_destructor_that_makes_another_of_its_kind_is_stopped() {
    let failure = super::failure(&dropping("(call $drop (call $new (i32.const 7)))"));
    let text = failure.to_string();
    assert!(text.contains("call stack exhausted") || text == "out of CPU budget", "{text}");
}

#[test]
fn a_loop_around_calls_of_any_interface_is_stopped() {
    let key = "(i32.const 600) (i32.const 4)";
    let calls = [
        ("log", "write", "(param i32 i32 i32)", format!("(call $it (i32.const 2) {key})")),
        ("clock", "now-ms", "(result i64)", "(drop (call $it))".into()),
        ("random", "bytes", "(param i32 i32)", "(call $it (i32.const 4096) (i32.const 512))".into()),
        ("http", "[method]request.headers", "(param i32 i32)", "(call $it (local.get 0) (i32.const 512))".into()),
        ("consumers", "find-by-key", "(param i32 i32 i32)", format!("(call $it {key} (i32.const 512))")),
        (
            "consumers",
            "verify-hmac",
            "(param i32 i32 i32 i32 i32 i32 i32)",
            format!("(call $it {key} {key} {key} (i32.const 512))"),
        ),
        ("passwords", "verify", "(param i32 i32 i32 i32 i32)", format!("(call $it {key} {key} (i32.const 512))")),
        ("keysets", "verify", "(param i32 i32 i32 i32 i32)", format!("(call $it {key} {key} (i32.const 512))")),
        (
            "counters",
            "add",
            "(param i32 i32 i64 i32) (result i64)",
            format!("(drop (call $it {key} (i64.const 1) (i32.const 1000)))"),
        ),
        // None of no places: a call that holds too many of them is trapped for that.
        ("counters", "hold", "(param i32 i32 i32 i32)", format!("(call $it {key} (i32.const 0) (i32.const 512))")),
        (
            "shared-data",
            "set",
            "(param i32 i32 i32 i32 i32 i32)",
            format!("(call $it {key} (i32.const 0) (i32.const 4096) (i32.const 0) (i32.const 512))"),
        ),
        (
            "metrics",
            "add",
            "(param i32 i32 i32 i32 f64)",
            format!("(call $it {key} (i32.const 0) (i32.const 0) (f64.const 1))"),
        ),
        (
            "http-client",
            "send",
            "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)",
            format!("(call $it {} (i32.const 512))", "(i32.const 0)".repeat(11)),
        ),
    ];
    for (interface, function, signature, call) in calls {
        // Another key each time; the allocator starts over.
        let next = "(global.set $heap (i32.const 65536))
                    (i32.store (i32.const 604) (i32.add (i32.load (i32.const 604)) (i32.const 1)))
                    (i32.store (i32.const 600) (i32.and (i32.load (i32.const 604)) (i32.const 0x7f7f7f7f)))";
        let fixture = Fixture::new("request-role")
            .accepting()
            .import(interface, function, &format!("(func $it {signature})"))
            .on_request(&format!("(loop {next} {call} (br 0)) (unreachable)"));
        is_out_of_time(&fixture);
    }
}

#[test]
fn copying_all_memory_over_and_over_is_stopped() {
    let grow = "(drop (memory.grow (i32.const 62)))";
    let fill = "(memory.fill (i32.const 0) (i32.const 255) (i32.const 4194304))";
    let copy = "(memory.copy (i32.const 0) (i32.const 1) (i32.const 4194303))";
    for bulk in [fill, copy] {
        is_out_of_time(&Fixture::request(&format!("{grow} (loop {bulk} (br 0)) (unreachable)")));
    }
}

#[test]
fn a_long_way_without_a_loop_is_stopped() {
    // Calls itself twice from each of 64 levels: no loop, and no end.
    let twice = "(func $deep (param i32)
        (if (local.get 0) (then
            (call $deep (i32.sub (local.get 0) (i32.const 1)))
            (call $deep (i32.sub (local.get 0) (i32.const 1))))))";
    is_out_of_time(&Fixture::request("(call $deep (i32.const 64)) (unreachable)").raw_export(twice));
}
