//! What a guest can do to the gateway, and what it cannot.

mod bodies;
mod calls;
mod capabilities;
mod endurance;
mod held;
mod images;
mod keysets;
mod limiting;
mod limits;
mod loading;
mod passwords;
mod quarantine;
mod remembering;
mod runtime_imports;
mod sandbox;
mod shared_counters;
mod starts;
mod turns;
mod versions;
mod waiting;
mod worlds;
mod zoo;

use std::net::IpAddr;

use crate::plugin::policy::{PluginFailure, PolicyRuntime};
use crate::policy::decision::RequestDecision;

use crate::policy::facts::{HttpRequestView, RequestFacts, RequestId, Scheme};

/// Runs `test` with a view of `GET /path?q=1` with a header `x-in: <value>`.
pub(super) fn with_request<R>(value: &str, test: impl FnOnce(&HttpRequestView<'_>) -> R) -> R {
    let request = http::Request::get("http://example.com/path?q=1").header("x-in", value).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    test(&HttpRequestView { parts: &parts, facts: &facts() })
}

/// What the gateway knows of such a request.
fn facts() -> RequestFacts {
    let client = IpAddr::from([192, 0, 2, 7]);
    RequestFacts::new(client, RequestId::new("id-1").unwrap(), "route".into(), Scheme::Https, "example.com".into())
}

/// Asks for a decision, whether it has to be waited for or not.
pub(super) fn decide(policy: &PolicyRuntime) -> Result<RequestDecision, PluginFailure> {
    with_request("", |request| match policy.waits() {
        false => policy.on_request(request),
        true => {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(policy.on_request_waiting(request))
        }
    })
}
