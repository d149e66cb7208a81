//! Texts with values of the request in them: `user-${consumer.name}`.
//!
//! ```
//! use tidegate_plugin_sdk::template::{REQUEST, Template};
//! use tidegate_plugin_sdk::testing::TestRequest;
//!
//! let template = Template::parse("${route} for ${request.header.x-tenant:-nobody}", &[REQUEST])?;
//! let request = TestRequest::get("/").route("orders");
//! assert_eq!(template.render(&request.view()), Some(b"orders for nobody".to_vec()));
//! # Ok::<(), tidegate_plugin_sdk::template::TemplateError>(())
//! ```
//!
//! `${name}` stands for a value, `${name:-text}` for a value or else this text, `${1}` for what the first group of a pattern
//! captured, `$$` for a dollar sign. Parse in [`configure`](crate::Policy::configure): a name nobody knows is the operator's
//! mistake and not the traffic's.

mod parse;
mod variable;

use crate::Request;

pub use parse::TemplateError;
pub use variable::{CONSUMER, REQUEST, Variable};

/// A text with values in it, parsed.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

/// Writes a value so that the place it goes to takes it for nothing but a value.
pub type Escape = fn(&[u8], &mut Vec<u8>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Value { source: Source, otherwise: Option<String> },
}

#[derive(Clone, Debug)]
enum Source {
    Variable(fn(&Request) -> Option<Vec<u8>>),
    /// The one value of a field; two that differ are none.
    Header(String),
    /// A group of a pattern, from 1.
    Capture(usize),
}

impl Template {
    /// Parses a text that may use the names in these lists, and `request.header.NAME`.
    ///
    /// # Errors
    /// What is wrong with it: a name that is not there, or a `${` without its end.
    pub fn parse(text: &str, variables: &[&[Variable]]) -> Result<Self, TemplateError> {
        Self::parse_with_captures(text, variables, 0)
    }

    /// The same for a text that may also use so many groups of a pattern, as `${1}`.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); a group that the pattern has not.
    pub fn parse_with_captures(text: &str, variables: &[&[Variable]], captures: usize) -> Result<Self, TemplateError> {
        parse::parts(text, variables, captures).map(|parts| Self { parts })
    }

    /// The text for this request; `None` where a value is missing that has no text in its place.
    #[must_use]
    pub fn render(&self, request: &Request) -> Option<Vec<u8>> {
        self.fill(request, &[], plain)
    }

    /// The same with what the groups of a pattern captured, and each value written by `escape`.
    #[must_use]
    pub fn fill(&self, request: &Request, captures: &[Option<&str>], escape: Escape) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(fixed) => text.extend_from_slice(fixed.as_bytes()),
                Part::Value { source, otherwise } => match (source.read(request, captures), otherwise) {
                    (Some(value), _) => escape(&value, &mut text),
                    (None, Some(fixed)) => text.extend_from_slice(fixed.as_bytes()),
                    (None, None) => return None,
                },
            }
        }
        Some(text)
    }

    /// The same template, in which a value that is missing is empty text.
    #[must_use]
    pub fn or_empty(mut self) -> Self {
        for part in &mut self.parts {
            if let Part::Value { otherwise, .. } = part {
                otherwise.get_or_insert_default();
            }
        }
        self
    }

    /// The text, where it is the same for every request.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Everything in it that the operator wrote, to be checked before there is traffic.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Value { otherwise, .. } => otherwise.as_deref(),
        })
    }
}

impl Source {
    fn read(&self, request: &Request, captures: &[Option<&str>]) -> Option<Vec<u8>> {
        match self {
            Self::Variable(read) => read(request),
            Self::Header(name) => request.sole_header(name).ok(),
            Self::Capture(number) => captures.get(number - 1).copied().flatten().map(|text| text.as_bytes().to_vec()),
        }
    }
}

/// Writes a value as it is.
pub fn plain(value: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(value);
}

#[cfg(test)]
mod tests;
