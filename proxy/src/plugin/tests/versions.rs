//! Two versions of the contract at once, the further one being one that only tests have.

use std::sync::Arc;

use http::StatusCode;

use super::{decide, facts, with_request};
use crate::config::model::FailureMode;
use crate::plugin::contract::{ContractVersion, probe};
use crate::plugin::fixture::image::{Edit, Image};
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, bind, load, services, spec};
use crate::plugin::policy::PolicyRuntime;
use crate::policy::chain::{Chain, ChainLink, ChainOutcome};
use crate::policy::decision::{Answer, RequestDecision};

/// A guest of 0.1 that lets requests pass, with a header.
fn of_0_1() -> Fixture {
    let mut image = Image::default();
    let decision = image.forward(&[Edit::Append("x-passed", b"0.1")], &[], None);
    Fixture::deciding(image, decision)
}

/// A guest of the further version that decides `status`.
fn of_the_probe(status: u16) -> Fixture {
    Fixture::new("plugin")
        .version(probe::VERSION)
        .on_request(&format!("(call $drop-request (local.get 0)) (i32.const {status})"))
}

fn link(policy: &Arc<PolicyRuntime>) -> ChainLink {
    ChainLink { policy: Arc::clone(policy), on_failure: FailureMode::Deny }
}

fn passes(decision: RequestDecision) -> bool {
    matches!(decision, RequestDecision::Forward(_))
}

fn status(decision: RequestDecision) -> StatusCode {
    match decision {
        RequestDecision::Respond(Answer { response, .. }) => response.status,
        RequestDecision::Forward(_) => panic!("it passes"),
    }
}

#[tokio::test]
async fn policies_of_two_versions_decide_in_one_chain() {
    let (old, new) = (bind(&of_0_1()), bind(&of_the_probe(0)));
    let versions = [&old, &new].map(|policy| policy.plugin().contract());
    assert_eq!(versions, [ContractVersion::V0_1, ContractVersion::Probe]);
    let chain = Chain::new([&old, &new, &old, &new].map(link).to_vec());
    let (mut head, ()) = http::Request::get("/").body(()).unwrap().into_parts();
    let outcome = chain.run_request(&mut head, &mut facts()).await;
    assert!(matches!(outcome, ChainOutcome::Forward), "{outcome:?}");
    assert_eq!(head.headers.get_all("x-passed").iter().count(), 2);
    let refusing = Chain::new([&old, &bind(&of_the_probe(418)), &old].map(link).to_vec());
    match refusing.run_request(&mut head, &mut facts()).await {
        ChainOutcome::Respond { response, .. } => assert_eq!(response.status, StatusCode::IM_A_TEAPOT),
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn a_call_that_may_wait_is_made_by_the_version_of_its_plugin() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (old, new) = (bind(&of_0_1()), bind(&of_the_probe(418)));
    // The second time by what was kept of the first.
    for _ in 0..2 {
        with_request("", |request| {
            assert!(passes(runtime.block_on(old.on_request_waiting(request)).unwrap()));
            assert_eq!(status(runtime.block_on(new.on_request_waiting(request)).unwrap()), StatusCode::IM_A_TEAPOT);
        });
    }
}

#[test]
fn a_policy_moves_from_one_version_to_another_and_back() {
    let bytes = [of_0_1().build(), of_the_probe(418).build()];
    let [old, new] = bytes.each_ref().map(|bytes| load(bytes, all_grants(), LIMITS).unwrap());
    let (services, spec) = (services(), spec(serde_json::json!({})));
    let before = PolicyRuntime::bind(Arc::clone(&old), &spec, services.clone()).unwrap();
    assert!(before.share(&new, &spec, &services).is_none(), "it went on with instances of the old version");
    let after = PolicyRuntime::bind(new, &spec, services.clone()).unwrap();
    assert_eq!(status(decide(&after).unwrap()), StatusCode::IM_A_TEAPOT);
    assert!(passes(decide(&before).unwrap()), "requests of the old snapshot are decided on as before");
    assert!(after.share(&old, &spec, &services).is_none(), "it went on with instances of the new version");
    assert!(passes(decide(&PolicyRuntime::bind(old, &spec, services).unwrap()).unwrap()));
}

#[test]
fn a_component_of_two_versions_is_refused_with_what_is_of_which() {
    let fixture = Fixture::new("mixed")
        .version(probe::VERSION)
        .raw_import("(import \"tidegate:gateway/clock@0.1.0\" \"now-ms\" (func (result i64)))")
        .on_request("(call $drop-request (local.get 0)) (i32.const 0)");
    let problems = load(&fixture.build(), all_grants(), LIMITS).unwrap_err().problems;
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(
        problem.message,
        "mixes versions of the contract: 0.1 (imports tidegate:gateway/clock@0.1.0) and 0.99 (imports \
         tidegate:gateway/http@0.99.0, exports tidegate:gateway/request-policy@0.99.0)"
    );
    assert_eq!(
        problem.hint.as_deref(),
        Some("build all of it against one version; this gateway speaks contract 0.1 and 0.99")
    );
}
