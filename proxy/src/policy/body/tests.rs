use std::convert::Infallible;

use http::StatusCode;
use proptest::prelude::*;

use super::*;

/// A policy of a test, by what it does with what it sees.
type Policy = fn(Piece<'_>) -> Option<Step>;

fn step(action: Action) -> Option<Step> {
    Some(Step { action, memory: Vec::new() })
}

fn pass(_: Piece<'_>) -> Option<Step> {
    step(Action::Pass)
}

fn fail(_: Piece<'_>) -> Option<Step> {
    None
}

fn hold(_: Piece<'_>) -> Option<Step> {
    step(Action::Hold)
}

/// Puts what it sees in brackets.
fn bracket(piece: Piece<'_>) -> Option<Step> {
    step(Action::Replace([b"[", piece.bytes, b"]"].concat().into()))
}

fn shout_once(piece: Piece<'_>) -> Option<Step> {
    step(Action::Finish(piece.bytes.to_ascii_uppercase().into()))
}

/// Tells how many pieces it has seen.
fn count(piece: Piece<'_>) -> Option<Step> {
    let seen = piece.memory.first().copied().unwrap_or_default() + 1;
    Some(Step { action: Action::Replace(seen.to_string().into()), memory: vec![seen] })
}

fn pipe(stages: &[(Policy, Attention)]) -> Pipe<Policy> {
    let mut pipe = Pipe::default();
    for (policy, attention) in stages {
        pipe.attend(*policy, *attention, 100);
    }
    pipe
}

fn push(pipe: &mut Pipe<Policy>, piece: &str, last: bool) -> String {
    let out = pipe.push(Bytes::copy_from_slice(piece.as_bytes()), last, ask).unwrap();
    String::from_utf8(out.to_vec()).unwrap()
}

fn ask(policy: &Policy, piece: Piece<'_>) -> Result<Option<Step>, Infallible> {
    Ok(policy(piece))
}

/// What comes out for each piece; the last one is last.
fn through(stages: &[(Policy, Attention)], pieces: &[&str]) -> Vec<String> {
    let mut pipe = pipe(stages);
    let last = pieces.len() - 1;
    pieces.iter().enumerate().map(|(index, piece)| push(&mut pipe, piece, index == last)).collect()
}

use Attention::{Pieces, Skip, Whole};

#[test]
fn nobody_attends_who_wants_to_see_nothing() {
    assert!(pipe(&[(bracket, Skip), (pass, Skip)]).is_empty());
}

#[test]
fn pieces_run_through_all_stages_in_order() {
    assert_eq!(through(&[(shout_once, Pieces), (bracket, Pieces)], &["a", "b", ""]), ["[A]", "[b]", "[]"]);
}

#[test]
fn the_whole_is_shown_once_at_the_end() {
    assert_eq!(through(&[(bracket, Whole)], &["a", "", "b", "c"]), ["", "", "", "[abc]"]);
    assert_eq!(through(&[(bracket, Whole)], &["abc"]), ["[abc]"]);
    assert_eq!(through(&[(bracket, Whole)], &["a", ""]), ["", "[a]"]);
    assert_eq!(through(&[(bracket, Whole)], &[""]), ["[]"]);
}

#[test]
fn what_one_keeps_the_next_does_not_see_until_it_goes_on() {
    assert_eq!(through(&[(pass, Whole), (count, Pieces)], &["a", "b", ""]), ["", "", "1"]);
}

#[test]
fn an_empty_piece_in_the_middle_is_shown_to_nobody() {
    assert_eq!(through(&[(count, Pieces)], &["a", "", "b", ""]), ["1", "", "2", "3"]);
}

#[test]
fn a_held_piece_is_shown_again_in_front_of_the_next_and_passes_with_the_last() {
    let wait_for_c: Policy = |piece| {
        if piece.bytes.contains(&b'c') { bracket(piece) } else { step(Action::Hold) }
    };
    assert_eq!(through(&[(wait_for_c, Pieces)], &["a", "b", "c", "d", "e"]), ["", "", "[abc]", "", "de"]);
    assert_eq!(through(&[(hold, Whole)], &["a", "b"]), ["", "ab"]);
}

#[test]
fn after_finish_the_rest_passes_unseen() {
    assert_eq!(through(&[(shout_once, Pieces)], &["a", "b", "c"]), ["A", "b", "c"]);
}

#[test]
fn a_policy_that_fails_is_out_and_loses_nothing() {
    let fail_later: Policy = |piece| if piece.bytes.len() < 3 { step(Action::Hold) } else { None };
    assert_eq!(through(&[(fail_later, Pieces), (bracket, Pieces)], &["a", "b", "c", "d"]), ["", "", "[abc]", "[d]"]);
    assert_eq!(through(&[(fail, Whole)], &["a", "b"]), ["", "ab"]);
}

#[test]
fn memory_comes_back_with_the_next_piece() {
    assert_eq!(through(&[(count, Pieces)], &["a", "b", ""]), ["1", "2", "3"]);
}

#[test]
fn what_comes_after_the_end_passes_untouched() {
    let mut pipe = pipe(&[(bracket, Pieces)]);
    assert_eq!(push(&mut pipe, "a", true), "[a]");
    assert_eq!(push(&mut pipe, "tunnel", false), "tunnel");
    assert_eq!(push(&mut pipe, "", true), "");
}

#[test]
fn another_try_begins_anew_without_those_who_failed() {
    let mut pipe = pipe(&[(fail, Pieces), (count, Pieces), (shout_once, Pieces), (hold, Pieces)]);
    assert_eq!([push(&mut pipe, "a", false), push(&mut pipe, "b", true)], ["", "12"]);
    pipe.rewind();
    assert_eq!(push(&mut pipe, "ab", true), "1");
}

#[test]
fn over_the_limit_the_exchange_ends_where_something_is_kept_and_only_there() {
    let long = Bytes::from(vec![b'a'; 101]);
    for (policy, attention) in [(pass as Policy, Whole), (hold, Pieces)] {
        for last in [false, true] {
            let mut pipe = pipe(&[(policy, attention)]);
            let stopped = pipe.push(long.clone(), last, ask);
            let passes = attention == Pieces && last;
            assert_eq!(matches!(stopped, Err(Stopped { stop: Stop::TooLarge, .. })), !passes, "{attention:?} {last}");
        }
    }
    let mut pipe = pipe(&[(pass, Pieces)]);
    assert_eq!(pipe.push(long.clone(), false, ask).unwrap(), long);
}

#[test]
fn kept_pieces_count_together() {
    let mut whole = pipe(&[(pass, Whole)]);
    let mut held = pipe(&[(hold, Pieces)]);
    let sixty = Bytes::from(vec![b'a'; 60]);
    for pipe in [&mut whole, &mut held] {
        assert!(pipe.push(sixty.clone(), false, ask).unwrap().is_empty());
        assert!(matches!(pipe.push(sixty.clone(), false, ask), Err(Stopped { stop: Stop::TooLarge, .. })));
    }
}

#[test]
fn an_answer_ends_the_exchange_and_names_its_policy() {
    let answer: Policy = |_| {
        let status = StatusCode::FORBIDDEN;
        step(Action::Respond(LocalResponse { status, headers: Vec::new(), body: Bytes::new() }))
    };
    let mut pipe = Pipe::default();
    pipe.attend(("first", pass as Policy), Pieces, 100);
    pipe.attend(("second", answer), Pieces, 100);
    let ask = |(_, policy): &(&str, Policy), piece: Piece<'_>| Ok::<_, Infallible>(policy(piece));
    match pipe.push(Bytes::from_static(b"a"), false, ask) {
        Err(Stopped { by: ("second", _), stop: Stop::Respond(response) }) => assert_eq!(response.status, 403),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tiny_pieces_cannot_make_a_long_hold_dear() {
    let limit = 1 << 20;
    let mut pipe = Pipe::default();
    pipe.attend((), Pieces, limit);
    let mut shown = 0;
    for _ in 0..limit {
        let hold = |(): &(), piece: Piece<'_>| {
            shown += piece.bytes.len();
            Ok::<_, Infallible>(step(Action::Hold))
        };
        pipe.push(Bytes::from_static(b"a"), false, hold).unwrap();
    }
    assert!(shown < 70 * limit, "{shown} bytes shown");
}

/// One of the ways of a policy that changes nothing in the end.
fn identity(way: u8, piece: Piece<'_>) -> Option<Step> {
    let action = match way % 4 {
        0 => Action::Pass,
        1 => Action::Replace(Bytes::copy_from_slice(piece.bytes)),
        2 => Action::Hold,
        _ => return if way < 128 { None } else { step(Action::Finish(Bytes::copy_from_slice(piece.bytes))) },
    };
    Some(Step { action, memory: piece.memory.to_vec() })
}

proptest! {
    #[test]
    fn whatever_the_pieces_who_changes_nothing_changes_nothing(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20),
        stages in prop::collection::vec((any::<bool>(), any::<Vec<u8>>()), 0..4),
    ) {
        let mut pipe = Pipe::default();
        for (index, (whole, _)) in stages.iter().enumerate() {
            pipe.attend(index, if *whole { Whole } else { Pieces }, 1000);
        }
        let mut calls = vec![0; stages.len()];
        let mut ends = vec![0; stages.len()];
        let mut ask = |stage: &usize, piece: Piece<'_>| {
            let ways = &stages[*stage].1;
            calls[*stage] += 1;
            ends[*stage] += usize::from(piece.last);
            Ok::<_, Infallible>(identity(ways.get(calls[*stage] % (ways.len() + 1)).copied().unwrap_or(0), piece))
        };
        let mut out = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let last = index + 1 == pieces.len();
            out.extend_from_slice(&pipe.push(Bytes::copy_from_slice(piece), last, &mut ask).unwrap());
        }
        prop_assert_eq!(out, pieces.concat());
        prop_assert!(ends.iter().all(|ends| *ends <= 1));
    }
}
