//! What a policy decides.
//!
//! The builders ([`Forward`], [`LocalResponse`]) hold the common case short; each turns into its decision by `.into()`.

use crate::consumers::ConsumerId;
use crate::{Edit, LocalResponse};

/// The decision on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Let it pass, changed as told.
    Forward(Forward),
    /// Answer it here; later policies and the upstream do not see it.
    Respond(LocalResponse),
}

/// What changes about a request that passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forward {
    /// Edits to the request, applied before the next policy sees it.
    pub request: Vec<Edit>,
    /// Edits to the response on its way back, whoever makes it.
    pub response: Vec<Edit>,
    /// The consumer this request belongs to, by its number. Needs the grant `consumers`.
    pub consumer: Option<u64>,
    /// Path and query to ask the upstream for, in origin form.
    pub target: Option<String>,
}

/// The decision on a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseDecision {
    /// Let it pass with these edits.
    Forward(Vec<Edit>),
    /// Send this instead; the upstream's body is dropped.
    Replace(LocalResponse),
}

/// What changes about a response that passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseForward {
    edits: Vec<Edit>,
}

impl Decision {
    /// Starts a decision to let the request pass.
    #[must_use]
    pub fn forward() -> Forward {
        Forward::default()
    }

    /// Starts an answer of the policy's own.
    #[must_use]
    pub fn respond(status: u16) -> LocalResponse {
        LocalResponse::new(status)
    }
}

impl Forward {
    /// Replaces a field of the request.
    #[must_use]
    pub fn set_request_header(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.edit_request(Edit::set(name, value))
    }

    /// Adds a value to a field of the request.
    #[must_use]
    pub fn append_request_header(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.edit_request(Edit::append(name, value))
    }

    /// Removes a field of the request.
    #[must_use]
    pub fn remove_request_header(self, name: impl Into<String>) -> Self {
        self.edit_request(Edit::remove(name))
    }

    /// Replaces a field of the response.
    #[must_use]
    pub fn set_response_header(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.edit_response(Edit::set(name, value))
    }

    /// Adds a value to a field of the response.
    #[must_use]
    pub fn append_response_header(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.edit_response(Edit::append(name, value))
    }

    /// Removes a field of the response.
    #[must_use]
    pub fn remove_response_header(self, name: impl Into<String>) -> Self {
        self.edit_response(Edit::remove(name))
    }

    /// Tells the gateway, later policies, the upstream and the access log who the client is.
    #[must_use]
    pub fn identify(mut self, consumer: ConsumerId) -> Self {
        self.consumer = Some(consumer.number());
        self
    }

    /// Asks the upstream for this path and query instead; it starts with `/`. The route stays the one that matched.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    fn edit_request(mut self, edit: Edit) -> Self {
        self.request.push(edit);
        self
    }

    fn edit_response(mut self, edit: Edit) -> Self {
        self.response.push(edit);
        self
    }
}

impl From<Forward> for Decision {
    fn from(forward: Forward) -> Self {
        Self::Forward(forward)
    }
}

impl From<LocalResponse> for Decision {
    fn from(response: LocalResponse) -> Self {
        Self::Respond(response)
    }
}

impl ResponseDecision {
    /// Starts a decision to let the response pass.
    #[must_use]
    pub fn forward() -> ResponseForward {
        ResponseForward::default()
    }

    /// Starts an answer that takes the response's place.
    #[must_use]
    pub fn replace(status: u16) -> LocalResponse {
        LocalResponse::new(status)
    }
}

impl ResponseForward {
    /// Replaces a field.
    #[must_use]
    pub fn set_header(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.edit(Edit::set(name, value))
    }

    /// Adds a value to a field.
    #[must_use]
    pub fn append_header(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.edit(Edit::append(name, value))
    }

    /// Removes a field.
    #[must_use]
    pub fn remove_header(self, name: impl Into<String>) -> Self {
        self.edit(Edit::remove(name))
    }

    fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }
}

impl From<ResponseForward> for ResponseDecision {
    fn from(forward: ResponseForward) -> Self {
        Self::Forward(forward.edits)
    }
}

impl From<LocalResponse> for ResponseDecision {
    fn from(response: LocalResponse) -> Self {
        Self::Replace(response)
    }
}
