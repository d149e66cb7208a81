//! The request, as a policy reads it.

use std::net::IpAddr;

use crate::consumers::ConsumerId;
use crate::{Field, query};

#[cfg(target_arch = "wasm32")]
use crate::contract::http::Request as View;
#[cfg(target_arch = "wasm32")]
use crate::contract::{address, ambiguity};
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::RequestView as View;
#[cfg(not(target_arch = "wasm32"))]
use std::convert::identity as address;

/// Why a field has no one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// The field is not there.
    Missing,
    /// The field is there with different values.
    Repeated,
}

/// What TLS established (RFC 8446, RFC 5246).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite by its IANA name.
    pub cipher: String,
    /// The name the client asked for; none where it asked for none.
    pub server_name: Option<String>,
}

/// A certificate that the listener's authorities vouch for, and whose key the client has (RFC 5280).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// What tells it from all others: SHA-256 of the certificate in DER, 32 bytes.
    pub sha256: Vec<u8>,
    /// The common name of its subject; none where it has none. More than one authority may have given it.
    pub common_name: Option<String>,
    /// The DNS names among its subject's alternative names, in lower case. More than one authority may have given them.
    pub dns_names: Vec<String>,
}

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

    pub(crate) fn view(&self) -> &'a View {
        self.0
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
    ///
    /// What has a dot segment (encoded as well), a backslash or `%00` in it never gets here. Other ways of writing do:
    /// `/%761`, `//v1` and `/v1;x` are `/v1` to many upstreams. The gateway refuses them only where another of its routes
    /// would serve such a reading. So what shall hold for a path, however it is written, belongs on a route of its own: a
    /// policy that compares paths sees one way of writing, and the upstream may read another.
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

    /// The one value of a field, as a credential wants to be read: whoever acts on the first of two values, and whoever acts
    /// on the last, would disagree on what was sent. The same value twice is one value.
    ///
    /// # Errors
    /// There is none, or there are different ones.
    pub fn sole_header(&self, name: &str) -> Result<Vec<u8>, Ambiguity> {
        let value = self.0.sole_header(name);
        #[cfg(target_arch = "wasm32")]
        let value = value.map_err(ambiguity);
        value
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

    /// Address of the client, past the proxies the operator trusts.
    #[must_use]
    pub fn client_address(&self) -> IpAddr {
        address(self.0.client_address())
    }

    /// What TLS established between client and gateway; `None` where the connection is in the clear.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFacts> {
        self.0.tls()
    }

    /// The certificate the client showed in the handshake; `None` where it showed none.
    #[must_use]
    pub fn client_certificate(&self) -> Option<ClientCertificate> {
        self.0.client_certificate()
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

    /// The consumer an earlier policy identified.
    #[must_use]
    pub fn consumer(&self) -> Option<ConsumerId> {
        self.0.consumer().map(ConsumerId::from_number)
    }
}
