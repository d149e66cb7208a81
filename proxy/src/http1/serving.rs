//! One request from its arrival to its end: tries, answers made here, and what becomes of the client's connection.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{StatusCode, response};

use super::connection::Connection;
use super::delivery::{Delivery, Gone};
use super::encode;
use super::exchange::{Broken, Exchange, Hedge, Patience, Stop};
use super::octets::Remaining;
use super::pool::Pool;
use super::request::wants_more;
use super::response::{Framing, ResponseHead};
use super::upload::Upload;
use crate::cause::Cause;
use crate::config::model::UpstreamProtocol;
use crate::error;
use crate::gate::{Afterwards, Arrived, Guard};
use crate::policy::decision::LocalResponse;
use crate::request_context::{Arrival, Ended, FailedTry, Interruption, RequestContext, Verdict};
use crate::route::timeouts::Timeouts;
use crate::snapshot::Route;
use crate::upstream::transport::Destination;
use crate::wire::request::is_websocket;
use crate::wire::response as sealed;

/// How long a body nobody wants is read, so that its connection can serve on.
const DRAIN: Duration = Duration::from_secs(2);

/// A request being served.
#[derive(Debug)]
pub(super) struct Serving<'a> {
    client: &'a mut Guard,
    arrived: &'a Arrived<'a>,
    context: RequestContext,
    head: Parts,
    upload: Upload,
    /// Whether the client's connection may bring another request, as far as is known.
    goes_on: bool,
    /// The final head the client was sent, and how much of a body after it.
    sent: Option<response::Parts>,
    bytes_out: u64,
}

impl<'a> Serving<'a> {
    pub(super) fn new(client: &'a mut Guard, context: RequestContext, head: Parts, arrived: &'a Arrived<'a>) -> Self {
        let goes_on = wants_more(&head);
        let upload = Upload::new(client.has_body_left(), head.method.is_idempotent());
        Self { client, arrived, context, head, upload, goes_on, sent: None, bytes_out: 0 }
    }

    /// Serves it, and says what becomes of the connection.
    pub(super) async fn run(mut self, pool: &Pool) -> Afterwards {
        let Arrived { peer, tls, .. } = self.arrived;
        let arrival = Arrival { peer: *peer, tls: tls.cloned(), has_body: self.upload.has_body };
        let afterwards = match self.decide(arrival).await {
            Some(Verdict::Forward) => self.forward(pool).await,
            Some(Verdict::Respond(made)) => self.answer(made).await,
            Some(Verdict::Refuse(cause)) => self.refuse(cause).await,
            None => self.give_up(Cause::ClientGone),
        };
        self.context.finish(&Ended {
            request: &self.head,
            response: self.sent.as_ref(),
            bytes_in: self.upload.received,
            bytes_out: self.bytes_out,
        });
        let is_there = self.context.cause != Some(Cause::ClientGone);
        let Self { client, context, head, .. } = self;
        // What the client may still send concerns its connection alone: nothing is held up by it.
        drop(context);
        if afterwards == Afterwards::Open && drained(client).await {
            return Afterwards::Open;
        }
        if is_there && wants_more(&head) {
            // It may be sending another request, upon which a connection simply closed would be reset.
            client.discard_rest();
        }
        Afterwards::Close
    }

    /// `None` where the client leaves while a policy waits: nobody wants to know any more.
    async fn decide(&mut self, arrival: Arrival) -> Option<Verdict> {
        let Self { client, context, head, .. } = self;
        while_it_stays(client, pin!(context.decide(head, arrival))).await
    }

    async fn forward(&mut self, pool: &Pool) -> Afterwards {
        let mut may_reuse = true;
        loop {
            let (route, destination) = match self.choose() {
                Ok(chosen) => chosen,
                Err(cause) => return self.refuse(cause).await,
            };
            if route.upstream.transport.protocol == UpstreamProtocol::Http2 {
                self.upload.keep_for_any_method();
            }
            let kept = if may_reuse { pool.take(&destination, &route.upstream.transport) } else { None };
            let is_reused = kept.is_some();
            let broken = match self.attempt(pool, kept, &destination, &route).await {
                Ok(unused) => {
                    // Another endpoint than that may have been quicker.
                    if let Some((unused, address)) = unused.zip(self.context.address()) {
                        let destination = route.upstream.transport.destination(address);
                        pool.put(destination, unused, route.timeouts.unused);
                    }
                    return self.answered();
                }
                Err(Stop::Endpoint(broken)) => broken,
                Err(stop) => return self.stop(stop).await,
            };
            let is_stale = is_reused && broken.says_nothing_of_its_endpoint();
            // Where one kept connection has ended others may have: no more than one is tried in vain.
            may_reuse &= !is_stale;
            let again = self.may_try_again(broken, is_stale);
            if self.sent.is_some() {
                return self.give_up(Cause::Upstream(broken.failure));
            }
            if !again {
                return self.refuse(Cause::Upstream(broken.failure)).await;
            }
        }
    }

