//! What the gateway knows of a request beside its head, and views over both.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, request, response};

use super::decision::Edit;
use super::view::{RequestView, ResponseView};
use crate::consumers::Consumer;

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

/// What is known of a request that its head does not say; the chain adds to it.
#[derive(Debug)]
pub struct RequestFacts {
    /// The client, past trusted proxies.
    pub client_address: IpAddr,
    /// The request's id.
    pub request_id: String,
    /// Name of the route that matched.
    pub route: Arc<str>,
    /// How the client reached the gateway.
    pub scheme: Scheme,
    /// Host and port the client asked for; empty where it gave none.
    pub authority: String,
    /// Who the client turned out to be.
    pub consumer: Option<Arc<Consumer>>,
    /// What policies want changed about the response, whoever makes it, in the order they asked.
    pub response_edits: Vec<Edit>,
    /// Links of the chain that let the request pass: as many take part in its response.
    pub links_passed: usize,
}

impl RequestFacts {
    /// What is known before the first policy.
    #[must_use]
    pub fn new(client_address: IpAddr, request_id: String, route: Arc<str>, scheme: Scheme, authority: String) -> Self {
        Self {
            client_address,
            request_id,
            route,
            scheme,
            authority,
            consumer: None,
            response_edits: Vec::new(),
            links_passed: 0,
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
        self.parts.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        first_value(&self.parts.headers, name)
    }

    fn header_values(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        all_values(&self.parts.headers, name, see);
    }

    fn each_header(&self, see: &mut dyn FnMut(&str, &[u8])) {
        each_field(&self.parts.headers, see);
    }

    fn client_address(&self) -> IpAddr {
        self.facts.client_address
    }

    fn request_id(&self) -> &str {
        &self.facts.request_id
    }

    fn route(&self) -> &str {
        &self.facts.route
    }

    fn consumer(&self) -> Option<&str> {
        self.facts.consumer.as_deref().map(|consumer| consumer.name.as_str())
    }
}

/// A response's head where it lies.
#[derive(Clone, Copy, Debug)]
pub struct HttpResponseView<'a> {
    /// The head as the client would see it now.
    pub parts: &'a response::Parts,
}

impl ResponseView for HttpResponseView<'_> {
    fn status(&self) -> u16 {
        self.parts.status.as_u16()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        first_value(&self.parts.headers, name)
    }

    fn header_values(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        all_values(&self.parts.headers, name, see);
    }

    fn each_header(&self, see: &mut dyn FnMut(&str, &[u8])) {
        each_field(&self.parts.headers, see);
    }
}

fn first_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers.get(name).map(http::HeaderValue::as_bytes)
}

fn all_values(headers: &HeaderMap, name: &str, see: &mut dyn FnMut(&[u8])) {
    headers.get_all(name).iter().for_each(|value| see(value.as_bytes()));
}

fn each_field(headers: &HeaderMap, see: &mut dyn FnMut(&str, &[u8])) {
    headers.iter().for_each(|(name, value)| see(name.as_str(), value.as_bytes()));
}
