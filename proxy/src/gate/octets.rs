//! Which octets may stand where in an HTTP message.

const TOKEN: u8 = 1;
const VALUE: u8 = 2;
const TARGET: u8 = 4;
const HOST: u8 = 8;

/// One lookup per octet instead of a chain of range tests: heads are scanned on the hot path.
static CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "a constant expression: out of bounds would not compile")]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = classify(octet as u8);
        octet += 1;
    }
    table
}

const fn classify(octet: u8) -> u8 {
    let mut class = 0;
    if octet.is_ascii_alphanumeric()
        || matches!(octet, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
    {
        class |= TOKEN;
    }
    if octet == b'\t' || (octet >= b' ' && octet != 0x7f) {
        class |= VALUE;
    }
    if octet.is_ascii_graphic()
        && !matches!(octet, b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    {
        class |= TARGET;
    }
    if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_') {
        class |= HOST;
    }
    class
}

fn class(octet: u8) -> u8 {
    // The table has an entry for every octet; `get` keeps that from being a promise.
    CLASSES.get(usize::from(octet)).copied().unwrap_or(0)
}

fn all(octets: &[u8], wanted: u8) -> bool {
    octets.iter().fold(wanted, |kept, &octet| kept & class(octet)) == wanted
}

/// Whether an octet may stand in a token (RFC 9110 section 5.6.2).
pub(super) fn is_token_octet(octet: u8) -> bool {
    class(octet) & TOKEN != 0
}

/// Whether an octet may stand in a field value: tab, space, visible ASCII, obs-text (RFC 9110 section 5.5).
pub(super) fn is_value_octet(octet: u8) -> bool {
    class(octet) & VALUE != 0
}

/// Whether this is a token: a method or a field name.
pub(super) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && all(octets, TOKEN)
}

/// Whether this is a field value. An empty one is.
pub(super) fn is_value(octets: &[u8]) -> bool {
    all(octets, VALUE)
}

/// Whether this may be a request target.
///
/// Stricter than what browsers accept in an address bar and exactly what they send: what RFC 3986 does not allow raw must
/// come percent-encoded, because origins disagree about the rest.
pub(super) fn is_target(octets: &[u8]) -> bool {
    !octets.is_empty() && all(octets, TARGET)
}

/// Whether this names a host, with or without a port: a DNS name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_authority(octets: &[u8]) -> bool {
    match octets {
        [b'[', bracketed @ ..] => {
            let mut halves = bracketed.splitn(2, |&octet| octet == b']');
            let (address, port) = (halves.next().unwrap_or_default(), halves.next());
            port.is_some_and(is_port_suffix)
                && !address.is_empty()
                && address.iter().all(|octet| octet.is_ascii_hexdigit() || matches!(octet, b':' | b'.'))
        }
        _ => {
            let end = memchr::memchr(b':', octets).unwrap_or(octets.len());
            let (name, port) = octets.split_at_checked(end).unwrap_or((octets, &[]));
            !name.is_empty() && all(name, HOST) && is_port_suffix(port)
        }
    }
}

fn is_port_suffix(suffix: &[u8]) -> bool {
    match suffix {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Without the spaces and tabs around it.
pub(super) fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_octets_are_those_of_rfc_9110() {
        let listed = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for octet in 0..=u8::MAX {
            assert_eq!(is_token_octet(octet), listed.contains(&octet), "{octet}");
        }
    }

    #[test]
    fn a_value_has_no_control_octet_but_tab() {
        assert!(is_value(b"a\tb \xe9"));
        for octet in (0..b' ').filter(|octet| *octet != b'\t').chain([0x7f]) {
            assert!(!is_value(&[octet]), "{octet}");
        }
    }

    #[test]
    fn an_authority_is_a_name_or_an_address_with_at_most_one_port() {
        for good in ["a", "a.test", "a.test:", "a.test:8443", "127.0.0.1:80", "[::1]", "[::1]:443", "a_b.test"] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a,b",
            "u@a",
            "a/b",
            "a:80:80",
            "a:x",
            "a:123456",
            "[::1",
            "[]",
            "[::1]x",
            "a%00",
            "\u{e9}.test",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn trimming_takes_spaces_and_tabs_from_both_ends_only() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
