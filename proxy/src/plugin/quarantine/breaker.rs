//! When a policy is left out, as a state machine: what time it is comes in, whether to call comes out.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::model::Quarantine;

/// A pause does not grow over this, so that a plugin that works again is noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A point in time, as the time since some moment that is the same for all.
pub(super) type Moment = Duration;

/// Counts failures, and decides from when to when no call is made.
#[derive(Debug)]
pub(super) struct Breaker {
    terms: Quarantine,
    state: State,
}

/// In which state a breaker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Calls are made; when the last of them failed, the oldest failure first.
    Closed {
        /// Never as many as open it.
        failures: VecDeque<Moment>,
    },
    /// No calls are made.
    Open {
        /// Until then.
        until: Moment,
        /// How long that was.
        pause: Duration,
    },
    /// One call is under way to see whether it works again.
    Probing {
        /// How long the pause before it was.
        pause: Duration,
    },
}

/// What is to become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is made.
    Call,
    /// It is made, and what it comes to decides.
    Probe,
    /// It is not made.
    Refuse,
}

impl Breaker {
    pub(super) fn new(terms: Quarantine) -> Self {
        Self { terms, state: State::Closed { failures: VecDeque::new() } }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// A call is about to be made.
    pub(super) fn ask(&mut self, now: Moment) -> Answer {
        match self.state {
            State::Closed { .. } => Answer::Call,
            State::Open { until, pause } if until <= now => {
                self.state = State::Probing { pause };
                Answer::Probe
            }
            State::Open { .. } | State::Probing { .. } => Answer::Refuse,
        }
    }

    /// A call that was no probe failed. Returns how long there will be no other, where it was one too many.
    pub(super) fn failed(&mut self, now: Moment) -> Option<Duration> {
        // One that was under way when the breaker opened says nothing new.
        let State::Closed { failures } = &mut self.state else { return None };
        let begin = now.saturating_sub(self.terms.window);
        failures.push_back(now);
        while failures.front().is_some_and(|failure| *failure < begin) {
            failures.pop_front();
        }
        let limit = usize::try_from(self.terms.failures.get()).unwrap_or(usize::MAX);
        (failures.len() >= limit).then(|| self.open(now, self.terms.pause))
    }

    /// The probe succeeded: all calls are made again, and nothing is held against it.
    pub(super) fn probe_succeeded(&mut self) {
        if matches!(self.state, State::Probing { .. }) {
            self.state = State::Closed { failures: VecDeque::new() };
        }
    }

    /// The probe failed. Returns the next pause.
    pub(super) fn probe_failed(&mut self, now: Moment) -> Option<Duration> {
        let State::Probing { pause } = self.state else { return None };
        let longest = LONGEST_PAUSE.max(self.terms.pause);
        Some(self.open(now, pause.saturating_mul(2).min(longest)))
    }

    /// The probe ended without having asked the plugin: the next call is the probe.
    pub(super) fn probe_abandoned(&mut self, now: Moment) {
        if let State::Probing { pause } = self.state {
            self.state = State::Open { until: now, pause };
        }
    }

    fn open(&mut self, now: Moment, pause: Duration) -> Duration {
        self.state = State::Open { until: now.saturating_add(pause), pause };
        pause
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    const TERMS: Quarantine = Quarantine {
        failures: NonZeroU32::new(3).unwrap(),
        window: Duration::from_secs(10),
        pause: Duration::from_secs(5),
    };

    fn at(seconds: u64) -> Moment {
        Duration::from_secs(1_000_000 + seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(TERMS);
        let opened: Vec<_> = (0..3).map(|second| breaker.failed(at(second))).collect();
        assert_eq!(opened, [None, None, Some(TERMS.pause)]);
        breaker
    }

    #[test]
    fn failures_that_lie_apart_do_not_open_it() {
        let mut breaker = Breaker::new(TERMS);
        assert!((0..100).all(|n| breaker.failed(at(n * 6)).is_none()));
        assert_eq!(breaker.ask(at(600)), Answer::Call);
    }

    #[test]
    fn so_many_failures_within_the_window_open_it_for_the_pause() {
        let mut breaker = opened();
        assert_eq!([2, 3, 6].map(|second| breaker.ask(at(second))), [Answer::Refuse; 3]);
        assert_eq!(breaker.ask(at(7)), Answer::Probe);
    }

    #[test]
    fn one_probe_is_let_through_at_a_time() {
        let mut breaker = opened();
        assert_eq!(breaker.ask(at(7)), Answer::Probe);
        assert_eq!([7, 8, 100].map(|second| breaker.ask(at(second))), [Answer::Refuse; 3]);
    }

    #[test]
    fn a_probe_that_succeeds_closes_it_and_the_count_starts_over() {
        let mut breaker = opened();
        breaker.ask(at(7));
        breaker.probe_succeeded();
        assert_eq!(breaker.ask(at(7)), Answer::Call);
        assert_eq!([breaker.failed(at(7)), breaker.failed(at(7))], [None, None]);
        assert_eq!(breaker.failed(at(7)), Some(TERMS.pause), "the pause is the first one again");
    }

    #[test]
    fn each_probe_that_fails_doubles_the_pause_up_to_a_minute() {
        let mut breaker = opened();
        let mut now = at(2) + TERMS.pause;
        let pauses = (0..6).map(|_| {
            assert_eq!(breaker.ask(now), Answer::Probe);
            let pause = breaker.probe_failed(now).unwrap();
            now += pause;
            pause.as_secs()
        });
        assert_eq!(pauses.collect::<Vec<_>>(), [10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn a_probe_that_never_reached_the_plugin_makes_way_for_the_next_call() {
        let mut breaker = opened();
        breaker.ask(at(7));
        breaker.probe_abandoned(at(8));
        assert_eq!(breaker.ask(at(8)), Answer::Probe);
        assert_eq!(breaker.probe_failed(at(8)), Some(TERMS.pause * 2));
    }

    #[test]
    fn a_call_that_was_under_way_when_it_opened_changes_nothing() {
        let mut breaker = opened();
        let before = breaker.state().clone();
        assert_eq!(breaker.failed(at(3)), None);
        breaker.probe_succeeded();
        assert_eq!((breaker.probe_failed(at(3)), breaker.state()), (None, &before));
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Wait(u64),
        Good,
        Bad,
        Overloaded,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let wait = (0..20_000_u64).prop_map(Event::Wait);
        let event = prop_oneof![wait, Just(Event::Good), Just(Event::Bad), Just(Event::Bad), Just(Event::Overloaded)];
        proptest::collection::vec(event, 0..300)
    }

    proptest! {
        /// Whatever happens: it opens exactly when the last failures lie within the window, it stays open for the pause,
        /// and the call after the pause is made.
        #[test]
        fn it_opens_exactly_on_terms_and_never_for_good(events in events()) {
            let mut breaker = Breaker::new(TERMS);
            let (mut now, mut failures, mut until) = (at(0), Vec::new(), None);
            for event in events {
                if let Event::Wait(ms) = event {
                    now += Duration::from_millis(ms);
                    continue;
                }
                let answer = breaker.ask(now);
                prop_assert_eq!(answer == Answer::Refuse, until.is_some_and(|until| now < until));
                prop_assert_eq!(answer == Answer::Probe, until.is_some_and(|until| now >= until));
                let pause = match (answer, event) {
                    (Answer::Call, Event::Bad) => {
                        failures.push(now);
                        let recent = failures.iter().filter(|failure| **failure + TERMS.window >= now).count();
                        let pause = breaker.failed(now);
                        prop_assert_eq!(pause.is_some(), recent >= 3);
                        pause
                    }
                    (Answer::Probe, Event::Bad) => breaker.probe_failed(now),
                    (Answer::Probe, Event::Good) => {
                        breaker.probe_succeeded();
                        (failures, until) = (Vec::new(), None);
                        None
                    }
                    (Answer::Probe, _) => {
                        breaker.probe_abandoned(now);
                        until = Some(now);
                        None
                    }
                    _ => None,
                };
                if let Some(pause) = pause {
                    prop_assert!(TERMS.pause <= pause && pause <= LONGEST_PAUSE);
                    until = Some(now + pause);
                }
            }
        }
    }
}
