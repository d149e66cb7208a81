//! Components that want what no policy is given.

use crate::config::model::{Capability, Grants};
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, try_bind};

/// Why it is not loaded, all reasons in one text.
#[track_caller]
fn reasons(fixture: &Fixture, grants: Grants) -> String {
    let refused = load(&fixture.build(), grants, LIMITS).unwrap_err();
    refused.problems.iter().map(|problem| problem.message.clone() + "\n").collect()
}

#[test]
fn a_package_nobody_lends_is_refused_by_name() {
    let fixture = Fixture::new("foreign")
        .accepting()
        .raw_import("(import \"test:worlds/elsewhere\" \"run\" (func $run))")
        .on_request("(call $run) (unreachable)");
    let reasons = reasons(&fixture, all_grants());
    assert_eq!(reasons, "imports what no policy is given: test:worlds/elsewhere\n");
}

#[test]
fn a_grant_of_one_thing_is_not_a_grant_of_another() {
    let fixture = Fixture::request("(drop (call $now)) (i32.const 0)").import(
        "clock",
        "monotonic-ms",
        "(func $now (result i64))",
    );
    let others = Capability::ALL.into_iter().filter(|capability| *capability != Capability::Clock).collect();
    assert!(load(&fixture.build(), all_grants(), LIMITS).is_ok());
    assert_eq!(reasons(&fixture, others), "imports tidegate:gateway/clock, and the grant \"clock\" is missing\n");
}

#[test]
fn a_function_the_contract_does_not_have_is_refused() {
    let fixture = Fixture::request("(call $stop) (i32.const 0)")
        .misreading("now-ms: func() -> u64;", "now-ms: func() -> u64; stop: func();")
        .import("clock", "stop", "(func $stop)");
    let reasons = reasons(&fixture, all_grants());
    assert!(reasons.starts_with("does not fit contract 0.1: ") && reasons.contains("`stop`"), "{reasons}");
}

#[test]
fn a_function_of_another_type_than_the_contracts_is_refused() {
    let fixture = Fixture::request("(call $now (i32.const 512)) (i32.const 0)")
        .misreading("now-ms: func() -> u64;", "now-ms: func() -> string;")
        .import("clock", "now-ms", "(func $now (param i32))");
    let reasons = reasons(&fixture, all_grants());
    assert!(reasons.starts_with("does not fit contract 0.1: ") && reasons.contains("`now-ms`"), "{reasons}");
}

#[test]
fn an_export_of_another_type_than_the_contracts_is_refused_by_the_first_policy() {
    let export = "tidegate:gateway/request-policy@0.1.0#on-request";
    let fixture = Fixture::new("request-role")
        .misreading("on-request: func(request: borrow<request>) -> decision;", "on-request: func(path: string) -> u32;")
        .accepting()
        .raw_export(&format!("(func (export \"{export}\") (param i32 i32) (result i32) (i32.const 0))"));
    let problems = try_bind(&fixture, LIMITS).unwrap_err();
    assert!(problems[0].message.starts_with("the plugin failed before its first call: "), "{problems:?}");
}
