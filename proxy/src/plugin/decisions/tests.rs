use std::cell::Cell;

use http::Request;
use proptest::prelude::*;

use super::question::{Messages, Question};
use super::*;
use crate::keysets::{Keysets, Verified};
use crate::plugin::fixture::tokens::{SECRET, keysets, token};
use crate::policy::facts::{HttpRequestView, RequestFacts, RequestId, Scheme};

/// What a guest in these tests comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said(String);

impl Repeatable for Said {
    fn again(&self) -> Self {
        self.clone()
    }

    fn size(&self) -> usize {
        self.0.len()
    }

    fn is_like(&self, other: &Self) -> bool {
        self == other
    }

    fn refuses(&self) -> bool {
        self.0.starts_with("refused")
    }
}

/// A guest that asks and decides, and how often it was called.
struct Guest<F> {
    decisions: Decisions<Said>,
    decide: F,
    calls: u32,
    now: Duration,
}

/// What lets it read a request.
struct Reader<'a> {
    view: &'a HttpRequestView<'a>,
    trace: Option<&'a Trace>,
}

impl Reader<'_> {
    fn header(&self, name: &str) -> Option<String> {
        if let Some(trace) = self.trace {
            trace.note(Question::Header(name.into()));
        }
        let value = self.view.parts.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }
}

