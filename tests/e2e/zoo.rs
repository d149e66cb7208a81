//! Hostile guests behind a real gateway, each with its verdict: what it does hurts nobody but itself.
//!
//! `tests/plugins/README.md` has the table of all of them.

mod balancers;
mod bodies;
mod bombs;
mod cancelled;
mod floods;
mod loops;
mod marathon;
mod messages;
mod observers;
mod quarantined;
mod responses;
mod tampered;

use std::path::Path;

use crate::harness::load::Load;
use crate::harness::sections::{plugin, policy, upstream_with};
use crate::harness::{Gateway, Origin, Request, Setup, eventually, guests, route, upstream};

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
#[derive(Clone, Copy)]
struct Cage {
    grants: &'static str,
    cpu: &'static str,
    on_failure: &'static str,
    quarantine: &'static str,
}

/// What a guest is told to do (`x-mode`), what its call counts as, and what the operator reads of it.
type Misdeed = (&'static str, &'static str, &'static str);

/// What a guest can do in any role, beside a loop.
const HARM: &[Misdeed] = &[
    ("trap", "trap", "wasm `unreachable` instruction executed"),
    ("recurse", "trap", "trapped: wasm trap"),
    ("memory", "out_of_memory", "out of memory budget"),
];

const LOOP: Misdeed = ("loop", "out_of_time", "out of CPU budget");

/// What a guest can do in any role, and the lies of one, each in the cage in which it is stopped for that.
fn misdeeds(lies: &[Misdeed]) -> [(Cage, Vec<Misdeed>); 2] {
    [(BARE, vec![LOOP]), (UNHURRIED, [HARM, lies].concat())]
}

/// No grants, little time, a failure is a 503, and a guest is called however often it fails.
const BARE: Cage =
    Cage { grants: "grants = []", cpu: "2ms", on_failure: "on_failure = \"deny\"", quarantine: "failures = 0" };

/// The same with time enough, for guests that something else is to stop: on a busy machine 2 ms are over before it does.
const UNHURRIED: Cage = Cage { cpu: "1s", ..BARE };

impl Cage {
    /// With these grants, and time to use them to the full.
    fn granting(grants: &'static str) -> Self {
        Self { grants, ..UNHURRIED }
    }

    /// Keys of a plugin in this cage.
    fn bars(&self) -> String {
        let Self { grants, cpu, quarantine, .. } = self;
        format!("{grants}\nquarantine = {{ {quarantine} }}\n[plugin.limits]\ncpu = \"{cpu}\"\n{LIMITS}")
    }

    /// A configuration with this file in the cage.
    fn around(&self, file: &Path, origin: &Origin) -> String {
        self.holding(file, origin) + &route("caged", "origin", "path = { prefix = \"/caged\" }\npolicies = [\"caged\"]")
    }

    /// The same, where the guest picks one of two.
    fn around_balancer(&self, file: &Path, origin: &Origin, other: &Origin) -> String {
        let endpoints = [(origin, 100), (other, 100)];
        self.holding(file, origin)
            + &upstream_with("two", "balancer = { policy = \"caged\" }", &endpoints)
            + &route("caged", "two", "path = { prefix = \"/caged\" }")
    }

    fn holding(&self, file: &Path, origin: &Origin) -> String {
        upstream("origin", &[origin])
            + &plugin("animal", file, &self.bars())
            + &policy("caged", "animal", self.on_failure)
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

    /// A guest written in Rust that chooses between the origin and another one.
    async fn picking(guest: &str, cage: Cage) -> (Self, Origin) {
        let (origin, other) = (Origin::start().await, Origin::named("other").await);
        let text = cage.around_balancer(&guests::guest(guest), &origin, &other);
        (Self { gateway: Setup::new(text).start().await, origin }, other)
    }

    /// Calls the guest so often on each of two connections, while a third one asks for something else without pause; all
    /// answers must have this status. Returns by how much the gateway has grown.
    async fn provoke(&mut self, request: &Request, times: usize, status: u16) -> u64 {
        self.beset(times, async |zoo: &Self, times| zoo.calls(request, times, status).await).await
    }

    /// The same with exchanges of any kind: `exchange` makes so many of them.
    async fn beset(&mut self, times: usize, exchange: impl AsyncFn(&Self, usize)) -> u64 {
        exchange(self, 10).await;
        let before = self.gateway.resident();
        let others = Load::start(self.gateway.address(), 1, Request::get("/free"), |_| String::new());
        tokio::join!(exchange(self, times), exchange(self, times));
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

    /// Has the guest do this thirty times, in exchanges of this kind: each time it is stopped, which is counted and told,
    /// memory stays where it was, and nobody else notices.
    async fn is_stopped(&mut self, (mode, outcome, said): Misdeed, exchange: impl AsyncFn(&Self, usize)) {
        let before = self.came_to(outcome).await;
        let grown = self.beset(10, exchange).await;
        assert!(grown <= GROWTH, "{mode}: grown by {grown} bytes");
        // An observer is called when its client has the answer already.
        let counted = async || (self.came_to(outcome).await == before + 30.0).then_some(());
        eventually(&format!("thirty calls counted as {outcome} ({mode})"), counted).await;
        let plugins = self.gateway.admin().get("/plugins").await;
        let told = &plugins[0]["policies"][0]["last_failure"];
        assert!(told.as_str().is_some_and(|told| told.contains(said)), "{mode}: {told}");
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
