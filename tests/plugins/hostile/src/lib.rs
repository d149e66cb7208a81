//! A request policy that misbehaves as the header `x-mode` tells it to, and lets every other request pass.
//!
//! | `x-mode` | What it does | What the gateway should make of it |
//! | --- | --- | --- |
//! | `loop` | never returns | out of CPU budget |
//! | `trap` | panics | trapped |
//! | `recurse` | calls itself until the stack is full | trapped |
//! | `memory` | allocates until it is refused | out of memory budget |
//! | `value` | CR LF in a value | illegal decision |
//! | `name` | a space in a name | illegal decision |
//! | `content-length`, `transfer-encoding`, `host`, `connection`, `:path` | sets that field of the request | illegal decision |
//! | `response-framing` | sets `transfer-encoding` on the response | illegal decision |
//! | `status-99`, `status-1000` | answers with that status | illegal decision |
//! | `local-framing` | answers with a `content-length` of its own | illegal decision |
//! | `huge-body` | answers with 4 MiB | illegal decision |
//! | `many-headers` | sets 20 000 fields | illegal decision |
//! | `consumer` | names a consumer that does not exist | illegal decision |
//!
//! Where it lets a request pass it says so: `x-hostile: tame` on the response.

use tidegate_plugin_sdk::consumers::ConsumerId;
use tidegate_plugin_sdk::{Decision, NoConfig, Policy, Problem, Request, RequestPolicy, export};

/// The policy.
#[derive(Debug)]
pub struct Hostile;

impl Policy for Hostile {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
}

impl RequestPolicy for Hostile {
    fn on_request(&self, request: &Request) -> Decision {
        let mode = request.header_text("x-mode").unwrap_or_default();
        harm(&mode).or_else(|| lie(&mode)).unwrap_or_else(tame)
    }
}

fn tame() -> Decision {
    Decision::forward().set_response_header("x-hostile", "tame").into()
}

/// What hurts before there is a decision.
fn harm(mode: &str) -> Option<Decision> {
    match mode {
        "loop" => spin(),
        "trap" => explode(),
        "recurse" => Some(Decision::respond(recurse(1)).into()),
        "memory" => hoard(),
        _ => None,
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
        kept.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

/// Decisions that are not allowed.
fn lie(mode: &str) -> Option<Decision> {
    let forward = Decision::forward();
    let decision = match mode {
        "value" => forward.set_request_header("x-lie", "a\r\nx-smuggled: yes").into(),
        "name" => forward.set_request_header("x lie", "a").into(),
        "content-length" | "transfer-encoding" | "host" | "connection" | ":path" => {
            forward.set_request_header(mode, "1").into()
        }
        "response-framing" => forward.set_response_header("transfer-encoding", "chunked").into(),
        "status-99" => Decision::respond(99).into(),
        "status-1000" => Decision::respond(1000).into(),
        "local-framing" => Decision::respond(200).header("content-length", "3").body("four").into(),
        "huge-body" => Decision::respond(200).body(vec![b'x'; 4 << 20]).into(),
        "many-headers" => {
            (0..20_000).fold(forward, |forward, n| forward.append_request_header(format!("x-{n}"), "a")).into()
        }
        "consumer" => forward.identify(ConsumerId::from_number(7)).into(),
        _ => return None,
    };
    Some(decision)
}

export!(Hostile: request);
