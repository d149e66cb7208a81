//! Whose count a request goes to.

use std::net::{IpAddr, Ipv6Addr};

use tidegate_plugin_sdk::Request;

use crate::config::By;

/// The longest header value that is a key. Longer ones would let a client fill the gateway's counters with its text.
const LONGEST: usize = 128;

/// The counter's key. A letter in front keeps a consumer from meeting an address that is spelt like it.
pub(crate) fn of(by: &By, request: &Request) -> String {
    let named = match by {
        By::Consumer => request.consumer().map(|name| prefixed("c:", &name)),
        By::Header(name) => request.header(name.as_str()).as_deref().and_then(plain).map(|value| prefixed("h:", value)),
        By::ClientAddress => None,
    };
    named.unwrap_or_else(|| prefixed("a:", &network(request.client_address())))
}

fn prefixed(prefix: &str, name: &str) -> String {
    [prefix, name].concat()
}

fn plain(value: &[u8]) -> Option<&str> {
    let plain = (1..=LONGEST).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
    if plain { std::str::from_utf8(value).ok() } else { None }
}

/// IPv6 by its first 64 bits: a client that owns a network would have 2^64 counts of its own otherwise.
fn network(address: String) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string(),
        },
        Ok(IpAddr::V4(_)) | Err(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use tidegate_plugin_sdk::FieldName;
    use tidegate_plugin_sdk::testing::TestRequest;

    use super::*;

    fn by_address(address: &str) -> String {
        of(&By::ClientAddress, &TestRequest::get("/").client_address(address).view())
    }

    fn by_tenant(value: &[u8]) -> String {
        let by = By::Header(FieldName::from_static("x-tenant"));
        of(&by, &TestRequest::get("/").header("x-tenant", value).view())
    }

    #[test]
    fn an_ipv4_address_counts_alone_however_it_is_written() {
        assert_eq!(by_address("192.0.2.7"), "a:192.0.2.7");
        assert_eq!(by_address("::ffff:192.0.2.7"), "a:192.0.2.7");
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        assert_eq!(by_address("2001:db8:1:2:3::4"), "a:2001:db8:1:2::");
        assert_eq!(by_address("2001:db8:1:2:ffff:ffff:ffff:ffff"), "a:2001:db8:1:2::");
        assert_ne!(by_address("2001:db8:1:3::4"), by_address("2001:db8:1:2::4"));
    }

    #[test]
    fn without_a_consumer_the_address_counts() {
        let request = TestRequest::get("/").client_address("192.0.2.7");
        assert_eq!(of(&By::Consumer, &request.view()), "a:192.0.2.7");
        assert_eq!(of(&By::Consumer, &request.consumer("alice").view()), "c:alice");
    }

    #[test]
    fn a_header_value_that_is_no_plain_short_text_does_not_count() {
        assert_eq!(by_tenant(b"blue"), "h:blue");
        for value in [&b""[..], b"a b", b"\xff", &[b'a'; 129]] {
            assert_eq!(by_tenant(value), "a:192.0.2.1");
        }
    }
}
