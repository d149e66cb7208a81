//! The program as the admin listener sees it: asks the running snapshot, changes overlays, reloads.

mod discovery;
mod keysets;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::admin::{
    ChangeError, CheckStatus, EjectionStatus, EndpointChange, EndpointSource, EndpointStatus, EventStatus,
    HealthChange, KeysetStatus, LastReload, PluginStatus, PolicyStatus, ReloadReport, SharedCountersStatus, Status,
    UpstreamStatus,
};
use crate::config::model::EndpointAddress;
use crate::config::problem::Report;
use crate::config::{model, show};
use crate::counters::shared::{Link, LinkStatus};
use crate::discovery::SourceFacts;
use crate::observe::metrics::{CounterStoreGauges, EndpointGauges, GaugeSink, Gauges, PolicyGauges};
use crate::plugin::component::LoadedPlugin;
use crate::plugin::policy::PolicyRuntime;
use crate::plugin::quarantine::Standing;
use crate::plugin::statistics::FailureCounts;
use crate::reload::{ReloadOutcome, Reloader, Trigger};
use crate::running::Running;
use crate::snapshot::Snapshot;
use crate::upstream::Upstream;
use crate::upstream::journal::Event;
use crate::upstream::member::Member;
use crate::upstream::overlay::{Overlay, OverlayError};

/// Answers the admin listener.
#[derive(Debug)]
pub struct Control {
    reloader: Arc<Reloader>,
}

impl Control {
    /// For the process this reloads.
    #[must_use]
    pub fn new(reloader: Arc<Reloader>) -> Self {
        Self { reloader }
    }

    fn running(&self) -> &Running {
        self.reloader.running()
    }
}

#[async_trait]
impl crate::admin::Control for Control {
    fn status(&self) -> Status {
        let last = self.reloader.last();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            generation: self.running().snapshot().generation,
            uptime_seconds: self.running().process.started.elapsed().as_secs(),
            shared_counters: self.running().snapshot().shared_counters.as_ref().map(|link| shared_counters(link)),
            last_reload: LastReload {
                at: last.at.into(),
                trigger: last.trigger.map_or("start", Trigger::as_str),
                report: reload_report(&last.outcome),
            },
        }
    }

    fn upstreams(&self) -> Vec<UpstreamStatus> {
        let snapshot = self.running().snapshot();
        let facts = self.running().process.discovery.facts();
        let status = |spec: &model::Upstream| {
            let upstream = snapshot.upstreams.get(&spec.name)?;
            Some(upstream_status(self.running(), spec, upstream, &facts))
        };
        snapshot.loaded.config.upstreams.iter().filter_map(status).collect()
    }

    fn events(&self) -> Vec<EventStatus> {
        self.running().process.journal.events().into_iter().map(event_status).collect()
    }

    fn plugins(&self) -> Vec<PluginStatus> {
        let snapshot = self.running().snapshot();
        let specs = snapshot.loaded.config.plugins.iter();
        specs.filter_map(|spec| Some(plugin_status(&snapshot, spec, snapshot.plugins.get(&spec.name)?))).collect()
    }

    fn keysets(&self) -> Vec<KeysetStatus> {
        self.running().snapshot().keysets.iter().map(|keyset| keysets::status(keyset)).collect()
    }

    fn running_config(&self) -> serde_json::Value {
        show::to_json(&self.running().snapshot().loaded.config)
    }

    fn metrics(&self) -> String {
        self.running().process.metrics.render(self.running())
    }

    async fn reload(&self) -> ReloadReport {
        reload_report(&self.reloader.reload(Trigger::Admin).await)
    }

    async fn change_endpoint(&self, upstream: &str, change: EndpointChange) -> Result<UpstreamStatus, ChangeError> {
        let changed = self.reloader.change_endpoints(|overlays, snapshot| {
            let spec = spec_of(snapshot, upstream)?;
            check_loop(&change, &snapshot.loaded.config.listeners)?;
            lay_over(overlays.edit(spec, &self.running().process.discovery.endpoints(spec).endpoints), &change)
        });
        changed.await?;
        tracing::info!(upstream, ?change, "endpoint changed at run time");
        let snapshot = self.running().snapshot();
        let now = snapshot.upstreams.get(upstream).ok_or(ChangeError::UnknownUpstream)?;
        let facts = self.running().process.discovery.facts();
        Ok(upstream_status(self.running(), spec_of(&snapshot, upstream)?, now, &facts))
    }
}

