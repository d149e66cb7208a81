//! A policy that misbehaves as the header `x-mode` of the request tells it to, and otherwise lets everything pass.
//! Built once for each of the roles that a feature names.
//!
//! | `x-mode` | What it does | What the gateway should make of it |
//! | --- | --- | --- |
//! | `loop` | never returns | out of CPU budget |
//! | `trap` | panics | trapped |
//! | `recurse` | calls itself until the stack is full | trapped |
//! | `memory` | allocates until it is refused | out of memory budget |
//! | `value` | about a response or a body: CR LF in a value | illegal decision |
//! | `framing` | about a response or a body: frames a message | illegal decision |
//! | `status` | about a response or a body: answers 101 | illegal decision |
//! | `smuggle` | about a response: the status that the path ends in, and a body like another response | it is none |
//! | `much` | about a response or a body: a byte more than a mebibyte in its place | illegal decision |
//! | `remember` | about a body: wants more remembered than is allowed | illegal decision |
//! | `swell` | about a body: makes a mebibyte of each piece | passes |
//! | `range`, `far` | picks one past the last candidate, or the largest index there is | illegal decision |
//! | `none` | picks nothing | the gateway picks |
//!
//! A body policy misbehaves at one place, as `x-at` says: `attend-request` and `attend-response`, when it is asked how
//! a body is to be shown; `request-piece` and `response-piece`, at a piece that holds `now`; `request-end` and
//! `response-end`, at the last one. A balancer otherwise picks the last candidate.

use tidegate_plugin_sdk::{
    Attention, Balancer, BodyPolicy, Candidates, Endpoint, LocalResponse, NoConfig, Observer, Outcome, Piece, Policy,
    Problem, Request, Response, ResponseDecision, ResponsePolicy, Step, export,
};

const MEBIBYTE: usize = 1 << 20;
/// A value that would be two fields.
const SPLIT: &str = "a\r\nx-smuggled: yes";
const ANOTHER_RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";

/// The policy.
#[derive(Debug)]
pub struct Saboteur;

impl Policy for Saboteur {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
}

impl ResponsePolicy for Saboteur {
    fn on_response(&self, request: &Request, _: &Response) -> ResponseDecision {
        let mode = mode(request);
        harm(&mode);
        let forward = ResponseDecision::forward();
        match mode.as_str() {
            "value" => forward.set_header("x-lie", SPLIT).into(),
            "framing" => forward.set_header("transfer-encoding", "chunked").into(),
            "status" => ResponseDecision::replace(101).into(),
            "smuggle" => ResponseDecision::replace(last_number(&request.path())).body(ANOTHER_RESPONSE).into(),
            "much" => ResponseDecision::replace(200).body(vec![b'x'; MEBIBYTE + 1]).into(),
            _ => forward.into(),
        }
    }
}

impl BodyPolicy for Saboteur {
    fn attend_request(&self, request: &Request) -> Attention {
        attend(request, "request")
    }

    fn on_request_body(&self, request: &Request, piece: Piece) -> Step {
        treat(request, "request", &piece)
    }

    fn attend_response(&self, request: &Request, _: &Response) -> Attention {
        attend(request, "response")
    }

    fn on_response_body(&self, request: &Request, _: &Response, piece: Piece) -> Step {
        treat(request, "response", &piece)
    }
}

impl Observer for Saboteur {
    fn on_exchange(&self, request: &Request, _: Option<&Response>, _: &Outcome) {
        harm(&mode(request));
    }
}

impl Balancer for Saboteur {
    fn update(&mut self, _: Vec<Endpoint>) {}

    fn pick(&mut self, request: &Request, candidates: &Candidates) -> Option<usize> {
        let mode = mode(request);
        harm(&mode);
        match mode.as_str() {
            "range" => Some(candidates.len()),
            "far" => Some(usize::MAX),
            "none" => None,
            _ => candidates.len().checked_sub(1),
        }
    }
}

fn mode(request: &Request) -> String {
    request.header_text("x-mode").unwrap_or_default()
}

fn last_number(path: &str) -> u16 {
    path.rsplit('/').next().and_then(|part| part.parse().ok()).unwrap_or(200)
}

/// Where in the body of a request or of a response it is to misbehave.
fn place(request: &Request, body: &str) -> Option<String> {
    let place = request.header_text("x-at").unwrap_or_default();
    place.strip_prefix(body).map(str::to_owned)
}

fn attend(request: &Request, body: &str) -> Attention {
    if request.header_text("x-at").is_some_and(|place| place == format!("attend-{body}")) {
        harm(&mode(request));
    }
    if place(request, body).is_some() { Attention::Pieces } else { Attention::Skip }
}

fn treat(request: &Request, body: &str, piece: &Piece) -> Step {
    let is_time = match place(request, body).as_deref() {
        Some("-piece") => piece.bytes.windows(3).any(|word| word == b"now"),
        Some("-end") => piece.last,
        _ => false,
    };
    if is_time { step(&mode(request)) } else { Step::pass() }
}

fn step(mode: &str) -> Step {
    harm(mode);
    match mode {
        "value" => Step::respond(LocalResponse::new(403).header("x-lie", SPLIT)),
        "framing" => Step::respond(LocalResponse::new(403).header("content-length", "3").body("four")),
        "status" => Step::respond(LocalResponse::new(101)),
        "much" => Step::replace(vec![b'x'; MEBIBYTE + 1]),
        "remember" => Step::pass().remember(vec![0; 4097]),
        "swell" => Step::replace(vec![b'x'; MEBIBYTE]),
        _ => Step::pass(),
    }
}

/// What hurts before there is a decision.
fn harm(mode: &str) {
    match mode {
        "loop" => spin(),
        "trap" => explode(),
        "recurse" => drop(recurse(1)),
        "memory" => hoard(),
        _ => {}
    }
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

#[expect(clippy::panic, reason = "to panic is its task")]
fn explode() -> ! {
    panic!("told to");
}

/// Not in tail position and not to be folded: every call needs a frame.
#[expect(unconditional_recursion, reason = "to overflow the stack is its task")]
fn recurse(depth: u16) -> u16 {
    let frame = std::hint::black_box([depth; 512]);
    recurse(depth.wrapping_add(1)).wrapping_add(frame.iter().fold(0, |sum, part| sum ^ part))
}

fn hoard() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1_u8; MEBIBYTE]));
    }
}

#[cfg(not(any(feature = "body", feature = "balancer", feature = "observer")))]
export!(Saboteur: response);
#[cfg(feature = "body")]
export!(Saboteur: body);
#[cfg(feature = "balancer")]
export!(Saboteur: balancer);
#[cfg(feature = "observer")]
export!(Saboteur: observer);
