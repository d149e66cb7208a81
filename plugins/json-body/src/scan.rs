//! Reads a body as JSON (RFC 8259) and applies rules to it, without making values of it.
//!
//! What no rule means stays byte for byte: numbers keep their digits, members their order, and two members of one name are
//! both seen, whichever of them a reader would take.

mod container;
mod text;

use std::ops::Range;

use crate::rule::{Effect, Pending, Rules, effect_of};

/// What rules come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No rule means anything in it.
    Unchanged,
    /// This takes its place.
    Changed(Vec<u8>),
}

/// Why a body may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A rule says so.
    Rejected,
    /// It is no JSON, or deeper than allowed.
    Unreadable,
}

/// Applies rules to a body.
pub(crate) fn apply(rules: &Rules, body: &[u8], max_depth: usize) -> Result<Outcome, Stop> {
    let text = std::str::from_utf8(body).map_err(|_| Stop::Unreadable)?.as_bytes();
    let mut scanner = Scanner { text, at: 0, depth: max_depth, cuts: Vec::new() };
    scanner.space();
    scanner.value(&rules.pending())?;
    scanner.space();
    if scanner.at == text.len() { Ok(scanner.outcome()) } else { Err(Stop::Unreadable) }
}

struct Scanner<'r, 'b> {
    /// Is UTF-8.
    text: &'b [u8],
    at: usize,
    /// How many more arrays and objects may be in each other.
    depth: usize,
    /// In order, and apart from each other.
    cuts: Vec<Cut<'r>>,
}

/// What is put in the place of a part of the text.
struct Cut<'r> {
    range: Range<usize>,
    by: &'r str,
}

impl<'r> Scanner<'r, '_> {
    /// A value that these rules have come to. What takes it out as a whole is its container's business.
    fn value(&mut self, pending: &Pending<'r>) -> Result<(), Stop> {
        let start = self.at;
        match effect_of(pending) {
            None => self.inside(pending),
            Some(Effect::Reject) => Err(Stop::Rejected),
            Some(Effect::Remove) => self.inside(&rejecting(pending)),
            Some(Effect::Redact(by)) => {
                self.inside(&rejecting(pending))?;
                self.cuts.push(Cut { range: start..self.at, by });
                Ok(())
            }
        }
    }

    fn inside(&mut self, pending: &Pending<'r>) -> Result<(), Stop> {
        match self.peek() {
            Some(b'{') => self.object(pending),
            Some(b'[') => self.array(pending),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.literal(),
        }
    }

    fn outcome(self) -> Outcome {
        if self.cuts.is_empty() {
            return Outcome::Unchanged;
        }
        let mut out = Vec::with_capacity(self.text.len());
        let mut from = 0;
        for Cut { range, by } in &self.cuts {
            out.extend_from_slice(self.text.get(from..range.start).unwrap_or_default());
            out.extend_from_slice(by.as_bytes());
            from = range.end;
        }
        out.extend_from_slice(self.text.get(from..).unwrap_or_default());
        Outcome::Changed(out)
    }
}

/// Those that still count inside of what goes anyway.
fn rejecting<'r>(pending: &Pending<'r>) -> Pending<'r> {
    pending.iter().copied().filter(|(_, effect)| **effect == Effect::Reject).collect()
}

#[cfg(test)]
mod tests;
