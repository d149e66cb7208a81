//! The request, as a policy reads it.

use crate::{Field, query};

#[cfg(target_arch = "wasm32")]
use crate::contract::http::Request as View;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::RequestView as View;

/// The request as the next hop would see it now: edits of earlier policies are applied.
///
/// Each method asks the gateway: what is not asked for is never copied into the plugin, and what is needed twice is best
/// kept in a variable.
#[derive(Debug)]
pub struct Request<'a>(&'a View);

impl<'a> Request<'a> {
    pub(crate) fn new(view: &'a View) -> Self {
        Self(view)
    }

    /// The method, in the case it was sent (`GET`).
    #[must_use]
    pub fn method(&self) -> String {
        self.0.method()
    }

    /// `http` or `https`, as the client reached the gateway.
    #[must_use]
    pub fn scheme(&self) -> String {
        self.0.scheme()
    }

    /// Host and, where given, port the client asked for.
    #[must_use]
    pub fn authority(&self) -> String {
        self.0.authority()
    }

    /// The path, without the query, percent-encoded as received.
    #[must_use]
    pub fn path(&self) -> String {
        self.0.path()
    }

    /// The query without its `?`; `None` where the target has no `?`.
    #[must_use]
    pub fn query(&self) -> Option<String> {
        self.0.query()
    }

    /// The values of a query parameter, decoded, in order.
    #[must_use]
    pub fn query_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.query().map_or_else(Vec::new, |query| query::values(&query, name))
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

    /// All values of a field, in order. More than one value of a field that carries a credential deserves suspicion.
    #[must_use]
    pub fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.header_values(name)
    }

    /// All fields, in order of arrival per name. This copies the whole head: ask for single fields where that will do.
    #[must_use]
    pub fn headers(&self) -> Vec<Field> {
        self.0.headers()
    }

    /// Address of the client, past the proxies the operator trusts (`192.0.2.7`, `2001:db8::1`), without a port.
    #[must_use]
    pub fn client_address(&self) -> String {
        self.0.client_address()
    }

    /// The id of this request, as the upstream and the log see it.
    #[must_use]
    pub fn request_id(&self) -> String {
        self.0.request_id()
    }

    /// Name of the route that matched.
    #[must_use]
    pub fn route(&self) -> String {
        self.0.route()
    }

    /// Name of the consumer an earlier policy identified.
    #[must_use]
    pub fn consumer(&self) -> Option<String> {
        self.0.consumer()
    }
}
