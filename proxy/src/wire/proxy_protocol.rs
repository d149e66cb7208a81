//! The PROXY protocol: who a connection's client is, told at its beginning by the proxy that passes it on.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>; parsing is the `ppp` crate's.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ppp::{PartialResult as _, v1, v2};

use crate::config::model::ProxyProtocol;

/// Octets of a header at most. Version 2 allows 64 KiB of additions; what proxies send has a few hundred octets.
pub const LONGEST: usize = 4096;
/// What version 1 begins with.
const WORD: &[u8] = b"PROXY ";
/// Octets of a header of version 1 at most, by its specification.
const LONGEST_LINE: usize = 107;

/// The two ends of a connection, as its client sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Where the client is.
    pub client: SocketAddr,
    /// Where it connected to.
    pub reached: SocketAddr,
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Its length in octets; what follows is the client's.
    pub length: usize,
    /// `None` where the proxy speaks for itself, or of addresses that are none of IP.
    pub ends: Option<Ends>,
}

/// What stands at the beginning of a connection is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHeader;

/// Reads a header; `Ok(None)` where more octets may make one.
///
/// # Errors
/// There is no header, or one that is wrong or of a datagram.
pub fn read(octets: &[u8]) -> Result<Option<Introduction>, NoHeader> {
    if octets.starts_with(WORD) || WORD.starts_with(octets) { read_line(octets) } else { read_binary(octets) }
}

/// A line is parsed only when it is whole: of half a port the parser says that it is wrong, not that there may be more.
fn read_line(octets: &[u8]) -> Result<Option<Introduction>, NoHeader> {
    let Some(end) = memchr::memchr(b'\n', octets) else {
        return if octets.len() < LONGEST_LINE { Ok(None) } else { Err(NoHeader) };
    };
    let line = octets.get(..=end).unwrap_or_default();
    let header = v1::Header::try_from(line).map_err(|_| NoHeader)?;
    Ok(Some(Introduction { length: line.len(), ends: of_v1(header.addresses) }))
}

fn read_binary(octets: &[u8]) -> Result<Option<Introduction>, NoHeader> {
    let header = v2::Header::try_from(octets);
    if header.is_incomplete() && octets.len() < LONGEST {
        return Ok(None);
    }
    let header = header.map_err(|_| NoHeader)?;
    if header.protocol == v2::Protocol::Datagram || header.len() > LONGEST {
        return Err(NoHeader);
    }
    let ends = if header.command == v2::Command::Local { None } else { of_v2(header.addresses) };
    Ok(Some(Introduction { length: header.len(), ends }))
}

fn of_v1(addresses: v1::Addresses) -> Option<Ends> {
    match addresses {
        v1::Addresses::Tcp4(ip) => Some(Ends {
            client: (ip.source_address, ip.source_port).into(),
            reached: (ip.destination_address, ip.destination_port).into(),
        }),
        v1::Addresses::Tcp6(ip) => Some(Ends {
            client: (ip.source_address, ip.source_port).into(),
            reached: (ip.destination_address, ip.destination_port).into(),
        }),
        v1::Addresses::Unknown => None,
    }
}

fn of_v2(addresses: v2::Addresses) -> Option<Ends> {
    match addresses {
        v2::Addresses::IPv4(ip) => Some(Ends {
            client: (ip.source_address, ip.source_port).into(),
            reached: (ip.destination_address, ip.destination_port).into(),
        }),
        v2::Addresses::IPv6(ip) => Some(Ends {
            client: (ip.source_address, ip.source_port).into(),
            reached: (ip.destination_address, ip.destination_port).into(),
        }),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    }
}

/// The header that introduces a client.
///
/// # Errors
/// Never in practice: nothing of it can be too long.
pub fn write(version: ProxyProtocol, ends: Ends) -> io::Result<Vec<u8>> {
    let ends = of_one_family(ends);
    match version {
        ProxyProtocol::V1 => Ok(v1::Addresses::from((ends.client, ends.reached)).to_string().into_bytes()),
        ProxyProtocol::V2 => {
            let command = v2::Version::Two | v2::Command::Proxy;
            v2::Builder::with_addresses(command, v2::Protocol::Stream, (ends.client, ends.reached)).build()
        }
    }
}

