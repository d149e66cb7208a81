//! What the gateway knows of a request beside its head, and views over both.

use std::net::IpAddr;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, request, response};
use smallvec::SmallVec;

use super::decision::{Changes, EditableHead};
use super::limits::Standing;
use super::view::{RequestView, ResponseView};
use crate::consumers::Consumer;
use crate::counters::Held;

/// How the client reached the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URI.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What TLS established with the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3`, `TLSv1.2`
    pub version: &'static str,
    /// The cipher suite by its IANA name.
    pub cipher: Box<str>,
    /// The server name the client asked for, in lower case; none where it sent none.
    pub server_name: Option<Box<str>>,
    /// The certificate the client showed; none where it showed none.
    pub client_certificate: Option<ClientCertificate>,
}

/// A certificate that the listener's authorities vouch for, and whose key the client has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// What tells it from all others: SHA-256 of its DER.
    pub sha256: [u8; 32],
    /// The common name of its subject, where it has one.
    pub common_name: Option<Box<str>>,
    /// The DNS names among its subject's alternative names, in lower case.
    pub dns_names: Vec<Box<str>>,
}

/// The id of a request: text, and the field value that carries it to upstream and client without another copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id that is in this text; `None` where it cannot stand in a header field.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        HeaderValue::from_str(text).ok().map(Self::from)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// As the value of a field.
    #[must_use]
    pub fn as_field(&self) -> &HeaderValue {
        &self.0
    }
}

impl Default for RequestId {
    /// The empty one, of a request that has none yet.
    fn default() -> Self {
        Self(HeaderValue::from_static(""))
    }
}

impl From<HeaderValue> for RequestId {
    /// A value that holds more than visible ASCII reads as empty text.
    ///
    /// No two requests have it in common: HTTP/2 is told not to keep it in its table of fields, where it would be one more to
    /// compare each later one with, and drive out what does come again (RFC 7541 section 6.2.3).
    fn from(mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        Self(value)
    }
}

/// What a policy wants changed about a response.
#[derive(Debug)]
pub enum ResponseChange {
    /// What is asked for its response when a request passes; all of it is kept as long as the exchange lasts.
    Asked(Arc<Changes>),
    /// The client is told where it stands.
    Standing(Standing),
}

/// What is known of a request that its head does not say; the chain adds to it.
#[derive(Debug)]
pub struct RequestFacts {
    /// The client, past trusted proxies.
    pub client_address: IpAddr,
    /// The request's id.
    pub request_id: RequestId,
    /// Name of the route that matched.
    pub route: Arc<str>,
    /// How the client reached the gateway.
    pub scheme: Scheme,
    /// What TLS established; none where the connection is in the clear.
    pub tls: Option<Arc<TlsFacts>>,
    /// Path and query that a policy wants asked for, instead of the client's and the route's.
    pub target: Option<PathAndQuery>,
    /// Host and port the client asked for; empty where it gave none.
    pub authority: String,
    /// Who the client turned out to be.
    pub consumer: Option<Arc<Consumer>>,
    /// What policies want changed about the response, whoever makes it, in the order they asked.
    pub response_changes: SmallVec<[ResponseChange; 2]>,
    /// The endpoint that answered, once one has and a policy may ask.
    pub endpoint: Option<Arc<str>>,
    /// Links of the chain that let the request pass: as many take part in its response.
    pub links_passed: usize,
    /// Places under limits of policies, free again once this is dropped.
    pub held: Vec<Held>,
    /// Those of them that take no part all the same, since another one was enough.
    pub links_left_out: SmallVec<[usize; 4]>,
}

impl RequestFacts {
    /// What is known before the first policy.
    #[must_use]
    pub fn new(
        client_address: IpAddr,
        request_id: RequestId,
        route: Arc<str>,
        scheme: Scheme,
        authority: String,
    ) -> Self {
        Self {
            client_address,
            request_id,
            route,
            scheme,
            tls: None,
            target: None,
            authority,
            consumer: None,
            response_changes: SmallVec::new(),
            endpoint: None,
            links_passed: 0,
            held: Vec::new(),
            links_left_out: SmallVec::new(),
        }
    }
}

