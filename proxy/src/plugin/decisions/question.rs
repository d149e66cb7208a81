//! What a guest may ask of the messages of a call.

use std::hash::Hasher;

use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

use crate::policy::view::{RequestView, ResponseView};

/// The messages that a call is about.
#[derive(Clone, Copy)]
pub(in crate::plugin) struct Messages<'a> {
    pub(in crate::plugin) request: &'a dyn RequestView,
    pub(in crate::plugin) response: Option<&'a dyn ResponseView>,
}

/// One read of the contract's views. What no two requests have in common (their id, all of their fields) is none: who asks
/// for that is asked each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum Question {
    Method,
    Scheme,
    Authority,
    Path,
    Query,
    Header(Box<str>),
    /// All values of a field; also whether it has but one.
    HeaderValues(Box<str>),
    ClientAddress,
    Tls,
    Route,
    Consumer,
    Status,
    ResponseHeader(Box<str>),
    ResponseHeaderValues(Box<str>),
    Endpoint,
}

impl Question {
    /// The field it asks for, where it does.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Header(name)
            | Self::HeaderValues(name)
            | Self::ResponseHeader(name)
            | Self::ResponseHeaderValues(name) => Some(name),
            _ => None,
        }
    }

    /// What stands for the answer: messages that answer differently have different ones.
    pub(super) fn answer(&self, messages: Messages<'_>, hasher: SipHasher13) -> u128 {
        let mut answer = Answer(hasher);
        let Messages { request, response } = messages;
        match self {
            Self::Method => answer.text(request.method()),
            Self::Scheme => answer.text(request.scheme()),
            Self::Authority => answer.text(request.authority()),
            Self::Path => answer.text(request.path()),
            Self::Query => answer.maybe(request.query().map(str::as_bytes)),
            Self::Header(name) => answer.maybe(request.header(name)),
            Self::HeaderValues(name) => request.header_values(name, &mut |value| answer.octets(value)),
            Self::ClientAddress => match request.client_address() {
                std::net::IpAddr::V4(address) => answer.octets(&address.octets()),
                std::net::IpAddr::V6(address) => answer.octets(&address.octets()),
            },
            Self::Tls => answer.tls(request),
            Self::Route => answer.text(request.route()),
            Self::Consumer => answer.number(request.consumer().map(|consumer| consumer.id.0)),
            Self::Status => answer.number(response.map(|response| response.status().into())),
            Self::ResponseHeader(name) => answer.maybe(response.and_then(|response| response.header(name))),
            Self::ResponseHeaderValues(name) => {
                if let Some(response) = response {
                    response.header_values(name, &mut |value| answer.octets(value));
                }
            }
            Self::Endpoint => answer.maybe(response.and_then(ResponseView::endpoint).map(str::as_bytes)),
        }
        answer.finish()
    }
}

/// A hash in which each part says how long it is, so that no two lists of parts are the same octets.
struct Answer(SipHasher13);

impl Answer {
    fn octets(&mut self, octets: &[u8]) {
        self.0.write_usize(octets.len());
        self.0.write(octets);
    }

    fn text(&mut self, text: &str) {
        self.octets(text.as_bytes());
    }

    fn maybe(&mut self, octets: Option<&[u8]>) {
        self.0.write_u8(octets.is_some().into());
        if let Some(octets) = octets {
            self.octets(octets);
        }
    }

    fn number(&mut self, number: Option<u64>) {
        self.0.write_u8(number.is_some().into());
        self.0.write_u64(number.unwrap_or_default());
    }

    fn tls(&mut self, request: &dyn RequestView) {
        let Some(facts) = request.tls() else { return };
        self.text(facts.version);
        self.text(&facts.cipher);
        self.maybe(facts.server_name.as_deref().map(str::as_bytes));
        self.maybe(facts.client_certificate.as_ref().map(|certificate| &certificate.sha256[..]));
    }

    fn finish(&self) -> u128 {
        let Hash128 { h1, h2 } = self.0.finish128();
        u128::from(h1) << 64 | u128::from(h2)
    }
}
