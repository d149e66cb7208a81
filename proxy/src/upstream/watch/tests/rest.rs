//! Endpoints that nobody asks.

use super::*;

#[test]
fn endpoints_at_rest_are_judged_afterwards_as_if_they_had_been_looked_at() {
    let mut scene = Scene::new(3, terms());
    scene.mixed(0, 9);
    scene.look();
    assert!(!scene.set.is_at_rest());
    scene.pass(SECOND * 60, &[]);
    assert!(scene.set.is_at_rest());
    scene.mixed(0, 9);
    scene.look();
    assert!(scene.out().is_empty(), "what failed before the rest does not count");
    scene.pass(SECOND * 60, &[]);
    scene.endpoint(0).record_latency(Duration::from_millis(2));
    let _waiting = scene.ask(0, 3);
    let taken = scene.until_out(true);
    assert!(taken <= Duration::from_millis(800), "{taken:?}");
}

#[test]
fn an_endpoint_that_something_speaks_against_does_not_rest() {
    let mut scene = Scene::new(3, terms());
    scene.look();
    assert!(scene.set.is_at_rest());
    let waiting = scene.ask(0, 1);
    assert!(!scene.set.is_at_rest(), "it owes an answer");
    drop(waiting);
    scene.endpoint(0).mark(false, "down");
    assert!(!scene.set.is_at_rest(), "its checks failed");
    scene.endpoint(0).mark(true, "up");
    assert!(scene.set.is_at_rest());
    scene.fail(0, 1);
    scene.pass(SECOND * 60, &[]);
    assert!(!scene.set.is_at_rest(), "its last try failed");
}
