//! A balancer that misbehaves as the header `x-mode` tells it to, and otherwise picks the last candidate.
//!
//! | `x-mode` | What it does | What the gateway should make of it |
//! | --- | --- | --- |
//! | `range` | picks one past the last candidate | a failure; the gateway picks |
//! | `far` | picks the largest index there is | a failure; the gateway picks |
//! | `none` | declines | no failure; the gateway picks |
//! | `trap` | panics | a failure; the gateway picks |
//! | `loop` | never returns | a failure; the gateway picks |

use tidegate_plugin_sdk::{Balancer, Candidates, Endpoint, NoConfig, Policy, Problem, Request, export};

/// The policy.
#[derive(Debug)]
pub struct HostileBalancer;

impl Policy for HostileBalancer {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
}

impl Balancer for HostileBalancer {
    fn update(&mut self, _: Vec<Endpoint>) {}

    #[expect(clippy::panic, reason = "to panic is its task")]
    fn pick(&mut self, request: &Request, candidates: &Candidates) -> Option<usize> {
        match request.header_text("x-mode").as_deref() {
            Some("range") => Some(candidates.len()),
            Some("far") => Some(usize::MAX),
            Some("none") => None,
            Some("trap") => panic!("told to"),
            Some("loop") => loop {
                std::hint::spin_loop();
            },
            _ => candidates.len().checked_sub(1),
        }
    }
}

export!(HostileBalancer: balancer);
