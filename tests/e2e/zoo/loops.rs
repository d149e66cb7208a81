//! Guests that never return.

use super::{BARE, UNHURRIED, Zoo, caged};
use crate::harness::{Origin, Setup, guests};

const SAID: &str = "out of CPU budget";

#[tokio::test]
async fn an_allocator_that_loops_is_stopped() {
    Zoo::of("loop-in-realloc", BARE).await.stays_contained(&caged(), "out_of_time", SAID).await;
}

#[tokio::test]
async fn cleaning_up_that_loops_is_stopped() {
    Zoo::of("loop-in-post-return", BARE).await.stays_contained(&caged(), "out_of_time", SAID).await;
}

#[tokio::test]
async fn copying_all_memory_over_and_over_is_stopped() {
    Zoo::of("bulk-copy", BARE).await.stays_contained(&caged(), "out_of_time", SAID).await;
}

#[tokio::test]
async fn a_loop_is_stopped_a_hundred_times_in_a_row() {
    let zoo = Zoo::of_guest("hostile", BARE).await;
    zoo.stays_contained(&caged().field("x-mode", "loop"), "out_of_time", SAID).await;
}

#[tokio::test]
async fn while_guests_loop_their_workers_serve_others() {
    const LOOPS: usize = 4;
    let zoo = Zoo::of_guest("hostile", UNHURRIED).await;
    let looping = caged().field("x-mode", "loop");
    // The first one keeps its worker, and makes the policy known for it.
    assert_eq!(zoo.gateway.call(&looping).await.status(), 503);
    let mut clients = Vec::new();
    for _ in 0..LOOPS {
        let mut client = zoo.gateway.client().await;
        client.send(looping.bytes()).await;
        clients.push(client);
    }
    for _ in 0..10 {
        assert_eq!(zoo.gateway.get("/free").await.status(), 200);
    }
    // Each takes a second of the two workers.
    assert!(zoo.came_to("out_of_time").await < 1.0 + LOOPS as f64, "none of them loops any more");
    for client in &mut clients {
        assert_eq!(client.receive().await.status(), 503);
    }
    assert_eq!(zoo.came_to("out_of_time").await, 1.0 + LOOPS as f64);
}

#[tokio::test]
async fn a_guest_that_never_comes_up_is_refused_and_the_old_one_serves_on() {
    let (origin, setup) = (Origin::start().await, Setup::new(""));
    let sound = setup.copy(&guests::guest("hostile"), "plugin.wasm");
    let endless = guests::animal("loop-in-start", setup.directory()).await;
    let gateway = setup.rest(BARE.around(&sound, &origin)).start().await;
    let report = gateway.reload_with(BARE.around(&endless, &origin)).await;
    assert_eq!(report["outcome"], "rejected", "{report}");
    assert!(report.to_string().contains("failed before its first call: out of CPU budget"), "{report}");
    assert_eq!(gateway.get("/caged").await.field("x-hostile"), Some("tame"));
}
