//! The request head as it leaves for the upstream.
//!
//! Each try has a fresh copy of the client's head, and no engine looks at the framing after this. So this is where the
//! head is sealed: everything that belongs to the client's connection goes, exactly one
//! framing stays (the one the Gate vetted), and what the gateway itself has to say is added.

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri, Version};

use super::forwarded::{Origin, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use super::hop_by_hop;
use super::loop_guard::LoopGuard;
use super::request_id::X_REQUEST_ID;
use crate::config::model::UpstreamProtocol;
use crate::consumers::Consumer;
use crate::policy::facts::RequestId;

/// What a stranger may not say about its way here: RFC 7239, and what others call the same.
static HEARSAY: [HeaderName; 4] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
];

/// What all fields that tell an upstream who is calling begin with.
const IDENTITY: &str = "x-consumer-";
static X_CONSUMER_NAME: HeaderName = HeaderName::from_static("x-consumer-name");
static X_CONSUMER_TAGS: HeaderName = HeaderName::from_static("x-consumer-tags");

/// What the gateway says about a request, beside what the client said.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// As the client spoke.
    pub client_version: Version,
    /// Who the client is.
    pub origin: &'a Origin,
    /// The request's id.
    pub request_id: &'a RequestId,
    /// Host the client asked for.
    pub authority: &'a str,
    /// Address of the endpoint: the `Host` of last resort.
    pub endpoint: &'a str,
    /// Who the client turned out to be.
    pub consumer: Option<&'a Consumer>,
    /// Replaces the client's Host.
    pub host: Option<&'a HeaderValue>,
    /// Replaces path and query.
    pub target: Option<&'a str>,
    /// Tells requests that go round.
    pub loop_guard: Option<&'a LoopGuard>,
    /// Policies may change the body on its way, so that its length is not known here.
    pub body_may_change: bool,
    /// The version of HTTP it leaves in.
    pub protocol: UpstreamProtocol,
}

/// A head that contradicts itself: HTTP/2 only, the Gate refuses such HTTP/1 heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("contradictory content-length")]
pub struct Contradiction;

/// How the body is framed, as the Gate (HTTP/1) or the framing layer (HTTP/2) established it.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    /// No field: no body, or an HTTP/2 body of unknown length, which its engine will frame as chunked.
    Unstated,
    Length,
    Chunked,
}

/// Takes from a client's head, before any policy sees it, what it has no business to say.
///
/// Fields its `Connection` nominates belong to its connection; taken later, a client could name what a policy added.
/// Names with `_` are dropped unless `allow_underscores`: CGI and its heirs fold them onto `-`, so that `X_Consumer_Name`
/// arrives as the field that only the gateway may set. Nobody says of itself which consumer it is.
pub fn strip_untrusted(headers: &mut HeaderMap, allow_underscores: bool) {
    let mut names = hop_by_hop::Names::new();
    if headers.contains_key(header::CONNECTION) {
        names = hop_by_hop::nominated(headers);
    }
    let is_untrusted = |name: &&HeaderName| {
        let name = name.as_str();
        name.starts_with(IDENTITY) || !allow_underscores && name.contains('_')
    };
    names.extend(headers.keys().filter(is_untrusted).cloned());
    for name in names {
        headers.remove(&name);
    }
}

/// Seals a fresh copy of the client's head.
///
/// # Errors
/// It contradicts itself.
pub fn seal(parts: &mut Parts, outgoing: &Outgoing<'_>) -> Result<(), Contradiction> {
    let framing = match framing(&parts.headers)? {
        _ if outgoing.body_may_change => Framing::Chunked,
        framing => framing,
    };
    let upgrade = is_websocket(parts, outgoing.client_version);
    let is_http1 = outgoing.protocol == UpstreamProtocol::Http1;
    let headers = &mut parts.headers;
    // HTTP/2 knows this one alone of its kind (RFC 9113 section 8.2.2), and servers of gRPC ask for it.
    let takes_trailers = !is_http1 && headers.get(header::TE).is_some_and(|te| te == "trailers");
    for name in hop_by_hop::standard(headers) {
        headers.remove(&name);
    }
    if takes_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if framing == Framing::Chunked {
        headers.remove(header::CONTENT_LENGTH);
    }
    if framing == Framing::Chunked && is_http1 {
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if upgrade && is_http1 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    join_cookies(headers);
    introduce(headers, outgoing);
    if let Some(target) = outgoing.target.and_then(|target| PathAndQuery::try_from(target).ok()) {
        parts.uri = Uri::from(target);
    }
    Ok(())
}

fn framing(headers: &HeaderMap) -> Result<Framing, Contradiction> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(Framing::Chunked);
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(Framing::Unstated),
        (Some(length), None) if !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit) => {
            Ok(Framing::Length)
        }
        _ => Err(Contradiction),
    }
}

