//! Guests that look for what others left behind.

use std::sync::Arc;

use super::{answering, decide, status};
use crate::config::model::{PluginLimits, Policy};
use crate::counters::Counters;
use crate::observe::metrics::Metrics;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, services, spec, try_bind};
use crate::plugin::policy::{PolicyRuntime, PolicyServices};
use crate::shared_data::SharedData;

/// Two policies of one plugin in one process.
fn two_of(fixture: &Fixture) -> [Arc<PolicyRuntime>; 2] {
    let plugin = load(&fixture.build(), all_grants(), LIMITS).unwrap();
    let (counters, data, metrics) = (Counters::default(), SharedData::default(), Metrics::new());
    ["one", "two"].map(|name| {
        let services = PolicyServices {
            counters: counters.policy(name, 100),
            shared_data: data.policy(name),
            series: metrics.policy_series(name),
            ..services()
        };
        let spec = Policy { name: name.into(), ..spec(serde_json::json!({})) };
        PolicyRuntime::bind(Arc::clone(&plugin), &spec, services).unwrap()
    })
}

#[track_caller]
fn sees_nothing_of_the_other(fixture: &Fixture) {
    let [one, two] = two_of(fixture);
    assert_eq!([status(&one), status(&one), status(&two), status(&one), status(&two)], [201, 202, 201, 203, 202]);
}

#[test]
fn a_policy_never_sees_the_memory_of_another_of_the_same_plugin() {
    sees_nothing_of_the_other(&answering(
        "(block (result i32)
            (i32.store8 (i32.const 600) (i32.add (i32.load8_u (i32.const 600)) (i32.const 1)))
            (i32.add (i32.const 200) (i32.load8_u (i32.const 600))))",
    ));
}

#[test]
fn a_policy_never_sees_the_counters_of_another() {
    let add = "(call $add (i32.const 600) (i32.const 1) (i64.const 1) (i32.const 60000))";
    sees_nothing_of_the_other(&answering(&format!("(i32.add (i32.const 200) (i32.wrap_i64 {add}))")).import(
        "counters",
        "add",
        "(func $add (param i32 i32 i64 i32) (result i64))",
    ));
}

#[test]
fn a_policy_never_sees_the_data_of_another() {
    // One more than was kept under the same key, kept in its place.
    let body = "(block (result i32)
        (call $get (i32.const 600) (i32.const 1) (i32.const 512))
        (i32.store8 (i32.const 700) (if (result i32) (i32.load8_u (i32.const 512))
            (then (i32.add (i32.load8_u (i32.load (i32.const 520))) (i32.const 1)))
            (else (i32.const 1))))
        (call $set (i32.const 600) (i32.const 1) (i32.const 700) (i32.const 1) (i32.const 0) (i32.const 544))
        (i32.add (i32.const 200) (i32.load8_u (i32.const 700))))";
    sees_nothing_of_the_other(&answering(body).import("shared-data", "get", "(func $get (param i32 i32 i32))").import(
        "shared-data",
        "set",
        "(func $set (param i32 i32 i32 i32 i32 i32))",
    ));
}

/// Leaves a secret in all memory it can have, in a table and in a global, and traps.
fn careless() -> Fixture {
    Fixture::request(
        "(drop (memory.grow (i32.const 60)))
         (memory.fill (i32.const 0) (i32.const 83) (i32.mul (memory.size) (i32.const 65536)))
         (drop (table.grow $t (ref.func $secret) (i32.const 1000)))
         (table.fill $t (i32.const 0) (ref.func $secret) (table.size $t))
         (unreachable)",
    )
    .raw_export("(table $t 16 funcref) (elem declare func $secret) (func $secret)")
}

/// Answers 200 where all memory it can have, and a table, are as fresh as they ought to be: 400 where memory is not, 401
/// where the table is not.
fn curious() -> Fixture {
    answering("(call $search)").raw_export(
        "(table $t 16 funcref)
         (func $search (result i32) (local $at i32)
           (drop (table.grow $t (ref.null func) (i32.const 1000)))
           (loop
             (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then (return (i32.const 401))))
             (local.set $at (i32.add (local.get $at) (i32.const 1)))
             (br_if 0 (i32.lt_u (local.get $at) (table.size $t))))
           (drop (memory.grow (i32.const 60)))
           (local.set $at (i32.const 65536))
           (loop
             (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then
               (if (i64.ne (i64.load (local.get $at)) (i64.const 0x7d7b)) (then (return (i32.const 400))))))
             (local.set $at (i32.add (local.get $at) (i32.const 8)))
             (br_if 0 (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
           (i32.const 200))",
    )
}

#[test]
fn what_an_instance_leaves_behind_is_gone_for_whoever_gets_its_place() {
    let limits = PluginLimits { calls_per_instance: 1, cpu: std::time::Duration::from_secs(1), ..LIMITS };
    let (careless, curious) = (try_bind(&careless(), limits).unwrap(), try_bind(&curious(), limits).unwrap());
    // The engine has 200 places: more rounds than that meet each of them.
    for round in 0..250 {
        assert!(decide(&careless).is_err());
        assert_eq!(status(&curious), 200, "in round {round}");
    }
}

#[test]
fn a_trap_makes_a_policy_forget() {
    // Traps in its third call.
    let fixture = answering(
        "(block (result i32)
            (i32.store8 (i32.const 600) (i32.add (i32.load8_u (i32.const 600)) (i32.const 1)))
            (if (i32.eq (i32.load8_u (i32.const 600)) (i32.const 3)) (then (unreachable)))
            (i32.add (i32.const 200) (i32.load8_u (i32.const 600))))",
    );
    let policy = try_bind(&fixture, LIMITS).unwrap();
    for _ in 0..3 {
        assert_eq!([status(&policy), status(&policy)], [201, 202]);
        assert!(decide(&policy).is_err());
    }
}
