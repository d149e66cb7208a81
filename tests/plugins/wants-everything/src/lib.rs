//! A policy that imports every capability that needs nothing but its grant: it loads only where all of them are granted.
//!
//! It calls each for every request and shows the answers: `x-consumer-known: true|false` for the key in `apikey`;
//! `x-count-left` of ten requests an hour; `x-seen`, the requests so far, kept as shared data; `x-clock` and `x-random`,
//! each `sane` or not. It counts its requests as `everything_total` with the label `known`, and with `x-name` one more under
//! that name. With `x-mode: trap` it panics, and the gateway's log shows the panic's text.

use std::time::Duration;

use tidegate_plugin_sdk::counters::Quota;
use tidegate_plugin_sdk::{Decision, NoConfig, Policy, Problem, Request, RequestPolicy, export};
use tidegate_plugin_sdk::{clock, consumers, log, metrics, random, shared_data};

const HOUR: Duration = Duration::from_secs(3600);
/// 2020-01-01T00:00:00Z: no clock is right that tells less.
const PAST: Duration = Duration::from_secs(1_577_836_800);

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
        let left = Quota::per(10, HOUR).take_window(b"all", 1).remaining;
        count(request, known);
        log::info!("wants everything: path {}, consumer known {known}, {left} left", request.path());
        Decision::forward()
            .set_response_header("x-consumer-known", known.to_string())
            .set_response_header("x-count-left", left.to_string())
            .set_response_header("x-seen", seen())
            .set_response_header("x-clock", if is_clock_sane() { "sane" } else { "insane" })
            .set_response_header("x-random", if is_random_sane() { "sane" } else { "insane" })
            .into()
    }
}

fn count(request: &Request, known: bool) {
    let known = if known { "yes" } else { "no\" \\ way\n" };
    metrics::add("everything_total", &[("known", known)], 1.0);
    metrics::set("everything_level", &[], 7.0);
    metrics::observe("everything_seconds", &[], 0.002);
    if let Some(name) = request.header_text("x-name") {
        metrics::add(&name, &[("known", known)], 1.0);
    }
}

/// One more than the last request was told, as text; why not, where it cannot be kept.
fn seen() -> String {
    let one_more = |value: Option<&[u8]>| {
        let number = value.and_then(|value| <[u8; 8]>::try_from(value).ok()).map_or(0, u64::from_le_bytes);
        (number + 1).to_le_bytes().to_vec()
    };
    match shared_data::update(b"seen", Some(HOUR), one_more) {
        Ok(value) => <[u8; 8]>::try_from(value).map_or(0, u64::from_le_bytes).to_string(),
        Err(error) => format!("{error:?}"),
    }
}

fn is_clock_sane() -> bool {
    let (now, since) = (clock::unix_time(), clock::monotonic());
    now > PAST && clock::unix_time() == now && clock::monotonic() == since
}

fn is_random_sane() -> bool {
    random::number() != random::number() && random::bytes::<32>() != random::bytes::<32>()
}

export!(WantsEverything: request);