impl<F: FnMut(&Reader<'_>) -> String> Guest<F> {
    fn new(most: usize, decide: F) -> Self {
        Self { decisions: Decisions::new(most), decide, calls: 0, now: Duration::ZERO }
    }

    fn asked(&mut self, fields: &[(&str, &str)]) -> Result<Said, Unfaithful> {
        let mut request = Request::get("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let nobody = std::net::IpAddr::from([192, 0, 2, 1]);
        let facts = RequestFacts::new(nobody, RequestId::default(), "r".into(), Scheme::Http, String::new());
        let view = HttpRequestView { parts: &parts, facts: &facts };
        let messages = Messages { request: &view, response: None };
        let trace = match self.decisions.find(messages, || self.now) {
            Found::Decision(decision) => return Ok(decision),
            Found::Nothing(trace) => trace,
            Found::Contradiction => return Err(Unfaithful),
        };
        self.calls += 1;
        let said = Said((self.decide)(&Reader { view: &view, trace: trace.as_ref() }));
        match trace {
            Some(trace) => self.decisions.keep(trace, messages, &said, || self.now).map(|()| said),
            None => Ok(said),
        }
    }

    fn says(&mut self, fields: &[(&str, &str)]) -> String {
        self.asked(fields).unwrap().0
    }
}

/// A token that counts from the second 100 to the second 200.
fn brief_token() -> String {
    token(r#"{"alg":"HS256"}"#, r#"{"nbf":100,"exp":200}"#, SECRET)
}

#[test]
fn what_was_decided_by_a_token_is_true_for_as_long_as_the_token_is() {
    let (keysets, token) = (keysets(), brief_token());
    let now = Cell::new(Duration::from_secs(50));
    let mut guest = Guest::new(10, |request: &Reader<'_>| {
        let token = request.header("token").unwrap_or_default();
        match (keysets.verify_current("accounts", token.as_bytes(), Duration::ZERO, now.get()), request.trace) {
            (Ok(Verified { proof, .. }), trace) => {
                trace.inspect(|trace| trace.rely_on(proof));
                "welcome".to_owned()
            }
            (Err(why), trace) => {
                trace.inspect(|trace| trace.refuse());
                why.to_string()
            }
        }
    });
    let mut at = |second: u64| {
        now.set(Duration::from_secs(second));
        guest.now = now.get();
        let before = guest.calls;
        let said = guest.says(&[("token", &token)]);
        (said, guest.calls > before)
    };
    let (welcome, asked) = ("welcome".to_owned(), true);
    assert_eq!(at(99), ("it is not valid yet".to_owned(), asked));
    assert_eq!(at(99), ("it is not valid yet".to_owned(), asked), "a refusal is not lasting");
    assert_eq!(at(100), (welcome.clone(), asked));
    assert_eq!(at(101), (welcome.clone(), asked), "the first that is found is asked for again");
    assert_eq!(at(102), (welcome.clone(), !asked));
    assert_eq!(at(199).0, welcome);
    assert_eq!(at(200), ("it has expired".to_owned(), asked));
    assert_eq!(at(150).0, welcome, "the operator's clock was set back");
    assert_eq!(at(99), ("it is not valid yet".to_owned(), asked));
}

/// A guest that welcomes who has a token, and what it is told by the host then.
fn welcoming<'a>(
    keysets: &'a Keysets,
    now: &'a Cell<Duration>,
    word: &'a Cell<&str>,
) -> impl FnMut(&Reader<'_>) -> String + 'a {
    move |request| {
        let token = request.header("token").unwrap_or_default();
        match keysets.verify_current("accounts", token.as_bytes(), Duration::ZERO, now.get()) {
            Ok(Verified { proof, .. }) => request.trace.inspect(|trace| trace.rely_on(proof)),
            Err(_) => request.trace.inspect(|trace| trace.refuse()),
        };
        word.get().to_owned()
    }
}

#[test]
fn what_a_token_led_to_until_it_ended_may_be_otherwise_for_the_next_one_that_reads_the_same() {
    let (keysets, token) = (keysets(), brief_token());
    let (now, word) = (Cell::new(Duration::from_secs(100)), Cell::new("one"));
    let mut guest = Guest::new(10, welcoming(&keysets, &now, &word));
    guest.now = now.get();
    assert_eq!(guest.says(&[("token", &token)]), "one");
    now.set(Duration::from_secs(200));
    guest.now = now.get();
    word.set("two");
    assert_eq!(guest.says(&[("token", &token)]), "two");
    assert!(guest.decisions.is_believed());
}

#[test]
fn who_decides_differently_while_the_token_is_true_is_believed_no_more() {
    let (keysets, token) = (keysets(), brief_token());
    let (now, word) = (Cell::new(Duration::from_secs(100)), Cell::new("one"));
    let mut guest = Guest::new(10, welcoming(&keysets, &now, &word));
    guest.now = now.get();
    assert_eq!(guest.says(&[("token", &token)]), "one");
    word.set("two");
    assert_eq!(guest.asked(&[("token", &token)]), Err(Unfaithful), "the first that is found is asked for again");
}

#[test]
fn who_keeps_what_it_was_told_of_a_token_is_believed_no_more() {
    let (keysets, token) = (keysets(), brief_token());
    let mut known = false;
    let mut guest = Guest::new(10, |request: &Reader<'_>| {
        let token = request.header("token").unwrap_or_default();
        if !std::mem::replace(&mut known, true) {
            let Verified { proof, .. } = keysets.verify("accounts", token.as_bytes()).unwrap();
            request.trace.inspect(|trace| trace.rely_on(proof));
        }
        "welcome".to_owned()
    });
    assert_eq!(guest.says(&[("token", &token)]), "welcome");
    assert_eq!(guest.asked(&[("token", &token)]), Err(Unfaithful), "its decision would be true for ever");
}

/// By key, and by name where there is no key.
fn by_key(request: &Reader<'_>) -> String {
    request.header("key").or_else(|| request.header("name")).unwrap_or_default()
}

#[test]
fn a_request_that_reads_the_same_is_decided_as_before() {
    let mut guest = Guest::new(10, by_key);
    for _ in 0..10 {
        assert_eq!(guest.says(&[("key", "1")]), "1");
    }
    // The first, then when none, one more, and two more had been believed.
    assert_eq!(guest.calls, 4);
}

#[test]
fn what_was_not_asked_for_does_not_matter() {
    let mut guest = Guest::new(10, by_key);
    assert_eq!(guest.says(&[("key", "1"), ("name", "a")]), "1");
    guest.says(&[("key", "1")]);
    let before = guest.calls;
    assert_eq!(guest.says(&[("key", "1"), ("name", "b")]), "1");
    assert_eq!(guest.calls, before);
}