    fn choose(&mut self) -> Result<(Arc<Route>, Destination), Cause> {
        let index = match self.context.chosen.take() {
            Some(first) => first,
            None => self.context.next_member(&self.head)?,
        };
        self.destination(index)
    }

    fn destination(&self, index: usize) -> Result<(Arc<Route>, Destination), Cause> {
        let route = self.context.route.as_ref().ok_or(Cause::Internal)?;
        let member = route.upstream.members.get(index).ok_or(Cause::Internal)?;
        Ok((Arc::clone(route), route.upstream.transport.destination(&member.endpoint.address)))
    }

    fn may_try_again(&mut self, broken: Broken, reused_connection: bool) -> bool {
        self.context.failed(FailedTry {
            failure: broken.failure,
            // What waited to be sent and is not kept is lost with its connection.
            nothing_sent: !broken.has_taken && self.upload.can_begin_again(),
            idempotent: self.head.method.is_idempotent(),
            replayable: self.upload.can_begin_again(),
            reused_connection,
        })
    }

    /// One try, over a connection that was kept or a new one; returns it where it may serve another request.
    async fn attempt(
        &mut self,
        pool: &Pool,
        kept: Option<Connection>,
        destination: &Destination,
        route: &Route,
    ) -> Result<Option<Connection>, Stop> {
        let endpoint = match kept {
            Some(kept) => kept,
            None => self.open(pool, destination, route).await?,
        };
        self.exchange(pool, endpoint, route).await
    }

    async fn open(&mut self, pool: &Pool, destination: &Destination, route: &Route) -> Result<Connection, Stop> {
        let patience = self.context.within(route.timeouts.connect);
        let opening = pin!(pool.open(destination, &route.upstream.transport, patience, route.timeouts.unused));
        let opened = while_it_stays(self.client, opening).await;
        opened.ok_or(Stop::ClientGone)?.map_err(|failure| match self.context.is_overdue() {
            // Who had less time than it may take is not to be blamed.
            true => Stop::refuse(Cause::Deadline),
            false => Stop::Endpoint(Broken::unheard(failure)),
        })
    }

    async fn exchange(
        &mut self,
        pool: &Pool,
        mut endpoint: Connection,
        route: &Route,
    ) -> Result<Option<Connection>, Stop> {
        let may_be_tunnel = endpoint.tunnel().is_some() && self.client.may_be_upgraded();
        let wants_tunnel = may_be_tunnel && is_websocket(&self.head, self.head.version);
        self.write_request(&mut endpoint)?;
        let client_patience = self.arrived.limits.idle_timeout;
        let Timeouts { first_byte, idle, write, tunnel, .. } = route.timeouts;
        let patience = Patience { first_byte, idle, write, client: client_patience };
        self.upload.begin_again();
        let hedge_after = self.context.hedge_after(&self.head).filter(|_| !wants_tunnel);
        let hedge = hedge_after.map(|after| Hedge { after, pool, route });
        let (head_due, deadline) = (self.context.head_due(), self.context.deadline());
        let mut exchange =
            Exchange::new(self.client, &mut self.context, &self.head, &mut self.upload, endpoint, patience);
        let mut answer = head_in_time(&mut exchange, head_due, hedge).await?;
        exchange.treat(&mut answer.parts).await?;
        if answer.parts.status == StatusCode::SWITCHING_PROTOCOLS {
            if !wants_tunnel {
                return Err(exchange.garbage());
            }
            self.goes_on = false;
            exchange.begin(&answer, false, encode::Connection::Usual);
            self.sent = Some(answer.parts);
            let carried = exchange.tunnel(tunnel).await?;
            self.bytes_out = carried.down;
            self.upload.received = carried.up;
            return Ok(None);
        }
        exchange.client.stay_http();
        let body = sealed::frame(&mut answer.parts, self.head.version, answer.framing != Framing::None);
        self.goes_on &= body != sealed::Framed::UntilClose && !exchange.is_unasked() && self.arrived.may_go_on();
        let connection = encode::Connection::of(self.head.version, self.goes_on);
        exchange.begin(&answer, body == sealed::Framed::Chunked, connection);
        self.sent = Some(answer.parts);
        let carried = in_time(deadline, exchange.body(Remaining::from(answer.framing))).await;
        self.bytes_out = exchange.carried;
        carried.unwrap_or_else(|| Err(Stop::refuse(Cause::Deadline)))?;
        Ok(exchange.into_unused().filter(|_| answer.keeps_connection))
    }

