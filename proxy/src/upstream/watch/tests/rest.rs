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
    let waiting = scene.ask(0, 1);
    scene.pass(SECOND, &[]);
    assert!(!scene.set.is_at_rest(), "it owes an answer");
    drop(waiting);
    scene.pass(SECOND * 60, &[]);
    assert!(scene.set.is_at_rest());
    scene.endpoint(0).mark(false, "down");
    scene.pass(SECOND * 60, &[]);
    assert!(!scene.set.is_at_rest(), "its checks failed");
    scene.endpoint(0).mark(true, "up");
    scene.fail(0, 1);
    scene.pass(SECOND * 60, &[]);
    assert!(!scene.set.is_at_rest(), "its last try failed");
}

#[test]
fn whatever_happens_to_one_endpoint_ends_the_rest_of_all() {
    let failing = Failing::Status(503);
    let happenings: [fn(&Arc<Endpoint>, &mut InFlight); 5] = [
        |endpoint, _| drop(endpoint.enter()),
        |_, old| old.wait(),
        |_, old| old.hear(Heard::Good),
        |_, old| old.cut(Failing::Status(503)),
        |endpoint, _| assert!(endpoint.mark(false, "down")),
    ];
    for happen in happenings {
        let mut scene = Scene::new(5, terms());
        let mut old = scene.endpoint(1).enter();
        scene.pass(SECOND * 60, &[]);
        assert!(scene.set.is_at_rest(), "a request that nobody waits for keeps nobody awake");
        happen(&Arc::clone(scene.endpoint(1)), &mut old);
        scene.look();
        assert!(!scene.set.is_at_rest());
        (0..5).for_each(|_| scene.endpoint(2).enter().hear(Heard::Bad(failing)));
        scene.answer(0, 1);
        scene.look();
        assert_eq!(scene.out(), [2], "and all are judged again");
    }
}

#[test]
fn what_happens_while_the_alarm_is_being_set_is_seen() {
    let mut scene = Scene::new(3, terms());
    scene.look();
    // As it is for who looked whether to ring just before.
    scene.endpoint(0).standing.set_unobserved(false);
    scene.fail(0, 5);
    scene.look();
    assert_eq!(scene.out(), [0]);
}

#[test]
fn endpoints_that_only_warm_up_do_not_rest_while_they_are_asked_and_are_woken_by_a_verdict() {
    let mut scene = Scene::with(2, WatchTerms { outliers: None, slow_start: SECOND * 30 });
    for _ in 0..100 {
        scene.pass(SECOND, &[0, 1]);
        assert!(!scene.set.is_at_rest());
    }
    scene.pass(SECOND * 60, &[]);
    assert!(scene.set.is_at_rest());
    scene.endpoint(0).mark(false, "down");
    scene.look();
    scene.endpoint(0).mark(true, "up");
    scene.look();
    assert!(scene.endpoint(0).share_percent() < 100, "it begins with little again");
}

#[test]
fn a_set_made_anew_by_a_reload_wakes_for_what_happens_to_endpoints_that_were_at_rest() {
    let mut scene = Scene::new(3, terms());
    scene.pass(SECOND * 60, &[]);
    let records = std::mem::replace(&mut scene.set, Scene::new(3, terms()).set).into_records();
    let mut known = records.into_iter().map(|record| (Arc::as_ptr(record.endpoint()), record)).collect();
    let terms = WatchTerms { outliers: Some(terms()), slow_start: Duration::ZERO };
    scene.set = Set::new(terms, &scene.members, &mut known, false, scene.now);
    scene.pass(SECOND * 60, &[]);
    assert!(scene.set.is_at_rest());
    scene.fail(0, 5);
    scene.look();
    assert_eq!(scene.out(), [0]);
}