#[test]
fn the_answers_so_far_say_what_is_asked_next() {
    let mut guest = Guest::new(10, by_key);
    for _ in 0..2 {
        assert_eq!(guest.says(&[("key", "1")]), "1");
        assert_eq!(guest.says(&[("name", "1")]), "1");
        assert_eq!(guest.says(&[("key", ""), ("name", "1")]), "", "an empty key is a key");
        assert_eq!(guest.says(&[]), "");
    }
}

#[test]
fn who_decides_differently_on_the_same_is_found_out_at_once_and_believed_no_more() {
    let mut count = 0;
    let mut guest = Guest::new(10, move |request: &Reader<'_>| {
        count += 1;
        format!("{:?} {count}", request.header("key"))
    });
    guest.says(&[("key", "1")]);
    assert_eq!(guest.asked(&[("key", "1")]), Err(Unfaithful));
    assert!(!guest.decisions.is_believed());
    assert_eq!(guest.says(&[("key", "1")]), "Some(\"1\") 3");
    assert_eq!(guest.says(&[("key", "1")]), "Some(\"1\") 4");
}

#[test]
fn who_asks_something_else_after_the_same_answers_is_believed_no_more() {
    let mut names = ["a", "b"].into_iter().cycle();
    let mut guest = Guest::new(10, move |request: &Reader<'_>| {
        request.header(names.next().unwrap_or_default());
        String::new()
    });
    guest.says(&[("a", "1")]);
    assert_eq!(guest.asked(&[("a", "1")]), Err(Unfaithful));
}

#[test]
fn who_asks_further_than_before_is_believed_no_more() {
    let mut is_first = true;
    let mut guest = Guest::new(10, move |request: &Reader<'_>| {
        request.header("a");
        if !std::mem::take(&mut is_first) {
            request.header("b");
        }
        String::new()
    });
    guest.says(&[]);
    assert_eq!(guest.asked(&[]), Err(Unfaithful));
}

#[test]
fn what_no_two_requests_have_in_common_is_not_kept() {
    let mut guest = Guest::new(10, |request: &Reader<'_>| {
        if let Some(trace) = request.trace {
            trace.give_up();
        }
        String::new()
    });
    (0..10).for_each(|_| drop(guest.says(&[])));
    assert_eq!(guest.calls, 10);
}

#[test]
fn what_would_fill_the_memory_is_not_kept() {
    let mut large = Guest::new(10, |_: &Reader<'_>| "a".repeat(LARGEST + 1));
    let mut named = Guest::new(10, |request: &Reader<'_>| request.header(&"a".repeat(300)).unwrap_or_default());
    let mut curious = Guest::new(10, |request: &Reader<'_>| {
        ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|name| request.header(name).unwrap_or_default()).concat()
    });
    (0..10).for_each(|_| drop((large.says(&[]), named.says(&[]), curious.says(&[]))));
    assert_eq!((large.calls, named.calls, curious.calls), (10, 10, 10));
}

#[test]
fn no_more_than_twice_as_many_are_kept_as_there_are_to_be() {
    let mut guest = Guest::new(10, by_key);
    for key in 0..1000 {
        let key = key.to_string();
        assert_eq!(guest.says(&[("key", &key)]), key);
        let book = guest.decisions.book().borrow();
        assert!(book.young.decisions() <= 10 && book.old.decisions() <= 10);
    }
}

#[test]
fn what_is_asked_for_again_outlives_whatever_is_asked_once() {
    let mut guest = Guest::new(10, by_key);
    (0..4).for_each(|_| drop(guest.says(&[("key", "regular")])));
    let (mut calls, mut once) = (0, 0);
    for _ in 0..30 {
        for _ in 0..8 {
            once += 1;
            guest.says(&[("key", &once.to_string())]);
        }
        let before = guest.calls;
        assert_eq!(guest.says(&[("key", "regular")]), "regular");
        calls += guest.calls - before;
    }
    assert!(calls <= 6, "{calls} of 30: no more than are asked again");
}

