mod rest;
mod task;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::set::Set;
use super::{TICK, WatchTerms};
use crate::config::model::Outliers;
use crate::observe::metrics::{Metrics, TryFailure};
use crate::upstream::endpoint::{Endpoint, InFlight};
use crate::upstream::journal::{Event, Journal};
use crate::upstream::member::Member;
use crate::upstream::tests::members;
use crate::upstream::traffic::{Failing, Heard};

fn terms() -> Outliers {
    Outliers {
        failures: 5,
        statuses: vec![(502, 504)],
        error_share: 50,
        min_requests: 20,
        window: Duration::from_secs(10),
        silence: Duration::from_millis(500),
        slow_factor: None,
        ejection: Duration::from_secs(5),
        max_ejection: Duration::from_secs(12),
        max_ejected: 50,
    }
}

/// Endpoints under watch, at a time of their own.
struct Scene {
    members: Vec<Member>,
    set: Set,
    journal: Journal,
    begin: Instant,
    now: Instant,
}

impl Scene {
    fn new(count: usize, outliers: Outliers) -> Self {
        Self::with(count, WatchTerms { outliers: Some(outliers), slow_start: Duration::ZERO })
    }

    fn with(count: usize, terms: WatchTerms) -> Self {
        let (members, now) = (members(&vec![1; count]), Instant::now());
        let set = Set::new(terms, &members, &mut HashMap::new(), true, now);
        Self { members, set, journal: Journal::new(Arc::new(Metrics::new())), begin: now, now }
    }

    fn endpoint(&self, index: usize) -> &Arc<Endpoint> {
        &self.members[index].endpoint
    }

    /// Requests that were answered at once.
    fn answer(&self, index: usize, count: u32) {
        (0..count).for_each(|_| self.endpoint(index).enter().hear(Heard::Good));
    }

    fn fail(&self, index: usize, count: u32) {
        let bad = Heard::Bad(Failing::Try(TryFailure::Connect));
        (0..count).for_each(|_| self.endpoint(index).enter().hear(bad));
    }

    /// Requests that wait.
    fn ask(&self, index: usize, count: usize) -> Vec<InFlight> {
        let ask = || {
            let mut request = self.endpoint(index).enter();
            request.wait();
            request
        };
        std::iter::repeat_with(ask).take(count).collect()
    }

    /// So many failures, each with an answer after it.
    fn mixed(&self, index: usize, pairs: usize) {
        for _ in 0..pairs {
            self.fail(index, 1);
            self.answer(index, 1);
        }
    }

    fn look(&mut self) {
        self.now += TICK;
        self.set.sweep(self.now, &self.journal);
    }

    /// Looks for so long; in each tick the endpoints named here answer a request.
    fn pass(&mut self, time: Duration, answering: &[usize]) {
        let end = self.now + time;
        while self.now < end {
            answering.iter().for_each(|index| self.answer(*index, 1));
            self.look();
        }
    }

    /// Looks until the first endpoint is out, or is not, while the others answer; how long that took.
    fn until_out(&mut self, out: bool) -> Duration {
        let begin = self.now;
        while self.endpoint(0).is_ejected() != out {
            assert!(self.now - begin < Duration::from_secs(60), "{:?}", self.told());
            (1..self.members.len()).for_each(|index| self.answer(index, 1));
            self.look();
        }
        self.now - begin
    }

