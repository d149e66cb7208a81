//! Endpoints from the DNS, asked for again when their time to live is over.
//!
//! That a name is not there, or has no addresses, is what a resolver says in the middle of many an accident: the last
//! good set stays, as it does with HAProxy and Envoy.

mod shares;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::name_server::TokioConnectionProvider;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::xfer::Protocol;
use hickory_resolver::proto::{ProtoError, ProtoErrorKind};
use hickory_resolver::{ResolveError, TokioResolver};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::pace::Pace;
use super::{Answer, Failure, Provider};
use crate::config::model::{Dns, Endpoint, NamedEndpoints};
use shares::Shares;

/// When to ask again, and whom.
struct Asking {
    settings: Arc<Dns>,
    again: Option<Instant>,
    pace: Pace,
}

impl Asking {
    fn new(settings: Arc<Dns>) -> Self {
        Self { settings, again: None, pace: Pace::default() }
    }

    async fn its_time(&self) {
        self.pace.after_failures().await;
        if let Some(again) = self.again {
            sleep_until(again).await;
        }
    }

    /// Made anew for each look: `resolv.conf` and `hosts` may have changed.
    fn resolver(&self) -> Result<TokioResolver, Failure> {
        let Dns { nameservers, timeout, .. } = &*self.settings;
        let mut builder = if nameservers.is_empty() {
            TokioResolver::builder_tokio().map_err(|error| Failure(format!("no DNS server is known: {error}")))?
        } else {
            TokioResolver::builder_with_config(asking(nameservers), TokioConnectionProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = *timeout;
        options.attempts = 2;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Ok(builder.build())
    }

    /// A look ended: its records are good until then.
    fn ended(&mut self, good_until: Result<std::time::Instant, ()>) {
        self.pace.count(good_until.is_ok());
        self.again = good_until.ok().map(|until| {
            let left = until.saturating_duration_since(std::time::Instant::now());
            Instant::now() + left.clamp(self.settings.min_ttl, self.settings.max_ttl)
        });
    }
}

fn asking(servers: &[SocketAddr]) -> ResolverConfig {
    let mut config = ResolverConfig::new();
    for server in servers {
        for protocol in [Protocol::Udp, Protocol::Tcp] {
            config.add_name_server(NameServerConfig::new(*server, protocol));
        }
    }
    config
}

/// The addresses of a name.
struct Addresses {
    found: Vec<IpAddr>,
    good_until: std::time::Instant,
}

async fn addresses(resolver: &TokioResolver, name: &str) -> Result<Addresses, Failure> {
    let lookup = resolver.lookup_ip(name).await.map_err(|error| failure(name, &error))?;
    let mut found: Vec<IpAddr> = lookup.iter().collect();
    // Servers turn the order round with each answer, which is no change.
    found.sort_unstable();
    found.dedup();
    Ok(Addresses { found, good_until: lookup.valid_until() })
}

fn failure(name: &str, error: &ResolveError) -> Failure {
    // A server that refuses or fails is told of as one that has no records: its code makes the difference.
    let code = match error.proto().map(ProtoError::kind) {
        Some(ProtoErrorKind::NoRecordsFound { response_code, .. }) => Some(*response_code),
        _ => None,
    };
    Failure(match code {
        Some(ResponseCode::NXDomain) => format!("there is no name {name}"),
        Some(ResponseCode::NoError) => format!("{name} has no records"),
        Some(code) => format!("{name} cannot be looked up: the server says {code}"),
        None => format!("{name} cannot be looked up: {error}"),
    })
}

/// The addresses of one name, all alike.
pub(super) struct Names {
    named: NamedEndpoints,
    asking: Asking,
}

impl Names {
    pub(super) fn new(named: NamedEndpoints, settings: Arc<Dns>) -> Self {
        Self { named, asking: Asking::new(settings) }
    }

    async fn look(&self) -> Result<Addresses, Failure> {
        addresses(&self.asking.resolver()?, &self.named.name).await
    }
}

#[async_trait]
impl Provider for Names {
    async fn next(&mut self) -> Result<Answer, Failure> {
        self.asking.its_time().await;
        let looked = self.look().await;
        self.asking.ended(looked.as_ref().map(|addresses| addresses.good_until).map_err(|_| ()));
        let NamedEndpoints { port, weight, zone, priority, .. } = &self.named;
        let endpoint = |ip: IpAddr| Endpoint {
            address: SocketAddr::new(ip, *port).into(),
            weight: *weight,
            zone: Arc::clone(zone),
            priority: *priority,
        };
        Ok(Answer { endpoints: looked?.found.into_iter().map(endpoint).collect(), left_out: None })
    }
}

/// The hosts of a service, each with a port, a weight and a priority of its own (RFC 2782).
pub(super) struct Services {
    name: String,
    asking: Asking,
    /// The last addresses of each host: one that cannot be looked up for a moment keeps them.
    hosts: HashMap<String, Vec<IpAddr>>,
}

impl Services {
    pub(super) fn new(name: String, settings: Arc<Dns>) -> Self {
        Self { name, asking: Asking::new(settings), hosts: HashMap::new() }
    }

    async fn look(&mut self) -> Result<(Answer, std::time::Instant), Failure> {
        let resolver = self.asking.resolver()?;
        let lookup = resolver.srv_lookup(self.name.as_str()).await.map_err(|error| failure(&self.name, &error))?;
        let mut records: Vec<SRV> = lookup.iter().filter(|record| !record.target().is_root()).cloned().collect();
        if records.is_empty() {
            return Err(Failure(format!("{} says that there is no such service", self.name)));
        }
        records.sort_by_key(|record| (record.priority(), record.target().to_string(), record.port()));
        let (left_out, good_until) = self.look_up_hosts(&resolver, &records, lookup.as_lookup().valid_until()).await;
        let endpoints = self.endpoints(&records);
        match left_out {
            Some(why) if endpoints.is_empty() => Err(Failure(why)),
            left_out => Ok((Answer { endpoints, left_out }, good_until)),
        }
    }

    /// Looks all hosts up at once; returns what went wrong, and until when all of them are good.
    async fn look_up_hosts(
        &mut self,
        resolver: &TokioResolver,
        records: &[SRV],
        mut good_until: std::time::Instant,
    ) -> (Option<String>, std::time::Instant) {
        let mut hosts: Vec<String> = records.iter().map(|record| record.target().to_string()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        self.hosts.retain(|host, _| hosts.contains(host));
        let mut looks = JoinSet::new();
        for host in hosts {
            let resolver = resolver.clone();
            looks.spawn(async move { (addresses(&resolver, &host).await, host) });
        }
        let mut problems = Vec::new();
        while let Some(looked) = looks.join_next().await {
            match looked {
                Ok((Ok(addresses), host)) => {
                    good_until = good_until.min(addresses.good_until);
                    self.hosts.insert(host, addresses.found);
                }
                Ok((Err(Failure(why)), _)) => problems.push(why),
                Err(panicked) => problems.push(panicked.to_string()),
            }
        }
        problems.sort_unstable();
        ((!problems.is_empty()).then(|| problems.join("; ")), good_until)
    }

    fn endpoints(&self, records: &[SRV]) -> Vec<Endpoint> {
        let shares = Shares::of(records);
        let endpoints = records.iter().flat_map(|record| {
            let found = self.hosts.get(&record.target().to_string()).map_or(&[][..], Vec::as_slice);
            let (weight, priority) = (shares.weight(record), shares.priority(record));
            found.iter().map(move |ip| Endpoint {
                address: SocketAddr::new(*ip, record.port()).into(),
                weight,
                zone: Arc::default(),
                priority,
            })
        });
        endpoints.filter(|endpoint| endpoint.address.port() != Some(0)).collect()
    }
}

#[async_trait]
impl Provider for Services {
    async fn next(&mut self) -> Result<Answer, Failure> {
        self.asking.its_time().await;
        let looked = self.look().await;
        // A host that was left out is looked for again soon.
        let until = |(answer, until): &(Answer, std::time::Instant)| match answer.left_out {
            Some(_) => (*until).min(std::time::Instant::now() + SOON),
            None => *until,
        };
        self.asking.ended(looked.as_ref().map(until).map_err(|_| ()));
        Ok(looked?.0)
    }
}

/// When a host of a service is looked up again that could not be looked up.
const SOON: Duration = Duration::from_secs(5);
