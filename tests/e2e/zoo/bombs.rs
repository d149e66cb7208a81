//! Guests that want more of something than there is.

use super::{UNHURRIED, Zoo, caged};

#[tokio::test]
async fn a_table_bomb_is_contained() {
    let zoo = Zoo::of("table-bomb", UNHURRIED).await;
    zoo.stays_contained(&caged(), "trap", "policy failed").await;
}

#[tokio::test]
async fn a_memory_bomb_is_contained() {
    let zoo = Zoo::of_guest("hostile", UNHURRIED).await;
    zoo.stays_contained(&caged().field("x-mode", "memory"), "out_of_memory", "out of memory budget").await;
}

#[tokio::test]
async fn a_recursion_is_contained() {
    let zoo = Zoo::of_guest("hostile", UNHURRIED).await;
    zoo.stays_contained(&caged().field("x-mode", "recurse"), "trap", "trapped: wasm trap").await;
}

#[tokio::test]
async fn an_output_of_gigabytes_out_of_a_few_megabytes_is_contained() {
    Zoo::of("echo-bomb", UNHURRIED).await.stays_contained(&caged(), "trap", "too much data is being copied").await;
}

#[tokio::test]
async fn a_storm_of_traps_costs_neither_memory_nor_other_traffic() {
    let mut zoo = Zoo::of_guest("hostile", UNHURRIED).await;
    let grown = zoo.provoke(&caged().field("x-mode", "trap"), 1000, 503).await;
    assert!(grown <= super::GROWTH, "grown by {grown} bytes");
    assert_eq!(zoo.came_to("trap").await, 2010.0);
    let lines = zoo.gateway.log().matches("policy failed").count();
    assert!(lines < 100, "{lines} lines of 2010 failures: one a second is enough");
}
