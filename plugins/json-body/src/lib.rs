//! Redacts, removes or rejects parts of JSON bodies.
//!
//! Three roles share the work: fields that let a body by unread are changed with the heads, what cannot be read is refused
//! with the head of a response and with the body of a request, and the bodies themselves are scanned whole. See the README
//! for what an operator configures; [`config`] holds the keys.

pub mod config;
mod message;
mod rule;
mod scan;

use tidegate_plugin_sdk::{
    Attention, BodyPolicy, Decision, Edit, Forward, LocalResponse, Piece, Policy, Problem, Request, RequestPolicy,
    Response, ResponseDecision, ResponsePolicy, Step, export,
};

use config::{Config, Unreadable};
use message::{Content, JsonTypes};
use rule::Rules;
use scan::{Bounds, Outcome, Stop};

/// The policy, with everything prepared that does not depend on the message.
#[derive(Debug)]
pub struct JsonBody {
    request: Rules,
    response: Rules,
    json: JsonTypes,
    compressed: Unreadable,
    other_requests: Unreadable,
    other_responses: Unreadable,
    rejected: u16,
    bounds: Bounds,
}

/// Digests of what the body was (RFC 9530, RFC 3230, RFC 2616).
const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];
/// A body that is longer than allowed.
const TOO_LARGE: u16 = 413;
/// A body of a type that is not taken.
const UNSUPPORTED: u16 = 415;
/// A body that is not what its type says.
const MALFORMED: u16 = 400;
/// A response that may not pass.
const BAD_GATEWAY: u16 = 502;

impl Policy for JsonBody {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        config.check(&mut problems);
        let request = Rules::new(config.request, "request", config.ignore_case, &mut problems);
        let response = Rules::new(config.response, "response", config.ignore_case, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        // Whoever may choose the type could slip by a rule that rejects.
        let by_default = if request.reject() { Unreadable::Refuse } else { Unreadable::Pass };
        Ok(Self {
            other_requests: config.other_types.unwrap_or(by_default),
            other_responses: config.other_types.unwrap_or(Unreadable::Pass),
            json: JsonTypes::new(config.content_types),
            compressed: config.compressed,
            rejected: config.status,
            bounds: Bounds {
                depth: config.max_depth.into(),
                bytes: usize::try_from(config.max_bytes).unwrap_or(usize::MAX),
            },
            request,
            response,
        })
    }
}

impl RequestPolicy for JsonBody {
    fn on_request(&self, _: &Request) -> Decision {
        let mut edits = Vec::new();
        if self.request.change() {
            edits.extend(DIGESTS.map(Edit::remove));
        }
        if !self.response.is_empty() {
            // A part of a body, and one under an encoding, could not be read.
            edits.extend([Edit::set("accept-encoding", "identity"), Edit::remove("range"), Edit::remove("if-range")]);
        }
        Forward { request: edits, ..Forward::default() }.into()
    }
}

impl ResponsePolicy for JsonBody {
    fn on_response(&self, request: &Request, response: &Response) -> ResponseDecision {
        let has_no_body = matches!(response.status(), 204 | 304) || request.method() == "HEAD";
        if self.response.is_empty() || has_no_body {
            return ResponseDecision::forward().into();
        }
        let may_pass = match self.content_of_response(response) {
            Content::Json => response.status() != 206,
            Content::Compressed => self.compressed == Unreadable::Pass,
            Content::Other => self.other_responses == Unreadable::Pass && response.status() != 206,
            Content::Ambiguous => false,
        };
        if !may_pass {
            return ResponseDecision::replace(BAD_GATEWAY).into();
        }
        let digests = if self.response.change() { DIGESTS.map(Edit::remove).to_vec() } else { Vec::new() };
        ResponseDecision::Forward(digests)
    }
}

impl BodyPolicy for JsonBody {
    fn attend_request(&self, request: &Request) -> Attention {
        if self.request.is_empty() {
            return Attention::Skip;
        }
        match self.content_of_request(request) {
            Content::Json => Attention::Whole,
            Content::Ambiguous => attention_to(Unreadable::Refuse),
            Content::Compressed => attention_to(self.compressed),
            Content::Other => attention_to(self.other_requests),
        }
    }

    fn on_request_body(&self, request: &Request, piece: Piece) -> Step {
        if piece.last && piece.bytes.is_empty() {
            return Step::pass();
        }
        if self.content_of_request(request) != Content::Json {
            return Step::respond(LocalResponse::new(UNSUPPORTED));
        }
        match scan::apply(&self.request, &piece.bytes, self.bounds) {
            Ok(Outcome::Unchanged) => Step::pass(),
            Ok(Outcome::Changed(body)) => Step::replace(body),
            Err(Stop::Rejected) => Step::respond(LocalResponse::new(self.rejected)),
            Err(Stop::Unreadable) => Step::respond(LocalResponse::new(MALFORMED)),
            Err(Stop::TooLong) => Step::respond(LocalResponse::new(TOO_LARGE)),
        }
    }

    fn attend_response(&self, _: &Request, response: &Response) -> Attention {
        let is_read = !self.response.is_empty() && self.content_of_response(response) == Content::Json;
        if is_read { Attention::Whole } else { Attention::Skip }
    }

    fn on_response_body(&self, _: &Request, _: &Response, piece: Piece) -> Step {
        if piece.bytes.is_empty() {
            return Step::pass();
        }
        match scan::apply(&self.response, &piece.bytes, self.bounds) {
            Ok(Outcome::Unchanged) => Step::pass(),
            Ok(Outcome::Changed(body)) => Step::replace(body),
            Err(Stop::Rejected | Stop::Unreadable | Stop::TooLong) => Step::respond(LocalResponse::new(BAD_GATEWAY)),
        }
    }
}

/// What is refused is refused at its first piece.
fn attention_to(unreadable: Unreadable) -> Attention {
    match unreadable {
        Unreadable::Refuse => Attention::Pieces,
        Unreadable::Pass => Attention::Skip,
    }
}

impl JsonBody {
    fn content_of_request(&self, request: &Request) -> Content {
        self.json.content(&request.header_values("content-type"), &request.header_values("content-encoding"))
    }

    fn content_of_response(&self, response: &Response) -> Content {
        self.json.content(&response.header_values("content-type"), &response.header_values("content-encoding"))
    }
}

export!(JsonBody: request, response, body);

#[cfg(test)]
mod tests;
