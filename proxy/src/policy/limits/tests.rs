use std::sync::Arc;

use super::*;
use crate::counters::clock::TestClock;
use crate::counters::{Algorithm, Counters, PolicyCounters};

struct Bench {
    clock: Arc<TestClock>,
    counters: PolicyCounters,
}

fn bench() -> Bench {
    let clock = Arc::new(TestClock::default());
    let counters = Counters::new(Arc::<TestClock>::clone(&clock)).policy("p", 100);
    Bench { clock, counters }
}

impl Bench {
    fn named(&self, name: &str, limit: u32, window_ms: u32, algorithm: Algorithm) -> Option<NamedLimit> {
        let quota = Quota { limit, window_ms };
        NamedLimit::new(self.counters.limit(name.as_bytes(), quota, algorithm), 1, name)
    }

    fn window(&self, name: &str, limit: u32, window_ms: u32) -> NamedLimit {
        self.named(name, limit, window_ms, Algorithm::Window).unwrap()
    }

    fn take(&self, limits: &Limits) -> Taken {
        let mut taking = limits.clone().take();
        while let Some(due) = taking.due() {
            taking.tell(self.counters.take(&due.limit, due.cost));
        }
        taking.end()
    }
}

/// What a client is told whose request passes.
fn standing(taken: Taken) -> Vec<(String, String)> {
    let Taken::Admitted(standing) = taken else { panic!("{taken:?}") };
    standing.iter().flat_map(Standing::fields).map(text).collect()
}

/// A refusal, by the fields it has.
fn refusal(taken: Taken) -> Vec<(String, String)> {
    let Taken::Refused(Answer { response, standing }) = taken else { panic!("{taken:?}") };
    assert_eq!((response.status.as_u16(), response.body.len()), (429, 0));
    response.headers.into_iter().chain(standing.iter().flat_map(Standing::fields)).map(text).collect()
}

fn text((name, value): (HeaderName, HeaderValue)) -> (String, String) {
    (name.to_string(), value.to_str().unwrap().to_owned())
}

/// What is told of these limits, and of these standings.
fn told(policy: &str, standing: &str) -> Vec<(String, String)> {
    fields([("ratelimit-policy", policy), ("ratelimit", standing)])
}

fn fields<const N: usize>(fields: [(&str, &str); N]) -> Vec<(String, String)> {
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

#[test]
fn a_request_within_its_limit_is_told_where_it_stands() {
    let bench = bench();
    let limits = Limits::new(vec![bench.named("default", 100, 60_000, Algorithm::Gcra { burst: 20 }).unwrap()], true);
    assert_eq!(standing(bench.take(&limits)), told("\"default\";q=100;w=60", "\"default\";r=19;t=1"));
}

#[test]
fn one_over_it_is_told_when_to_come_back_in_whole_seconds() {
    let bench = bench();
    let limits = Limits::new(vec![bench.window("default", 1, 2_000)], true);
    bench.take(&limits);
    bench.clock.advance_ms(300);
    let expected =
        [("retry-after", "2"), ("ratelimit-policy", "\"default\";q=1;w=2"), ("ratelimit", "\"default\";r=0;t=2")];
    assert_eq!(refusal(bench.take(&limits)), fields(expected));
}

#[test]
fn the_wait_is_told_where_nothing_else_is() {
    let bench = bench();
    let limits = Limits::new(vec![bench.window("default", 1, 1_000)], false);
    assert_eq!(bench.take(&limits), Taken::Admitted(None));
    bench.clock.advance_ms(999);
    assert_eq!(refusal(bench.take(&limits)), fields([("retry-after", "1")]));
}

#[test]
fn a_window_of_broken_seconds_is_not_advertised_as_whole_ones() {
    let bench = bench();
    let limits = Limits::new(vec![bench.window("w", 5, 1_500)], true);
    assert_eq!(standing(bench.take(&limits)), told("\"w\";q=5", "\"w\";r=4;t=2"));
}

#[test]
fn the_first_limit_that_refuses_is_the_last_one_asked() {
    let bench = bench();
    let limits = Limits::new(vec![bench.window("1s", 1, 1_000), bench.window("1h", 5, 3_600_000)], true);
    let policy = "\"1s\";q=1;w=1, \"1h\";q=5;w=3600";
    assert_eq!(standing(bench.take(&limits)), told(policy, "\"1s\";r=0;t=1, \"1h\";r=4;t=3600"));
    for _ in 0..9 {
        let expected = [("retry-after", "1"), ("ratelimit-policy", policy), ("ratelimit", "\"1s\";r=0;t=1")];
        assert_eq!(refusal(bench.take(&limits)), fields(expected));
    }
    bench.clock.advance_ms(1_000);
    assert_eq!(standing(bench.take(&limits)), told(policy, "\"1s\";r=0;t=1, \"1h\";r=3;t=3599"));
}

#[test]
fn a_request_that_can_never_pass_is_not_told_to_come_back() {
    let bench = bench();
    let dear = NamedLimit { cost: 3, ..bench.window("default", 2, 1_000) };
    assert_eq!(refusal(bench.take(&Limits::new(vec![dear], false))), fields([]));
}

#[test]
fn a_request_without_limits_passes_and_is_told_nothing() {
    assert_eq!(bench().take(&Limits::new(Vec::new(), true)), Taken::Admitted(None));
}

#[test]
fn a_name_that_would_end_its_quotes_is_none() {
    let bench = bench();
    for name in ["a\"b", "a\\b", "a\nb", "\u{e9}", "a\u{7f}"] {
        assert!(bench.named(name, 1, 1, Algorithm::Sliding).is_none(), "{name:?}");
    }
    assert!(bench.named("50 % of it; r=1, 'x'", 1, 1, Algorithm::Sliding).is_some());
}
