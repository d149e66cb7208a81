//! Reads a body as JSON (RFC 8259) and applies rules to it, without making values of it.
//!
//! What no rule means stays byte for byte: numbers keep their digits, members their order, and two members of one name are
//! both seen, whichever of them a reader would take.

mod container;
mod text;

use std::ops::Range;

use crate::rule::{Effect, Rules, Step};

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
    /// It, or what would take its place, is longer than allowed.
    TooLong,
}

/// How much work a body may be: a client that could make the policy fail could make the gateway pause it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Arrays and objects in each other.
    pub(crate) depth: usize,
    /// Bytes of a body, and of what takes its place.
    pub(crate) bytes: usize,
}

/// Applies rules to a body.
pub(crate) fn apply(rules: &Rules, body: &[u8], bounds: Bounds) -> Result<Outcome, Stop> {
    if body.len() > bounds.bytes {
        return Err(Stop::TooLong);
    }
    let text = std::str::from_utf8(body).map_err(|_| Stop::Unreadable)?.as_bytes();
    let active: Vec<_> = rules.pending().collect();
    let whole = Pending { from: 0, to: active.len() };
    let mut scanner =
        Scanner { text, at: 0, depth: bounds.depth, active, out: Vec::new(), copied: 0, most: bounds.bytes };
    scanner.space();
    scanner.value(whole)?;
    scanner.space();
    if scanner.at == text.len() { scanner.outcome() } else { Err(Stop::Unreadable) }
}

struct Scanner<'r, 'b> {
    /// Is UTF-8.
    text: &'b [u8],
    at: usize,
    /// How many more arrays and objects may be in each other.
    depth: usize,
    /// The rules for the parts that the reader is inside of, those of the innermost last: each with the steps left.
    active: Vec<(&'r [Step], &'r Effect)>,
    /// What takes the place of the text as far as `copied`; empty while nothing was cut.
    out: Vec<u8>,
    copied: usize,
    most: usize,
}

/// Which of the active rules mean a part, or something inside of it.
#[derive(Clone, Copy)]
struct Pending {
    from: usize,
    to: usize,
}

impl Pending {
    fn is_empty(self) -> bool {
        self.from == self.to
    }
}

impl<'r> Scanner<'r, '_> {
    /// A value that these rules have come to. What takes it out as a whole is its container's business.
    fn value(&mut self, pending: Pending) -> Result<(), Stop> {
        let start = self.at;
        match self.effect_of(pending) {
            None => self.inside(pending),
            Some(Effect::Reject) => Err(Stop::Rejected),
            Some(Effect::Remove) => self.inside_of_what_goes(pending),
            Some(Effect::Redact(by)) => {
                self.inside_of_what_goes(pending)?;
                self.cut(start..self.at, by)
            }
        }
    }

    /// What rejects still counts there, and nothing else.
    fn inside_of_what_goes(&mut self, pending: Pending) -> Result<(), Stop> {
        let rejecting = self.narrow(pending, |steps, effect| (*effect == Effect::Reject).then_some(steps));
        self.inside(rejecting)?;
        self.leave(rejecting);
        Ok(())
    }

    fn inside(&mut self, pending: Pending) -> Result<(), Stop> {
        match self.peek() {
            Some(b'{') => self.object(pending),
            Some(b'[') => self.array(pending),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.literal(),
        }
    }

    /// What becomes of the part that these rules have come to; where they differ, the greater effect.
    fn effect_of(&self, pending: Pending) -> Option<&'r Effect> {
        let rules = self.active.get(pending.from..pending.to).unwrap_or_default();
        rules.iter().filter(|(steps, _)| steps.is_empty()).map(|(_, effect)| *effect).max()
    }

    /// Makes those rules active that `keep` keeps, with the steps it leaves them.
    fn narrow(&mut self, pending: Pending, keep: impl Fn(&'r [Step], &Effect) -> Option<&'r [Step]>) -> Pending {
        let from = self.active.len();
        for index in pending.from..pending.to {
            let Some((steps, effect)) = self.active.get(index).copied() else { break };
            if let Some(steps) = keep(steps, effect) {
                self.active.push((steps, effect));
            }
        }
        Pending { from, to: self.active.len() }
    }

    /// The part is over for which these were made active.
    fn leave(&mut self, pending: Pending) {
        self.active.truncate(pending.from);
    }

    /// Puts a text in the place of a part, which lies behind all that were cut before.
    fn cut(&mut self, range: Range<usize>, by: &str) -> Result<(), Stop> {
        self.out.extend_from_slice(self.text.get(self.copied..range.start).unwrap_or_default());
        self.out.extend_from_slice(by.as_bytes());
        self.copied = range.end;
        if self.out.len() > self.most { Err(Stop::TooLong) } else { Ok(()) }
    }

    fn outcome(mut self) -> Result<Outcome, Stop> {
        if self.copied == 0 {
            return Ok(Outcome::Unchanged);
        }
        self.cut(self.text.len()..self.text.len(), "")?;
        Ok(Outcome::Changed(self.out))
    }
}

#[cfg(test)]
mod tests;
