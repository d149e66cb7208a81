use proptest::prelude::*;
use serde_json::{Value, json};

use super::calls::{counting, status};
use super::with_request;
use crate::config::model::{InstanceMode, Plugin, PluginLimits};
use crate::plugin::component::LoadedPlugin;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, engine, plugin, services, spec};
use crate::plugin::policy::{ConfigureProblem, ImageUse, PolicyRuntime};
use crate::policy::decision::{Answer, RequestDecision};

/// A function no image can be made of; nobody calls it.
const UNSUITABLE: &str = "(table $spare 1 funcref) (func (table.set $spare (i32.const 0) (ref.null func)))";

/// Answers with its configuration, and with the number of times it was configured as the status after 200.
///
/// The text stays where it was put; where that is, it remembers in a global and in memory.
fn echoing() -> Fixture {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    let [status, body, length] = [8, 20, 24].map(|offset| decision + offset);
    let remember = format!(
        "(global.set $text (local.get 0))
         (i32.store (i32.const {length}) (local.get 1))
         (i32.store16 (i32.const {status}) (i32.add (i32.load16_u (i32.const {status})) (i32.const 1)))
         (i32.const 0)"
    );
    let answer = format!(
        "(call $drop-request (local.get 0))
         (i32.store (i32.const {body}) (global.get $text))
         (i32.const {decision})"
    );
    Fixture::new("request-role")
        .configure(&remember)
        .on_request(&answer)
        .raw_export("(global $text (mut i32) (i32.const 0))")
        .data(image)
}

fn configured(fixture: &Fixture, config: Value) -> std::sync::Arc<PolicyRuntime> {
    try_bind(fixture, config, LIMITS).unwrap()
}

/// A policy whose requests each get an instance of their own.
fn try_bind(
    fixture: &Fixture,
    config: Value,
    limits: PluginLimits,
) -> Result<std::sync::Arc<PolicyRuntime>, Vec<ConfigureProblem>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), fixture.build()).unwrap();
    let spec_ = Plugin { instances: InstanceMode::PerRequest, ..plugin(file.path(), all_grants(), limits) };
    PolicyRuntime::bind(LoadedPlugin::load(&engine(), &spec_).unwrap(), &spec(config), services())
}

pub(super) fn bind(fixture: &Fixture) -> std::sync::Arc<PolicyRuntime> {
    configured(fixture, json!({}))
}

