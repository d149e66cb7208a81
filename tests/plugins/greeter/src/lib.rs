//! A policy that shows which version of it is running: `x-version: 1` or `2` on every response, and an answer of its own
//! on `/hello`. The two versions are one source, built with the feature `v1` or `v2`.

use tidegate_plugin_sdk::{Decision, NoConfig, Policy, Problem, Request, RequestPolicy, export};

#[cfg(not(feature = "v2"))]
const VERSION: &str = "1";
#[cfg(feature = "v2")]
const VERSION: &str = "2";

/// The policy.
#[derive(Debug)]
pub struct Greeter;

impl Policy for Greeter {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
}

impl RequestPolicy for Greeter {
    fn on_request(&self, request: &Request) -> Decision {
        if request.path() != "/hello" {
            return Decision::forward().set_response_header("x-version", VERSION).into();
        }
        Decision::respond(200)
            .header("content-type", "text/plain; charset=utf-8")
            .header("x-version", VERSION)
            .body(format!("hello from version {VERSION}\n"))
            .into()
    }
}

export!(Greeter: request);
