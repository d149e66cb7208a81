//! Strings, numbers and literals, and the steps between them.

use std::borrow::Cow;

use super::{Scanner, Stop};

impl Scanner<'_, '_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.peek() != Some(byte) {
            return Err(Stop::Unreadable);
        }
        self.at += 1;
        Ok(())
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Steps over such bytes; returns how many there were.
    fn skip(&mut self, is_meant: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest();
        let count = rest.iter().position(|byte| !is_meant(*byte)).unwrap_or(rest.len());
        self.at += count;
        count
    }

    pub(super) fn literal(&mut self) -> Result<(), Stop> {
        let word = ["true", "false", "null"].into_iter().find(|word| self.rest().starts_with(word.as_bytes()));
        self.at += word.ok_or(Stop::Unreadable)?.len();
        Ok(())
    }

    pub(super) fn number(&mut self) -> Result<(), Stop> {
        let _ = self.expect(b'-');
        if self.expect(b'0').is_err() {
            self.digits()?;
        }
        if self.expect(b'.').is_ok() {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Stop> {
        if self.skip(|byte| byte.is_ascii_digit()) == 0 { Err(Stop::Unreadable) } else { Ok(()) }
    }

    pub(super) fn string(&mut self) -> Result<(), Stop> {
        self.expect(b'"')?;
        loop {
            self.skip(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            match self.peek() {
                Some(b'"') => return self.expect(b'"'),
                Some(b'\\') => self.escape().map(drop)?,
                _ => return Err(Stop::Unreadable),
            }
        }
    }

    /// A string, and what it says.
    pub(super) fn name(&mut self) -> Result<Cow<'static, str>, Stop> {
        let start = self.at + 1;
        self.string()?;
        let end = self.at - 1;
        let mut inside = Scanner {
            rules: self.rules,
            text: self.text.get(start..end).unwrap_or_default(),
            at: 0,
            depth: 0,
            cuts: Vec::new(),
        };
        inside.decoded().map(Cow::Owned)
    }

    fn decoded(&mut self) -> Result<String, Stop> {
        let mut units = Vec::new();
        while let Some(byte) = self.peek() {
            if byte == b'\\' {
                units.push(self.escape()?);
                continue;
            }
            let start = self.at;
            self.skip(|byte| byte != b'\\');
            let plain = self.text.get(start..self.at).unwrap_or_default();
            units.extend(String::from_utf8_lossy(plain).encode_utf16());
        }
        // Half of a pair alone stands for no character: no rule can mean it.
        Ok(String::from_utf16_lossy(&units))
    }

    /// What a backslash and what follows it stand for.
    fn escape(&mut self) -> Result<u16, Stop> {
        let (unit, length) = match self.rest() {
            [b'\\', b'u', a, b, c, d, ..] => {
                let digits = [*a, *b, *c, *d].map(|digit| char::from(digit).to_digit(16));
                let unit = digits.into_iter().try_fold(0, |unit, digit| Some(unit * 16 + digit?));
                (unit.and_then(|unit| u16::try_from(unit).ok()).ok_or(Stop::Unreadable)?, 6)
            }
            [b'\\', letter, ..] => (u16::from(control(*letter).ok_or(Stop::Unreadable)?), 2),
            _ => return Err(Stop::Unreadable),
        };
        self.at += length;
        Ok(unit)
    }
}

/// RFC 8259 section 7.
fn control(letter: u8) -> Option<u8> {
    match letter {
        b'"' | b'\\' | b'/' => Some(letter),
        b'b' => Some(8),
        b'f' => Some(12),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}
