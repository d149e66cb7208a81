//! Who the client is, and how the upstream is told: the `X-Forwarded-*` fields under the trusted-proxy rule.
//!
//! Only a peer whose address the operator trusts may speak for somebody else. Everybody else's claims are replaced.

use std::net::IpAddr;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, header};
use ipnet::IpNet;

use crate::policy::facts::Scheme;

/// `X-Forwarded-For`
pub static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`
pub static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Host`
pub static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What the connection and, where it is trusted, the peer say about the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The nearest address on the way that is no trusted proxy.
    pub client: IpAddr,
    /// The address of the peer itself.
    pub peer: IpAddr,
    /// Whether the peer may speak for others.
    pub peer_is_trusted: bool,
    /// How the client reached the first proxy that is trusted, or the gateway.
    pub scheme: Scheme,
}

impl Origin {
    /// Reads the fields of a request that came from `peer` over `scheme`.
    #[must_use]
    pub fn read(headers: &HeaderMap, peer: IpAddr, scheme: Scheme, trusted: &[IpNet]) -> Self {
        let peer = peer.to_canonical();
        if !is_trusted(peer, trusted) {
            return Self { client: peer, peer, peer_is_trusted: false, scheme };
        }
        let client = client_of(headers, trusted).unwrap_or(peer);
        // The last one is the trusted peer's own; what stands before it came with the request.
        let scheme = match headers.get_all(&X_FORWARDED_PROTO).iter().next_back().map(HeaderValue::as_bytes) {
            Some(b"https") => Scheme::Https,
            Some(b"http") => Scheme::Http,
            _ => scheme,
        };
        Self { client, peer, peer_is_trusted: true, scheme }
    }

    /// The value of `X-Forwarded-For` for the next hop: the peer, after what a trusted peer already listed.
    #[must_use]
    pub fn forwarded_for(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut list = Vec::with_capacity(40);
        if self.peer_is_trusted {
            for value in headers.get_all(&X_FORWARDED_FOR) {
                list.extend_from_slice(value.as_bytes().trim_ascii());
                list.extend_from_slice(b", ");
            }
        }
        write_address(&mut list, self.peer);
        HeaderValue::from_maybe_shared(bytes::Bytes::from(list)).ok()
    }

    /// The value of `X-Forwarded-Proto` for the next hop.
    #[must_use]
    pub fn forwarded_proto(&self) -> HeaderValue {
        HeaderValue::from_static(self.scheme.as_str())
    }

    /// The value of `X-Forwarded-Host` for the next hop; `None` leaves a trusted peer's own.
    #[must_use]
    pub fn forwarded_host(&self, headers: &HeaderMap, authority: &str) -> Option<HeaderValue> {
        if self.peer_is_trusted && headers.contains_key(&X_FORWARDED_HOST) {
            return None;
        }
        // The Host field is a value already: sharing its bytes costs less than checking the text once more.
        match headers.get(header::HOST) {
            Some(host) => Some(host.clone()),
            None => HeaderValue::from_str(authority).ok(),
        }
    }
}

