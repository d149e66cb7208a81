//! Reading of structured fields (RFC 8941), as far as signatures need them.

/// More digits are no integer there.
const MOST_DIGITS: usize = 15;

/// A text that is read from its beginning; each step is `None` where something else stands there.
#[derive(Debug)]
pub(super) struct Cursor<'t>(&'t str);

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self(text)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn skip(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    pub(super) fn skips(&mut self, wanted: char) -> bool {
        self.skip(wanted).is_some()
    }

    /// What stands before a character, which is skipped.
    pub(super) fn until(&mut self, end: char) -> Option<&'t str> {
        let (before, rest) = self.0.split_once(end)?;
        self.0 = rest;
        Some(before)
    }

    /// A string without escapes: nothing that has to be escaped is used here.
    pub(super) fn string(&mut self) -> Option<&'t str> {
        self.skip('"')?;
        let text = self.until('"')?;
        text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\').then_some(text)
    }

    /// An integer that is not negative.
    pub(super) fn integer(&mut self) -> Option<u64> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at_checked(digits).filter(|_| (1..=MOST_DIGITS).contains(&digits))?;
        self.0 = rest;
        number.parse().ok()
    }
}
