use super::with_request;
use crate::config::model::PluginLimits;
use crate::plugin::fixture::image::{Edit, Image};
use crate::plugin::fixture::{Fixture, LIMITS, alice, bind, load, services, spec, try_bind};
use crate::plugin::policy::{PluginFailure, PolicyRuntime};
use crate::plugin::statistics::FailureCounts;
use crate::policy::decision::{Answer, IllegalDecision, RequestDecision};

const FOREVER: &str = "(loop (br 0)) (unreachable)";
const GREED: &str = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 4)) (i32.const -1)))) (unreachable)";

fn failure(fixture: &Fixture) -> PluginFailure {
    let policy = bind(fixture);
    let failure = with_request("", |request| policy.on_request(request).unwrap_err());
    assert_eq!(policy.statistics().instances, 0, "the instance lives on after: {failure}");
    failure
}

/// A guest that always decides so.
fn illegal(build: impl FnOnce(&mut Image) -> u32) -> IllegalDecision {
    let mut image = Image::default();
    let decision = build(&mut image);
    match failure(&Fixture::deciding(image, decision)) {
        PluginFailure::Illegal(illegal) => illegal,
        other => panic!("{other}"),
    }
}

#[test]
fn a_runaway_is_stopped_and_its_store_discarded() {
    assert!(matches!(failure(&Fixture::request(FOREVER)), PluginFailure::OutOfTime));
}

#[test]
fn a_trap_discards_the_store() {
    match failure(&Fixture::request("(unreachable)")) {
        PluginFailure::Trap(text) => assert_eq!(text, "wasm trap: wasm `unreachable` instruction executed"),
        other => panic!("{other}"),
    }
}

#[test]
fn endless_recursion_traps() {
    let fixture = Fixture::request("(call $deep) (i32.const 0)").raw_export("(func $deep (call $deep))");
    match failure(&fixture) {
        PluginFailure::Trap(text) => assert!(text.contains("call stack exhausted"), "{text}"),
        other => panic!("{other}"),
    }
}

#[test]
fn a_guest_that_is_refused_memory_and_gives_up_is_out_of_memory() {
    assert!(matches!(failure(&Fixture::request(GREED)), PluginFailure::OutOfMemory));
}

#[test]
fn a_guest_that_lives_on_after_a_refusal_is_left_in_peace() {
    let mut image = Image::default();
    let decision = image.forward(&[], &[], None);
    let body = format!("(drop (memory.grow (i32.const 10000))) (i32.const {decision})");
    let policy = bind(&Fixture::request(&body).data(image));
    with_request("", |request| assert!(policy.on_request(request).is_ok()));
    assert_eq!(policy.statistics().failures, FailureCounts::default());
}

#[test]
fn failures_are_counted_by_kind_and_the_last_one_is_told() {
    let policy = bind(&Fixture::request("(unreachable)"));
    with_request("", |request| {
        for _ in 0..3 {
            assert!(policy.on_request(request).is_err());
        }
    });
    let statistics = policy.statistics();
    assert_eq!((statistics.calls, statistics.failures), (3, FailureCounts { trap: 3, ..FailureCounts::default() }));
    assert!(statistics.last_failure.unwrap().starts_with("trapped: wasm trap"));
}

#[test]
fn a_decision_outside_of_memory_traps() {
    assert!(matches!(failure(&Fixture::request("(i32.const -4)")), PluginFailure::Trap(_)));
}

#[test]
fn a_kept_borrow_traps() {
    let fixture = Fixture::new("request-role").accepting().on_request("(i32.const 0)");
    assert!(matches!(failure(&fixture), PluginFailure::Trap(_)));
}

#[test]
fn a_value_with_a_line_break_is_an_illegal_decision() {
    let edit = Edit::Set("x-a", b"1\r\nx-b: 2");
    assert_eq!(illegal(|image| image.forward(&[edit], &[], None)), IllegalDecision::Value("x-a".into()));
    assert_eq!(illegal(|image| image.forward(&[], &[edit], None)), IllegalDecision::Value("x-a".into()));
    assert_eq!(illegal(|image| image.respond(200, &[("x-a", b"1\n")], b"")), IllegalDecision::Value("x-a".into()));
}

#[test]
fn a_name_that_frames_or_routes_is_an_illegal_decision() {
    for name in ["content-length", "Transfer-Encoding", "host", ":path"] {
        let edit = Edit::Append(name, b"1");
        let told = illegal(|image| image.forward(&[edit], &[], None));
        assert_eq!(told, IllegalDecision::Reserved(name.to_ascii_lowercase()));
        let told = illegal(|image| image.forward(&[Edit::Remove(name)], &[], None));
        assert_eq!(told, IllegalDecision::Reserved(name.to_ascii_lowercase()));
        let told = illegal(|image| image.respond(200, &[(name, b"1")], b""));
        assert_eq!(told, IllegalDecision::Reserved(name.to_ascii_lowercase()));
    }
}

#[test]
fn a_status_that_is_not_final_is_an_illegal_decision() {
    for status in [0, 99, 101, 1000] {
        assert_eq!(illegal(|image| image.respond(status, &[], b"")), IllegalDecision::Status(status));
    }
}

#[test]
fn a_consumer_nobody_knows_is_an_illegal_decision() {
    assert_eq!(illegal(|image| image.forward(&[], &[], Some(7))), IllegalDecision::Consumer(7));
}

#[test]
fn a_consumer_named_without_the_grant_is_an_illegal_decision() {
    let mut image = Image::default();
    let decision = image.forward(&[], &[], Some(alice()));
    let bytes = Fixture::deciding(image, decision).build();
    let plugin = load(&bytes, crate::config::model::Grants::default(), LIMITS).unwrap();
    let policy = PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services()).unwrap();
    let failure = with_request("", |request| policy.on_request(request).unwrap_err());
    assert!(matches!(failure, PluginFailure::Illegal(IllegalDecision::Consumer(_))), "{failure}");
}

#[test]
fn more_output_than_the_limit_is_an_illegal_decision() {
    let limits = PluginLimits { output: 100, ..LIMITS };
    for (length, fits) in [(100, true), (101, false)] {
        let mut image = Image::default();
        let decision = image.respond(200, &[], &vec![b'a'; length]);
        let policy = try_bind(&Fixture::deciding(image, decision), limits).unwrap();
        match with_request("", |request| policy.on_request(request)) {
            Ok(RequestDecision::Respond(Answer { response, .. })) => assert!(fits && response.body.len() == length),
            Err(PluginFailure::Illegal(IllegalDecision::TooLarge { bytes: 101, limit: 100 })) => assert!(!fits),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_list_that_claims_the_whole_memory_is_stopped() {
    let mut image = Image::default();
    let decision = image.words(&[1, 200, 0, 0, 0, u32::MAX]);
    assert!(matches!(failure(&Fixture::deciding(image, decision)), PluginFailure::Trap(_)));
}

#[test]
fn configure_is_stopped_too() {
    let problems = try_bind(&Fixture::new("request-role").configure(FOREVER).on_request("(unreachable)"), LIMITS);
    assert_eq!(problems.unwrap_err()[0].message, "the plugin failed before its first call: out of CPU budget");
}

#[test]
fn a_guest_that_needs_more_memory_than_it_may_have_does_not_start() {
    let limits = PluginLimits { memory: 64 << 10, ..LIMITS };
    let problems = try_bind(&Fixture::request("(unreachable)"), limits).unwrap_err();
    assert_eq!(problems[0].message, "the plugin failed before its first call: out of memory budget");
}