/// As `Display` writes it; it happens on every request, and an IPv4 address needs none of its padding and precision.
fn write_address(list: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let mut number = itoa::Buffer::new();
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    list.push(b'.');
                }
                list.extend_from_slice(number.format(octet).as_bytes());
            }
        }
        IpAddr::V6(address) => list.extend_from_slice(address.to_string().as_bytes()),
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// Walks the list from its end, the nearest hop first, up to the first address that is not trusted.
///
/// An entry that is no address ends the walk: what lies before it is hearsay.
fn client_of(headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut nearest = None;
    for value in headers.get_all(&X_FORWARDED_FOR).iter().rev() {
        for entry in value.as_bytes().rsplit(|octet| *octet == b',') {
            let text = std::str::from_utf8(entry.trim_ascii()).ok();
            let Some(address) = text.and_then(parse_entry) else { return nearest };
            nearest = Some(address);
            if !is_trusted(address, trusted) {
                return nearest;
            }
        }
    }
    nearest
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80` are all seen in the wild.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let address = match entry.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => match entry.parse::<std::net::SocketAddr>() {
            Ok(address) => address.ip(),
            Err(_) => entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|net| net.parse().unwrap()).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn forwarded_for(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|v| (X_FORWARDED_FOR.clone(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn a_stranger_cannot_speak_for_others() {
        let headers = forwarded_for(&["198.51.100.9"]);
        let origin = Origin::read(&headers, ip("203.0.113.5"), Scheme::Http, &nets(&["10.0.0.0/8"]));
        assert_eq!(origin.client, ip("203.0.113.5"));
        assert_eq!(origin.forwarded_for(&headers).unwrap(), "203.0.113.5");
    }

    #[test]
    fn a_trusted_peer_is_believed_up_to_the_first_stranger() {
        let headers = forwarded_for(&["6.6.6.6, 198.51.100.9, 10.1.1.1"]);
        let origin = Origin::read(&headers, ip("10.0.0.7"), Scheme::Http, &nets(&["10.0.0.0/8"]));
        assert_eq!(origin.client, ip("198.51.100.9"));
        assert_eq!(origin.forwarded_for(&headers).unwrap(), "6.6.6.6, 198.51.100.9, 10.1.1.1, 10.0.0.7");
    }

    #[test]
    fn several_fields_are_one_list() {
        let headers = forwarded_for(&["6.6.6.6", "198.51.100.9"]);
        assert_eq!(
            Origin::read(&headers, ip("10.0.0.7"), Scheme::Http, &nets(&["10.0.0.0/8"])).client,
            ip("198.51.100.9")
        );
    }

    #[test]
    fn junk_in_the_list_ends_the_walk() {
        let headers = forwarded_for(&["198.51.100.9, unknown, 10.1.1.1"]);
        assert_eq!(Origin::read(&headers, ip("10.0.0.7"), Scheme::Http, &nets(&["10.0.0.0/8"])).client, ip("10.1.1.1"));
    }

    #[test]
    fn octets_that_are_no_text_hide_nobody() {
        let mut headers = HeaderMap::new();
        headers.insert(&X_FORWARDED_FOR, HeaderValue::from_bytes(b"\xff, 198.51.100.9").unwrap());
        let origin = Origin::read(&headers, ip("10.0.0.7"), Scheme::Http, &nets(&["10.0.0.0/8"]));
        assert_eq!(origin.client, ip("198.51.100.9"));
        assert_eq!(origin.forwarded_for(&headers).unwrap().as_bytes(), b"\xff, 198.51.100.9, 10.0.0.7");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_read() {
        for (entry, want) in [
            ("192.0.2.1:8080", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(parse_entry(entry), Some(ip(want)), "{entry}");
        }
    }

    #[test]
    fn only_a_trusted_peer_names_the_scheme() {
        let headers: HeaderMap = [(X_FORWARDED_PROTO.clone(), HeaderValue::from_static("https"))].into_iter().collect();
        assert_eq!(Origin::read(&headers, ip("203.0.113.5"), Scheme::Http, &[]).scheme, Scheme::Http);
        assert_eq!(Origin::read(&headers, ip("10.0.0.7"), Scheme::Http, &nets(&["10.0.0.0/8"])).scheme, Scheme::Https);
    }

    #[test]
    fn only_a_trusted_peer_keeps_its_forwarded_host() {
        let headers: HeaderMap = [
            (header::HOST, HeaderValue::from_static("here.example")),
            (X_FORWARDED_HOST.clone(), HeaderValue::from_static("there.example")),
        ]
        .into_iter()
        .collect();
        let stranger = Origin::read(&headers, ip("203.0.113.5"), Scheme::Http, &[]);
        assert_eq!(stranger.forwarded_host(&headers, "here.example").unwrap(), "here.example");
        let friend = Origin::read(&headers, ip("10.0.0.7"), Scheme::Http, &nets(&["10.0.0.0/8"]));
        assert_eq!(friend.forwarded_host(&headers, "here.example"), None);
    }
}