/// A header has one family for both ends: IPv4 where both are, also when they were met on an IPv6 socket.
fn of_one_family(ends: Ends) -> Ends {
    let (client, reached) = (ends.client.ip().to_canonical(), ends.reached.ip().to_canonical());
    let (client, reached) = match client.is_ipv4() == reached.is_ipv4() {
        true => (client, reached),
        false => (in_v6(client).into(), in_v6(reached).into()),
    };
    Ends { client: (client, ends.client.port()).into(), reached: (reached, ends.reached.port()).into() }
}

fn in_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(client: &str, reached: &str) -> Ends {
        Ends { client: client.parse().unwrap(), reached: reached.parse().unwrap() }
    }

    #[test]
    fn a_text_header_says_both_ends() {
        let header = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
        let read = read(format!("{header}GET / HTTP/1.1\r\n").as_bytes()).unwrap().unwrap();
        assert_eq!(read.length, header.len());
        assert_eq!(read.ends, Some(ends("192.0.2.7:4711", "198.51.100.1:443")));
        assert_eq!(write(ProxyProtocol::V1, read.ends.unwrap()).unwrap(), header.as_bytes());
    }

    #[test]
    fn a_proxy_may_speak_for_itself() {
        for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0"] {
            assert_eq!(read(header), Ok(Some(Introduction { length: header.len(), ends: None })));
        }
    }

    #[test]
    fn what_is_no_header_is_told_at_once() {
        let headers: [&[u8]; 13] = [
            b"GET / HTTP/1.1\r\n",
            b"\x16\x03\x01\x02\x00\x01",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 04711 443\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 99999\r\n",
            b"PROXY TCP4  192.0.2.7 198.51.100.1 4711 443\r\n",
            b"PROXY TCP4 192.0.2.07 198.51.100.1 4711 443\r\n",
            b"PROXY TCP4 2001:db8::1 198.51.100.1 4711 443\r\n",
            b"PROXY TCP6 192.0.2.7 198.51.100.1 4711 443\r\n",
            b"PROXY UDP4 192.0.2.7 198.51.100.1 4711 443\r\n",
            b"PROXY UNKNOWN\n",
            b"proxy TCP4 192.0.2.7 198.51.100.1 4711 443\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\0\x01\0\x02",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\0\x01\0\x02",
        ];
        for header in headers {
            assert_eq!(read(header), Err(NoHeader), "{}", header.escape_ascii());
        }
    }

    #[test]
    fn a_header_that_never_ends_is_none() {
        assert_eq!(read(format!("PROXY TCP4 {}", "1".repeat(200)).as_bytes()), Err(NoHeader));
        let mut long = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec();
        assert_eq!(read(&long), Ok(None));
        long.resize(LONGEST, 0);
        assert_eq!(read(&long), Err(NoHeader));
    }

    #[test]
    fn ends_of_two_families_are_both_told_in_the_larger() {
        let told = write(ProxyProtocol::V1, ends("192.0.2.7:1", "[2001:db8::1]:2")).unwrap();
        assert_eq!(told, b"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n");
        let told = write(ProxyProtocol::V1, ends("[::ffff:192.0.2.7]:1", "[::ffff:192.0.2.8]:2")).unwrap();
        assert_eq!(told, b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same_however_it_arrives(
            (client, reached) in prop_oneof![
                (any::<[u8; 4]>(), any::<[u8; 4]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
                (any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
            ],
            ports in any::<(u16, u16)>(),
            version in prop_oneof![Just(ProxyProtocol::V1), Just(ProxyProtocol::V2)],
        ) {
            let ends = of_one_family(Ends { client: (client, ports.0).into(), reached: (reached, ports.1).into() });
            let header = write(version, ends).unwrap();
            for cut in 0..header.len() {
                prop_assert_eq!(read(&header[..cut]), Ok(None));
            }
            let whole = [header.as_slice(), b"\0 what the client says"].concat();
            prop_assert_eq!(read(&whole), Ok(Some(Introduction { length: header.len(), ends: Some(ends) })));
        }

        #[test]
        fn no_octets_are_too_strange_to_be_read(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some(introduction)) = read(&octets) {
                prop_assert!(introduction.length <= octets.len());
            }
        }
    }
}
