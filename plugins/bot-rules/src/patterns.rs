//! Regular expressions, matched in time that grows with the value and not with what is in it.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;

use regex_automata::hybrid::BuildError;
use regex_automata::hybrid::dfa::{Builder, Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

/// As long as a pattern may be.
const LONGEST: usize = 1024;
/// Bytes that the program of all patterns of a list may take.
const PROGRAM: usize = 1 << 20;
/// Bytes of states that are kept; where they are used up, matching begins to collect them anew.
const STATES: usize = 1 << 18;

/// Patterns of which one may match, wherever in a value, in any case of its letters.
///
/// They are one automaton whose states are made as values need them, and kept: a value that looks like those before it costs
/// a look at a table for each byte, whatever the number of patterns.
#[derive(Default)]
pub(crate) struct Patterns(Option<Automaton>);

struct Automaton {
    dfa: DFA,
    states: RefCell<Cache>,
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patterns").finish_non_exhaustive()
    }
}

impl Patterns {
    /// Or what is wrong, with the index of each pattern.
    pub(crate) fn compile(patterns: &[String]) -> Result<Self, Vec<(usize, String)>> {
        let wrong = |(index, text): (usize, &String)| Some((index, problem(text)?));
        let wrong: Vec<_> = patterns.iter().enumerate().filter_map(wrong).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        if patterns.is_empty() {
            return Ok(Self(None));
        }
        let dfa = builder().build_many(patterns);
        let dfa = dfa.map_err(|_| vec![(0, "is too large together with the others".to_owned())])?;
        Ok(Self(Some(Automaton { states: RefCell::new(dfa.create_cache()), dfa })))
    }

    /// Whether one matches. `None` where the automaton gave up; it is told never to, but then nobody knows.
    pub(crate) fn is_match(&self, value: &[u8]) -> Option<bool> {
        let Some(Automaton { dfa, states }) = &self.0 else { return Some(false) };
        let found = dfa.try_search_fwd(&mut states.borrow_mut(), &Input::new(value).earliest(true));
        found.ok().map(|end| end.is_some())
    }
}

/// A value need not be UTF-8, and names of programs are ASCII.
fn builder() -> Builder {
    let mut builder = DFA::builder();
    builder
        .syntax(syntax::Config::new().unicode(false).utf8(false).case_insensitive(true))
        .thompson(thompson::Config::new().utf8(false).which_captures(WhichCaptures::None).nfa_size_limit(Some(PROGRAM)))
        .configure(DFA::config().match_kind(MatchKind::All).cache_capacity(STATES).skip_cache_capacity_check(true));
    builder
}

fn problem(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > LONGEST {
        return Some(format!("must have 1 to {LONGEST} bytes"));
    }
    builder().build(text).err().map(|error| format!("{text:?} is no pattern: {}", reason(&error)))
}

/// The innermost reason, without the drawing above it.
fn reason(error: &BuildError) -> String {
    let mut error: &dyn Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Result<Patterns, Vec<(usize, String)>> {
        Patterns::compile(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn one_of_several_is_enough_anywhere_and_in_any_case() {
        let patterns = patterns(&["sqlmap", r"^curl/\d+\.", "bot$"]).unwrap();
        for value in ["SQLMap/1.0", "x sqlmap", "curl/8.5.0", "GoogleBot"] {
            assert_eq!(patterns.is_match(value.as_bytes()), Some(true), "{value}");
        }
        for value in ["", "my curl/8.5", "bots", "s q l map"] {
            assert_eq!(patterns.is_match(value.as_bytes()), Some(false), "{value}");
        }
    }

    #[test]
    fn no_pattern_matches_nothing() {
        assert_eq!(patterns(&[]).unwrap().is_match(b""), Some(false));
    }

    #[test]
    fn a_value_need_not_be_text() {
        assert_eq!(patterns(&["evil"]).unwrap().is_match(b"\xff\xfeEvil\x80"), Some(true));
        assert_eq!(patterns(&[r"\xff"]).unwrap().is_match(b"a\xff"), Some(true));
    }

    #[test]
    fn a_pattern_that_tells_case_apart_says_so() {
        let patterns = patterns(&["(?-i)Bot"]).unwrap();
        assert_eq!((patterns.is_match(b"Bot"), patterns.is_match(b"bot")), (Some(true), Some(false)));
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_index() {
        let wrong = patterns(&["a", "(", "", "(?=a)", r"(a)\1", "(?:a{1000}){1000}"]).unwrap_err();
        let indices: Vec<_> = wrong.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [1, 2, 3, 4, 5]);
        assert_eq!(wrong[0].1, "\"(\" is no pattern: unclosed group");
        assert!(wrong[4].1.ends_with("heap usage during NFA compilation exceeded limit of 1048576"), "{}", wrong[4].1);
    }

    #[test]
    fn a_pattern_made_to_backtrack_does_not() {
        let patterns = patterns(&["(a+)+$", "(x|x)*y", "^(([a-z])+.)+[A-Z]([a-z])+!$"]).unwrap();
        assert_eq!(patterns.is_match(&[&[b'a'; 2046][..], b"??"].concat()), Some(false));
        assert_eq!(patterns.is_match(&[b'x'; 2048]), Some(false));
    }
}