    fn out(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|index| self.endpoint(*index).is_ejected()).collect()
    }

    /// What was told of the first endpoint, oldest first.
    fn told(&self) -> Vec<String> {
        let of_first = |event: &Event| event.endpoint == self.members[0].endpoint.label;
        let mut told = self.journal.events();
        told.reverse();
        told.iter().filter(|event| of_first(event)).map(|e| format!("{}: {}", e.change.label(), e.cause)).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn failures_in_a_row_take_an_endpoint_out_and_a_good_answer_between_does_not() {
    let mut scene = Scene::new(3, terms());
    scene.fail(0, 4);
    scene.answer(0, 1);
    scene.fail(0, 4);
    scene.look();
    assert!(scene.out().is_empty());
    scene.fail(0, 1);
    scene.look();
    assert_eq!(scene.out(), [0]);
    assert!(!scene.endpoint(0).is_open());
    assert_eq!(scene.told(), ["ejected: 5 failed tries in a row, last: no connection; out for 5s"]);
    let known = scene.endpoint(0).health().ejection.unwrap();
    assert_eq!(known.in_a_row, 1);
}

#[test]
fn an_endpoint_comes_back_by_one_request() {
    let mut scene = Scene::new(3, terms());
    scene.fail(0, 5);
    scene.look();
    scene.pass(SECOND * 4, &[1, 2]);
    assert!(!scene.endpoint(0).is_open(), "its time is not over");
    scene.pass(SECOND, &[1, 2]);
    assert!(scene.endpoint(0).is_open() && scene.endpoint(0).is_ejected());
    let trial = scene.ask(0, 1);
    assert!(!scene.endpoint(0).is_open(), "one trial is enough");
    for mut request in trial {
        request.hear(Heard::Good);
    }
    scene.look();
    assert!(scene.out().is_empty() && scene.endpoint(0).is_open());
    assert_eq!(scene.told()[1..], ["on_trial: its time out is over", "returned: the trial request was answered"]);
    assert!(scene.endpoint(0).health().ejection.is_none());
}

#[test]
fn each_failed_trial_makes_the_next_ejection_longer_up_to_a_limit() {
    let mut scene = Scene::new(3, terms());
    scene.fail(0, 5);
    scene.look();
    for longer in [5, 10, 12, 12] {
        scene.pass(SECOND * longer - TICK, &[1, 2]);
        assert!(!scene.endpoint(0).is_open(), "{:?}", scene.told());
        scene.look();
        assert!(scene.endpoint(0).is_open(), "{:?}", scene.told());
        scene.fail(0, 1);
        scene.look();
    }
    let told = scene.told();
    assert_eq!(told[2], "ejected: the trial request failed: no connection; out for 10s");
    assert!(told[6].ends_with("out for 12s"), "{told:?}");
}

#[test]
fn good_times_are_forgiving() {
    let mut scene = Scene::new(3, terms());
    for (wait, pause) in [(SECOND, "5s"), (SECOND, "10s"), (SECOND * 40, "5s")] {
        scene.pass(wait, &[0, 1, 2]);
        scene.fail(0, 5);
        scene.look();
        assert!(scene.told().last().unwrap().ends_with(&format!("out for {pause}")), "{:?}", scene.told());
        while !scene.endpoint(0).is_open() {
            scene.look();
        }
        scene.answer(0, 1);
        scene.look();
    }
}

#[test]
fn an_endpoint_that_hangs_is_out_within_two_seconds() {
    for (requests, most) in [(1, 1700), (3, 800), (100, 800)] {
        let mut scene = Scene::new(3, terms());
        scene.endpoint(0).record_latency(Duration::from_millis(2));
        scene.pass(SECOND, &[0, 1, 2]);
        let _waiting = scene.ask(0, requests);
        let taken = scene.until_out(true);
        assert!(taken <= Duration::from_millis(most), "{requests}: {taken:?}");
        let told = scene.told();
        assert!(told[0].contains("no answer for") && told[0].contains("while others answer"), "{told:?}");
    }
}

#[test]
fn an_endpoint_that_is_known_to_be_slow_is_given_more_time() {
    let mut scene = Scene::new(3, terms());
    scene.endpoint(0).record_latency(Duration::from_millis(400));
    let _waiting = scene.ask(0, 10);
    scene.pass(SECOND * 3, &[1, 2]);
    assert!(scene.out().is_empty());
    let taken = scene.until_out(true);
    assert!(taken < SECOND, "{taken:?}");
}

#[test]
fn one_word_from_a_silent_endpoint_brings_it_back_at_once() {
    let mut scene = Scene::new(3, terms());
    let mut waiting = scene.ask(0, 5);
    scene.until_out(true);
    waiting[0].hear(Heard::Good);
    scene.look();
    assert!(scene.out().is_empty());
    assert_eq!(scene.told().last().unwrap(), "returned: answers again");
}

#[test]
fn a_slow_answer_among_quick_ones_is_no_silence() {
    let mut scene = Scene::new(3, terms());
    let _slow = scene.ask(0, 10);
    scene.pass(SECOND * 30, &[0, 1, 2]);
    assert!(scene.out().is_empty());
}

#[test]
fn clients_that_give_up_do_not_hide_a_silence() {
    let mut scene = Scene::new(3, terms());
    let mut waiting = scene.ask(0, 4);
    for _ in 0..20 {
        let more = scene.ask(0, 4);
        drop(std::mem::replace(&mut waiting, more));
        scene.pass(TICK, &[1, 2]);
    }
    assert_eq!(scene.out(), [0]);
}

#[test]
fn where_all_hang_nobody_is_taken_out() {
    let mut scene = Scene::new(3, terms());
    scene.pass(SECOND, &[0, 1, 2]);
    let _waiting = [0, 1, 2].map(|index| scene.ask(index, 20));
    scene.pass(SECOND * 20, &[]);
    assert!(scene.out().is_empty(), "a service they all need is down: nobody did better");
}

#[test]
fn where_clients_wait_for_the_one_that_hangs_the_others_need_not_be_asked() {
    let mut scene = Scene::new(3, terms());
    scene.endpoint(0).record_latency(Duration::from_millis(2));
    scene.pass(SECOND, &[0, 1, 2]);
    let _all_clients = scene.ask(0, 64);
    scene.pass(SECOND, &[]);
    assert_eq!(scene.out(), [0]);
}

#[test]
fn never_more_are_out_than_may_be() {
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (10, 5)] {
        let mut scene = Scene::new(count, terms());
        for round in 0..20 {
            let failing: Vec<_> = (0..count).filter(|index| index % 10 != round % count).collect();
            failing.iter().for_each(|index| scene.fail(*index, 5));
            scene.answer(round % count, 1);
            scene.look();
            assert!(scene.out().len() <= most, "{count}: {:?}", scene.out());
        }
        assert_eq!(scene.out().len(), most, "{count}");
    }
}

