use crate::config::model::{Capability, Grants};
use crate::plugin::fixture::{Fixture, LIMITS, load, services, spec};
use crate::plugin::inspect;
use crate::plugin::policy::{ConfigureProblem, PolicyRuntime};

/// Traps unless the 32-bit number at this address is this one.
fn expect(address: u32, number: u32) -> String {
    format!("(if (i32.ne (i32.load (i32.const {address})) (i32.const {number})) (then (unreachable)))")
}

/// Starts a guest that may do what is granted, and nothing of the contract.
fn start(fixture: &Fixture, grants: &[Capability]) -> Result<(), Vec<ConfigureProblem>> {
    let plugin = load(&fixture.build(), grants.iter().copied().collect(), LIMITS).unwrap();
    PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services()).map(drop)
}

fn trap(fixture: &Fixture, grants: &[Capability]) -> String {
    start(fixture, grants).unwrap_err().remove(0).message
}

fn wall_clock() -> Fixture {
    Fixture::starting("(call $now (i32.const 512)) (if (i32.eqz (i32.load (i32.const 512))) (then (unreachable)))")
        .raw_import("(import \"wasi:clocks/wall-clock@0.2.6\" \"now\" (func $now (param i32)))")
}

#[test]
fn a_runtime_finds_no_variables() {
    let body = format!("(i32.store (i32.const 516) (i32.const 9)) (call $env (i32.const 512)) {}", expect(516, 0));
    let fixture = Fixture::starting(&body)
        .raw_import("(import \"wasi:cli/environment@0.2.6\" \"get-environment\" (func $env (param i32)))");
    start(&fixture, &[]).unwrap();
}

#[test]
fn what_a_runtime_prints_goes_nowhere() {
    let write = "(import \"wasi:io/streams@0.2.6\" \"[method]output-stream.blocking-write-and-flush\"
                   (func $write (param i32 i32 i32 i32)))";
    let drop = "(import \"wasi:io/streams@0.2.6\" \"[resource-drop]output-stream\" (func $drop (param i32)))";
    let body = format!(
        "(i32.store (i32.const 512) (i32.const 1)) (i32.store (i32.const 500) (call $stdout))
         (call $write (i32.load (i32.const 500)) (i32.const 0) (i32.const 4096) (i32.const 512)) {}
         (call $drop (i32.load (i32.const 500)))",
        expect(512, 0)
    );
    let fixture = Fixture::starting(&body)
        .raw_import("(import \"wasi:cli/stdout@0.2.6\" \"get-stdout\" (func $stdout (result i32)))")
        .raw_import(write)
        .raw_import(drop);
    start(&fixture, &[]).unwrap();
}

#[test]
fn the_clock_of_a_runtime_wants_the_grant_of_the_contracts_clock() {
    start(&wall_clock(), &[Capability::Clock]).unwrap();
    let told = trap(&wall_clock(), &[Capability::Log]);
    assert!(told.ends_with("wasi:clocks/wall-clock#now wants the grant \"clock\""), "{told}");
}

#[test]
fn random_numbers_of_a_runtime_want_the_grant_and_seeds_of_tables_do_not() {
    let random = Fixture::starting("(drop (call $random))")
        .raw_import("(import \"wasi:random/random@0.2.6\" \"get-random-u64\" (func $random (result i64)))");
    start(&random, &[Capability::Random]).unwrap();
    assert!(trap(&random, &[]).ends_with("wants the grant \"random\""));
    let seeded = Fixture::starting(
        "(call $seed (i32.const 512)) (if (i64.eqz (i64.load (i32.const 512))) (then (unreachable)))",
    )
    .raw_import("(import \"wasi:random/insecure-seed@0.2.6\" \"insecure-seed\" (func $seed (param i32)))");
    start(&seeded, &[]).unwrap();
}

#[test]
fn what_is_not_answered_traps_by_its_name_when_it_is_called_and_not_before() {
    let exit = "(import \"wasi:cli/exit@0.2.6\" \"exit\" (func $exit (param i32)))";
    let idle = Fixture::starting("(if (i32.load (i32.const 512)) (then (call $exit (i32.const 0))))").raw_import(exit);
    start(&idle, &[]).unwrap();
    let told = trap(&Fixture::starting("(call $exit (i32.const 0))").raw_import(exit), &[]);
    assert!(told.ends_with("wasi:cli/exit#exit is not there for a policy"), "{told}");
}

#[test]
fn an_inspection_tells_them_apart_from_what_wants_a_grant() {
    let inspection = inspect(&wall_clock().build()).unwrap();
    assert_eq!(inspection.runtime_imports, ["wasi:clocks/wall-clock@0.2.6"]);
    assert_eq!(inspection.grants, Grants::default());
    assert_eq!(inspection.optional_grants, Grants::from_iter([Capability::Clock]));
    assert!(inspection.problems(Grants::default()).is_empty());
}

#[test]
fn a_loaded_plugin_tells_what_its_runtime_is_not_answered() {
    let unanswered = |grants: &[Capability]| {
        let plugin = load(&wall_clock().build(), grants.iter().copied().collect(), LIMITS).unwrap();
        plugin.facts().unanswered().map(|(name, grant)| (name.to_owned(), grant)).collect::<Vec<_>>()
    };
    assert_eq!(unanswered(&[Capability::Random]), [("wasi:clocks/wall-clock@0.2.6".to_owned(), Capability::Clock)]);
    assert_eq!(unanswered(&[Capability::Clock]), []);
}
