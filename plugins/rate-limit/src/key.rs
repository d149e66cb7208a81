//! Whose count a request goes to.

use std::net::IpAddr;

use tidegate_plugin_sdk::Request;

use crate::config::By;

/// The longest header value that is a key. Longer ones would let a client fill the gateway's counters with its text.
const LONGEST: usize = 128;

/// The counter's key. Its first byte says what follows: a consumer never meets an address that is spelt like it.
pub(crate) fn of(by: &By, request: &Request) -> Vec<u8> {
    let named = match by {
        By::Consumer => request.consumer().map(|consumer| key(b'c', &consumer.number().to_be_bytes())),
        By::Header(name) => {
            request.header(name.as_str()).filter(|value| is_plain(value)).map(|value| key(b'h', &value))
        }
        By::ClientAddress => None,
    };
    named.unwrap_or_else(|| network(request.client_address()))
}

fn key(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + value.len());
    key.push(kind);
    key.extend_from_slice(value);
    key
}

fn is_plain(value: &[u8]) -> bool {
    (1..=LONGEST).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic)
}

/// IPv6 by its first 64 bits: a client that owns a network would have 2^64 counts of its own otherwise.
fn network(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => key(b'4', &address.octets()),
        IpAddr::V6(address) => key(b'6', &(address.to_bits() >> 64).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use tidegate_plugin_sdk::FieldName;
    use tidegate_plugin_sdk::testing::{TestHost, TestRequest};

    use super::*;

    fn by_address(address: &str) -> Vec<u8> {
        of(&By::ClientAddress, &TestRequest::get("/").client_address(address).view())
    }

    fn by_tenant(value: &[u8]) -> Vec<u8> {
        let by = By::Header(FieldName::from_static("x-tenant"));
        of(&by, &TestRequest::get("/").header("x-tenant", value).view())
    }

    #[test]
    fn an_ipv4_address_counts_alone_however_it_is_written() {
        assert_eq!(by_address("192.0.2.7"), [b'4', 192, 0, 2, 7]);
        assert_eq!(by_address("::ffff:192.0.2.7"), by_address("192.0.2.7"));
        assert_ne!(by_address("192.0.2.8"), by_address("192.0.2.7"));
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        assert_eq!(by_address("2001:db8:1:2:3::4"), by_address("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(by_address("2001:db8:1:3::4"), by_address("2001:db8:1:2::4"));
    }

    #[test]
    fn without_a_consumer_the_address_counts() {
        let _host = TestHost::new().consumer("alice", &[], "key");
        let request = TestRequest::get("/").client_address("192.0.2.7");
        assert_eq!(of(&By::Consumer, &request.view()), by_address("192.0.2.7"));
        assert_eq!(of(&By::Consumer, &request.consumer("alice").view()), [b'c', 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_header_value_that_is_no_plain_short_text_does_not_count() {
        assert_eq!(by_tenant(b"blue"), b"hblue");
        for value in [&b""[..], b"a b", b"\xff", &[b'a'; 129]] {
            assert_eq!(by_tenant(value), by_address("192.0.2.1"));
        }
    }
}
