//! Requests that plugins send to upstreams: through the same balancers, health and counts as everybody's.

mod connector;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use once_cell::sync::OnceCell;
use parking_lot::Mutex;

use connector::Connector;

use crate::observe::metrics::{Try, TryFailure};
use crate::plugin::outbound::{Outbound, OutboundAnswer, OutboundFailure, OutboundRequest, OutboundResponse};
use crate::policy::facts::{HttpRequestView, RequestFacts, RequestId, Scheme};
use crate::upstream::Upstream;
use crate::upstream::member::Member;
use crate::upstream::traffic::{Failing, Heard};
use crate::upstream::transport::Transport;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);

type HttpClient = Client<Connector, Full<Bytes>>;

/// Connections to endpoints, kept alive over reloads: a pool for each way of reaching them.
#[derive(Clone, Debug, Default)]
pub struct OutboundPool(Arc<Mutex<Vec<Reached>>>);

/// Connections that are reached alike.
#[derive(Debug)]
struct Reached {
    transport: Arc<Transport>,
    client: HttpClient,
}

impl OutboundPool {
    fn client(&self, transport: &Transport) -> HttpClient {
        let mut pools = self.0.lock();
        if let Some(Reached { client, .. }) = pools.iter().find(|known| known.transport.is_same_as(transport)) {
            return client.clone();
        }
        let transport = Arc::new(transport.clone());
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).set_host(false);
        let client = client.build(Connector(Arc::clone(&transport)));
        pools.push(Reached { transport, client: client.clone() });
        client
    }

    /// Drops the pools of settings that no upstream has any more.
    fn keep(&self, upstreams: &BTreeMap<String, Arc<Upstream>>) {
        let is_used = |known: &Transport| upstreams.values().any(|upstream| upstream.transport.is_same_as(known));
        self.0.lock().retain(|known| is_used(&known.transport));
    }
}

/// Sends the requests of one snapshot's plugins.
///
/// It knows the upstreams weakly: their balancers may be plugins that know it in turn.
#[derive(Debug)]
pub struct UpstreamClient {
    pool: OutboundPool,
    upstreams: OnceCell<BTreeMap<String, Weak<Upstream>>>,
}

impl UpstreamClient {
    /// Knows no upstream until [`Self::learn`].
    #[must_use]
    pub fn new(pool: OutboundPool) -> Self {
        Self { pool, upstreams: OnceCell::new() }
    }

    /// Learns the upstreams of its snapshot, once.
    pub fn learn(&self, upstreams: &BTreeMap<String, Arc<Upstream>>) {
        let weak = upstreams.iter().map(|(name, upstream)| (name.clone(), Arc::downgrade(upstream))).collect();
        self.pool.keep(upstreams);
        // A second set would be another snapshot's.
        let _ = self.upstreams.set(weak);
    }
}

impl Outbound for UpstreamClient {
    fn send(&self, request: OutboundRequest) -> OutboundAnswer {
        let upstream = self.upstreams.get().and_then(|known| known.get(&request.upstream)).and_then(Weak::upgrade);
        let pool = self.pool.clone();
        Box::pin(async move {
            let upstream = upstream.ok_or(OutboundFailure::UnknownUpstream)?;
            let timeout = request.timeout;
            match tokio::time::timeout(timeout, exchange(&pool, &upstream, request)).await {
                Ok(answer) => answer,
                Err(_) => Err(OutboundFailure::Timeout),
            }
        })
    }
}

async fn exchange(
    pool: &OutboundPool,
    upstream: &Upstream,
    request: OutboundRequest,
) -> Result<OutboundResponse, OutboundFailure> {
    let limit = request.body_limit;
    let (parts, body) = (head(&request), request.body);
    let facts = facts();
    let picked = upstream.pick(&HttpRequestView { parts: &parts, facts: &facts }, &[]);
    let picked = picked.ok_or(OutboundFailure::Unavailable)?;
    let member = picked.member;
    let message = addressed(parts, body, member, upstream.host.as_ref()).ok_or(OutboundFailure::Unavailable)?;

    let mut under_way = picked.enter();
    under_way.wait();
    member.metrics.attempt(Try::First);
    let began = Instant::now();
    let answer = pool.client(&upstream.transport).request(message).await;
    let (parts, body) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(error) => {
            let (seen, told) = failures(&error);
            member.metrics.failure(seen);
            under_way.hear(Heard::Bad(Failing::Try(seen)));
            return Err(told);
        }
    };
    under_way.hear(upstream.hear(parts.status.as_u16()));
    member.metrics.response(parts.status.as_u16(), began.elapsed());
    under_way.endpoint().record_latency(began.elapsed());
    let body = whole(body, limit).await?;
    Ok(OutboundResponse { status: parts.status, headers: parts.headers, body })
}

fn head(request: &OutboundRequest) -> Parts {
    let mut parts = http::Request::new(()).into_parts().0;
    parts.method = request.method.clone();
    parts.uri = http::Uri::from(request.target.clone());
    parts.headers = request.headers.clone();
    parts
}

/// A balancer that looks at the request sees the gateway as its client.
fn facts() -> RequestFacts {
    let gateway = IpAddr::V4(Ipv4Addr::LOCALHOST);
    RequestFacts::new(gateway, RequestId::default(), "".into(), Scheme::Http, String::new())
}

/// The request for one endpoint; `None` where its address makes no URI, which none does.
fn addressed(
    parts: Parts,
    body: Bytes,
    member: &Member,
    host: Option<&HeaderValue>,
) -> Option<http::Request<Full<Bytes>>> {
    let address = connector::authority(&member.endpoint.address);
    let target = parts.uri.path_and_query()?.clone();
    let uri = http::Uri::builder().scheme("http").authority(address.as_str()).path_and_query(target).build().ok()?;
    let mut message = http::Request::from_parts(parts, Full::new(body));
    *message.uri_mut() = uri;
    if !message.headers().contains_key(HOST) {
        let host = host.cloned().or_else(|| HeaderValue::from_str(&member.endpoint.address.host()).ok())?;
        message.headers_mut().insert(HOST, host);
    }
    Some(message)
}

/// What the endpoint is charged with, and what the plugin is told.
fn failures(error: &Error) -> (TryFailure, OutboundFailure) {
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<hyper::Error>());
    match cause {
        _ if error.is_connect() => (TryFailure::Connect, OutboundFailure::Unavailable),
        Some(cause) if cause.is_parse() => (TryFailure::Reset, OutboundFailure::IllegalResponse),
        _ => (TryFailure::Reset, OutboundFailure::Unavailable),
    }
}

async fn whole(body: Incoming, limit: usize) -> Result<Bytes, OutboundFailure> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(OutboundFailure::TooLarge),
        Err(_) => Err(OutboundFailure::IllegalResponse),
    }
}
