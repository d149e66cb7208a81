//! A question of a table or a command line, as the host takes it.

mod pieces;

use std::sync::Arc;

use anyhow::Context;
use http::{HeaderMap, HeaderValue, Request, Response, request, response};
use tokio::runtime::{self, Runtime};

use super::copied::{Copied, Counted};
use super::{MissingRole, Verdict};
use crate::config::cases::{AskedCandidate, AskedExchange, AskedRequest, AskedResponse, Fieldset, Subject};
use crate::consumers::Consumers;
use crate::observe::metrics::Metrics;
use crate::plugin::policy::{Candidate, Exchange, PluginFailure, PolicyRuntime, Role, Roles};
use crate::policy::facts::{
    ClientCertificate, HttpRequestView, HttpResponseView, RequestFacts, RequestId, Scheme, TlsFacts,
};
use crate::policy::view::ResponseView;
use crate::upstream::endpoint::Endpoint;
use crate::upstream::member::Member;
use pieces::Pieces;

/// The upstream of a trial.
const UPSTREAM: &str = "trial";

/// A request with all that the gateway would know of it, and what is asked about it.
pub(in crate::cli::plugin) struct Question {
    parts: request::Parts,
    facts: RequestFacts,
    about: About,
    /// A plugin that asks upstreams waits, if only for what is known already.
    waiting: Runtime,
}

enum About {
    Request,
    Response(response::Parts),
    RequestBody(Pieces),
    ResponseBody(response::Parts, Pieces),
    Exchange(AskedExchange, Option<response::Parts>),
    Candidates { members: Arc<[Member]>, candidates: Vec<Candidate> },
}

impl About {
    /// The gateway asks a role only where it is there; so does a trial.
    fn is_asked_of(&self, has: Roles) -> Result<(), MissingRole> {
        let (is_there, role) = match self {
            Self::Request => (has.decides_on_requests(), Role::Request),
            Self::Response(_) => (has.response, Role::Response),
            Self::RequestBody(_) | Self::ResponseBody(..) => (has.body, Role::Body),
            Self::Exchange(..) => (has.observer, Role::Observer),
            Self::Candidates { .. } => (has.balancer, Role::Balancer),
        };
        if is_there { Ok(()) } else { Err(MissingRole { role, has }) }
    }
}

impl Question {
    /// Makes it; `members` are the endpoints, where candidates are asked about.
    ///
    /// # Errors
    /// It cannot be put into the form of a message.
    pub(super) fn new(
        asked: &AskedRequest,
        subject: &Subject,
        members: Option<Arc<[Member]>>,
        consumers: &Consumers,
    ) -> anyhow::Result<Self> {
        let about = match subject {
            Subject::Request => About::Request,
            Subject::Response(asked) => About::Response(response(asked)?),
            Subject::RequestBody(pieces) => About::RequestBody(Pieces::new(pieces)),
            Subject::ResponseBody(asked, pieces) => About::ResponseBody(response(asked)?, Pieces::new(pieces)),
            Subject::Exchange(exchange, asked) => {
                About::Exchange(exchange.clone(), asked.as_ref().map(response).transpose()?)
            }
            Subject::Candidates(asked) => {
                let members = members.unwrap_or_default();
                About::Candidates { members, candidates: candidates(asked) }
            }
        };
        let waiting = runtime::Builder::new_current_thread().enable_time().build()?;
        let mut facts = facts(asked, consumers);
        if let Subject::Response(asked) | Subject::ResponseBody(asked, _) | Subject::Exchange(_, Some(asked)) = subject
        {
            facts.endpoint = asked.endpoint.as_ref().map(|endpoint| endpoint.to_string().into());
        }
        Ok(Self { parts: head(asked)?, facts, about, waiting })
    }

    /// Asks a policy.
    pub(in crate::cli::plugin) fn put(&self, policy: &PolicyRuntime) -> Verdict {
        self.put_counting(policy, None)
    }

    /// Asks a policy, and counts what it is given of the message.
    pub(in crate::cli::plugin) fn put_counting(&self, policy: &PolicyRuntime, copied: Option<&Copied>) -> Verdict {
        if let Err(missing) = self.about.is_asked_of(policy.roles()) {
            return Verdict::Unasked(missing);
        }
        let request = Counted { view: HttpRequestView { parts: &self.parts, facts: &self.facts }, copied };
        let response = |parts| Counted { view: self.response(parts), copied };
        let verdict = match &self.about {
            About::Request if policy.waits() => {
                self.waiting.block_on(policy.on_request_waiting(&request)).map(Verdict::Request)
            }
            About::Request => policy.on_request(&request).map(Verdict::Request),
            About::RequestBody(pieces) => pieces.put_of_request(policy, &request),
            About::ResponseBody(parts, pieces) => pieces.put_of_response(policy, &request, &response(parts)),
            About::Response(parts) => {
                let response = response(parts);
                let decision = match policy.waits() {
                    true => self.waiting.block_on(policy.on_response_waiting(&request, &response)),
                    false => policy.on_response(&request, &response),
                };
                decision.map(Verdict::Response)
            }
            About::Exchange(asked, parts) => {
                let response = parts.as_ref().map(response);
                let response = response.as_ref().map(|response| response as &dyn ResponseView);
                policy.on_exchange(&request, response, &self.exchange(asked)).map(|()| Verdict::Observed)
            }
            About::Candidates { members, candidates } => policy.pick(&request, members, candidates).map(Verdict::Pick),
        };
        verdict.unwrap_or_else(|failure: PluginFailure| Verdict::Failed(failure))
    }

