//! Lets requests with a known API key pass.

use std::sync::OnceLock;

use exports::tidegate::gateway::configuration::{Guest as Configuration, Problem};
use exports::tidegate::gateway::request_policy::{Decision, Forward, Guest as RequestPolicy};
use tidegate::gateway::consumers;
use tidegate::gateway::http::Request;
use tidegate::gateway::types::{Edit, Field, LocalResponse};

wit_bindgen::generate!({ path: "wit", world: "policy", generate_all });

/// What an operator may write under `config`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// The header field that carries the key.
    header: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { header: "apikey".to_owned() }
    }
}

/// An instance serves one policy, and is configured once.
static SETTINGS: OnceLock<Settings> = OnceLock::new();

struct Policy;

impl Configuration for Policy {
    fn configure(text: String) -> Result<(), Vec<Problem>> {
        let settings = serde_json::from_str(&text)
            .map_err(|error| vec![Problem { path: String::new(), message: error.to_string() }])?;
        let _ = SETTINGS.set(settings);
        Ok(())
    }
}

impl RequestPolicy for Policy {
    fn on_request(request: &Request) -> Decision {
        let header = &SETTINGS.get_or_init(Settings::default).header;
        let key = request.sole_header(header).ok();
        match key.and_then(|key| consumers::find_by_key(&key)) {
            Some(consumer) => Decision::Forward(Forward {
                request: vec![Edit::Remove(header.clone())],
                response: Vec::new(),
                consumer: Some(consumer),
                target: None,
            }),
            None => Decision::Respond(refusal()),
        }
    }
}

fn refusal() -> LocalResponse {
    let challenge = Field { name: "www-authenticate".to_owned(), value: b"ApiKey".to_vec() };
    LocalResponse { status: 401, headers: vec![challenge], body: Vec::new() }
}

export!(Policy);
