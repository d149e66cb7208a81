//! Hostile guests behind a real gateway, each with its verdict: what it does hurts nobody but itself.
//!
//! `tests/plugins/README.md` has the table of all of them.

mod bombs;
mod cancelled;
mod floods;
mod loops;
mod marathon;
mod messages;
mod tampered;

use std::path::Path;

use crate::harness::load::Load;
use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, guests, route, upstream};

/// Memory an instance may have in a cage.
const MEMORY: u64 = 4 << 20;
/// Two workers call at most two instances at the same moment; the rest is room for the allocator and for what the
/// gateway itself keeps.
const GROWTH: u64 = 2 * MEMORY + (8 << 20);

const LIMITS: &str = "memory = \"4MiB\"\noutput = \"64KiB\"\n";

/// A gateway with a guest on `/caged`, and nothing on any other path.
struct Zoo {
    gateway: Gateway,
    origin: Origin,
}

/// What a policy may do, and what its failures do to traffic.
struct Cage {
    grants: &'static str,
    cpu: &'static str,
    on_failure: &'static str,
}

/// No grants, little time, and a failure is a 503.
const BARE: Cage = Cage { grants: "grants = []", cpu: "2ms", on_failure: "on_failure = \"deny\"" };

/// The same with time enough, for guests that something else is to stop: on a busy machine 2 ms are over before it does.
const UNHURRIED: Cage = Cage { cpu: "1s", ..BARE };

impl Cage {
    /// With these grants, and time to use them to the full.
    fn granting(grants: &'static str) -> Self {
        Self { grants, ..UNHURRIED }
    }

    /// Keys of a plugin in this cage. It is called however often it fails.
    fn bars(&self) -> String {
        format!("{}\nquarantine = {{ failures = 0 }}\n[plugin.limits]\ncpu = \"{}\"\n{LIMITS}", self.grants, self.cpu)
    }

    /// A configuration with this file in the cage.
    fn around(&self, file: &Path, origin: &Origin) -> String {
        upstream("origin", &[origin])
            + &plugin("animal", file, &self.bars())
            + &policy("caged", "animal", self.on_failure)
            + &route("caged", "origin", "path = { prefix = \"/caged\" }\npolicies = [\"caged\"]")
            + &route("free", "origin", "")
    }
}

impl Zoo {
    /// A guest of WebAssembly text.
    async fn of(animal: &str, cage: Cage) -> Self {
        let (origin, setup) = (Origin::start().await, Setup::new(""));
        let file = guests::animal(animal, setup.directory()).await;
        let gateway = setup.rest(cage.around(&file, &origin)).start().await;
        Self { gateway, origin }
    }

    /// A guest written in Rust.
    async fn of_guest(guest: &str, cage: Cage) -> Self {
        let origin = Origin::start().await;
        let gateway = Setup::new(cage.around(&guests::guest(guest), &origin)).start().await;
        Self { gateway, origin }
    }

    /// Calls the guest so often on each of two connections, while a third one asks for something else without pause; all
    /// answers must have this status. Returns by how much the gateway has grown.
    async fn provoke(&mut self, request: &Request, times: usize, status: u16) -> u64 {
        self.calls(request, 10, status).await;
        let before = self.gateway.resident();
        let others = Load::start(self.gateway.address(), 1, Request::get("/free"), |_| String::new());
        tokio::join!(self.calls(request, times, status), self.calls(request, times, status));
        others.until_sent(10).await;
        others.finish().await.is_flawless();
        let after = self.gateway.resident();
        assert!(self.gateway.is_alive());
        after.saturating_sub(before)
    }

    async fn calls(&self, request: &Request, times: usize, status: u16) {
        let mut client = self.gateway.client().await;
        for _ in 0..times {
            let answer = client.call(request).await;
            assert_eq!(answer.status(), status, "{}", answer.text());
        }
    }

    /// Calls of the guest that came to this.
    async fn came_to(&self, outcome: &str) -> f64 {
        let labels = [("policy", "caged"), ("outcome", outcome)];
        self.gateway.admin().metrics().await.sum("tidegate_policy_calls_total", &labels)
    }

    /// Calls the guest a hundred times: each is refused and counted under this outcome, the log says why, memory stays
    /// where it was, and nobody else notices.
    async fn stays_contained(mut self, request: &Request, outcome: &str, said: &str) {
        let grown = self.provoke(request, 50, 503).await;
        assert!(grown <= GROWTH, "grown by {grown} bytes");
        assert_eq!(self.came_to(outcome).await, 110.0, "{outcome}");
        assert_eq!(self.origin.count("/caged"), 0, "what was refused never reached the origin");
        self.gateway.until_logged(said).await;
    }
}

fn caged() -> Request {
    Request::get("/caged")
}