    /// Puts the request's head, sealed, before whatever goes to the endpoint.
    fn write_request(&mut self, endpoint: &mut Connection) -> Result<(), Stop> {
        let mut head = self.head.clone();
        self.context.seal(&mut head, self.head.version).map_err(Stop::refuse)?;
        // Sealed heads have a host, and all else that a head of either version needs.
        endpoint.begin(head, self.upload.has_body).map_err(|_| Stop::refuse(Cause::Internal))
    }

    /// Ends a request that was stopped on its way, with an answer where there may still be one.
    async fn stop(&mut self, stop: Stop) -> Afterwards {
        match stop {
            Stop::ClientGone => self.give_up(Cause::ClientGone),
            Stop::Endpoint(broken) => self.refuse(Cause::Upstream(broken.failure)).await,
            Stop::Refused(refusal) => {
                self.goes_on = false;
                self.refuse(error::refused(refusal)).await
            }
            Stop::Replaced(answer) => self.send(answer).await,
            Stop::Interrupted(Interruption::Respond(answer)) => self.answer(answer).await,
            // What could not decide is not asked once more.
            Stop::Interrupted(Interruption::Refuse(cause @ (Cause::PolicyFailed | Cause::Quarantined))) => {
                self.context.cause = Some(cause);
                self.send(self.context.refusal(cause)).await
            }
            Stop::Interrupted(Interruption::Refuse(cause)) => self.refuse(cause).await,
        }
    }

    fn give_up(&mut self, cause: Cause) -> Afterwards {
        self.context.cause = Some(cause);
        Afterwards::Close
    }

    async fn refuse(&mut self, cause: Cause) -> Afterwards {
        self.context.cause = Some(cause);
        self.answer(self.context.refusal(cause)).await
    }

    /// Answers with what a policy or the gateway made, once the policies the request passed have seen it.
    async fn answer(&mut self, made: LocalResponse) -> Afterwards {
        if self.sent.is_some() {
            return Afterwards::Close;
        }
        let answer = self.context.show_answer(&self.head, made).await;
        self.send(answer).await
    }

    async fn send(&mut self, answer: LocalResponse) -> Afterwards {
        if self.sent.is_some() {
            return Afterwards::Close;
        }
        let Ok((head, body)) = self.context.compose(&self.head.method, answer) else {
            return self.give_up(Cause::Internal);
        };
        self.goes_on &= !self.upload.is_unasked(self.client, &self.head) && self.arrived.may_go_on();
        self.client.stay_http();
        let mut out = Delivery::new(self.arrived.limits.idle_timeout);
        encode::response(out.begin(false), &head, None, encode::Connection::of(self.head.version, self.goes_on));
        self.bytes_out = body.len() as u64;
        out.push(body);
        self.sent = Some(head);
        match out.all(self.client).await {
            Ok(()) => self.answered(),
            Err(Gone) => self.give_up(Cause::ClientGone),
        }
    }

    /// The client has its answer.
    fn answered(&self) -> Afterwards {
        if self.goes_on { Afterwards::Open } else { Afterwards::Close }
    }
}

/// Does something for as long as the client stays; `None` where it leaves before that is done.
async fn while_it_stays<T>(client: &mut Guard, mut doing: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|cx| match doing.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => client.poll_gone(cx).map(|()| None),
    })
    .await
}

/// The head of the answer, of whoever gives it first.
async fn head_in_time(
    exchange: &mut Exchange<'_>,
    due: Option<Instant>,
    hedge: Option<Hedge<'_>>,
) -> Result<ResponseHead, Stop> {
    let head = match hedge {
        None => in_time(due, exchange.final_head()).await,
        Some(hedge) => in_time(due, exchange.first_head(hedge)).await,
    };
    head.unwrap_or_else(|| Err(exchange.late()))
}

/// Does something that must be done by then; `None` where it is not.
async fn in_time<T>(due: Option<Instant>, doing: impl Future<Output = T>) -> Option<T> {
    match due {
        None => Some(doing.await),
        Some(due) => tokio::time::timeout_at(due.into(), doing).await.ok(),
    }
}

/// Reads what is left of a body, if that is to be had soon.
async fn drained(client: &mut Guard) -> bool {
    if !client.has_body_left() {
        return true;
    }
    let rest = async {
        loop {
            match poll_fn(|cx| client.poll_body(cx)).await {
                Ok(Some(_)) => {}
                end => return end.is_ok(),
            }
        }
    };
    tokio::time::timeout(DRAIN, rest).await.unwrap_or(false)
}