#[test]
fn where_all_fail_nobody_is_taken_out() {
    let mut scene = Scene::new(4, terms());
    for _ in 0..50 {
        (0..4).for_each(|index| scene.fail(index, 3));
        scene.look();
    }
    assert!(scene.out().is_empty());
}

#[test]
fn ejected_endpoints_serve_again_where_checks_leave_too_few() {
    let mut scene = Scene::new(4, terms());
    scene.fail(0, 5);
    scene.look();
    assert_eq!(scene.out(), [0]);
    scene.endpoint(1).mark(false, "down");
    scene.pass(SECOND, &[2, 3]);
    assert_eq!(scene.out(), [0], "half of them is enough");
    scene.endpoint(2).mark(false, "down");
    scene.look();
    assert!(scene.out().is_empty());
    assert_eq!(scene.told().last().unwrap(), "returned: too few endpoints are left");
}

#[test]
fn a_share_of_failures_counts_once_there_are_enough_tries() {
    let mut scene = Scene::new(3, terms());
    scene.mixed(0, 9);
    scene.look();
    assert!(scene.out().is_empty(), "18 tries are too few");
    scene.mixed(0, 1);
    scene.look();
    assert_eq!(scene.out(), [0]);
    assert!(scene.told()[0].starts_with("ejected: 50 % of 20 tries within 10s failed, last: no connection"));
}

#[test]
fn an_endpoint_whose_answers_break_off_is_taken_out_though_their_heads_are_good() {
    let mut scene = Scene::new(3, terms());
    let half = |scene: &Scene, count| {
        for _ in 0..count {
            let mut request = scene.endpoint(0).enter();
            request.hear(Heard::Good);
            request.cut(Failing::Try(TryFailure::Reset));
        }
    };
    scene.answer(0, 1000);
    half(&scene, 4);
    scene.endpoint(0).enter().whole();
    half(&scene, 4);
    scene.look();
    assert!(scene.out().is_empty(), "a whole answer between them speaks for it");
    half(&scene, 1);
    scene.pass(TICK, &[1, 2]);
    assert_eq!(scene.out(), [0]);
    assert!(scene.told()[0].starts_with("ejected: 5 failed tries in a row, last: the connection broke"));
    while !scene.endpoint(0).is_open() {
        scene.pass(TICK, &[1, 2]);
    }
    half(&scene, 1);
    scene.look();
    assert_eq!(scene.told().last().unwrap(), "ejected: the trial request failed: the connection broke; out for 10s");
}

#[test]
fn failures_of_long_ago_count_no_more() {
    let mut scene = Scene::new(3, terms());
    for _ in 0..9 {
        scene.fail(0, 1);
        scene.answer(0, 1);
    }
    scene.pass(SECOND * 11, &[1, 2]);
    scene.answer(0, 20);
    scene.fail(0, 4);
    scene.look();
    assert!(scene.out().is_empty());
}

