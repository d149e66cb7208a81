use std::sync::Arc;

use super::{images, with_request};
use crate::config::model::{InstanceMode, Plugin, PluginLimits};
use crate::plugin::fixture::image::{Edit, Image};
use crate::plugin::fixture::{Fixture, LIMITS, alice, all_grants, bind, bind_as, load, services, spec, try_bind};
use crate::plugin::policy::{Candidate, ImageUse, PluginFailure, PolicyRuntime};
use crate::policy::decision::{self, Answer, IllegalDecision, RequestDecision};
use crate::upstream::member::Member;

/// Answers 201 to its first call, 202 to its second, and so on.
pub(super) fn counting() -> Fixture {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    let status = decision + 8;
    let body = format!(
        "(i32.store16 (i32.const {status}) (i32.add (i32.load16_u (i32.const {status})) (i32.const 1)))
         (i32.const {decision})"
    );
    Fixture::request(&body).data(image)
}

pub(super) fn status(policy: &PolicyRuntime) -> u16 {
    match with_request("", |request| policy.on_request(request)) {
        Ok(RequestDecision::Respond(Answer { response, .. })) => response.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_instance_serves_again() {
    let policy = bind(&counting());
    assert_eq!([status(&policy), status(&policy), status(&policy)], [201, 202, 203]);
    let statistics = policy.statistics();
    assert_eq!((statistics.instances, statistics.idle, statistics.calls), (1, 1, 3));
}

#[test]
fn an_instance_is_renewed_after_its_calls() {
    let policy = try_bind(&counting(), PluginLimits { calls_per_instance: 2, ..LIMITS }).unwrap();
    assert_eq!([status(&policy), status(&policy), status(&policy)], [201, 202, 201]);
    assert_eq!(policy.statistics().instances, 1);
}

#[test]
fn an_instance_per_request_starts_from_nothing_each_time() {
    let per_request = |plugin| Plugin { instances: InstanceMode::PerRequest, ..plugin };
    let policy = bind_as(&counting(), per_request, services());
    assert_eq!([status(&policy), status(&policy), status(&policy)], [201; 3]);
    assert_eq!(policy.statistics().instances, 0);
}

#[test]
fn an_instance_per_request_frees_its_place() {
    let one = |plugin| Plugin {
        instances: InstanceMode::PerRequest,
        limits: PluginLimits { instances: 1, ..LIMITS },
        ..plugin
    };
    let policy = bind_as(&counting(), one, services());
    assert!((0..20).all(|_| status(&policy) == 201));
}

#[test]
fn a_shared_policy_goes_on_with_the_same_instances() {
    let bytes = counting().build();
    let services = services();
    let spec_a = spec(serde_json::json!({}));
    let policy = PolicyRuntime::bind(load(&bytes, all_grants(), LIMITS).unwrap(), &spec_a, services.clone()).unwrap();
    assert_eq!(status(&policy), 201);
    let reloaded = load(&bytes, all_grants(), LIMITS).unwrap();
    let next = policy.share(&reloaded, &spec_a, &services).unwrap();
    assert_eq!(status(&next), 202);
    assert!(policy.share(&reloaded, &spec(serde_json::json!({"a": 1})), &services).is_none());
}

/// Sets `x-out` to what it reads in `x-in`, which it removes, for alice.
fn copying() -> Fixture {
    let mut image = Image::default();
    let [name, length] = image.bytes(b"X-In");
    let decision = image.forward(&[Edit::Set("x-out", b""), Edit::Remove("x-in")], &[], Some(alice()));
    // The first edit's value is what was read: address and length are 12 and 16 bytes into it.
    let body = format!(
        "(local $edit i32)
         (call $header (local.get 0) (i32.const {name}) (i32.const {length}) (i32.const 512))
         (call $drop-request (local.get 0))
         (local.set $edit (i32.load (i32.const {})))
         (i32.store offset=12 (local.get $edit) (i32.load (i32.const 516)))
         (i32.store offset=16 (local.get $edit) (i32.load (i32.const 520)))
         (i32.const {decision})",
        decision + 8
    );
    Fixture::new("request-role")
        .accepting()
        .import("http", "[method]request.header", "(func $header (param i32 i32 i32 i32))")
        .on_request(&body)
        .data(image)
}

fn copies(policy: &PolicyRuntime) {
    for value in ["one", "two"] {
        let Ok(RequestDecision::Forward(forward)) = with_request(value, |request| policy.on_request(request)) else {
            panic!("not forwarded")
        };
        let (out, _) = decision::field("x-out", Vec::new()).unwrap();
        let set = decision::Edit::Set(out, value.parse().unwrap());
        let changes = forward.changes.unwrap();
        assert_eq!(changes.request, [set, decision::Edit::Remove("x-in".parse().unwrap())]);
        assert_eq!(changes.consumer.as_ref().unwrap().tags, ["gold"]);
    }
}

#[test]
fn a_guest_reads_a_header_and_returns_edits() {
    copies(&bind(&copying()));
}

#[test]
fn an_instance_that_starts_from_an_image_reads_what_others_read() {
    let policy = images::bind(&copying());
    assert_eq!(policy.image(), ImageUse::Used);
    copies(&policy);
}

#[test]
fn a_guest_finds_a_consumer_by_its_key() {
    let mut image = Image::default();
    let [key, length] = image.bytes(b"secret");
    let decision = image.forward(&[], &[], Some(0));
    // The consumer is what was found: an option at 512, its number eight bytes behind.
    let body = format!(
        "(call $find (i32.const {key}) (i32.const {length}) (i32.const 512))
         (i64.store (i32.const {}) (i64.load (i32.const 520)))
         (i32.const {decision})",
        decision + 32
    );
    let fixture =
        Fixture::request(&body).import("consumers", "find-by-key", "(func $find (param i32 i32 i32))").data(image);
    let Ok(RequestDecision::Forward(forward)) = with_request("", |request| bind(&fixture).on_request(request)) else {
        panic!("not forwarded")
    };
    assert_eq!(forward.changes.unwrap().consumer.as_ref().unwrap().name, "alice");
}

#[test]
fn a_guest_changes_what_the_upstream_is_asked_for() {
    let asked = |target: &str| {
        let mut image = Image::default();
        let decision = image.forward_to(&[], &[], None, Some(target));
        match with_request("", |request| bind(&Fixture::deciding(image, decision)).on_request(request)) {
            Ok(RequestDecision::Forward(forward)) => Ok(forward.changes.unwrap().target.as_ref().unwrap().to_string()),
            Err(PluginFailure::Illegal(illegal)) => Err(illegal),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(asked("/elsewhere?a=1"), Ok("/elsewhere?a=1".to_owned()));
    for illegal in ["", "elsewhere", "http://a/b", "*", "/a b", "/../a", "/a/%2e%2e/b", "/a\r\nb", "/a#b"] {
        assert_eq!(asked(illegal), Err(IllegalDecision::Target(illegal.into())), "{illegal}");
    }
}

#[test]
fn instances_share_the_counters_of_their_policy() {
    let mut image = Image::default();
    let [key, length] = image.bytes(b"k");
    let decision = image.respond(200, &[], b"");
    // Status 200 + what remains of 5 in a minute.
    let body = format!(
        "(call $take (i32.const {key}) (i32.const {length}) (i32.const 5) (i32.const 60000) (i32.const 1) (i32.const 512))
         (i32.store16 (i32.const {}) (i32.add (i32.const 200) (i32.load (i32.const 516))))
         (i32.const {decision})",
        decision + 8
    );
    let fixture = Fixture::request(&body)
        .import("counters", "take-window", "(func $take (param i32 i32 i32 i32 i32 i32))")
        .data(image);
    let policy = try_bind(&fixture, PluginLimits { calls_per_instance: 1, ..LIMITS }).unwrap();
    assert_eq!([status(&policy), status(&policy), status(&policy)], [204, 203, 202]);
}

#[test]
fn configure_problems_are_the_operators_to_read() {
    let mut image = Image::default();
    let problem = image.problem("limits[0].per", "not a\nduration");
    let fixture = Fixture::new("request-role")
        .configure(&format!("(i32.const {problem})"))
        .on_request("(unreachable)")
        .data(image);
    let problems = try_bind(&fixture, LIMITS).unwrap_err();
    assert_eq!((problems[0].path.as_str(), problems[0].message.as_str()), ("limits[0].per", "not a\\nduration"));
}

#[test]
fn a_plugin_without_configuration_takes_only_an_empty_one() {
    let plugin = load(&Fixture::new("bare").on_request("(unreachable)").build(), all_grants(), LIMITS).unwrap();
    let bind = |config| PolicyRuntime::bind(plugin.clone(), &spec(config), services());
    assert!(bind(serde_json::json!({})).is_ok());
    let problems = bind(serde_json::json!({"a": 1})).unwrap_err();
    assert_eq!(problems[0].message, "the plugin takes no configuration, leave it out");
}

pub(super) fn members(count: u16) -> Arc<[Member]> {
    crate::upstream::tests::members(&vec![1; usize::from(count)]).into()
}

pub(super) fn pick(
    policy: &PolicyRuntime,
    members: &Arc<[Member]>,
    candidates: usize,
) -> Result<Option<usize>, PluginFailure> {
    let candidate = |index| Candidate { member: u32::try_from(index).unwrap(), in_flight: 0, latency_us: 0 };
    let candidates: Vec<Candidate> = (0..candidates).map(candidate).collect();
    with_request("", |request| policy.pick(request, members, &candidates))
}

#[test]
fn a_balancer_picks_or_declines() {
    let mut image = Image::default();
    let some_two = image.words(&[1, 2]);
    let policy = bind(&Fixture::balancing(&format!("(i32.const {some_two})")).data(image));
    assert_eq!(pick(&policy, &members(3), 3).unwrap(), Some(2));
    let declining = bind(&Fixture::balancing("(i32.const 0)"));
    assert_eq!(pick(&declining, &members(3), 3).unwrap(), None);
}

#[test]
fn a_pick_of_what_is_not_there_is_a_failure() {
    let mut image = Image::default();
    let some_two = image.words(&[1, 2]);
    let policy = bind(&Fixture::balancing(&format!("(i32.const {some_two})")).data(image));
    match pick(&policy, &members(3), 2) {
        Err(PluginFailure::Illegal(IllegalDecision::Pick { index: 2, candidates: 2 })) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_balancer_is_told_of_each_set_of_members_once() {
    // Picks the candidate whose index is the number of times it was told.
    let body = "(i32.store8 (i32.const 512) (i32.const 1))
                (i32.store (i32.const 516) (i32.load8_u (i32.const 8)))
                (i32.const 512)";
    let policy = bind(&Fixture::balancing(body));
    let (three, four) = (members(3), members(4));
    let told: Vec<_> = [&three, &three, &four, &four].map(|set| pick(&policy, set, 3).unwrap().unwrap()).into();
    assert_eq!(told, [1, 1, 2, 2]);
}
