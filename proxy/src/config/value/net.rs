//! Addresses, networks, hosts.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::Uri;
use http::uri::Scheme;
use ipnet::IpNet;
use toml::de::DeValue;

use super::{Wrong, quoted, string};
use crate::config::model::{AddressError, EndpointAddress, HostPattern};

/// An address to listen on; port 0 asks the system for one.
pub(in crate::config) fn listen_address(value: &DeValue<'_>) -> Result<SocketAddr, Wrong> {
    let written = string(value)?;
    written.parse().map_err(|_| {
        let wrong = Wrong::new(format!("{} is not an IP address with a port", quoted(written)));
        match written.rsplit_once(':') {
            Some((host, port)) if host.is_empty() || host == "*" => {
                wrong.hint(format!("to listen on every address write \"0.0.0.0:{port}\" or \"[::]:{port}\""))
            }
            _ => wrong.hint("as in \"127.0.0.1:8080\" or \"[::1]:8080\""),
        }
    })
}

/// An address to connect to.
pub(in crate::config) fn endpoint_address(value: &DeValue<'_>) -> Result<EndpointAddress, Wrong> {
    let written = string(value)?;
    written.parse().map_err(|error| {
        Wrong::new(format!("{} {error}", quoted(written))).hint(match error {
            AddressError::Form | AddressError::Unspecified => "as in \"127.0.0.1:8080\" or \"unix:/run/shop.sock\"",
            AddressError::Port => "1 to 65535",
            AddressError::RelativePath => "as in \"unix:/run/shop.sock\"",
            AddressError::LongPath => "a link to it may have a shorter one",
        })
    })
}

/// A name with a port, where that is what is written.
pub(in crate::config) fn host_and_port(value: &DeValue<'_>) -> Option<(String, u16)> {
    let (name, port) = value.as_str()?.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    is_host_name(name).then(|| (name.to_ascii_lowercase(), port))
}

/// A name that DNS can be asked for.
pub(in crate::config) fn dns_name(value: &DeValue<'_>) -> Result<String, Wrong> {
    let written = string(value)?;
    if is_host_name(written) {
        return Ok(written.to_ascii_lowercase());
    }
    let wrong = Wrong::new(format!("{} is not a name in the DNS", quoted(written)));
    Err(wrong.hint("as in \"shop.internal\"; an address is written at `[[upstream.endpoint]]`"))
}

/// A name whose last part is a number is a mistyped address.
fn is_host_name(written: &str) -> bool {
    let name = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    is_dns_name(&name) && name != "unix" && !last.chars().all(|c| c.is_ascii_digit())
}

/// The address of a DNS server, at port 53 where it names none.
pub(in crate::config) fn nameserver(value: &DeValue<'_>) -> Result<SocketAddr, Wrong> {
    let written = string(value)?;
    let bare = || written.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53));
    let address = written.parse().ok().or_else(bare).filter(|address: &SocketAddr| address.port() > 0);
    address.ok_or_else(|| {
        let wrong = Wrong::new(format!("{} is not the address of a DNS server", quoted(written)));
        wrong.hint("as in \"10.0.0.53\" or \"127.0.0.1:5353\"")
    })
}

/// The address of an etcd server.
pub(in crate::config) fn etcd_server(value: &DeValue<'_>) -> Result<Uri, Wrong> {
    let example = "as in \"http://127.0.0.1:2379\"";
    let server = url(value).map_err(|wrong| wrong.hint(example))?;
    if server.scheme() == Some(&Scheme::HTTPS) {
        let wrong = Wrong::new("etcd is not asked over TLS yet");
        return Err(wrong.hint("a `etcd grpc-proxy` on this machine can be asked without"));
    }
    if server.path() != "/" || server.query().is_some() {
        let wrong = Wrong::new(format!("{} has a path", quoted(&server)));
        return Err(wrong.hint(example));
    }
    Ok(server)
}

/// A network, or one address.
pub(in crate::config) fn network(value: &DeValue<'_>) -> Result<IpNet, Wrong> {
    let written = string(value)?;
    if let Ok(address) = written.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let network: IpNet = written.parse().map_err(|_| {
        Wrong::new(format!("{} is not a network", quoted(written)))
            .hint("an address or a prefix, as in \"192.0.2.7\", \"10.0.0.0/8\" or \"2001:db8::/32\"")
    })?;
    if network.trunc() == network {
        return Ok(network);
    }
    let message = format!("{network} has bits set behind its prefix");
    Err(Wrong::new(message).hint(format!("did you mean \"{}\"?", network.trunc())))
}

