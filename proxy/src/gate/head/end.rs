//! Where a head ends.

use crate::config::model::Limits;
use crate::gate::refusal::Refusal;

/// Fields of a head, whatever the configuration allows.
const MOST_FIELDS: usize = 256;
/// Octets of a head, likewise.
const MOST_OCTETS: usize = 1024 * 1024 - 1;

/// A search for the end of a head that goes on where it stopped when more octets have come.
///
/// Limits hold from the first octet over them on: a client cannot make the Gate buffer what it would refuse later.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::gate) struct HeadEnd {
    /// Octets looked at.
    seen: usize,
    /// Start of the line under way.
    line: usize,
    /// Whole lines before it.
    lines: usize,
}

impl HeadEnd {
    /// The length of the head at the start of `octets`, once it is there as a whole.
    ///
    /// `octets` begins with what the calls before were given.
    pub(in crate::gate) fn find(&mut self, octets: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
        while let Some(at) = octets.get(self.seen..).and_then(|unseen| memchr::memchr(b'\n', unseen)) {
            let lf = self.seen + at;
            let line = octets.get(self.line..lf).and_then(|line| line.strip_suffix(b"\r")).ok_or(Refusal::BareLf)?;
            self.check_line(line.len(), lf + 1, limits)?;
            if line.is_empty() {
                return if self.lines > 0 { Ok(Some(lf + 1)) } else { Err(Refusal::RequestLine) };
            }
            self.lines += 1;
            // The first line is no field.
            if self.lines > limits.headers.min(MOST_FIELDS) + 1 {
                return Err(Refusal::TooManyFields);
            }
            (self.line, self.seen) = (lf + 1, lf + 1);
        }
        self.seen = octets.len();
        self.check_line(octets.len().saturating_sub(self.line + 1), octets.len(), limits)?;
        Ok(None)
    }

    fn check_line(&self, line: usize, head: usize, limits: &Limits) -> Result<(), Refusal> {
        if line <= limits.line_bytes && head <= limits.head_bytes.min(MOST_OCTETS) {
            Ok(())
        } else if self.lines == 0 {
            Err(Refusal::TargetTooLong)
        } else {
            Err(Refusal::HeadTooLarge)
        }
    }
}
