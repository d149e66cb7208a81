use tokio::runtime::Builder;

use super::calls::counting;
use super::with_request;
use crate::config::model::{InstanceMode, Plugin, PluginLimits};
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, bind_as, services, spec};
use crate::plugin::policy::PolicyRuntime;
use crate::policy::decision::{Answer, RequestDecision};

const ROOMY: PluginLimits = PluginLimits { decisions: 100, ..LIMITS };

fn remembering(plugin: Plugin) -> Plugin {
    Plugin { limits: ROOMY, ..plugin }
}

fn status(policy: &PolicyRuntime, value: &str) -> u16 {
    let runtime = Builder::new_current_thread().build().unwrap();
    match with_request(value, |request| runtime.block_on(policy.decide(request).wait())) {
        Ok(RequestDecision::Respond(Answer { response, .. })) => response.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

/// Answers with 200 and as much more as the path has octets.
fn reading_the_path() -> Fixture {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    let status = decision + 8;
    // Address and length of the path are put at 512.
    let body = format!(
        "(call $path (local.get 0) (i32.const 512)) (call $drop-request (local.get 0))
         (i32.store16 (i32.const {status}) (i32.add (i32.const 200) (i32.load (i32.const 516))))
         (i32.const {decision})"
    );
    let path = "(func $path (param i32 i32))";
    Fixture::new("request-role").accepting().import("http", "[method]request.path", path).on_request(&body).data(image)
}

#[test]
fn a_guest_that_decides_by_reading_is_not_called_for_what_it_was_told_before() {
    let policy = bind_as(&reading_the_path(), remembering, services());
    assert!(policy.remembers());
    let answers: Vec<u16> = (0..20).map(|n| status(&policy, &n.to_string())).collect();
    assert_eq!(answers, [205; 20], "the field differs, and was not asked for");
    let statistics = policy.statistics();
    assert_eq!((statistics.calls, statistics.remembered), (5, 15));
}

#[test]
fn a_guest_that_keeps_count_in_its_memory_is_found_out_at_once() {
    let policy = bind_as(&counting(), remembering, services());
    assert_eq!([(); 4].map(|()| status(&policy, "")), [201, 202, 203, 204]);
    assert!(!policy.remembers());
    assert_eq!(policy.statistics().remembered, 0);
}

#[test]
fn a_guest_without_a_memory_can_keep_no_count() {
    let per_request = |plugin| remembering(Plugin { instances: InstanceMode::PerRequest, ..plugin });
    let policy = bind_as(&counting(), per_request, services());
    assert_eq!([(); 9].map(|()| status(&policy, "")), [201; 9]);
    assert!(policy.remembers() && policy.statistics().remembered > 0);
}

#[test]
fn a_guest_that_may_look_at_a_clock_is_asked_each_time() {
    let fixture = counting().import("clock", "now-ms", "(func $now (result i64))");
    let policy = bind_as(&fixture, remembering, services());
    assert!(!policy.remembers());
}

#[test]
fn other_consumers_are_no_reason_to_believe_what_was_decided_before() {
    let services = services();
    let policy = bind_as(&reading_the_path(), remembering, services.clone());
    assert_eq!([(); 3].map(|()| status(&policy, "")), [205; 3]);
    let before = policy.statistics().calls;
    let next = policy.share(policy.plugin(), &spec(serde_json::json!({})), &services).unwrap();
    status(&next, "");
    assert_eq!(next.statistics().calls, before + 1);
}
