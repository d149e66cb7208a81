//! The question that `run` and `bench` put to a plugin, from the command line.

mod of_table;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::trial::{MissingRole, Question, Terms, Trial};
use crate::config::cases::{AskedCandidate, AskedRequest, AskedResponse, Fieldset, Subject};
use crate::config::default_limits;
use crate::config::model::{Consumer, EndpointAddress, Grants, InstanceMode, PluginLimits};
use crate::consumers::Credentials;
use crate::plugin::compile::Compilation;

/// The options that a case speaks for.
const OF_THE_QUESTION: [&str; 14] = [
    "config",
    "request",
    "headers",
    "authority",
    "client",
    "route",
    "https",
    "consumers",
    "identified",
    "response",
    "response_headers",
    "answered_by",
    "body",
    "endpoints",
];

/// A plugin, and what it is asked.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct AskArguments {
    /// The component.
    file: PathBuf,
    /// The policy's configuration, as JSON; `@FILE` reads it from a file.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    config: String,
    /// Method and target.
    #[arg(long, value_name = "METHOD TARGET", default_value = "GET /")]
    request: String,
    /// A field of the request; may be given again.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Host and port the client asked for.
    #[arg(long, default_value = "edge.test")]
    authority: String,
    /// Address of the client.
    #[arg(long, value_name = "ADDRESS", default_value = "192.0.2.1")]
    client: IpAddr,
    /// Name of the route that matched.
    #[arg(long, default_value = "test")]
    route: String,
    /// The request came over TLS.
    #[arg(long)]
    https: bool,
    /// A consumer the operator knows, with an API key where one is given; may be given again.
    #[arg(long = "consumer", value_name = "NAME[=KEY]")]
    consumers: Vec<String>,
    /// An earlier policy identified this consumer.
    #[arg(long = "as", value_name = "NAME")]
    identified: Option<String>,
    /// Ask about a response of this status.
    #[arg(long, value_name = "STATUS", conflicts_with = "endpoints")]
    response: Option<u16>,
    /// A field of the response; may be given again.
    #[arg(long = "response-header", value_name = "NAME: VALUE", requires = "response")]
    response_headers: Vec<String>,
    /// The endpoint that made this response.
    #[arg(long, value_name = "ADDRESS", requires = "response")]
    answered_by: Option<EndpointAddress>,
    /// Ask about this body: of the request, or of the response where there is one. Given again, it arrives in as many
    /// pieces.
    #[arg(long, value_name = "TEXT", conflicts_with = "endpoints")]
    body: Vec<String>,
    /// Ask which endpoint to take; given once for each, as `10.0.0.1:80`, or with figures as
    /// `10.0.0.1:80,weight=2,zone=a,in_flight=3,latency_us=900`.
    #[arg(long = "endpoint", value_name = "ADDRESS")]
    endpoints: Vec<String>,
    /// Ask what a case of this table asks, with the consumers, key sets, upstreams and limits that the table has.
    #[arg(long, value_name = "TABLE", requires = "case", conflicts_with_all = OF_THE_QUESTION)]
    cases: Option<PathBuf>,
    /// The case: the one whose name has this in it. Those before it are not asked.
    #[arg(long, value_name = "TEXT", requires = "cases")]
    case: Option<String>,
    /// CPU time of one call.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    cpu: Option<Duration>,
    /// Linear memory of one instance.
    #[arg(long, value_name = "SIZE")]
    memory: Option<bytesize::ByteSize>,
}

/// A plugin loaded, and the question for it.
pub(super) struct Asked {
    pub(super) trial: Trial,
    pub(super) question: Question,
    pub(super) config: Value,
    pub(super) limits: PluginLimits,
    pub(super) file: PathBuf,
}

impl AskArguments {
    /// Loads the plugin and makes the question.
    ///
    /// # Errors
    /// An argument does not say what it should, or the plugin does not load.
    pub(super) fn prepare(&self, instances: InstanceMode, compilation: Compilation) -> anyhow::Result<Asked> {
        if let (Some(table), Some(case)) = (&self.cases, &self.case) {
            return self.of_case(table, case, instances, compilation);
        }
        let config = self.config()?;
        let (request, subject) = (self.asked()?, self.subject()?);
        let limits = self.limits(default_limits())?;
        let consumers = self.consumers();
        if let Some(name) = &self.identified {
            let is_known = consumers.iter().any(|consumer| consumer.name == *name);
            anyhow::ensure!(is_known, "--as {name}: there is no such consumer\nhint: add --consumer {name}");
        }
        let (grants, keysets, upstreams) = (Grants::all(), Vec::new(), Vec::new());
        let terms = Terms { grants, instances, limits, consumers, keysets, upstreams };
        let mut trial = Trial::load(&self.file, terms, compilation)?;
        let question = trial.question(&request, &subject)?;
        Ok(Asked { trial, question, config, limits, file: self.file.clone() })
    }