#[test]
fn an_endpoint_far_slower_than_the_others_is_taken_out_where_that_is_asked_for() {
    for factor in [None, Some(10)] {
        let mut scene = Scene::new(4, Outliers { slow_factor: factor, ..terms() });
        for (index, latency) in [500, 5, 6, 7].into_iter().enumerate() {
            scene.endpoint(index).record_latency(Duration::from_millis(latency));
            scene.answer(index, 30);
        }
        scene.look();
        assert_eq!(scene.out().is_empty(), factor.is_none());
        if factor.is_some() {
            assert!(scene.told()[0].starts_with("ejected: average latency 500ms, the median of all is 6ms"));
        }
    }
}

#[test]
fn a_trial_that_is_not_answered_is_a_failed_one() {
    let mut scene = Scene::new(3, terms());
    let _hung = scene.ask(0, 5);
    scene.until_out(true);
    while !scene.endpoint(0).is_open() {
        scene.pass(TICK, &[1, 2]);
    }
    let _trial = scene.ask(0, 1);
    scene.pass(SECOND * 2, &[1, 2]);
    assert!(!scene.endpoint(0).is_open());
    assert_eq!(
        scene.told().last().unwrap(),
        "ejected: the trial request was not answered within 1s 500ms; out for 10s"
    );
}

#[test]
fn a_trial_that_takes_its_time_is_waited_for() {
    let mut scene = Scene::new(3, terms());
    scene.fail(0, 5);
    scene.look();
    assert!(scene.endpoint(0).is_given_up());
    while !scene.endpoint(0).is_open() {
        scene.pass(TICK, &[1, 2]);
    }
    let mut trial = scene.ask(0, 1);
    scene.pass(SECOND, &[1, 2]);
    assert!(!scene.endpoint(0).is_given_up(), "whoever made it waits on");
    trial[0].hear(Heard::Good);
    scene.look();
    assert!(scene.out().is_empty());
}

#[test]
fn a_draining_endpoint_is_no_part_of_the_whole() {
    let (mut members, now) = (members(&[1, 1, 1]), Instant::now());
    members[1].draining = true;
    members[2].weight = 0;
    let terms = WatchTerms { outliers: Some(terms()), slow_start: Duration::ZERO };
    let set = Set::new(terms, &members, &mut HashMap::new(), true, now);
    let mut scene = Scene { members, set, journal: Journal::new(Arc::new(Metrics::new())), begin: now, now };
    scene.fail(0, 5);
    scene.look();
    assert!(scene.out().is_empty(), "it is the only one that serves");
}

#[test]
fn an_endpoint_that_comes_back_begins_with_a_tenth_and_grows() {
    let slow = WatchTerms { outliers: Some(terms()), slow_start: SECOND * 10 };
    let mut scene = Scene::with(3, slow);
    let share = |scene: &Scene| scene.endpoint(0).share_percent();
    scene.look();
    assert_eq!(share(&scene), 100, "all of them begin together");
    scene.fail(0, 5);
    scene.look();
    while !scene.endpoint(0).is_open() {
        scene.pass(TICK, &[1, 2]);
    }
    scene.answer(0, 1);
    scene.pass(TICK, &[1, 2]);
    assert_eq!(share(&scene), 10);
    scene.pass(SECOND * 5, &[0, 1, 2]);
    assert_eq!(share(&scene), 55);
    scene.pass(SECOND * 5, &[0, 1, 2]);
    assert_eq!(share(&scene), 100);
    assert!(scene.now - scene.begin < SECOND * 20);
}

#[test]
fn an_endpoint_that_its_checks_bring_back_warms_up_too() {
    let mut scene = Scene::with(2, WatchTerms { outliers: None, slow_start: SECOND });
    scene.endpoint(0).mark(false, "down");
    scene.look();
    scene.endpoint(0).mark(true, "up");
    assert_eq!(scene.endpoint(0).share_percent(), 10, "from its first request on");
    scene.pass(SECOND * 2, &[]);
    assert_eq!(scene.endpoint(0).share_percent(), 100);
}

#[test]
fn a_new_endpoint_among_old_ones_warms_up() {
    let now = Instant::now();
    let members = members(&[1, 1, 1]);
    let slow = WatchTerms { outliers: None, slow_start: SECOND };
    let old = Set::new(slow.clone(), &members[..2], &mut HashMap::new(), true, now);
    let mut known = old.into_records().into_iter().map(|record| (Arc::as_ptr(record.endpoint()), record)).collect();
    let _new = Set::new(slow, &members, &mut known, false, now);
    let shares: Vec<_> = members.iter().map(|member| member.endpoint.share_percent()).collect();
    assert_eq!(shares, [100, 100, 10]);
}
