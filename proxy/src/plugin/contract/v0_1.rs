//! Contract 0.1: what is lent to a component that was built against it, and where its exports are.

pub(in crate::plugin) mod bindings;

use wasmtime::component::{HasSelf, InstancePre, Linker};

use crate::config::model::{Capability, Grants};
use crate::plugin::capability::shared_counters;
use crate::plugin::instance::HostState;
use crate::plugin::policy::Roles;
use bindings::{
    balancer, body_policy, clock, configuration, consumers, counters, http, http_client, keysets, limit_policy, log,
    metrics, observer, passwords, random, request_policy, response_policy, shared_data, types,
};

/// What a component calls the counters by.
const COUNTERS: &str = "tidegate:gateway/counters@0.1.0";

/// Where in the component each exported interface is; none where it does not export it.
pub(in crate::plugin) struct ExportIndices {
    pub(in crate::plugin) configuration: Option<configuration::GuestIndices>,
    pub(in crate::plugin) request: Option<request_policy::GuestIndices>,
    pub(in crate::plugin) limit: Option<limit_policy::GuestIndices>,
    pub(in crate::plugin) response: Option<response_policy::GuestIndices>,
    pub(in crate::plugin) body: Option<body_policy::GuestIndices>,
    pub(in crate::plugin) balancer: Option<balancer::GuestIndices>,
    pub(in crate::plugin) observer: Option<observer::GuestIndices>,
}

impl ExportIndices {
    pub(in crate::plugin) fn find(
        component: &InstancePre<HostState>,
        roles: Roles,
        configuration: bool,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            configuration: configuration.then(|| configuration::GuestIndices::new(component)).transpose()?,
            request: roles.request.then(|| request_policy::GuestIndices::new(component)).transpose()?,
            limit: roles.limit.then(|| limit_policy::GuestIndices::new(component)).transpose()?,
            response: roles.response.then(|| response_policy::GuestIndices::new(component)).transpose()?,
            body: roles.body.then(|| body_policy::GuestIndices::new(component)).transpose()?,
            balancer: roles.balancer.then(|| balancer::GuestIndices::new(component)).transpose()?,
            observer: roles.observer.then(|| observer::GuestIndices::new(component)).transpose()?,
        })
    }
}

/// Lends the views, and these capabilities; counters that are shared with other gateways have functions that wait.
pub(in crate::plugin) fn lend(
    linker: &mut Linker<HostState>,
    capabilities: Grants,
    shares_counters: bool,
) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    capabilities.iter().try_for_each(|capability| match capability {
        Capability::Counters if shares_counters => shared_counters::lend(linker, COUNTERS),
        capability => lend_one(linker, capability),
    })
}

fn lend_one(linker: &mut Linker<HostState>, capability: Capability) -> wasmtime::Result<()> {
    match capability {
        Capability::Log => log::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Counters => counters::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Consumers => consumers::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Passwords => passwords::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Clock => clock::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::HttpClient => http_client::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Random => random::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::SharedData => shared_data::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Metrics => metrics::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
        Capability::Keysets => keysets::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state),
    }
}
