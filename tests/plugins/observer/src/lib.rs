//! An observer that keeps what it heard, one line for each exchange, and answers a request for `/heard` with it. Give it
//! one instance, so that there is one memory. It does not tell of requests for `/heard`, and panics after `/trap`.

use std::cell::RefCell;

use tidegate_plugin_sdk::{
    Decision, NoConfig, Observer, Outcome, Policy, Problem, Request, RequestPolicy, Response, export,
};

/// The policy.
#[derive(Debug, Default)]
pub struct Listener {
    heard: RefCell<Vec<String>>,
}

impl Policy for Listener {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        Ok(Self::default())
    }
}

impl RequestPolicy for Listener {
    fn on_request(&self, request: &Request) -> Decision {
        if request.path() == "/heard" {
            return Decision::respond(200).body(self.heard.borrow().join("\n")).into();
        }
        Decision::forward().into()
    }
}

impl Observer for Listener {
    #[expect(clippy::panic, reason = "to panic is one of its tasks")]
    fn on_exchange(&self, request: &Request, response: Option<&Response>, outcome: &Outcome) {
        let path = request.path();
        match path.as_str() {
            "/heard" => return,
            "/trap" => panic!("told to"),
            _ => {}
        }
        let Outcome { status, request_bytes, response_bytes, tries, endpoint, cause, .. } = outcome;
        let kind = response.and_then(|response| response.header_text("content-type")).unwrap_or_default();
        let endpoint = if endpoint.is_some() { "some" } else { "none" };
        let timed = if outcome.duration_us > 0 { "timed" } else { "untimed" };
        let cause = cause.as_deref().unwrap_or("none");
        let trailers = response.map(trailers).unwrap_or_default();
        self.heard.borrow_mut().push(format!(
            "{path} status={status} in={request_bytes} out={response_bytes} tries={tries} endpoint={endpoint} \
             cause={cause} type={kind} {timed}{trailers}"
        ));
    }
}

/// Each as ` name=value`, by name.
fn trailers(response: &Response) -> String {
    let mut fields: Vec<_> = response.trailers().into_iter().map(|field| (field.name, field.value)).collect();
    fields.sort();
    fields.iter().map(|(name, value)| format!(" {name}={}", String::from_utf8_lossy(value))).collect()
}

export!(Listener: request, observer);
