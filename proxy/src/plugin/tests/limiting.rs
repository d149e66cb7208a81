use tokio::runtime::Builder;

use super::with_request;
use crate::config::model::{Plugin, PluginLimits};
use crate::plugin::fixture::image::{self, Image};
use crate::plugin::fixture::{Fixture, LIMITS, bind, bind_as, services};
use crate::plugin::policy::{PluginFailure, PolicyRuntime};
use crate::policy::decision::{Answer, IllegalDecision, RequestDecision};
use crate::policy::limits::Standing;

const ROOMY: PluginLimits = PluginLimits { decisions: 100, ..LIMITS };

fn remembering(plugin: Plugin) -> Plugin {
    Plugin { limits: ROOMY, ..plugin }
}

/// A guest that holds every request to these limits.
fn naming(image: Image, limits: u32) -> Fixture {
    Fixture::new("limit-role").accepting().limits_of(&format!("(i32.const {limits})")).data(image)
}

/// Two in an hour, for all together.
fn two_an_hour() -> Fixture {
    let mut image = Image::default();
    let limits = image.limits(&[image::Limit { units: 2, ..image::LIMIT }]);
    naming(image, limits)
}

/// Passed, or answered with a status.
fn status(decision: Result<RequestDecision, PluginFailure>) -> Option<u16> {
    match decision.unwrap() {
        RequestDecision::Respond(Answer { response, .. }) => Some(response.status.as_u16()),
        RequestDecision::Forward(_) => None,
    }
}

fn decide(policy: &PolicyRuntime) -> Result<RequestDecision, PluginFailure> {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    with_request("", |request| runtime.block_on(policy.decide(request).wait()))
}

fn on_request(policy: &PolicyRuntime) -> Result<RequestDecision, PluginFailure> {
    with_request("", |request| policy.on_request(request))
}

fn illegal(fixture: &Fixture) -> IllegalDecision {
    match on_request(&bind(fixture)) {
        Err(PluginFailure::Illegal(illegal)) => illegal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_that_is_remembered_counts_like_one_that_is_named_each_time() {
    let policy = bind_as(&two_an_hour(), remembering, services());
    let answers: Vec<_> = (0..20).map(|_| status(decide(&policy))).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 2);
    assert_eq!(&answers[..3], [None, None, Some(429)]);
    let statistics = policy.statistics();
    assert_eq!((statistics.calls, statistics.remembered), (5, 15));
}

#[test]
fn a_request_that_passes_is_told_where_it_stands() {
    let policy = bind(&two_an_hour());
    let RequestDecision::Forward(forward) = on_request(&policy).unwrap() else { panic!("refused") };
    assert!(forward.changes.is_none());
    let fields: Vec<_> = forward.standing.iter().flat_map(Standing::fields).collect();
    let [(policy, quota), (standing, left)] = &fields[..] else { panic!("{fields:?}") };
    assert_eq!([policy.as_str(), standing.as_str()], ["ratelimit-policy", "ratelimit"]);
    assert_eq!(quota, "\"hourly\";q=2;w=3600");
    assert!(left.to_str().unwrap().starts_with("\"hourly\";r=1;t="), "{left:?}");
    assert!(left.is_sensitive() && !quota.is_sensitive(), "HTTP/2 is to keep what comes again, and nothing else");
}

#[test]
fn counts_outlive_the_policy_that_was_bound_before() {
    let services = services();
    let first = bind_as(&two_an_hour(), remembering, services.clone());
    assert_eq!([status(decide(&first)), status(decide(&first))], [None; 2]);
    let next = bind_as(&two_an_hour(), remembering, services);
    assert_eq!(status(decide(&next)), Some(429));
}

#[test]
fn what_a_request_policy_answers_takes_nothing() {
    let mut image = Image::default();
    let limits = image.limits(&[image::Limit { units: 2, ..image::LIMIT }]);
    let (refused, passed) = (image.respond(403, &[], b""), image.forward(&[image::Edit::Set("x-a", b"1")], &[], None));
    // The first three requests are answered.
    let body = format!(
        "(i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1)))
         (call $drop-request (local.get 0))
         (if (result i32) (i32.gt_u (i32.load8_u (i32.const 8)) (i32.const 3))
           (then (i32.const {passed})) (else (i32.const {refused})))"
    );
    let fixture =
        Fixture::new("guarded").accepting().on_request(&body).limits_of(&format!("(i32.const {limits})")).data(image);
    let policy = bind(&fixture);
    let answers: Vec<_> = (0..6).map(|_| status(on_request(&policy))).collect();
    assert_eq!(answers, [Some(403), Some(403), Some(403), None, None, Some(429)]);
}

#[test]
fn limits_are_named_in_calls_that_wait_too() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let policy = bind(&two_an_hour());
    let answers: Vec<_> = (0..3)
        .map(|_| status(with_request("", |request| runtime.block_on(policy.on_request_waiting(request)))))
        .collect();
    assert_eq!(answers, [None, None, Some(429)]);
}

#[test]
fn more_limits_than_may_be_are_refused() {
    let mut image = Image::default();
    let limits = image.limits(&[image::LIMIT; 17]);
    assert_eq!(illegal(&naming(image, limits)), IllegalDecision::TooManyLimits { limits: 17, most: 16 });
}

