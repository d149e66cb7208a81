use super::with_request;
use crate::config::model::PluginLimits;
use crate::observe::metrics::Metrics;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, services, spec, try_bind};
use crate::plugin::policy::{PolicyRuntime, PolicyServices};
use crate::policy::decision::{Answer, RequestDecision};
use crate::shared_data::ENTRY_OVERHEAD;

fn status(policy: &PolicyRuntime) -> u16 {
    match with_request("", |request| policy.on_request(request)) {
        Ok(RequestDecision::Respond(Answer { response, .. })) => response.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

/// Adds one to the byte kept under `k`, and answers 200 and that byte; where it is not written, 300 and why.
fn remembering() -> Fixture {
    let mut image = Image::default();
    let [key, length] = image.bytes(b"k");
    let decision = image.respond(200, &[], b"");
    // An entry is eight bytes into its option, a result's value eight bytes into the result.
    let body = format!(
        "(call $get (i32.const {key}) (i32.const {length}) (i32.const 512))
         (if (i32.load8_u (i32.const 512))
           (then (i32.store8 (i32.const 600) (i32.load8_u (i32.load (i32.const 520))))))
         (i32.store8 (i32.const 600) (i32.add (i32.load8_u (i32.const 600)) (i32.const 1)))
         (call $set (i32.const {key}) (i32.const {length}) (i32.const 600) (i32.const 1) (i32.const 0) (i32.const 544))
         (i32.store16 (i32.const {status}) (if (result i32) (i32.load8_u (i32.const 544))
           (then (i32.add (i32.const 300) (i32.load8_u (i32.const 552))))
           (else (i32.add (i32.const 200) (i32.load8_u (i32.const 600))))))
         (i32.const {decision})",
        status = decision + 8
    );
    Fixture::request(&body)
        .import("shared-data", "get", "(func $get (param i32 i32 i32))")
        .import("shared-data", "set", "(func $set (param i32 i32 i32 i32 i32 i32))")
        .data(image)
}

#[test]
fn instances_share_the_data_of_their_policy() {
    let policy = try_bind(&remembering(), PluginLimits { calls_per_instance: 1, ..LIMITS }).unwrap();
    assert_eq!([status(&policy), status(&policy), status(&policy)], [201, 202, 203]);
}

#[test]
fn a_policy_bound_anew_finds_the_data_it_left() {
    let plugin = load(&remembering().build(), all_grants(), LIMITS).unwrap();
    let services = services();
    let first = PolicyRuntime::bind(plugin.clone(), &spec(serde_json::json!({})), services.clone()).unwrap();
    assert_eq!(status(&first), 201);
    let next = PolicyRuntime::bind(plugin, &spec(serde_json::json!({"a": 1})), services).unwrap();
    assert_eq!(status(&next), 202);
}

#[test]
fn a_write_over_the_plugins_limit_is_refused() {
    let of = |shared_data| status(&try_bind(&remembering(), PluginLimits { shared_data, ..LIMITS }).unwrap());
    assert_eq!((of(ENTRY_OVERHEAD + 2), of(ENTRY_OVERHEAD + 1)), (201, 301));
}

#[test]
fn what_a_guest_counts_is_in_the_metrics_of_its_policy() {
    let mut image = Image::default();
    let [name, length] = image.bytes(b"seen_total");
    let [key, key_length] = image.bytes(b"where");
    let [value, value_length] = image.bytes(b"he\"re\n");
    let labels = image.words(&[key, key_length, value, value_length]);
    let decision = image.forward(&[], &[], None);
    let body = format!(
        "(call $add (i32.const {name}) (i32.const {length}) (i32.const {labels}) (i32.const 1) (f64.const 2.5))
         (i32.const {decision})"
    );
    let fixture =
        Fixture::request(&body).import("metrics", "add", "(func $add (param i32 i32 i32 i32 f64))").data(image);
    let metrics = Metrics::new();
    let services = PolicyServices { series: metrics.policy_series("policy"), ..services() };
    let plugin = load(&fixture.build(), all_grants(), LIMITS).unwrap();
    let policy = PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services).unwrap();
    for _ in 0..2 {
        assert!(with_request("", |request| policy.on_request(request)).is_ok());
    }
    let text = metrics.render(&());
    assert!(text.contains("\ntidegate_policy_seen_total{policy=\"policy\",where=\"he\\\"re\\n\"} 5\n"), "{text}");
}

#[test]
fn configure_may_use_no_capability_but_log() {
    let guests = [
        ("clock", "now-ms", "(result i64)", "(drop (call $it))"),
        ("clock", "monotonic-ms", "(result i64)", "(drop (call $it))"),
        ("random", "number", "(result i64)", "(drop (call $it))"),
        ("random", "bytes", "(param i32 i32)", "(call $it (i32.const 1) (i32.const 512))"),
        ("consumers", "find-by-key", "(param i32 i32 i32)", "(call $it (i32.const 0) (i32.const 0) (i32.const 512))"),
        (
            "keysets",
            "verify",
            "(param i32 i32 i32 i32 i32)",
            "(call $it (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))",
        ),
        (
            "keysets",
            "verify-current",
            "(param i32 i32 i32 i32 i32 i32)",
            "(call $it (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))",
        ),
        (
            "counters",
            "hold",
            "(param i32 i32 i32 i32)",
            "(call $it (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 512))",
        ),
        (
            "counters",
            "add",
            "(param i32 i32 i64 i32) (result i64)",
            "(drop (call $it (i32.const 0) (i32.const 0) (i64.const 1) (i32.const 1)))",
        ),
        (
            "counters",
            "take-window",
            "(param i32 i32 i32 i32 i32 i32)",
            "(call $it (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 512))",
        ),
        (
            "passwords",
            "verify",
            "(param i32 i32 i32 i32 i32)",
            "(call $it (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))",
        ),
        // Of no upstream, and no legal request.
        (
            "http-client",
            "send",
            "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)",
            "(call $it (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))",
        ),
        ("shared-data", "remove", "(param i32 i32) (result i32)", "(drop (call $it (i32.const 0) (i32.const 0)))"),
        (
            "metrics",
            "set",
            "(param i32 i32 i32 i32 f64)",
            "(call $it (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (f64.const 0))",
        ),
    ];
    for (interface, function, signature, call) in guests {
        let fixture = Fixture::new("request-role")
            .import(interface, function, &format!("(func $it {signature})"))
            .configure(&format!("{call} (i32.const 0)"))
            .on_request("(unreachable)");
        let problems = try_bind(&fixture, LIMITS).unwrap_err();
        let expected = format!("`{interface}` is not available outside of a request");
        assert!(problems[0].message.contains(&expected), "{interface}.{function}: {problems:?}");
    }
}
