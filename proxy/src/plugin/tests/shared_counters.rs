use std::sync::Arc;
use std::time::Duration;

use super::with_request;
use crate::config::model::{Counting, Plugin, RedisServer, SharedStore};
use crate::counters::SharedCounters;
use crate::counters::shared::Link;
use crate::observe::metrics::Metrics;
use crate::plugin::component::{LoadError, LoadedPlugin};
use crate::plugin::fixture::image::{self, Image};
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, engine, plugin, services, spec};
use crate::plugin::policy::{Decided, PolicyRuntime, PolicyServices};
use crate::policy::decision::RequestDecision;

const TAKE: &str = "(func $take (param i32 i32 i32 i32 i32 i32))";
const HOLD: &str = "(func $hold (param i32 i32 i32 i32))";

/// Does `call`, which says at 512 whether it got what it wanted; passes where it did, and answers 429 where not.
fn guest(import: [&str; 2], call: impl FnOnce([u32; 2]) -> String) -> Fixture {
    let mut image = Image::default();
    let key = image.bytes(b"key");
    let (passed, refused) = (image.forward(&[], &[], None), image.respond(429, &[], b""));
    let body = format!(
        "{} (if (result i32) (i32.load8_u (i32.const 512)) (then (i32.const {passed})) (else (i32.const {refused})))",
        call(key)
    );
    Fixture::request(&body).import("counters", import[0], import[1]).data(image)
}

/// Takes one of two units of a long window.
fn taking() -> Fixture {
    guest(["take-window", TAKE], |[key, length]| {
        format!(
            "(call $take (i32.const {key}) (i32.const {length}) (i32.const 2) (i32.const -1) (i32.const 1) (i32.const 512))"
        )
    })
}

fn holding() -> Fixture {
    guest(["hold", HOLD], |[key, length]| {
        format!("(call $hold (i32.const {key}) (i32.const {length}) (i32.const 2) (i32.const 512))")
    })
}

fn store() -> Arc<SharedStore> {
    let server = RedisServer { host: "127.0.0.1".into(), port: 1, database: 0, user: None, password: None };
    Arc::new(SharedStore { server, timeout: Duration::from_millis(50), prefix: "t:".into() })
}

fn load(guest: &Fixture, counters: Counting) -> Result<Arc<LoadedPlugin>, LoadError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), guest.build()).unwrap();
    LoadedPlugin::load(&engine(), &Plugin { counters, ..plugin(file.path(), all_grants(), LIMITS) })
}

/// A policy whose way to Redis nobody opens.
fn bind(guest: &Fixture) -> Arc<PolicyRuntime> {
    let plugin = load(guest, Counting::Shared(store())).unwrap();
    let link = Arc::new(Link::new(&store(), Metrics::new().shared_counters()));
    let services = services();
    let shared = SharedCounters::new(link, "policy", services.counters.clone(), 8);
    let services = PolicyServices { shared_counters: Some(Arc::new(shared)), ..services };
    PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services).unwrap()
}

/// Whether each of three requests passes, all under way at the end.
fn three(policy: &PolicyRuntime) -> [bool; 3] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let decisions =
        [(); 3].map(|()| with_request("", |request| runtime.block_on(policy.on_request_waiting(request)).unwrap()));
    decisions.each_ref().map(|decision| matches!(decision, RequestDecision::Forward(_)))
}

#[test]
fn one_and_the_same_component_counts_alone_or_with_others() {
    let waits = |way| load(&taking(), way).unwrap().waits();
    assert_eq!([waits(Counting::Local), waits(Counting::Shared(store()))], [false, true]);
    assert_eq!(three(&bind(&taking())), [true, true, false]);
}

#[test]
fn places_are_held_in_this_gateway_where_counters_are_shared_too() {
    assert_eq!(three(&bind(&holding())), [true, true, false]);
}

#[test]
fn a_component_that_names_limits_does_not_wait_itself() {
    let mut image = Image::default();
    let limits = image.limits(&[image::Limit { units: 2, ..image::LIMIT }]);
    let guest = Fixture::new("limit-role").accepting().limits_of(&format!("(i32.const {limits})")).data(image);
    assert!(!load(&guest, Counting::Shared(store())).unwrap().waits());
    let policy = bind(&guest);
    assert!(with_request("", |request| matches!(policy.decide(request), Decided::Later(_))), "its gateway may");
    assert_eq!(three(&policy), [true, true, false]);
}

#[test]
fn a_body_policy_may_name_limits_that_are_shared() {
    let all = "(param i32 i32 i32 i32 i32 i32) (result i32) (unreachable)";
    let bodies = || {
        Fixture::new("naming-bodies")
            .accepting()
            .limits_of("(unreachable)")
            .export("body-policy", "attend-request", "(param i32) (result i32) (unreachable)")
            .export("body-policy", "attend-response", "(param i32 i32) (result i32) (unreachable)")
            .export("body-policy", "on-request-body", all)
            .export("body-policy", "on-response-body", "(param i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable)")
    };
    load(&bodies(), Counting::Shared(store())).unwrap();
    let problems = load(&bodies().import("counters", "take-window", TAKE), Counting::Shared(store())).unwrap_err();
    assert!(problems.problems[0].message.contains("exports body-policy"), "{}", problems.problems[0].message);
}

#[test]
fn a_component_that_counts_nothing_has_nothing_to_share() {
    let mut image = Image::default();
    let decision = image.forward(&[], &[], None);
    let problems = load(&Fixture::deciding(image, decision), Counting::Shared(store())).unwrap_err().problems;
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].key, "counters");
    assert!(problems[0].message.starts_with("counts nothing"), "{}", problems[0].message);
}

#[test]
fn counters_of_a_role_that_nobody_waits_for_are_not_shared() {
    let balancer = Fixture::balancing("(i32.const 0)").import("counters", "take-window", TAKE);
    let problems = load(&balancer, Counting::Shared(store())).unwrap_err().problems;
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].key, "counters");
    assert_eq!(problems[0].message, "its counters cannot be shared: it exports balancer, which nobody waits for");
}

#[test]
fn a_plugin_that_counts_elsewhere_is_another_one() {
    let [alone, shared] = [Counting::Local, Counting::Shared(store())].map(|way| load(&taking(), way).unwrap());
    assert!(!alone.is_same(&shared));
}
