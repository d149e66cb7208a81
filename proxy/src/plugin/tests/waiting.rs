use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;

use super::with_request;
use crate::config::model::{Plugin, PluginLimits};
use crate::plugin::component::LoadedPlugin;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, engine, plugin, services, spec};
use crate::plugin::outbound::{Outbound, OutboundAnswer, OutboundRequest, OutboundResponse};
use crate::plugin::policy::{PluginFailure, PolicyRuntime, PolicyServices};
use crate::policy::decision::{Answer, RequestDecision};

/// An upstream that answers once it is told to, with what it was asked for.
#[derive(Debug, Default)]
struct Slow {
    go: Arc<Notify>,
    asked: AtomicU32,
}

impl Outbound for Slow {
    fn send(&self, request: OutboundRequest) -> OutboundAnswer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let go = Arc::clone(&self.go);
        Box::pin(async move {
            go.notified().await;
            let body = Bytes::from(format!("{} {}", request.method, request.target));
            Ok(OutboundResponse { status: StatusCode::IM_A_TEAPOT, headers: HeaderMap::new(), body })
        })
    }
}

/// A guest that asks `upstream`, does `work`, and answers with what it was answered: 200 + the error's number where that
/// is none.
fn asking(upstream: &str, work: &str) -> Fixture {
    let mut image = Image::default();
    let [upstream, upstream_length] = image.bytes(upstream.as_bytes());
    let [method, method_length] = image.bytes(b"GET");
    let [target, target_length] = image.bytes(b"/who?a=b");
    let decision = image.respond(200, &[], b"");
    // `result<incoming, send-error>` at 512: the case, then status at 516 and the body at 528, or the error at 516.
    let body = format!(
        "(call $send (i32.const {upstream}) (i32.const {upstream_length}) (i32.const {method}) (i32.const {method_length})
            (i32.const {target}) (i32.const {target_length}) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 1000) (i32.const 512))
         {work}
         (if (i32.load8_u (i32.const 512))
            (then (i32.store16 (i32.const {status}) (i32.add (i32.const 200) (i32.load8_u (i32.const 516)))))
            (else
                (i32.store16 (i32.const {status}) (i32.load16_u (i32.const 516)))
                (i32.store (i32.const {text}) (i32.load (i32.const 528)))
                (i32.store (i32.const {length}) (i32.load (i32.const 532)))))
         (i32.const {decision})",
        status = decision + 8,
        text = decision + 20,
        length = decision + 24,
    );
    let send = "(func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))";
    Fixture::request(&body).import("http-client", "send", send).data(image)
}

fn bind(guest: &Fixture, limits: PluginLimits, outbound: Arc<Slow>) -> Arc<PolicyRuntime> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), guest.build()).unwrap();
    let spec_ = Plugin { upstreams: vec!["auth".into()], ..plugin(file.path(), all_grants(), limits) };
    let loaded = LoadedPlugin::load(&engine(), &spec_).unwrap();
    let services = PolicyServices { outbound, ..services() };
    PolicyRuntime::bind(loaded, &spec(serde_json::json!({})), services).unwrap()
}

/// Polls a call until it waits or is over; `go` lets what it waits for happen.
fn decide(policy: &PolicyRuntime, go: Option<&Notify>) -> Option<Result<RequestDecision, PluginFailure>> {
    with_request("", |request| {
        let mut call = std::pin::pin!(policy.on_request_waiting(request));
        // More than once, where the guest goes on for longer than a turn.
        let mut poll = || {
            let mut turns = std::iter::repeat_with(|| call.as_mut().poll(&mut Context::from_waker(Waker::noop())));
            turns.by_ref().take(100).find_map(|turn| match turn {
                Poll::Ready(decision) => Some(decision),
                Poll::Pending => None,
            })
        };
        poll().or_else(|| {
            go?.notify_one();
            poll()
        })
    })
}

#[test]
fn a_guest_waits_for_an_answer_and_goes_on_with_it() {
    let slow = Arc::new(Slow::default());
    let policy = bind(&asking("auth", ""), LIMITS, Arc::clone(&slow));
    for _ in 0..2 {
        let Some(Ok(RequestDecision::Respond(Answer { response, .. }))) = decide(&policy, Some(&slow.go)) else {
            panic!("no answer")
        };
        assert_eq!(response.status, StatusCode::IM_A_TEAPOT);
        assert_eq!(response.body, "GET /who?a=b");
    }
    assert_eq!(policy.statistics().instances, 1, "the instance that waited serves again");
}

#[test]
fn a_call_that_is_dropped_while_it_waits_takes_its_instance_with_it() {
    let slow = Arc::new(Slow::default());
    let policy = bind(&asking("auth", ""), LIMITS, Arc::clone(&slow));
    assert!(decide(&policy, None).is_none());
    assert_eq!(policy.statistics().instances, 0);
    assert!(decide(&policy, Some(&slow.go)).unwrap().is_ok());
}

#[test]
fn an_upstream_that_was_not_granted_is_not_asked() {
    let slow = Arc::new(Slow::default());
    let policy = bind(&asking("billing", ""), LIMITS, Arc::clone(&slow));
    let Some(Ok(RequestDecision::Respond(Answer { response, .. }))) = decide(&policy, None) else {
        panic!("no answer")
    };
    assert_eq!(response.status.as_u16(), 200, "the first error there is: unknown-upstream");
    assert_eq!(slow.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn time_spent_waiting_costs_no_budget_and_work_after_it_does() {
    let slow = Arc::new(Slow::default());
    let limits = PluginLimits { cpu: Duration::from_millis(2), ..LIMITS };
    let policy = bind(&asking("auth", "(loop (br 0))"), limits, Arc::clone(&slow));
    assert!(matches!(decide(&policy, Some(&slow.go)), Some(Err(PluginFailure::OutOfTime))));
}

#[test]
fn a_plugin_that_waits_may_not_have_roles_that_nobody_waits_for() {
    let send = "(func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))";
    let guest = Fixture::balancing("(i32.const 0)").of("asking-balancer").import("http-client", "send", send);
    let error = crate::plugin::fixture::load(&guest.build(), all_grants(), LIMITS).unwrap_err();
    let expected = "imports tidegate:gateway/http-client and exports balancer, which nobody waits for";
    assert_eq!(error.problems[0].message, expected);
}