fn spec_of<'s>(snapshot: &'s Snapshot, upstream: &str) -> Result<&'s model::Upstream, ChangeError> {
    let mut specs = snapshot.loaded.config.upstreams.iter();
    specs.find(|spec| spec.name == upstream).ok_or(ChangeError::UnknownUpstream)
}

/// A connection that is sent to ourselves comes round for ever; no field counts the turns of those of tcp listeners.
fn check_loop(change: &EndpointChange, listeners: &[model::Listener]) -> Result<(), ChangeError> {
    match change {
        EndpointChange::Add { address, .. } if listeners.iter().any(|ours| address.is_served_by(ours.address)) => {
            Err(ChangeError::OwnListener(address.clone()))
        }
        _ => Ok(()),
    }
}

/// Works on a copy: where one half of an update is refused, the other does not stay.
fn lay_over(overlay: &mut Overlay, change: &EndpointChange) -> Result<(), ChangeError> {
    match change {
        EndpointChange::Add { address, weight } => overlay.add(address.clone(), *weight)?,
        EndpointChange::Remove { address } => overlay.remove(address)?,
        EndpointChange::Update { address, weight, draining } => {
            weight.map_or(Ok(()), |weight| overlay.set_weight(address, weight))?;
            draining.map_or(Ok(()), |draining| overlay.set_draining(address, draining))?;
        }
    }
    Ok(())
}

impl From<OverlayError> for ChangeError {
    fn from(error: OverlayError) -> Self {
        match error {
            OverlayError::Unknown(address) => Self::UnknownEndpoint(address),
            OverlayError::AlreadyThere(address) => Self::AlreadyThere(address),
            OverlayError::Weight(weight) => Self::Weight(weight),
        }
    }
}

impl From<Report> for ChangeError {
    fn from(report: Report) -> Self {
        Self::NotApplied(report.render(false))
    }
}

impl Gauges for Running {
    fn collect(&self, out: &mut GaugeSink) {
        let snapshot = self.snapshot();
        for upstream in snapshot.upstreams.values() {
            for member in upstream.members.iter() {
                out.endpoint(&upstream.name, &member.endpoint.label, &endpoint_gauges(member));
            }
        }
        for policy in snapshot.policies.values() {
            let statistics = policy.statistics();
            let idle = u32::try_from(statistics.idle).unwrap_or(u32::MAX);
            let quarantined = policy.standing() != Standing::Good;
            let now = PolicyGauges { instances: statistics.instances, idle, quarantined };
            out.policy(&policy.name, &policy.plugin().facts().name, &now);
        }
        for keyset in snapshot.keysets.iter() {
            out.keyset(keyset.name(), &keysets::gauges(keyset));
        }
        for facts in self.process.discovery.facts() {
            out.discovery(&facts.upstream, &facts.label, discovery::gauges(&facts));
        }
        let counters = &self.process.counters;
        if let Some(link) = &snapshot.shared_counters {
            out.shared_counters(link.status().away_because.is_none());
        }
        out.counters(&CounterStoreGauges { size: counters.kept() as u64, evictions: counters.dropped() });
    }
}

fn endpoint_gauges(member: &Member) -> EndpointGauges {
    let endpoint = &member.endpoint;
    let latency = Some(endpoint.latency_us()).filter(|us| *us > 0);
    EndpointGauges {
        healthy: endpoint.is_healthy(),
        ejected: endpoint.is_ejected(),
        draining: member.draining,
        weight: member.weight,
        in_flight: endpoint.in_flight(),
        latency: latency.map(|us| Duration::from_micros(us.into())),
    }
}

fn shared_counters(link: &Link) -> SharedCountersStatus {
    let LinkStatus { server, away_because, lasted } = link.status();
    SharedCountersStatus { server, is_up: away_because.is_none(), reason: away_because, seconds: lasted.as_secs() }
}

fn reload_report(outcome: &ReloadOutcome) -> ReloadReport {
    match outcome {
        ReloadOutcome::Unchanged => ReloadReport::Unchanged,
        ReloadOutcome::Applied { generation } => ReloadReport::Applied { generation: *generation },
        ReloadOutcome::Rejected { report } => {
            ReloadReport::Rejected { problems: report.problems.iter().map(Into::into).collect() }
        }
        ReloadOutcome::NeedsRestart { keys } => {
            ReloadReport::NeedsRestart { keys: keys.iter().map(|key| (*key).to_owned()).collect() }
        }
    }
}

