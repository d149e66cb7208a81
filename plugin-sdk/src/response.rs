//! The response, as a policy reads it.

use crate::Field;

#[cfg(target_arch = "wasm32")]
use crate::contract::http::Response as View;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::ResponseView as View;

/// The response as the client would see it now: edits of policies nearer to the upstream are applied.
#[derive(Debug)]
pub struct Response<'a>(&'a View);

impl<'a> Response<'a> {
    pub(crate) fn new(view: &'a View) -> Self {
        Self(view)
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The first value of a field; the name is matched without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.0.header(name)
    }

    /// The first value of a field, where it is UTF-8.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<String> {
        self.header(name).and_then(|value| String::from_utf8(value).ok())
    }

    /// All values of a field, in order.
    #[must_use]
    pub fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.header_values(name)
    }

    /// All fields, in order of arrival per name. This copies the whole head: ask for single fields where that will do.
    #[must_use]
    pub fn headers(&self) -> Vec<Field> {
        self.0.headers()
    }

    /// The fields after the body (RFC 9110 section 6.5); empty until the body has ended, and where client and endpoint do not
    /// both speak HTTP/2. Those of a request are not shown.
    #[must_use]
    pub fn trailers(&self) -> Vec<Field> {
        self.0.trailers()
    }

    /// The endpoint that answered, as host and port; `None` where none did, and the gateway or a policy makes the response.
    #[must_use]
    pub fn endpoint(&self) -> Option<String> {
        self.0.endpoint()
    }
}
