//! A locally made response as a head that response policies can see and change.

use bytes::Bytes;
use http::response;

use super::chain::ResponseHead;
use super::decision::{Edit, EditableHead, LocalResponse};

/// The head of a local response, with the body it will have.
#[derive(Debug)]
pub(super) struct LocalHead {
    parts: response::Parts,
    body: Bytes,
}

impl From<LocalResponse> for LocalHead {
    fn from(local: LocalResponse) -> Self {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = local.status;
        for (name, value) in local.headers {
            parts.headers.append(name, value);
        }
        Self { parts, body: local.body }
    }
}

impl From<LocalHead> for LocalResponse {
    fn from(head: LocalHead) -> Self {
        let fields = head.parts.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        Self { status: head.parts.status, headers: fields.collect(), body: head.body }
    }
}

impl EditableHead for LocalHead {
    fn apply(&mut self, edit: &Edit) {
        self.parts.headers.apply(edit);
    }
}

impl ResponseHead for LocalHead {
    fn parts(&self) -> &response::Parts {
        &self.parts
    }
}
