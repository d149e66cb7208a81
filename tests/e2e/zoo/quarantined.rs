//! Guests of every role that keep failing: they are left alone, and called again.

use super::{Cage, UNHURRIED, Zoo};
use crate::harness::{Request, eventually};

/// A guest, what provokes it, and the status that is the verdict on it when it fails, and while nobody calls it.
struct Animal {
    guest: &'static str,
    request: fn() -> Request,
    place: &'static str,
    status: u16,
}

fn get() -> Request {
    Request::get("/caged")
}

fn post() -> Request {
    Request::post("/caged", "now")
}

const ANIMALS: [Animal; 5] = [
    Animal { guest: "saboteur_body", request: post, place: "request-piece", status: 503 },
    Animal { guest: "saboteur_body", request: get, place: "attend-response", status: 503 },
    Animal { guest: "saboteur_response", request: get, place: "", status: 503 },
    Animal { guest: "saboteur_observer", request: get, place: "", status: 200 },
    Animal { guest: "saboteur_balancer", request: get, place: "", status: 200 },
];

impl Animal {
    async fn start(&self, quarantine: &'static str) -> Zoo {
        let cage = Cage { quarantine, ..UNHURRIED };
        match self.guest {
            "saboteur_balancer" => Zoo::picking(self.guest, cage).await.0,
            _ => Zoo::of_guest(self.guest, cage).await,
        }
    }

    fn told(&self, mode: &str) -> Request {
        (self.request)().field("x-at", self.place).field("x-mode", mode)
    }

    async fn fail_three_times(&self, zoo: &Zoo) {
        for _ in 0..3 {
            assert_eq!(zoo.gateway.call(&self.told("trap")).await.status(), self.status, "{}", self.guest);
        }
        zoo.gateway.until_logged("policy quarantined").await;
    }
}

#[tokio::test]
async fn a_guest_of_any_role_that_keeps_failing_is_called_no_more() {
    for animal in ANIMALS {
        let zoo = animal.start("failures = 3, window = \"60s\", pause = \"60s\"").await;
        animal.fail_three_times(&zoo).await;
        assert_eq!(zoo.gateway.call(&animal.told("none")).await.status(), animal.status, "{}", animal.guest);
        let spared = async || (zoo.came_to("quarantined").await >= 1.0).then_some(());
        eventually("a call that is not made", spared).await;
        assert_eq!(zoo.came_to("trap").await, 3.0);
        assert_eq!(zoo.gateway.get("/free").await.status(), 200);
    }
}

#[tokio::test]
async fn a_guest_of_any_role_that_works_again_is_called_again() {
    for animal in ANIMALS {
        let zoo = animal.start("failures = 3, window = \"60s\", pause = \"10ms\"").await;
        animal.fail_three_times(&zoo).await;
        let lifted = async || {
            zoo.gateway.call(&animal.told("tame")).await;
            zoo.gateway.log().contains("quarantine lifted").then_some(())
        };
        eventually("the end of the quarantine", lifted).await;
        assert_eq!(zoo.gateway.call(&animal.told("tame")).await.status(), 200, "{}", animal.guest);
        assert_eq!(zoo.gateway.admin().get("/plugins").await[0]["policies"][0]["standing"], "good");
    }
}