/// A host a route is for.
pub(in crate::config) fn host_pattern(value: &DeValue<'_>) -> Result<HostPattern, Wrong> {
    let written = string(value)?.to_ascii_lowercase();
    if written == "*" {
        return Err(Wrong::new("\"*\" is not a host").hint("leave `hosts` out to match every host"));
    }
    match written.strip_prefix("*.") {
        Some(suffix) => bare_host(suffix).map(|host| HostPattern::Suffix(format!(".{host}"))),
        None => bare_host(&written).map(HostPattern::Exact),
    }
}

/// A name in the TLS handshake that a connection is routed by.
pub(in crate::config) fn server_name(value: &DeValue<'_>) -> Result<HostPattern, Wrong> {
    let written = string(value)?;
    let address = written.trim_start_matches('[').trim_end_matches(']');
    if address.parse::<IpAddr>().is_ok() {
        let wrong =
            Wrong::new(format!("{} is an address, and no client sends one as its server name", quoted(written)));
        return Err(wrong.hint("as in \"db.example.com\" or \"*.example.com\""));
    }
    if written == "*" {
        let wrong = Wrong::new("\"*\" is not a server name");
        return Err(wrong.hint("the listener's own `upstream` serves what no route is for"));
    }
    host_pattern(value)
}

fn bare_host(host: &str) -> Result<String, Wrong> {
    if is_dns_name(host) || is_bracketed_v6(host) {
        return Ok(host.to_owned());
    }
    let wrong = Wrong::new(format!("{} is not a host", quoted(host)));
    Err(match host.rsplit_once(':') {
        Some((name, port)) if is_dns_name(name) && port.parse::<u16>().is_ok() => {
            wrong.hint(format!("a route matches every port: write {name:?}"))
        }
        _ if host.contains('*') => wrong.hint("`*.` may only stand in front, as in \"*.example.com\""),
        _ => wrong.hint("as in \"example.com\", \"*.example.com\" or \"[2001:db8::1]\""),
    })
}

/// The `Host` to send: a name or address, with a port where it is wanted.
pub(in crate::config) fn authority(value: &DeValue<'_>) -> Result<String, Wrong> {
    let written = string(value)?;
    let (host, port) = match written.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (written, None),
    };
    let port_is_good = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let lower = host.to_ascii_lowercase();
    if port_is_good && (is_dns_name(&lower) || is_bracketed_v6(&lower)) {
        return Ok(written.to_owned());
    }
    Err(Wrong::new(format!("{} is not a host", quoted(written))).hint("as in \"example.com\" or \"example.com:8443\""))
}

/// The address of something to fetch. One with a password in it is not repeated in the message.
pub(in crate::config) fn url(value: &DeValue<'_>) -> Result<Uri, Wrong> {
    let written = string(value)?;
    if written.contains('@') {
        let wrong = Wrong::new("a url with a user name or password is not asked for");
        return Err(wrong.hint("leave out what stands before `@`"));
    }
    let example = "as in \"https://accounts.example/jwks.json\"";
    let wrong = || Wrong::new(format!("{} is not a url", quoted(written))).hint(example);
    let url: Uri = written.parse().map_err(|_| wrong())?;
    let host = url.host().map(str::to_ascii_lowercase).unwrap_or_default();
    let is_fetchable = url.scheme() == Some(&Scheme::HTTPS) || url.scheme() == Some(&Scheme::HTTP);
    let port_is_good = url.port().is_none_or(|port| port.as_u16() > 0);
    let is_good = is_fetchable && port_is_good && (is_dns_name(&host) || is_bracketed_v6(&host));
    if is_good { Ok(url) } else { Err(wrong()) }
}

/// The name in a certificate: of a host, or an address.
pub(in crate::config) fn certified_name(value: &DeValue<'_>) -> Result<String, Wrong> {
    let written = string(value)?;
    let lower = written.to_ascii_lowercase();
    if is_dns_name(&lower) || lower.parse::<IpAddr>().is_ok() {
        return Ok(lower);
    }
    Err(Wrong::new(format!("{} is no name a certificate could have", quoted(written)))
        .hint("as in \"inventory.internal\" or \"192.0.2.7\""))
}

/// RFC 1123 section 2.1 names, and the underscores that service discovery puts into them.
pub(super) fn is_dns_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(legal);
    name.len() <= 253 && name.split('.').all(label)
}

pub(super) fn is_bracketed_v6(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}
