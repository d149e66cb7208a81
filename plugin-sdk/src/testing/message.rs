//! Messages a test makes up.

use std::net::IpAddr;

use crate::{Ambiguity, ClientCertificate, Field, Request, Response, TlsFacts};

/// A request made by a test. What is not set has a plain default: `GET http://localhost/` from `192.0.2.1`.
#[derive(Clone, Debug)]
pub struct TestRequest(RequestView);

/// A response made by a test.
#[derive(Clone, Debug)]
pub struct TestResponse(ResponseView);

/// What a native [`Request`] reads.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct RequestView {
    method: String,
    scheme: String,
    authority: String,
    path: String,
    query: Option<String>,
    headers: Vec<Field>,
    client_address: IpAddr,
    request_id: String,
    route: String,
    consumer: Option<u64>,
    tls: Option<TlsFacts>,
    client_certificate: Option<ClientCertificate>,
}

/// What a native [`Response`] reads.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct ResponseView {
    status: u16,
    headers: Vec<Field>,
    trailers: Vec<Field>,
    endpoint: Option<String>,
}

impl TestRequest {
    /// A request for a path, with or without a query.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Self(RequestView {
            method: method.to_owned(),
            scheme: "http".to_owned(),
            authority: "localhost".to_owned(),
            path: path.to_owned(),
            query,
            headers: Vec::new(),
            client_address: IpAddr::from([192, 0, 2, 1]),
            request_id: "request-1".to_owned(),
            route: "route".to_owned(),
            consumer: None,
            tls: None,
            client_certificate: None,
        })
    }

    /// A GET for a path, with or without a query.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Adds a field; the same name again adds a value.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push(Field::new(name.to_ascii_lowercase(), value));
        self
    }

    /// Sets `http` or `https`.
    #[must_use]
    pub fn scheme(mut self, scheme: &str) -> Self {
        scheme.clone_into(&mut self.0.scheme);
        self
    }

    /// Sets host and port.
    #[must_use]
    pub fn authority(mut self, authority: &str) -> Self {
        authority.clone_into(&mut self.0.authority);
        self
    }

    /// Sets the client's address.
    ///
    /// # Panics
    /// It is no IP address.
    #[must_use]
    #[expect(clippy::expect_used, reason = "this is test code")]
    pub fn client_address(mut self, address: &str) -> Self {
        self.0.client_address = address.parse::<IpAddr>().expect("an IP address").to_canonical();
        self
    }

    /// Sets what TLS established; the scheme becomes `https`.
    #[must_use]
    pub fn tls(mut self, facts: TlsFacts) -> Self {
        self.0.tls = Some(facts);
        self.scheme("https")
    }

    /// Sets the certificate the client showed; the scheme becomes `https`.
    #[must_use]
    pub fn client_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.0.client_certificate = Some(certificate);
        self.scheme("https")
    }

    /// Sets the request id.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.0.request_id);
        self
    }

    /// Sets the route that matched.
    #[must_use]
    pub fn route(mut self, route: &str) -> Self {
        route.clone_into(&mut self.0.route);
        self
    }

    /// Sets the consumer an earlier policy identified, by a name that the [`TestHost`](super::TestHost) knows.
    ///
    /// # Panics
    /// The host does not know it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "this is test code")]
    pub fn consumer(mut self, name: &str) -> Self {
        let known = super::consumers::find_by_name(name);
        self.0.consumer = Some(known.expect("a consumer the test host knows"));
        self
    }

    /// What a policy is given.
    #[must_use]
    pub fn view(&self) -> Request<'_> {
        Request::new(&self.0)
    }
}

impl TestResponse {
    /// A response of this status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self(ResponseView { status, headers: Vec::new(), trailers: Vec::new(), endpoint: None })
    }

    /// Adds a field; the same name again adds a value.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push(Field::new(name.to_ascii_lowercase(), value));
        self
    }

    /// Sets the endpoint that answered, as host and port.
    #[must_use]
    pub fn endpoint(mut self, endpoint: &str) -> Self {
        self.0.endpoint = Some(endpoint.to_owned());
        self
    }

    /// Adds a field after the body.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.trailers.push(Field::new(name.to_ascii_lowercase(), value));
        self
    }

    /// What a policy is given.
    #[must_use]
    pub fn view(&self) -> Response<'_> {
        Response::new(&self.0)
    }
}

impl RequestView {
    pub(crate) fn method(&self) -> String {
        self.method.clone()
    }

    pub(crate) fn scheme(&self) -> String {
        self.scheme.clone()
    }

    pub(crate) fn authority(&self) -> String {
        self.authority.clone()
    }

    pub(crate) fn path(&self) -> String {
        self.path.clone()
    }

    pub(crate) fn query(&self) -> Option<String> {
        self.query.clone()
    }

    pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
        values(&self.headers, name).next()
    }

    pub(crate) fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        values(&self.headers, name).collect()
    }

    pub(crate) fn headers(&self) -> Vec<Field> {
        self.headers.clone()
    }

    pub(crate) fn client_address(&self) -> IpAddr {
        self.client_address
    }

    pub(crate) fn tls(&self) -> Option<TlsFacts> {
        self.tls.clone()
    }

    pub(crate) fn client_certificate(&self) -> Option<ClientCertificate> {
        self.client_certificate.clone()
    }

    pub(crate) fn request_id(&self) -> String {
        self.request_id.clone()
    }

    pub(crate) fn route(&self) -> String {
        self.route.clone()
    }

    pub(crate) fn consumer(&self) -> Option<u64> {
        self.consumer
    }

    pub(crate) fn sole_header(&self, name: &str) -> Result<Vec<u8>, Ambiguity> {
        let mut values = values(&self.headers, name);
        let first = values.next().ok_or(Ambiguity::Missing)?;
        if values.all(|other| other == first) { Ok(first) } else { Err(Ambiguity::Repeated) }
    }
}

impl ResponseView {
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
        values(&self.headers, name).next()
    }

    pub(crate) fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        values(&self.headers, name).collect()
    }

    pub(crate) fn headers(&self) -> Vec<Field> {
        self.headers.clone()
    }

    pub(crate) fn trailers(&self) -> Vec<Field> {
        self.trailers.clone()
    }

    pub(crate) fn endpoint(&self) -> Option<String> {
        self.endpoint.clone()
    }
}

fn values<'a>(headers: &'a [Field], name: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
    headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.clone())
}
