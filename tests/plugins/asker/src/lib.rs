//! A policy that asks the upstream `auth` whether a request may pass, and shows what it was told: `x-user` for the origin
//! where the answer is 200, the answer's own status for the client otherwise.
//!
//! With `x-ask: NAME` it asks that upstream instead, with `x-times: N` as often; what goes wrong is in `x-problem` of a 502.

use std::time::Duration;

use tidegate_plugin_sdk::http_client::Outgoing;
use tidegate_plugin_sdk::{Decision, NoConfig, Policy, Problem, Request, RequestPolicy, export};

/// The policy.
#[derive(Debug)]
pub struct Asker;

impl Policy for Asker {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
}

impl RequestPolicy for Asker {
    fn on_request(&self, request: &Request) -> Decision {
        let upstream = request.header_text("x-ask").unwrap_or_else(|| "auth".to_owned());
        let times = request.header_text("x-times").and_then(|times| times.parse().ok()).unwrap_or(1);
        (0..times).fold(Decision::forward().into(), |_, _| ask(&upstream, request))
    }
}

fn ask(upstream: &str, request: &Request) -> Decision {
    let question = Outgoing::post(upstream, "/check?by=asker", request.path())
        .header("authorization", request.header("authorization").unwrap_or_default())
        .timeout(Duration::from_secs(20));
    match question.send() {
        Ok(answer) if answer.status == 200 => Decision::forward().set_request_header("x-user", answer.body).into(),
        Ok(answer) => Decision::respond(answer.status).into(),
        Err(problem) => Decision::respond(502).header("x-problem", format!("{problem:?}")).into(),
    }
}

export!(Asker: request);