    fn config(&self) -> anyhow::Result<Value> {
        let text = match self.config.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("--config: cannot read {file}"))?,
            None => self.config.clone(),
        };
        let config: Value = text.parse().context("--config is no JSON")?;
        anyhow::ensure!(
            config.is_object(),
            "--config is no JSON object\nhint: as in --config '{{\"header\":\"apikey\"}}'"
        );
        Ok(config)
    }

    fn limits(&self, default: PluginLimits) -> anyhow::Result<PluginLimits> {
        let memory = self.memory.map(|size| usize::try_from(size.as_u64())).transpose().context("--memory")?;
        Ok(PluginLimits { cpu: self.cpu.unwrap_or(default.cpu), memory: memory.unwrap_or(default.memory), ..default })
    }

    fn consumers(&self) -> Vec<Consumer> {
        let mut consumers: Vec<Consumer> = Vec::new();
        for written in &self.consumers {
            let (name, key) = written.split_once('=').map_or((written.as_str(), None), |(name, key)| (name, Some(key)));
            let hash = key.map(|key| Sha256::digest(key).into());
            match consumers.iter_mut().find(|known| known.name == name) {
                Some(known) => known.credentials.api_key_hashes.extend(hash),
                None => consumers.push(Consumer {
                    name: name.to_owned(),
                    tags: Vec::new(),
                    credentials: Credentials { api_key_hashes: hash.into_iter().collect(), ..Credentials::default() },
                }),
            }
        }
        consumers
    }

    fn asked(&self) -> anyhow::Result<AskedRequest> {
        let (method, target) = self.request.split_once(' ').unwrap_or(("GET", &self.request));
        anyhow::ensure!(
            target.starts_with('/'),
            "--request {:?}: the target does not start with `/`\nhint: as in --request 'GET /items?page=2'",
            self.request
        );
        Ok(AskedRequest {
            method: Method::from_bytes(method.as_bytes()).with_context(|| format!("{method:?} is no method"))?,
            target: target.to_owned(),
            is_https: self.https,
            certificate: None,
            authority: self.authority.clone(),
            client: self.client,
            route: self.route.clone(),
            consumer: self.identified.clone(),
            headers: fieldset(&self.headers)?,
        })
    }

    fn subject(&self) -> anyhow::Result<Subject> {
        if self.endpoints.is_empty() {
            return Ok(match (self.asked_response()?, self.body.as_slice()) {
                (None, []) => Subject::Request,
                (None, pieces) => Subject::RequestBody(pieces.to_vec()),
                (Some(response), []) => Subject::Response(response),
                (Some(response), pieces) => Subject::ResponseBody(response, pieces.to_vec()),
            });
        }
        let candidates = self.endpoints.iter().map(|written| {
            candidate(written).with_context(|| {
                format!("--endpoint {written:?}\nhint: as in 10.0.0.1:80,weight=2,zone=a,in_flight=3,latency_us=900")
            })
        });
        Ok(Subject::Candidates(candidates.collect::<anyhow::Result<_>>()?))
    }

    fn asked_response(&self) -> anyhow::Result<Option<AskedResponse>> {
        let Some(status) = self.response else { return Ok(None) };
        let headers = fieldset(&self.response_headers)?;
        Ok(Some(AskedResponse { status, endpoint: self.answered_by.clone(), headers }))
    }
}

/// What says that a component has no role for the question.
pub(super) fn nobody_there(file: &Path, missing: MissingRole) -> anyhow::Error {
    anyhow::anyhow!("{} has {missing}\nhint: {}", file.display(), missing.hint())
}

fn fieldset(written: &[String]) -> anyhow::Result<Fieldset> {
    let mut fields = Fieldset::new();
    for line in written {
        let hint = || format!("{line:?} is no header field\nhint: as in -H 'apikey: alice-key'");
        let (name, value) = line.split_once(':').with_context(hint)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).with_context(hint)?;
        let value = value.trim();
        HeaderValue::from_bytes(value.as_bytes()).with_context(hint)?;
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.to_owned()),
            None => fields.push((name, vec![value.to_owned()])),
        }
    }
    Ok(fields)
}

fn candidate(written: &str) -> anyhow::Result<AskedCandidate> {
    let mut parts = written.split(',');
    let address: EndpointAddress = parts.next().unwrap_or_default().parse()?;
    let mut candidate = AskedCandidate { address, weight: 1, zone: String::new(), in_flight: 0, latency_us: 0 };
    for part in parts {
        match part.split_once('=') {
            Some(("weight", weight)) => candidate.weight = weight.parse()?,
            Some(("zone", zone)) => zone.clone_into(&mut candidate.zone),
            Some(("in_flight", in_flight)) => candidate.in_flight = in_flight.parse()?,
            Some(("latency_us", latency)) => candidate.latency_us = latency.parse()?,
            _ => anyhow::bail!("{part:?} is no figure of an endpoint"),
        }
    }
    Ok(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_given_twice_has_two_values() {
        let fields = fieldset(&["X-A: 1".to_owned(), "x-a:2".to_owned()]).unwrap();
        assert_eq!(fields, [(HeaderName::from_static("x-a"), vec!["1".to_owned(), "2".to_owned()])]);
        assert!(fieldset(&["no colon".to_owned()]).is_err());
    }

    #[test]
    fn an_endpoint_has_figures_beside_its_address() {
        let found = candidate("10.0.0.1:80,weight=2,zone=a,in_flight=3,latency_us=900").unwrap();
        assert_eq!((found.weight, found.zone.as_str(), found.in_flight, found.latency_us), (2, "a", 3, 900));
        assert!(candidate("10.0.0.1:80,heavy").is_err());
    }
}
