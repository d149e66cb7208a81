//! Answers that a policy makes instead of the upstream.

use crate::Field;

/// An answer made by a policy.
///
/// The gateway frames it and adds the request id. Where the body is empty and the status is 400 or above, it sends its
/// own small problem document (RFC 9457), so that a refusal needs nothing but a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse {
    /// A final status, 200 to 599.
    pub status: u16,
    /// Fields to send.
    pub headers: Vec<Field>,
    /// The body.
    pub body: Vec<u8>,
}

impl LocalResponse {
    /// An answer with this status and nothing else.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a field.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(Field::new(name, value));
        self
    }

    /// Sets the body; its type is a field of its own (`content-type`).
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}