/// Only WebSocket (RFC 6455 section 4.1) is let through an HTTP/1.1 upgrade; h2c upgrades would bypass every policy.
#[must_use]
pub fn is_websocket(parts: &Parts, client_version: Version) -> bool {
    let Some(upgrade) = parts.headers.get(header::UPGRADE) else { return false };
    client_version == Version::HTTP_11
        && parts.method == http::Method::GET
        && upgrade.as_bytes().eq_ignore_ascii_case(b"websocket")
        && parts
            .headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// HTTP/2 clients send cookies in crumbs; HTTP/1.1 has one field (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return };
    let mut joined = Vec::with_capacity(256);
    joined.extend_from_slice(first.as_bytes());
    for crumb in std::iter::once(second).chain(crumbs) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(crumb.as_bytes());
    }
    // Made of legal values and a legal separator.
    if let Ok(joined) = HeaderValue::try_from(joined) {
        headers.insert(header::COOKIE, joined);
    }
}

fn introduce(headers: &mut HeaderMap, outgoing: &Outgoing<'_>) {
    let origin = outgoing.origin;
    if let Some(list) = origin.forwarded_for(headers) {
        headers.insert(X_FORWARDED_FOR.clone(), list);
    }
    if let Some(host) = origin.forwarded_host(headers, outgoing.authority) {
        headers.insert(X_FORWARDED_HOST.clone(), host);
    }
    headers.insert(X_FORWARDED_PROTO.clone(), origin.forwarded_proto());
    if !origin.peer_is_trusted {
        for name in &HEARSAY {
            headers.remove(name);
        }
    }
    if let Some(consumer) = outgoing.consumer {
        let fields = [(&X_CONSUMER_NAME, &consumer.name_field), (&X_CONSUMER_TAGS, &consumer.tags_field)];
        for (name, value) in fields {
            if let Some(value) = value {
                headers.insert(name.clone(), value.clone());
            }
        }
    }
    if let Some(guard) = outgoing.loop_guard {
        guard.pass(headers);
    }
    headers.insert(X_REQUEST_ID.clone(), outgoing.request_id.as_field().clone());
    let needs_host = || {
        // HTTP/1.0 needs none, but this leaves as HTTP/1.1.
        let host = if outgoing.authority.is_empty() { outgoing.endpoint } else { outgoing.authority };
        HeaderValue::from_str(host).ok().filter(|_| !headers.contains_key(header::HOST))
    };
    if let Some(host) = outgoing.host.cloned().or_else(needs_host) {
        headers.insert(header::HOST, host);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::policy::facts::Scheme;

    fn head(fields: &[(&'static str, &'static str)]) -> Parts {
        let mut head = http::Request::get("/x?y=1").body(()).unwrap().into_parts().0;
        for (name, value) in fields {
            head.headers.append(*name, HeaderValue::from_static(value));
        }
        head
    }

    fn sealed(head: Parts, target: Option<&str>) -> Parts {
        sealed_with(head, target, false)
    }

    fn sealed_with(head: Parts, target: Option<&str>, body_may_change: bool) -> Parts {
        sealed_for(UpstreamProtocol::Http1, head, target, body_may_change)
    }

    fn sealed_for(protocol: UpstreamProtocol, mut head: Parts, target: Option<&str>, body_may_change: bool) -> Parts {
        let client = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));
        let origin = Origin { client, peer: client, peer_is_trusted: false, scheme: Scheme::Https };
        let outgoing = Outgoing {
            client_version: Version::HTTP_11,
            origin: &origin,
            request_id: &RequestId::new("id-1").unwrap(),
            authority: "shop.example",
            endpoint: "192.0.2.1:80",
            consumer: None,
            host: None,
            target,
            loop_guard: None,
            body_may_change,
            protocol,
        };
        seal(&mut head, &outgoing).unwrap();
        head
    }

    fn get<'h>(head: &'h Parts, name: &str) -> Vec<&'h str> {
        head.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn towards_http2_nothing_frames_a_body_but_its_length_and_only_trailers_are_taken() {
        let chunked = [("transfer-encoding", "chunked"), ("te", "trailers"), ("connection", "te")];
        let chunked = sealed_for(UpstreamProtocol::Http2, head(&chunked), None, false);
        assert_eq!(chunked.headers["te"], "trailers");
        let upgrade = [("content-length", "5"), ("te", "gzip"), ("connection", "upgrade"), ("upgrade", "websocket")];
        let upgrade = sealed_for(UpstreamProtocol::Http2, head(&upgrade), None, false);
        assert_eq!(upgrade.headers["content-length"], "5");
        for (head, name) in
            [(&chunked, "transfer-encoding"), (&chunked, "connection"), (&upgrade, "te"), (&upgrade, "upgrade")]
        {
            assert!(!head.headers.contains_key(name), "{name}");
        }
    }

    #[test]
    fn what_belongs_to_the_clients_connection_goes() {
        let head = sealed(head(&[("Host", "a"), ("Connection", "close"), ("TE", "gzip"), ("Keep-Alive", "1")]), None);
        for name in ["connection", "te", "keep-alive"] {
            assert!(get(&head, name).is_empty(), "{name} stayed");
        }
    }

    #[test]
    fn a_client_can_neither_nominate_what_policies_add_nor_imitate_it() {
        let mut client = head(&[
            ("Host", "a"),
            ("Connection", "x-hop, x-consumer-name"),
            ("X-Hop", "1"),
            ("X_Consumer_Name", "admin"),
        ]);
        strip_untrusted(&mut client.headers, false);
        assert!(get(&client, "x-hop").is_empty() && get(&client, "x_consumer_name").is_empty());
        client.headers.insert("x-consumer-name", HeaderValue::from_static("alice"));
        assert_eq!(get(&sealed(client, None), "x-consumer-name"), ["alice"]);
    }

    #[test]
    fn nobody_says_of_itself_which_consumer_it_is() {
        let mut client = head(&[("Host", "a"), ("X-Consumer-Name", "admin"), ("X-Consumer-Custom-Id", "1")]);
        strip_untrusted(&mut client.headers, true);
        assert_eq!(client.headers.len(), 1);
    }

    #[test]
    fn underscores_pass_where_the_operator_says_so() {
        let mut client = head(&[("Host", "a"), ("X_Legacy", "1")]);
        strip_untrusted(&mut client.headers, true);
        assert_eq!(get(&client, "x_legacy"), ["1"]);
    }

    #[test]
    fn a_request_without_host_gets_one() {
        assert_eq!(get(&sealed(head(&[]), None), "host"), ["shop.example"]);
    }

    #[test]
    fn chunked_wins_and_stands_alone() {
        let head = sealed(head(&[("Host", "a"), ("Content-Length", "3"), ("Transfer-Encoding", "identity")]), None);
        assert_eq!(get(&head, "transfer-encoding"), ["chunked"]);
        assert!(get(&head, "content-length").is_empty());
    }

    #[test]
    fn a_body_that_may_change_has_no_length() {
        let head = sealed_with(head(&[("Host", "a"), ("Content-Length", "3")]), None, true);
        assert_eq!(get(&head, "transfer-encoding"), ["chunked"]);
        assert!(get(&head, "content-length").is_empty());
    }

    #[test]
    fn two_lengths_are_refused() {
        let mut head = head(&[("Host", "a"), ("Content-Length", "3"), ("Content-Length", "3")]);
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let origin = Origin { client, peer: client, peer_is_trusted: false, scheme: Scheme::Http };
        let outgoing = Outgoing {
            client_version: Version::HTTP_2,
            origin: &origin,
            request_id: &RequestId::default(),
            authority: "a",
            endpoint: "",
            consumer: None,
            host: None,
            target: None,
            loop_guard: None,
            body_may_change: false,
            protocol: UpstreamProtocol::Http1,
        };
        assert!(seal(&mut head, &outgoing).is_err());
    }

    #[test]
    fn a_websocket_upgrade_passes_and_no_other() {
        let ws = sealed(head(&[("Host", "a"), ("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")]), None);
        assert_eq!((get(&ws, "connection"), get(&ws, "upgrade")), (vec!["Upgrade"], vec!["websocket"]));
        let h2c = sealed(
            head(&[
                ("Host", "a"),
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Upgrade", "h2c"),
                ("HTTP2-Settings", "A"),
            ]),
            None,
        );
        for name in ["connection", "upgrade", "http2-settings"] {
            assert!(get(&h2c, name).is_empty(), "{name} stayed");
        }
    }

    #[test]
    fn cookie_crumbs_become_one_field() {
        let head = sealed(head(&[("Host", "a"), ("Cookie", "a=1"), ("Cookie", "b=2"), ("Cookie", "c=3")]), None);
        assert_eq!(get(&head, "cookie"), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn the_upstream_learns_who_asks() {
        let head = sealed(
            head(&[
                ("Host", "shop.example"),
                ("X-Forwarded-For", "6.6.6.6"),
                ("X-Forwarded-Host", "evil"),
                ("Forwarded", "for=6.6.6.6"),
            ]),
            Some("/v1?y=1"),
        );
        assert_eq!(get(&head, "x-forwarded-for"), ["203.0.113.5"]);
        assert_eq!(get(&head, "x-forwarded-host"), ["shop.example"]);
        assert_eq!(get(&head, "x-forwarded-proto"), ["https"]);
        assert_eq!(get(&head, "x-request-id"), ["id-1"]);
        assert!(get(&head, "forwarded").is_empty());
        assert_eq!(head.uri, "/v1?y=1");
    }
}
