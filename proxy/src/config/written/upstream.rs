//! `[[upstream]]`

mod health;
mod outliers;
mod tls;

use std::fmt;
use std::time::Duration;

use toml::de::DeValue;

use super::balancer::{balancer, sticky};
use super::discovery::{Discovery, discovery};
use super::{At, name, values};
use crate::config::fields::Fields;
use crate::config::model::EndpointAddress;
use crate::config::model::{
    Balancer, Outliers, ProxyProtocol, Queue, RetryCondition, Sticky, Subset, UpstreamProtocol, UpstreamTimeouts,
    UpstreamTls,
};
use crate::config::value::quantity::{count, duration};
use crate::config::value::{self, net};
pub(in crate::config) use health::Health;

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// An upstream as written.
#[derive(Debug)]
pub(in crate::config) struct Upstream {
    pub(in crate::config) name: Option<At<String>>,
    pub(in crate::config) balancer: Option<At<Balancer>>,
    pub(in crate::config) sticky: Option<Sticky>,
    pub(in crate::config) prefer_zone: Option<At<String>>,
    pub(in crate::config) subset: Option<Subset>,
    pub(in crate::config) endpoints: Vec<Endpoint>,
    pub(in crate::config) discovery: Option<Discovery>,
    pub(in crate::config) health: Option<Health>,
    pub(in crate::config) outliers: Option<Outliers>,
    pub(in crate::config) slow_start: Duration,
    pub(in crate::config) timeouts: UpstreamTimeouts,
    pub(in crate::config) retries: u32,
    pub(in crate::config) retry_on: Vec<RetryCondition>,
    pub(in crate::config) retry_budget: u32,
    pub(in crate::config) max_in_flight: Option<u32>,
    pub(in crate::config) max_requests: Option<u32>,
    pub(in crate::config) queue: Option<At<Queue>>,
    pub(in crate::config) host: Option<String>,
    pub(in crate::config) protocol: UpstreamProtocol,
    pub(in crate::config) tls: Option<At<UpstreamTls>>,
    pub(in crate::config) proxy_protocol: Option<ProxyProtocol>,
}

/// An endpoint as written.
#[derive(Debug)]
pub(in crate::config) struct Endpoint {
    pub(in crate::config) address: Option<At<EndpointHost>>,
    pub(in crate::config) weight: u32,
    pub(in crate::config) zone: Option<String>,
    pub(in crate::config) priority: u8,
}

impl Upstream {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            name: name(fields),
            balancer: balancer(fields),
            sticky: sticky(fields),
            prefer_zone: fields.optional("prefer_zone", value::name),
            subset: fields.inline("subset", "{ size = 20 }", subset).flatten(),
            endpoints: fields.sections("endpoint", Endpoint::read),
            discovery: discovery(fields),
            retries: fields.or("retries", count(0..=10), 2),
            retry_on: match fields.list("retry_on", value::word(&RetryCondition::WORDS)) {
                Some(written) => values(Some(written)),
                None => RetryCondition::WORDS.map(|(_, condition)| condition).into(),
            },
            retry_budget: fields.or("retry_budget", count(0..=100), 20),
            max_in_flight: fields.optional("max_in_flight", count(1..=1_000_000)).map(|most| most.value),
            max_requests: fields.optional("max_requests", count(1..=10_000_000)).map(|most| most.value),
            queue: queue(fields),
            host: fields.optional("host", net::authority).map(|host| host.value),
            protocol: fields.or("protocol", value::word(&UpstreamProtocol::WORDS), UpstreamProtocol::default()),
            tls: fields.section("tls", tls::read).map(|value| At { value, at: fields.at().key("tls") }),
            proxy_protocol: fields.optional("proxy_protocol", proxy_protocol).map(|version| version.value),
            timeouts: fields.section("timeouts", timeouts).unwrap_or_else(default_timeouts),
            health: fields.section("health", health::read),
            outliers: fields.section("outliers", outliers::read).unwrap_or_else(|| Some(outliers::default())),
            slow_start: fields.or("slow_start", duration(Duration::ZERO..=HOUR), Duration::ZERO),
        }
    }
}

/// Where an endpoint listens, or who knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::config) enum EndpointHost {
    /// There.
    Address(EndpointAddress),
    /// At this port of every address that DNS has for this name.
    Name(String, u16),
}

impl fmt::Display for EndpointHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

impl Endpoint {
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            address: fields.required("address", endpoint_host, "\"127.0.0.1:9001\""),
            weight: fields.or("weight", count(0..=1000), 100),
            zone: fields.optional("zone", value::name).map(|zone| zone.value),
            priority: fields.or("priority", count(0..=9), 0),
        }
    }
}

fn subset(fields: &mut Fields<'_, '_>) -> Option<Subset> {
    let size = fields.required("size", count(1..=10_000), "20");
    let gateway = fields.optional("gateway", value::name).map(|gateway| gateway.value);
    Some(Subset { size: size?.value, gateway })
}

fn queue(fields: &mut Fields<'_, '_>) -> Option<At<Queue>> {
    let at = fields.at().key("queue");
    let terms = fields.inline("queue", "{ most = 100 }", |fields| {
        let most = fields.required("most", count(1..=100_000), "100");
        let timeout = fields.or("timeout", duration(MS..=HOUR), Duration::from_secs(1));
        Some(Queue { most: most?.value, timeout })
    });
    terms.flatten().map(|value| At { value, at })
}

fn endpoint_host(value: &DeValue<'_>) -> Result<EndpointHost, value::Wrong> {
    match net::host_and_port(value) {
        Some((name, port)) => Ok(EndpointHost::Name(name, port)),
        None => net::endpoint_address(value).map(EndpointHost::Address).map_err(|wrong| match wrong.hint.as_deref() {
            Some(hint) if hint.starts_with("as in \"127") => {
                wrong.hint("as in \"127.0.0.1:8080\", \"shop.internal:8080\" or \"unix:/run/shop.sock\"")
            }
            _ => wrong,
        }),
    }
}

fn proxy_protocol(value: &DeValue<'_>) -> Result<ProxyProtocol, value::Wrong> {
    value::word(&[("v1", ProxyProtocol::V1), ("v2", ProxyProtocol::V2)])(value)
}

fn default_timeouts() -> UpstreamTimeouts {
    UpstreamTimeouts {
        connect: Duration::from_secs(2),
        read: Duration::from_secs(30),
        write: Duration::from_secs(30),
        idle: Duration::from_secs(60),
        tunnel: Duration::from_secs(600),
    }
}

fn timeouts(fields: &mut Fields<'_, '_>) -> UpstreamTimeouts {
    let default = default_timeouts();
    UpstreamTimeouts {
        connect: fields.or("connect", duration(MS..=HOUR), default.connect),
        read: fields.or("read", duration(MS..=24 * HOUR), default.read),
        write: fields.or("write", duration(MS..=24 * HOUR), default.write),
        idle: fields.or("idle", duration(MS..=24 * HOUR), default.idle),
        tunnel: fields.or("tunnel", duration(MS..=24 * HOUR), default.tunnel),
    }
}
