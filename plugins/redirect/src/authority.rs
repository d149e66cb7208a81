//! Host and port, as they may stand in an address that clients are sent to.

/// Whether it is a host and, where there is one, a port: nothing in it can begin another part of an address.
pub(crate) fn is_legal(authority: &str) -> bool {
    let (host, port) = split(authority);
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    is_host(host) && port.is_none_or(is_port)
}

/// The host without its port; an IPv6 address keeps its brackets.
pub(crate) fn host(authority: &str) -> &str {
    split(authority).0
}

/// Whether two of them mean the same place, where the scheme's own port need not be written.
pub(crate) fn is_same(one: &str, other: &str, scheme: &str) -> bool {
    let own = if scheme == "https" { "443" } else { "80" };
    let whole = |authority| {
        let (host, port) = split(authority);
        (host, port.unwrap_or(own))
    };
    whole(one) == whole(other)
}

fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_begin_another_part_of_an_address_is_no_authority() {
        for text in ["shop.example", "shop.example:8443", "192.0.2.1", "[2001:db8::1]:443", "[::1]"] {
            assert!(is_legal(text), "{text}");
        }
        for text in
            ["", ":80", "a b", "a@b", "a/b", "a\\b", "a?b", "a#b", "a:b", "a:", "a:123456", "[a]", "ä", "a\r\nb"]
        {
            assert!(!is_legal(text), "{text:?}");
        }
    }

    #[test]
    fn the_port_of_the_scheme_need_not_be_written() {
        assert!(is_same("a:443", "a", "https") && is_same("a", "a:80", "http"));
        assert!(!is_same("a:80", "a", "https") && !is_same("a", "b", "http"));
    }
}
