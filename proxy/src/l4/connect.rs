//! Finding an endpoint that can be reached.

use std::io;
use std::sync::Arc;

use http::request::Parts;
use tokio::io::AsyncWriteExt as _;

use crate::cause::Cause;
use crate::config::model::{EndpointAddress, ProxyProtocol};
use crate::gate::Opened;
use crate::observe::metrics::{Try, TryFailure};
use crate::policy::facts::{HttpRequestView, RequestFacts, RequestId, Scheme};
use crate::upstream::Upstream;
use crate::upstream::endpoint::InFlight;
use crate::upstream::member::Member;
use crate::upstream::stream::Stream;
use crate::upstream::traffic::{Failing, Heard};
use crate::upstream::transport::Unreached;
use crate::wire::proxy_protocol::{self, Ends};

/// The tries of one connection.
pub(super) struct Asker<'u> {
    upstream: &'u Upstream,
    ends: Ends,
    /// A balancer chooses for a request; of a connection it sees one without fields.
    request: Parts,
    facts: RequestFacts,
    tried: Vec<EndpointAddress>,
    in_flight: Option<InFlight>,
}

impl<'u> Asker<'u> {
    pub(super) fn new(upstream: &'u Upstream, opened: &Opened, listener: &Arc<str>) -> Self {
        let scheme = if opened.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let authority = opened.server_name.as_deref().unwrap_or_default().to_owned();
        let mut facts = RequestFacts::new(
            opened.client.ip().to_canonical(),
            RequestId::default(),
            Arc::clone(listener),
            scheme,
            authority,
        );
        facts.tls.clone_from(&opened.tls);
        Self {
            upstream,
            ends: Ends { client: opened.client, reached: opened.reached },
            request: http::Request::new(()).into_parts().0,
            facts,
            tried: Vec::new(),
            in_flight: None,
        }
    }

    /// Connects to one endpoint after another, until one is reached or there is none left to ask.
    pub(super) async fn reach(&mut self) -> Result<Stream, Cause> {
        loop {
            let failure = match self.ask_one().await? {
                Ok(stream) => return Ok(stream),
                Err(failure) => failure,
            };
            if !self.may_try_again(failure) {
                return Err(Cause::Upstream(failure));
            }
        }
    }

    async fn ask_one(&mut self) -> Result<Result<Stream, TryFailure>, Cause> {
        let view = HttpRequestView { parts: &self.request, facts: &self.facts };
        let picked = self.upstream.pick(&view, &self.tried).ok_or_else(|| self.upstream.why_nobody())?;
        let member = picked.member;
        member.metrics.attempt(if self.tried.is_empty() { Try::First } else { Try::Retry });
        self.tried.push(member.endpoint.address.clone());
        self.in_flight = Some(self.upstream.enter(&picked));
        let reached = self.connect(&member.endpoint.address).await;
        if let Err(failure) = &reached {
            member.metrics.failure(*failure);
        }
        if let Some(current) = &mut self.in_flight {
            current.hear(heard(&reached));
        }
        Ok(reached)
    }

    async fn connect(&self, address: &EndpointAddress) -> Result<Stream, TryFailure> {
        let connected = tokio::time::timeout(self.upstream.timeouts.connect, self.introduced(address)).await;
        connected.map_err(|_| TryFailure::ConnectTimeout)?.map_err(|unreached| TryFailure::from(&unreached))
    }

    /// A connection whose endpoint knows who the client is, where it wants to.
    async fn introduced(&self, address: &EndpointAddress) -> Result<Stream, Unreached> {
        let mut stream = Stream::connect(address).await.map_err(Unreached::Connect)?;
        if let Some(version) = self.upstream.proxy_protocol {
            self.introduce(&mut stream, version).await.map_err(Unreached::Connect)?;
        }
        self.upstream.transport.secure(address, stream).await
    }

    async fn introduce(&self, stream: &mut Stream, version: ProxyProtocol) -> io::Result<()> {
        stream.write_all(&proxy_protocol::write(version, self.ends)?).await
    }

    /// As for a request no connection was had for: that costs nothing of the budget.
    fn may_try_again(&self, failure: TryFailure) -> bool {
        let retry = &self.upstream.retry;
        self.tried.len() <= retry.most as usize && retry.is_reason(failure) && self.has_untried()
    }

    fn has_untried(&self) -> bool {
        let untried = |member: &Member| !self.tried.contains(&member.endpoint.address);
        self.upstream.members.iter().any(|member| member.is_open() && member.has_room() && untried(member))
    }

    pub(super) fn tries(&self) -> u32 {
        u32::try_from(self.tried.len()).unwrap_or(u32::MAX)
    }

    /// The last endpoint asked, with the connection counted in.
    pub(super) fn into_in_flight(self) -> Option<InFlight> {
        self.in_flight
    }
}

/// What it says of an endpoint that a connection to it came about, or did not.
///
/// A connection speaks for it as a response head does, even where no octet ever comes of it: some are only told things,
/// and would not be let back otherwise.
fn heard(reached: &Result<Stream, TryFailure>) -> Heard {
    match reached {
        Ok(_) => Heard::Good,
        Err(failure) => Heard::Bad(Failing::Try(*failure)),
    }
}

/// The endpoint took the connection and broke it off before it had said anything.
///
/// One that ends it in order may have its reasons, and is not accused. A client may provoke a reset, as it may a 503; a
/// word that the endpoint says to anybody makes it forgotten, and so does a connection that ends in order.
pub(super) fn broke_off(upstream: Option<&Upstream>, current: &mut InFlight) {
    current.cut(Failing::Try(TryFailure::Reset));
    let mut members = upstream.iter().flat_map(|upstream| upstream.members.iter());
    if let Some(member) = members.find(|member| Arc::ptr_eq(&member.endpoint, current.endpoint())) {
        member.metrics.failure(TryFailure::Reset);
    }
}
