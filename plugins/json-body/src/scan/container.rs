//! Arrays and objects: where parts are taken out with their commas.

use super::{Cut, Scanner, Stop};
use crate::rule::{Effect, Pending, Place, below, effect_of};

/// How far a container is, and what is left of it.
#[derive(Default)]
struct Progress {
    /// Where the comma before the part under way is.
    comma: Option<usize>,
    /// Whether a part before it stays.
    some_stay: bool,
}

impl<'r> Scanner<'r, '_> {
    pub(super) fn object(&mut self, pending: &Pending<'r>) -> Result<(), Stop> {
        self.container(b'}', |scanner, _| {
            let inner = if pending.is_empty() {
                scanner.string()?;
                Pending::new()
            } else {
                let name = scanner.name()?;
                below(pending, &Place::Member(&name))
            };
            scanner.space();
            scanner.expect(b':')?;
            scanner.space();
            Ok(inner)
        })
    }

    pub(super) fn array(&mut self, pending: &Pending<'r>) -> Result<(), Stop> {
        self.container(b']', |_, index| {
            Ok(if pending.is_empty() { Pending::new() } else { below(pending, &Place::Element(index)) })
        })
    }

    /// Reads all parts; `head` reads what is before the value of one, and finds the rules for it.
    fn container(
        &mut self,
        end: u8,
        mut head: impl FnMut(&mut Self, usize) -> Result<Pending<'r>, Stop>,
    ) -> Result<(), Stop> {
        self.depth = self.depth.checked_sub(1).ok_or(Stop::Unreadable)?;
        self.at += 1;
        self.space();
        if self.peek() != Some(end) {
            let mut progress = Progress::default();
            for index in 0.. {
                let start = self.at;
                let inner = head(self, index)?;
                self.part(start, &inner, &mut progress)?;
                self.space();
                if self.peek() != Some(b',') {
                    break;
                }
                progress.comma = Some(self.at);
                self.at += 1;
                self.space();
            }
        }
        self.depth += 1;
        self.expect(end)
    }

    fn part(&mut self, start: usize, inner: &Pending<'r>, progress: &mut Progress) -> Result<(), Stop> {
        if effect_of(inner) == Some(&Effect::Remove) {
            self.value(inner)?;
            self.cuts.push(Cut { range: progress.comma.unwrap_or(start)..self.at, by: "" });
            return Ok(());
        }
        // What was before the first part that stays is gone.
        if let (Some(comma), false) = (progress.comma, progress.some_stay) {
            self.cuts.push(Cut { range: comma..comma + 1, by: "" });
        }
        progress.some_stay = true;
        self.value(inner)
    }
}
