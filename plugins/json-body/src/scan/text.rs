//! Strings, numbers and literals, and the steps between them.

use std::borrow::Cow;

use super::{Scanner, Stop};

impl<'b> Scanner<'_, 'b> {
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
                Some(b'\\') => self.escape()?,
                _ => return Err(Stop::Unreadable),
            }
        }
    }

    /// A string, and what it says.
    pub(super) fn name(&mut self) -> Result<Cow<'b, str>, Stop> {
        let start = self.at + 1;
        self.string()?;
        let inside = self.text.get(start..self.at - 1).unwrap_or_default();
        // The whole text is UTF-8, and quotation marks divide it between characters.
        match std::str::from_utf8(inside) {
            Ok(plain) if !inside.contains(&b'\\') => Ok(Cow::Borrowed(plain)),
            Ok(escaped) => decoded(escaped).map(Cow::Owned),
            Err(_) => Err(Stop::Unreadable),
        }
    }

    fn escape(&mut self) -> Result<(), Stop> {
        let (_, length) = escape(self.rest())?;
        self.at += length;
        Ok(())
    }
}

/// What a string with escapes says. Half of a pair alone stands for no character: no rule can mean it.
fn decoded(text: &str) -> Result<String, Stop> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, _)) = rest.split_once('\\') {
        let (unit, length) = escape(rest.as_bytes().get(plain.len()..).unwrap_or_default())?;
        units.extend(plain.encode_utf16());
        units.push(unit);
        rest = rest.get(plain.len() + length..).unwrap_or_default();
    }
    units.extend(rest.encode_utf16());
    Ok(String::from_utf16_lossy(&units))
}

/// What a backslash and what follows it stand for, and how long that is.
fn escape(text: &[u8]) -> Result<(u16, usize), Stop> {
    match text {
        [b'\\', b'u', a, b, c, d, ..] => {
            let digits = [*a, *b, *c, *d].map(|digit| char::from(digit).to_digit(16));
            let unit = digits.into_iter().try_fold(0, |unit, digit| Some(unit * 16 + digit?));
            Ok((unit.and_then(|unit| u16::try_from(unit).ok()).ok_or(Stop::Unreadable)?, 6))
        }
        [b'\\', letter, ..] => Ok((u16::from(control(*letter).ok_or(Stop::Unreadable)?), 2)),
        _ => Err(Stop::Unreadable),
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