impl RequestFacts {
    /// Whether the link at this place has a part in what follows the request's head.
    #[must_use]
    pub fn takes_part(&self, place: usize) -> bool {
        !self.links_left_out.contains(&place)
    }

    /// Makes the changes to an upstream's response that policies asked for, and tells where the client stands with all limits.
    /// What the upstream said of limits was of its own.
    pub fn change_response(&self, head: &mut HeaderMap) {
        self.change(head, false);
    }

    /// Does the same to an answer that was made here: limits of which it tells are told beside the others.
    pub fn change_answer(&self, head: &mut HeaderMap) {
        self.change(head, true);
    }

    /// Both fields are lists, to which each policy adds; with `is_ours` also to what is there.
    fn change(&self, head: &mut HeaderMap, mut is_ours: bool) {
        for change in &self.response_changes {
            match change {
                ResponseChange::Asked(changes) => changes.response.iter().for_each(|edit| head.apply(edit)),
                ResponseChange::Standing(standing) => {
                    for (name, value) in standing.fields() {
                        match is_ours {
                            true => drop(head.append(name, value)),
                            false => drop(head.insert(name, value)),
                        }
                    }
                    is_ours = true;
                }
            }
        }
    }
}

/// A request's head where it lies, with the facts beside it.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequestView<'a> {
    /// The head as the next hop would see it now.
    pub parts: &'a request::Parts,
    /// What else is known.
    pub facts: &'a RequestFacts,
}

impl RequestView for HttpRequestView<'_> {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn scheme(&self) -> &str {
        self.facts.scheme.as_str()
    }

    fn authority(&self) -> &str {
        &self.facts.authority
    }

    fn path(&self) -> &str {
        self.facts.target.as_ref().map_or_else(|| self.parts.uri.path(), PathAndQuery::path)
    }

    fn query(&self) -> Option<&str> {
        self.facts.target.as_ref().map_or_else(|| self.parts.uri.query(), PathAndQuery::query)
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        first_value(&self.parts.headers, name)
    }

    fn header_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8])) {
        all_values(&self.parts.headers, name, see);
    }

    fn each_header(&self, see: &mut dyn FnMut(&str, &[u8])) {
        each_field(&self.parts.headers, see);
    }

    fn client_address(&self) -> IpAddr {
        self.facts.client_address
    }

    fn request_id(&self) -> &str {
        self.facts.request_id.as_str()
    }

    fn route(&self) -> &str {
        &self.facts.route
    }

    fn consumer(&self) -> Option<&Consumer> {
        self.facts.consumer.as_deref()
    }

    fn tls(&self) -> Option<&TlsFacts> {
        self.facts.tls.as_deref()
    }
}

/// A response's head where it lies.
#[derive(Clone, Copy, Debug)]
pub struct HttpResponseView<'a> {
    /// The head as the client would see it now.
    pub parts: &'a response::Parts,
    /// The fields after the body, once it has ended.
    pub trailers: Option<&'a HeaderMap>,
    /// The endpoint that answered.
    pub endpoint: Option<&'a str>,
}

impl ResponseView for HttpResponseView<'_> {
    fn status(&self) -> u16 {
        self.parts.status.as_u16()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        first_value(&self.parts.headers, name)
    }

    fn header_values<'h>(&'h self, name: &str, see: &mut dyn FnMut(&'h [u8])) {
        all_values(&self.parts.headers, name, see);
    }

    fn each_header(&self, see: &mut dyn FnMut(&str, &[u8])) {
        each_field(&self.parts.headers, see);
    }

    fn each_trailer(&self, see: &mut dyn FnMut(&str, &[u8])) {
        self.trailers.into_iter().for_each(|trailers| each_field(trailers, &mut *see));
    }

    fn endpoint(&self) -> Option<&str> {
        self.endpoint
    }
}

fn first_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

fn all_values<'h>(headers: &'h HeaderMap, name: &str, see: &mut dyn FnMut(&'h [u8])) {
    headers.get_all(name).iter().for_each(|value| see(value.as_bytes()));
}

fn each_field(headers: &HeaderMap, see: &mut dyn FnMut(&str, &[u8])) {
    headers.iter().for_each(|(name, value)| see(name.as_str(), value.as_bytes()));
}