    fn exchange<'a>(&'a self, asked: &'a AskedExchange) -> Exchange<'a> {
        Exchange {
            request_bytes: asked.request_bytes,
            response_bytes: asked.response_bytes,
            taken: asked.duration,
            tries: asked.tries,
            endpoint: self.facts.endpoint.as_deref(),
            cause: asked.cause.as_deref(),
        }
    }

    fn response<'a>(&'a self, parts: &'a response::Parts) -> HttpResponseView<'a> {
        HttpResponseView { parts, trailers: None, endpoint: self.facts.endpoint.as_deref() }
    }
}

fn response(asked: &AskedResponse) -> anyhow::Result<response::Parts> {
    let mut response = Response::builder().status(asked.status).body(()).context("response")?;
    add(response.headers_mut(), &asked.headers)?;
    Ok(response.into_parts().0)
}

/// The head as HTTP/1.1 brings it: the authority is in `Host`.
fn head(asked: &AskedRequest) -> anyhow::Result<request::Parts> {
    let request = Request::builder().method(asked.method.clone()).uri(asked.target.as_str());
    let mut request = request.body(()).with_context(|| format!("{:?} is no request target", asked.target))?;
    let host = HeaderValue::from_str(&asked.authority).context("authority")?;
    request.headers_mut().insert(http::header::HOST, host);
    add(request.headers_mut(), &asked.headers)?;
    Ok(request.into_parts().0)
}

/// Fields as a message has them.
pub(super) fn fields(asked: &Fieldset) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    add(&mut headers, asked)?;
    Ok(headers)
}

fn add(headers: &mut HeaderMap, fields: &Fieldset) -> anyhow::Result<()> {
    for (name, values) in fields {
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).with_context(|| format!("value of {name}"))?;
            headers.append(name, value);
        }
    }
    Ok(())
}

fn facts(asked: &AskedRequest, consumers: &Consumers) -> RequestFacts {
    let scheme = if asked.is_https { Scheme::Https } else { Scheme::Http };
    let id = RequestId::new("trial").unwrap_or_default();
    let mut facts = RequestFacts::new(asked.client, id, asked.route.as_str().into(), scheme, asked.authority.clone());
    facts.consumer = asked.consumer.as_ref().and_then(|name| consumers.by_name(name)).cloned();
    facts.tls = asked.is_https.then(|| Arc::new(tls(asked)));
    facts
}

/// What a current client and this gateway mostly agree on.
fn tls(asked: &AskedRequest) -> TlsFacts {
    let authority = asked.authority.as_str();
    let nameless = |sha256| ClientCertificate { sha256, common_name: None, dns_names: Vec::new() };
    let host = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(authority, |(host, _)| host);
    let is_name = host.parse::<std::net::Ipv4Addr>().is_err() && !host.starts_with('[');
    TlsFacts {
        version: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        server_name: is_name.then(|| host.to_ascii_lowercase().into()),
        client_certificate: asked.certificate.map(nameless),
    }
}

fn candidates(asked: &[AskedCandidate]) -> Vec<Candidate> {
    let candidate = |(member, asked): (u32, &AskedCandidate)| Candidate {
        member,
        in_flight: asked.in_flight,
        latency_us: asked.latency_us,
    };
    (0..).zip(asked).map(candidate).collect()
}

/// The endpoints that candidates are.
pub(super) fn members(asked: &[AskedCandidate], metrics: &Metrics) -> Arc<[Member]> {
    let member = |candidate: &AskedCandidate| {
        let endpoint = Endpoint::new(UPSTREAM.into(), candidate.address.clone());
        Member {
            tier: 0,
            metrics: metrics.endpoint(UPSTREAM, &endpoint.label),
            endpoint: Arc::new(endpoint),
            weight: candidate.weight,
            zone: candidate.zone.as_str().into(),
            draining: false,
            added: false,
            max_in_flight: u32::MAX,
        }
    };
    asked.iter().map(member).collect()
}