fn answer(policy: &PolicyRuntime) -> (u16, String) {
    match with_request("", |request| policy.on_request(request)) {
        Ok(RequestDecision::Respond(Answer { response, .. })) => {
            (response.status.as_u16(), String::from_utf8(response.body.to_vec()).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

fn reason(policy: &PolicyRuntime) -> String {
    match policy.image() {
        ImageUse::Unused(reason) => reason,
        ImageUse::Used => panic!("an image is used"),
    }
}

#[test]
fn instances_start_from_an_image_that_was_configured_once() {
    let policy = configured(&echoing(), json!({"limit": 5}));
    assert_eq!(policy.image(), ImageUse::Used);
    for _ in 0..5 {
        assert_eq!(answer(&policy), (201, r#"{"limit":5}"#.to_owned()));
    }
}

#[test]
fn a_component_no_image_can_be_made_of_is_configured_in_each_instance() {
    let policy = configured(&echoing().raw_export(UNSUITABLE), json!({"limit": 5}));
    assert_eq!(reason(&policy), "unsupported `table.set` instruction");
    for _ in 0..5 {
        assert_eq!(answer(&policy), (201, r#"{"limit":5}"#.to_owned()));
    }
}

#[test]
fn nothing_of_a_call_gets_into_the_image() {
    let policy = bind(&counting());
    assert_eq!(policy.image(), ImageUse::Used);
    assert_eq!([status(&policy), status(&policy), status(&policy)], [201; 3]);
}

#[test]
fn memory_that_configure_asked_for_is_in_the_image() {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    let body = format!(
        "(call $drop-request (local.get 0))
         (i32.store16 (i32.const {}) (i32.add (i32.const 200) (i32.add (memory.size) (i32.load8_u (i32.const 200000)))))
         (i32.const {decision})",
        decision + 8
    );
    let fixture = Fixture::new("request-role")
        .configure("(drop (memory.grow (i32.const 6))) (i32.store8 (i32.const 200000) (i32.const 30)) (i32.const 0)")
        .on_request(&body)
        .data(image);
    let policy = bind(&fixture);
    assert_eq!((policy.image(), status(&policy)), (ImageUse::Used, 238));
}

#[test]
fn an_image_needs_no_more_memory_than_the_instance_it_was_made_of() {
    let mut image = Image::default();
    let decision = image.respond(201, &[], b"");
    let fixture = Fixture::new("request-role")
        .configure("(drop (memory.grow (i32.const 2))) (i32.const 0)")
        .on_request(&format!("(call $drop-request (local.get 0)) (i32.const {decision})"))
        .data(image);
    let exact = PluginLimits { memory: 4 * (64 << 10), ..LIMITS };
    let policy = try_bind(&fixture, json!({}), exact).unwrap();
    assert_eq!((policy.image(), status(&policy)), (ImageUse::Used, 201));
}

#[test]
fn a_memory_that_cannot_grow_cannot_be_read_for_an_image() {
    let policy = bind(&counting().memory("2 2"));
    assert!(reason(&policy).contains("unreachable"), "{}", reason(&policy));
    assert_eq!([status(&policy), status(&policy)], [201, 201]);
}

#[test]
fn a_component_that_takes_the_names_of_the_rewriter_runs_without_an_image() {
    let trap = "(func (export \"__wizer_memory_0\") (unreachable)) (func (export \"__wizer_global_0\") (unreachable))";
    let policy = bind(&counting().raw_export(trap));
    assert!(matches!(policy.image(), ImageUse::Unused(_)));
    assert_eq!(status(&policy), 201);
}

#[test]
fn a_runtime_that_is_told_what_is_for_one_instance_alone_starts_in_each() {
    let seeding = Fixture::starting("(call $seed (i32.const 512))")
        .raw_import("(import \"wasi:random/insecure-seed@0.2.6\" \"insecure-seed\" (func $seed (param i32)))");
    let holding = Fixture::starting("(drop (call $stdout))")
        .raw_import("(import \"wasi:cli/stdout@0.2.6\" \"get-stdout\" (func $stdout (result i32)))");
    for fixture in [seeding, holding] {
        assert!(reason(&bind(&fixture)).contains("an image would repeat them"));
    }
    let asking = Fixture::starting("(call $env (i32.const 512))")
        .raw_import("(import \"wasi:cli/environment@0.2.6\" \"get-environment\" (func $env (param i32)))");
    assert_eq!(bind(&asking).image(), ImageUse::Used);
}

#[test]
fn instances_that_serve_many_calls_are_configured_one_by_one() {
    let policy = crate::plugin::fixture::bind(&counting());
    assert_eq!(reason(&policy), "its instances serve many calls each");
}

#[test]
fn a_plugin_that_takes_no_configuration_needs_no_image() {
    let policy = bind(&Fixture::new("bare").on_request("(unreachable)"));
    assert_eq!(reason(&policy), "the plugin takes no configuration");
}

#[test]
fn time_and_chance_are_not_there_in_configure_where_they_would_become_part_of_the_image() {
    for (interface, name, result) in [("clock", "now-ms", "i64"), ("random", "number", "i64")] {
        let fixture = Fixture::new("request-role")
            .import(interface, name, &format!("(func $ask (result {result}))"))
            .configure("(drop (call $ask)) (i32.const 0)")
            .on_request("(unreachable)");
        let problems = try_bind(&fixture, json!({}), LIMITS).unwrap_err();
        let expected = format!("`{interface}` is not available outside of a request");
        assert!(problems[0].message.contains(&expected), "{problems:?}");
    }
}

fn configurations() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![any::<i64>().prop_map(Value::from), any::<String>().prop_map(Value::from)];
    proptest::collection::btree_map("[a-z\"\\\\\\PC]{1,8}", leaf, 1..20)
        .prop_map(|entries| entries.into_iter().collect::<serde_json::Map<_, _>>().into())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// With and without an image, instances behave the same.
    #[test]
    fn an_image_equals_configure(config in configurations()) {
        let with = configured(&echoing(), config.clone());
        let without = configured(&echoing().raw_export(UNSUITABLE), config.clone());
        prop_assert_eq!((with.image() == ImageUse::Used, without.image() == ImageUse::Used), (true, false));
        for _ in 0..3 {
            prop_assert_eq!(answer(&with), answer(&without));
        }
        prop_assert_eq!(answer(&with), (201, config.to_string()));
    }
}
