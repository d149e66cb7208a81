//! What an operator may write under `config`.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, de};
use tidegate_plugin_sdk::Problem;

/// The keys of the configuration; at least one list has to be written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Addresses and networks that pass; all others are refused. Everybody passes where it is not written.
    pub allow: Option<Vec<Network>>,
    /// Addresses and networks that are refused, also where `allow` lets them pass.
    #[serde(default)]
    pub deny: Vec<Network>,
    /// Status of a refusal: 403, or 404 to say nothing of what is there.
    #[serde(default)]
    pub status: Status,
}

/// An address or a network, such as `192.0.2.7` or `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// The statuses a refusal may have (RFC 9110 sections 15.5.4 and 15.5.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(try_from = "u16", into = "u16")]
pub enum Status {
    /// 403
    #[default]
    Forbidden,
    /// 404
    NotFound,
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Every contradiction.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let is_empty = self.allow.as_ref().is_some_and(Vec::is_empty);
        let nobody =
            is_empty.then(|| Problem::at("allow", "names nobody, so nobody would pass; leave it out to let all pass"));
        let nothing = (self.allow.is_none() && self.deny.is_empty())
            .then(|| Problem::whole("restricts nothing; write `allow` or `deny`"));
        let problems: Vec<_> = [nobody, nothing].into_iter().flatten().collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

impl Network {
    /// The network, an address alone being one of full length.
    #[must_use]
    pub fn get(self) -> IpNet {
        self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| {
                format!("{text:?} is no address and no network; write one such as \"192.0.2.7\" or \"2001:db8::/32\"")
            })?,
        };
        // One of the two was meant, and nobody can tell which.
        if net.trunc() != net {
            return Err(format!("{text:?} has bits beyond its prefix; write {} or {}", net.addr(), net.trunc()));
        }
        Ok(Self(unmapped(net)))
    }
}

/// IPv4 mapped into IPv6 as IPv4, which is how the gateway tells clients' addresses.
fn unmapped(net: IpNet) -> IpNet {
    let IpNet::V6(six) = net else { return net };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    four.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(net, IpNet::V4)
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        match status {
            Status::Forbidden => 403,
            Status::NotFound => 404,
        }
    }
}

impl TryFrom<u16> for Status {
    type Error = String;

    fn try_from(status: u16) -> Result<Self, String> {
        match status {
            403 => Ok(Self::Forbidden),
            404 => Ok(Self::NotFound),
            _ => Err(format!("{status} is no refusal of an address; write 403 or 404")),
        }
    }
}

#[cfg(test)]
mod schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{Network, Status};

    impl JsonSchema for Network {
        fn schema_name() -> Cow<'static, str> {
            "Network".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f.:]+(/[0-9]+)?$" })
        }
    }

    impl JsonSchema for Status {
        fn schema_name() -> Cow<'static, str> {
            "Status".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "integer", "enum": [403, 404] })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Result<String, String> {
        Network::parse(text).map(|network| network.get().to_string())
    }

    #[test]
    fn an_address_is_a_network_of_full_length() {
        assert_eq!(network("192.0.2.7").unwrap(), "192.0.2.7/32");
        assert_eq!(network("2001:DB8::1").unwrap(), "2001:db8::1/128");
    }

    #[test]
    fn mapped_networks_are_those_they_stand_for() {
        assert_eq!(network("::ffff:192.0.2.7").unwrap(), "192.0.2.7/32");
        assert_eq!(network("::ffff:10.0.0.0/104").unwrap(), "10.0.0.0/8");
        assert_eq!(network("::ffff:0.0.0.0/96").unwrap(), "0.0.0.0/0");
        assert_eq!(network("::/0").unwrap(), "::/0");
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused() {
        let problem = network("10.1.2.3/8").unwrap_err();
        assert_eq!(problem, "\"10.1.2.3/8\" has bits beyond its prefix; write 10.1.2.3 or 10.0.0.0/8");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "010.0.0.1",
            "10.0.0.0/-1",
            "10.0.0.0/ 8",
            "::1/129",
            "fe80::1%eth0",
            "localhost",
            "0x7f.1",
        ] {
            assert!(network(text).is_err(), "{text:?}");
        }
    }
}
