//! Guests that never return.

use super::{BARE, Zoo, caged};
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