#[test]
fn a_name_that_could_be_read_as_more_is_refused() {
    for name in ["", "a\"; r=9", "a\r\nb", &"n".repeat(65)] {
        let mut image = Image::default();
        let limits = image.limits(&[image::Limit { name, ..image::LIMIT }]);
        assert!(matches!(illegal(&naming(image, limits)), IllegalDecision::LimitName(_)), "{name:?}");
    }
}

#[test]
fn a_key_that_is_too_long_is_refused() {
    let mut image = Image::default();
    let key = [7; 1025];
    let limits = image.limits(&[image::Limit { key: &key, ..image::LIMIT }]);
    assert_eq!(illegal(&naming(image, limits)), IllegalDecision::LimitKey { bytes: 1025, most: 1024 });
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let none = [
        image::Limit { units: 0, ..image::LIMIT },
        image::Limit { window_ms: 0, ..image::LIMIT },
        image::Limit { algorithm: image::Algorithm::Gcra(0), ..image::LIMIT },
    ];
    for limit in none {
        let mut image = Image::default();
        let limits = image.limits(&[image::LIMIT, limit]);
        assert_eq!(illegal(&naming(image, limits)), IllegalDecision::LimitOfNothing("hourly".to_owned()));
    }
}

#[test]
fn the_largest_numbers_there_are_make_a_limit() {
    let most = u32::MAX;
    for algorithm in [image::Algorithm::Gcra(most), image::Algorithm::Window, image::Algorithm::Sliding] {
        let mut image = Image::default();
        let limit = image::Limit { units: most, window_ms: most, algorithm, cost: most, ..image::LIMIT };
        let limits = image.limits(&[limit]);
        let policy = bind(&naming(image, limits));
        assert_eq!([status(on_request(&policy)), status(on_request(&policy))], [None, Some(429)], "{algorithm:?}");
    }
}

#[test]
fn a_request_that_costs_nothing_passes_where_nothing_is_left() {
    let mut image = Image::default();
    let limits = image.limits(&[image::Limit { cost: 0, ..image::LIMIT }]);
    let policy = bind(&naming(image, limits));
    assert_eq!([(); 3].map(|()| status(on_request(&policy))), [None; 3]);
}

#[test]
fn a_guest_that_names_other_limits_for_the_same_request_is_found_out() {
    let mut image = Image::default();
    let [one, other] = ["one", "other"].map(|name| image.limits(&[image::Limit { name, ..image::LIMIT }]));
    let body = format!(
        "(i32.store8 (i32.const 8) (i32.xor (i32.load8_u (i32.const 8)) (i32.const 1)))
         (if (result i32) (i32.load8_u (i32.const 8)) (then (i32.const {one})) (else (i32.const {other})))"
    );
    let policy = bind_as(&Fixture::new("limit-role").accepting().limits_of(&body).data(image), remembering, services());
    assert_eq!([(); 3].map(|()| status(decide(&policy))), [None, Some(429), Some(429)], "one key, one count");
    assert!(!policy.remembers());
}

#[test]
fn a_guest_that_fails_is_counted_once_and_takes_nothing() {
    let policy = bind(&Fixture::new("limit-role").accepting().limits_of("(unreachable)"));
    assert!(matches!(on_request(&policy), Err(PluginFailure::Trap(_))));
    let statistics = policy.statistics();
    assert_eq!((statistics.calls, statistics.failures.trap), (1, 1));
}

/// Says the value of `x-in` for a key.
fn one_for_each_value() -> Fixture {
    let mut image = Image::default();
    let [name, length] = image.bytes(b"x-in");
    let limits = image.limits(&[image::LIMIT]);
    // The list of limits is where `limits` points to; its first words are address and length of the key. The field is read into 512:
    // whether it is there, address and length.
    let body = format!(
        "(call $header (local.get 0) (i32.const {name}) (i32.const {length}) (i32.const 512))
         (call $drop-limited (local.get 0))
         (i32.store (i32.load (i32.const {limits})) (i32.load (i32.const 516)))
         (i32.store offset=4 (i32.load (i32.const {limits})) (i32.load (i32.const 520)))
         (i32.const {limits})"
    );
    let header = "(func $header (param i32 i32 i32 i32))";
    Fixture::new("limit-role")
        .accepting()
        .import("http", "[method]request.header", header)
        .import("http", "[resource-drop]request", "(func $drop-limited (param i32))")
        .export("limit-policy", "limits-of", &format!("(param i32) (result i32) {body}"))
        .data(image)
}

#[test]
fn a_remembered_limit_is_taken_from_by_nobody_else() {
    let policy = bind_as(&one_for_each_value(), remembering, services());
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let of = |tenant: &str| status(with_request(tenant, |request| runtime.block_on(policy.decide(request).wait())));
    assert_eq!(
        ["blue", "red", "blue", "red", "blue", "red"].map(of),
        [None, None, Some(429), Some(429), Some(429), Some(429)]
    );
    assert!(policy.statistics().remembered > 0);
    assert_eq!(of("green"), None);
}
