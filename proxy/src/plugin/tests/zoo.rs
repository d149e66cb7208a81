//! Guests that no tool chain would make, each with its verdict. `tests/plugins/README.md` has the table of all of them.

mod bombs;
mod flawed;
mod imports;
mod lies;
mod loops;
mod mutants;
mod reentry;
mod roles;
mod secrets;

use std::time::Duration;

use super::decide;
use crate::config::model::PluginLimits;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, bind, try_bind};
use crate::plugin::policy::{PluginFailure, PolicyRuntime};
use crate::policy::decision::{Answer, RequestDecision};

/// How the first call fails; what it ran in must be gone.
#[track_caller]
fn failure(fixture: &Fixture) -> PluginFailure {
    // Something else than the time is to stop it, also beside other work.
    failure_of(&try_bind(fixture, PluginLimits { cpu: Duration::from_secs(1), ..LIMITS }).unwrap())
}

#[track_caller]
fn failure_of(policy: &PolicyRuntime) -> PluginFailure {
    match decide(policy) {
        Ok(decision) => panic!("not stopped: {decision:?}"),
        Err(failure) => {
            assert_eq!(policy.statistics().instances, 0, "the instance lives on after: {failure}");
            failure
        }
    }
}

#[track_caller]
fn is_out_of_time(fixture: &Fixture) {
    let failure = failure_of(&bind(fixture));
    assert!(matches!(failure, PluginFailure::OutOfTime), "{failure}");
}

/// Traps, and says so with this text.
#[track_caller]
fn traps(fixture: &Fixture, because: &str) {
    match failure(fixture) {
        PluginFailure::Trap(text) if text.contains(because) => {}
        other => panic!("not {because:?}: {other}"),
    }
}

fn status(policy: &PolicyRuntime) -> u16 {
    match decide(policy) {
        Ok(RequestDecision::Respond(Answer { response, .. })) => response.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

/// A guest that runs `body` and answers with the status it leaves on the stack.
fn answering(body: &str) -> Fixture {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    Fixture::request(&format!("(i32.store16 (i32.const {}) {body}) (i32.const {decision})", decision + 8)).data(image)
}
