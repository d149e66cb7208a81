//! Kinds of values: each function takes what is written and gives what is meant, or says what is wrong with it.

pub(super) mod http;
pub(super) mod json;
pub(super) mod net;
pub(super) mod quantity;
pub(super) mod secret;
pub(super) mod shared_store;

use std::fmt::Display;

use toml::de::DeValue;

/// What is wrong with a value; where it stands is known to who asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The value is of another type.
pub(super) fn unexpected(expected: &str, found: &DeValue<'_>) -> Wrong {
    Wrong::new(format!("expected {expected}, found {}", described(found)))
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a string".to_owned(),
        DeValue::Integer(integer) => format!("the integer {integer}"),
        DeValue::Float(float) => format!("the float {float}"),
        DeValue::Boolean(boolean) => format!("the boolean {boolean}"),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A string, as it stands.
pub(super) fn string<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Wrong> {
    value.as_str().ok_or_else(|| unexpected("a string", value))
}

/// A string that says something.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, Wrong> {
    match string(value)? {
        "" => Err(Wrong::new("expected a text, found an empty string")),
        text => Ok(text.to_owned()),
    }
}

/// `true` or `false`.
pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, Wrong> {
    value.as_bool().ok_or_else(|| unexpected("true or false", value))
}

/// A name that sections call each other by; safe in metrics, logs and paths of the admin API.
pub(super) fn name(value: &DeValue<'_>) -> Result<String, Wrong> {
    let name = string(value)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&name.len()) && name.chars().all(legal) {
        return Ok(name.to_owned());
    }
    let message = format!("{} is not a name", quoted(name));
    Err(Wrong::new(message).hint("1 to 64 of the characters A-Z a-z 0-9 . _ -"))
}

/// One of a few words.
pub(super) fn word<T: Clone>(words: &[(&str, T)]) -> impl Fn(&DeValue<'_>) -> Result<T, Wrong> {
    |value| one_of(words, string(value)?)
}

/// The meaning of one of a few words.
pub(super) fn one_of<T: Clone>(words: &[(&str, T)], written: &str) -> Result<T, Wrong> {
    let found = words.iter().find(|(word, _)| *word == written);
    found.map(|(_, meaning)| meaning.clone()).ok_or_else(|| {
        let known = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
        Wrong::new(format!("expected {known}, found {}", quoted(written)))
            .with_nearest(written, words.iter().map(|(word, _)| *word))
    })
}

impl Wrong {
    /// Hints at the nearest of the known words, where one is near.
    pub(super) fn with_nearest<'k>(self, written: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        match nearest(written, known) {
            Some(near) => self.hint(format!("did you mean {}?", quoted(near))),
            None => self,
        }
    }
}

/// The known word that a mistyped one most likely stands for.
#[must_use]
pub fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|word| (strsim::normalized_damerau_levenshtein(&written.to_lowercase(), word), word))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

/// A piece of the user's text in a message: quoted, escaped, not too long.
pub(super) fn quoted(text: impl Display) -> String {
    const LONGEST: usize = 60;
    let text = text.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("\"{}...\"", text.get(..cut).unwrap_or_default().escape_debug()),
        None => format!("\"{}\"", text.escape_debug()),
    }
}
