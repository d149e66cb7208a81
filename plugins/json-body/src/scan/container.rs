//! Arrays and objects: where parts are taken out with their commas.

use super::{Pending, Scanner, Stop};
use crate::rule::{Effect, Place};

/// How far a container is, and what is left of it.
#[derive(Default)]
struct Progress {
    /// Where the comma before the part under way is.
    comma: Option<usize>,
    /// Whether a part before it stays.
    some_stay: bool,
}

impl Scanner<'_, '_> {
    pub(super) fn object(&mut self, pending: Pending) -> Result<(), Stop> {
        self.container(b'}', |scanner, _| {
            let inner = if pending.is_empty() {
                scanner.string()?;
                pending
            } else {
                let name = scanner.name()?;
                scanner.below(pending, &Place::Member(&name))
            };
            scanner.space();
            scanner.expect(b':')?;
            scanner.space();
            Ok(inner)
        })
    }

    pub(super) fn array(&mut self, pending: Pending) -> Result<(), Stop> {
        self.container(b']', |scanner, index| {
            Ok(if pending.is_empty() { pending } else { scanner.below(pending, &Place::Element(index)) })
        })
    }

    /// Those that mean what is at this place, or something inside of it.
    fn below(&mut self, pending: Pending, place: &Place<'_>) -> Pending {
        self.narrow(pending, |steps, _| {
            let (step, rest) = steps.split_first()?;
            step.means(place).then_some(rest)
        })
    }

    /// Reads all parts; `head` reads what is before the value of one, and finds the rules for it.
    fn container(
        &mut self,
        end: u8,
        mut head: impl FnMut(&mut Self, usize) -> Result<Pending, Stop>,
    ) -> Result<(), Stop> {
        self.depth = self.depth.checked_sub(1).ok_or(Stop::Unreadable)?;
        self.at += 1;
        self.space();
        if self.peek() != Some(end) {
            let mut progress = Progress::default();
            for index in 0.. {
                let start = self.at;
                let inner = head(self, index)?;
                self.part(start, inner, &mut progress)?;
                if !inner.is_empty() {
                    self.leave(inner);
                }
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

    fn part(&mut self, start: usize, inner: Pending, progress: &mut Progress) -> Result<(), Stop> {
        if self.effect_of(inner) == Some(&Effect::Remove) {
            self.value(inner)?;
            return self.cut(progress.comma.unwrap_or(start)..self.at, "");
        }
        // What was before the first part that stays is gone.
        if let (Some(comma), false) = (progress.comma, progress.some_stay) {
            self.cut(comma..comma + 1, "")?;
        }
        progress.some_stay = true;
        self.value(inner)
    }
}