#[test]
fn as_many_as_there_is_room_for_are_all_remembered() {
    let mut guest = Guest::new(10, by_key);
    for _ in 0..100 {
        (0..10).for_each(|key| assert_eq!(guest.says(&[("key", &key.to_string())]), key.to_string()));
    }
    assert!(guest.calls <= 20, "{}: no more than are new or asked again", guest.calls);
}

#[test]
fn who_contradicts_what_it_decided_before_is_found_out_later_too() {
    let key_is_read = Cell::new(true);
    let mut guest = Guest::new(2, |request: &Reader<'_>| {
        let name = if key_is_read.get() { "key" } else { "name" };
        request.header(name).unwrap_or_default()
    });
    guest.says(&[("key", "a"), ("name", "a")]);
    guest.says(&[("key", "b"), ("name", "b")]);
    guest.says(&[("key", "c"), ("name", "c")]);
    key_is_read.set(false);
    guest.decisions.book().borrow_mut().young = Tree::default();
    guest.says(&[("key", "d"), ("name", "d")]);
    assert_eq!(guest.asked(&[("key", "a"), ("name", "a")]), Err(Unfaithful));
    assert!(!guest.decisions.is_believed());
}

#[test]
fn who_sends_wrong_keys_and_tokens_does_not_make_others_be_called_for() {
    let mut guest = Guest::new(10, |request: &Reader<'_>| {
        let key = request.header("key").unwrap_or_default();
        match key.split_once(' ') {
            Some(("token", _)) => {
                request.trace.inspect(|trace| trace.refuse());
                "refused".to_owned()
            }
            Some(("key", _)) => "refused".to_owned(),
            _ => key,
        }
    });
    guest.says(&[("key", "right")]);
    for number in 0..10 * WINDOW {
        guest.says(&[("key", &format!("token {number}"))]);
        guest.says(&[("key", &format!("key {number}"))]);
    }
    assert_eq!(guest.decisions.book().borrow().pause, 0);
    (0..4).for_each(|_| drop(guest.says(&[("key", "right")])));
    let before = guest.calls;
    assert_eq!(guest.says(&[("key", "right")]), "right");
    assert_eq!(guest.calls, before);
}

#[test]
fn where_nothing_repeats_nothing_is_learnt_for_a_while() {
    let mut guest = Guest::new(10, |request: &Reader<'_>| {
        request.header("key");
        request.trace.is_some().to_string()
    });
    let learnt = (0..WINDOW * (PAUSE + 1) * 4).filter(|key| guest.says(&[("key", &key.to_string())]) == "true");
    assert_eq!(learnt.count() as u32, WINDOW * 4);
}

proptest! {
    /// Any decision tree over a few fields: what is remembered is what the guest would have said.
    #[test]
    fn what_is_found_is_what_would_have_been_said(
        asks in prop::collection::vec("[ab]{0,2}", 1..6),
        requests in prop::collection::vec(prop::collection::vec(("[ab]{1,2}", "[01]{0,2}"), 0..4), 1..60),
    ) {
        let names = asks.clone();
        let decide = move |request: &Reader<'_>| {
            // What is asked next depends on what was answered.
            let mut said = String::new();
            for ask in names.iter().filter(|ask| !ask.is_empty()) {
                let answer = request.header(ask);
                said.push_str(&format!("{ask}={answer:?};"));
                if answer.is_some_and(|answer| answer.ends_with('1')) {
                    break;
                }
            }
            said
        };
        let mut remembering = Guest::new(8, decide.clone());
        let mut asked_each_time = Guest::new(0, decide);
        asked_each_time.decisions.is_unfaithful.store(true, Ordering::Relaxed);
        for request in &requests {
            let fields: Vec<(&str, &str)> = request.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(remembering.says(&fields), asked_each_time.says(&fields));
        }
    }
}