fn upstream_status(
    running: &Running,
    spec: &model::Upstream,
    upstream: &Upstream,
    facts: &[SourceFacts],
) -> UpstreamStatus {
    let file: HashSet<&EndpointAddress> = spec.endpoints.iter().map(|endpoint| &endpoint.address).collect();
    let source = |member: &Member| match file.contains(&member.endpoint.address) {
        true => EndpointSource::File,
        false if member.added => EndpointSource::Runtime,
        false => EndpointSource::Discovery,
    };
    let changed = running.process.overlays.lock().get(&spec.name).is_some_and(Overlay::changes_anything);
    UpstreamStatus {
        name: upstream.name.clone(),
        balancer: spec.balancer.to_string(),
        sticky_cookie: spec.sticky.as_ref().map(|sticky| sticky.cookie.clone()),
        changed_at_run_time: changed,
        discovery: facts.iter().filter(|facts| facts.upstream == spec.name).map(discovery::status).collect(),
        endpoints: upstream.members.iter().map(|member| endpoint_status(member, source(member))).collect(),
    }
}

fn endpoint_status(member: &Member, source: EndpointSource) -> EndpointStatus {
    let endpoint = &member.endpoint;
    let health = endpoint.health();
    EndpointStatus {
        address: endpoint.address.clone(),
        weight: member.weight,
        tier: member.tier,
        healthy: endpoint.is_healthy(),
        ejection: health.ejection.map(|ejection| EjectionStatus {
            at: ejection.at.into(),
            cause: ejection.cause.to_string(),
            in_a_row: ejection.in_a_row,
        }),
        draining: member.draining,
        share_percent: endpoint.share_percent(),
        in_flight: endpoint.in_flight(),
        latency_us: Some(endpoint.latency_us()).filter(|us| *us > 0),
        source,
        last_change: health.cause.map(|cause| HealthChange { at: health.since.into(), cause: cause.to_string() }),
        last_check: health.last_check.map(|check| CheckStatus {
            at: check.at.into(),
            good: check.good,
            in_a_row: check.in_a_row,
            finding: check.finding.to_string(),
        }),
    }
}

fn event_status(event: Event) -> EventStatus {
    EventStatus {
        number: event.number,
        at: event.at.into(),
        upstream: event.upstream.to_string(),
        endpoint: event.endpoint.to_string(),
        change: event.change.label(),
        cause: event.cause.to_string(),
    }
}

fn plugin_status(snapshot: &Snapshot, spec: &model::Plugin, plugin: &LoadedPlugin) -> PluginStatus {
    let facts = plugin.facts();
    let policies = snapshot.loaded.config.policies.iter().filter(|policy| policy.plugin == spec.name);
    PluginStatus {
        name: spec.name.clone(),
        path: spec.path.clone(),
        sha256: facts.sha256.clone(),
        size: facts.bytes as u64,
        contract: facts.contract.clone(),
        roles: facts.roles.names().into_iter().map(str::to_owned).collect(),
        imports: facts.imports.clone(),
        grants: grants(spec.grants),
        policies: policies.filter_map(|policy| Some(policy_status(snapshot.policies.get(&policy.name)?))).collect(),
    }
}

fn policy_status(policy: &PolicyRuntime) -> PolicyStatus {
    let statistics = policy.statistics();
    PolicyStatus {
        name: policy.name.clone(),
        instances: statistics.instances,
        idle: u32::try_from(statistics.idle).unwrap_or(u32::MAX),
        calls: statistics.calls,
        failures: failures(statistics.failures),
        remembered: policy.remembers().then_some(statistics.remembered),
        last_failure: statistics.last_failure,
        standing: standing(policy.standing()),
        image: policy.image().to_string(),
    }
}

fn grants(grants: model::Grants) -> Vec<String> {
    grants.iter().map(|capability| capability.name().to_owned()).collect()
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "good",
        Standing::Quarantined => "quarantined",
        Standing::OnProbation => "on_probation",
    }
}

/// By the words of the metric `tidegate_policy_calls_total`.
fn failures(counts: FailureCounts) -> BTreeMap<&'static str, u64> {
    let FailureCounts { out_of_time, trap, out_of_memory, illegal, overloaded, quarantined } = counts;
    let all = [
        ("out_of_time", out_of_time),
        ("trap", trap),
        ("out_of_memory", out_of_memory),
        ("illegal", illegal),
        ("overloaded", overloaded),
        ("quarantined", quarantined),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}
