//! A policy that imports every capability there is: it loads only where all of them are granted.
//!
//! It calls each once per request and shows the answers: `x-consumer-known: true|false` for the key in `apikey`, and
//! `x-count-left` of ten requests an hour. With `x-mode: trap` it panics, and the gateway's log shows the panic's text.

use std::time::Duration;

use tidegate_plugin_sdk::counters::Quota;
use tidegate_plugin_sdk::{Decision, NoConfig, Policy, Problem, Request, RequestPolicy, consumers, export, log};

/// The policy.
#[derive(Debug)]
pub struct WantsEverything;

impl Policy for WantsEverything {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        log::report_panics();
        Ok(Self)
    }
}

impl RequestPolicy for WantsEverything {
    #[expect(clippy::panic, reason = "to panic is one of its tasks")]
    fn on_request(&self, request: &Request) -> Decision {
        if request.header("x-mode").as_deref() == Some(b"trap") {
            panic!("told to");
        }
        let known = request.header("apikey").is_some_and(|key| consumers::find_by_key(&key).is_some());
        let left = Quota::per(10, Duration::from_secs(3600)).take_window(b"all", 1).remaining;
        log::info!("wants everything: path {}, consumer known {known}, {left} left", request.path());
        Decision::forward()
            .set_response_header("x-consumer-known", known.to_string())
            .set_response_header("x-count-left", left.to_string())
            .into()
    }
}

export!(WantsEverything: request);
