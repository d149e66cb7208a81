//! One try: a request sent to an endpoint, and its answer carried to the client.

mod hedge;

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, Version, response as response_head};

use super::connection::Connection;
use super::delivery::{Delivery, Gone};
use super::encode;
use super::octets::Remaining;
use super::response::ResponseHead;
use super::upload::Upload;
use crate::cause::Cause;
use crate::gate::{BodyFault, Guard, Refusal};
use crate::l4::carry::{self, Carried};
use crate::observe::metrics::TryFailure;
use crate::policy::decision::LocalResponse;
use crate::request_context::{FailedTry, Interruption, RequestContext};
use crate::wire::response as sealed;
pub(super) use hedge::Hedge;

/// Interim answers to one request, over which the endpoint talks nonsense.
const MOST_INTERIM: usize = 32;

/// How an endpoint failed, and how far it had got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken {
    pub(super) failure: TryFailure,
    /// It was sent an octet of the request.
    pub(super) has_taken: bool,
    /// An octet of an answer came from it.
    pub(super) has_said: bool,
}

impl Broken {
    /// It failed before there was a connection.
    pub(super) fn unheard(failure: TryFailure) -> Self {
        Self { failure, has_taken: false, has_said: false }
    }

    /// Whether a kept connection that broke like this may just have been closed between two requests.
    pub(super) fn says_nothing_of_its_endpoint(self) -> bool {
        self.failure == TryFailure::Reset && !self.has_said
    }
}

/// Why an exchange goes no further.
#[derive(Debug)]
pub(super) enum Stop {
    /// The endpoint failed.
    Endpoint(Broken),
    /// The client went away, or takes nothing.
    ClientGone,
    /// The body of the request breaks a rule of the Gate's.
    Refused(Refusal),
    /// A policy ends it.
    Interrupted(Interruption),
    /// A policy sends this instead of the endpoint's answer.
    Replaced(LocalResponse),
}

impl Stop {
    /// The gateway refuses.
    pub(super) fn refuse(cause: Cause) -> Self {
        Self::Interrupted(Interruption::Refuse(cause))
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::ClientGone
    }
}

impl From<BodyFault> for Stop {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::Refused(refusal) => Self::Refused(refusal),
            BodyFault::Gone => Self::ClientGone,
        }
    }
}

/// How long each side may do nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the endpoint to begin its answer.
    pub(super) first_byte: Duration,
    /// For the endpoint to send more of it.
    pub(super) idle: Duration,
    /// For the endpoint to take more.
    pub(super) write: Duration,
    /// For the client to take more.
    pub(super) client: Duration,
}

/// The two connections of an exchange, and what goes over them.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) client: &'a mut Guard,
    context: &'a mut RequestContext,
    request: &'a Parts,
    upload: &'a mut Upload,
    endpoint: Connection,
    patience: Patience,
    /// What comes from the endpoint.
    remaining: Remaining,
    /// The body of the answer was received to its end.
    received: bool,
    /// What goes to the client.
    out: Delivery,
    /// The body of the request was sent to its end.
    uploaded: bool,
    /// The endpoint takes no more of it, and may have answered why.
    is_cut_off: bool,
    /// Octets of the answer's body that went to the client.
    pub(super) carried: u64,
}

impl<'a> Exchange<'a> {
    /// Over a connection whose outbox begins with the request's head.
    pub(super) fn new(
        client: &'a mut Guard,
        context: &'a mut RequestContext,
        request: &'a Parts,
        upload: &'a mut Upload,
        endpoint: Connection,
        patience: Patience,
    ) -> Self {
        let uploaded = !upload.has_body;
        Self {
            client,
            context,
            request,
            upload,
            endpoint,
            patience,
            remaining: Remaining::Nothing,
            received: false,
            out: Delivery::new(patience.client),
            uploaded,
            is_cut_off: false,
            carried: 0,
        }
    }

    /// Sends the request, and waits for the head that answers it; what comes before that is passed on.
    pub(super) async fn final_head(&mut self) -> Result<ResponseHead, Stop> {
        for _ in 0..MOST_INTERIM {
            let head = poll_fn(|cx| self.poll_head(cx)).await?;
            if let Some(head) = self.unless_interim(head).await? {
                return Ok(head);
            }
        }
        Err(self.garbage())
    }

    /// A head that answers; another one is passed on.
    async fn unless_interim(&mut self, head: ResponseHead) -> Result<Option<ResponseHead>, Stop> {
        let status = head.parts.status;
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            return self.pass_interim(head).await.map(|()| None);
        }
        self.context.answered(status.as_u16());
        Ok(Some(head))
    }

    /// HTTP/1.0 knows no interim answers (RFC 9110 section 15.2).
    async fn pass_interim(&mut self, mut head: ResponseHead) -> Result<(), Stop> {
        if self.request.version == Version::HTTP_10 {
            return Ok(());
        }
        sealed::seal_interim(&mut head.parts.headers);
        self.begin(&head, false, encode::Connection::Usual);
        Ok(self.out.all(self.client).await?)
    }

    /// Shows the head of the answer to policies, and seals it.
    pub(super) async fn treat(&mut self, head: &mut response_head::Parts) -> Result<(), Stop> {
        match self.context.run_response_policies(self.request, head).await {
            Ok(None) => {}
            Ok(Some(answer)) => return Err(Stop::Replaced(answer)),
            Err(cause) => return Err(Stop::refuse(cause)),
        }
        sealed::seal(head, &self.context.facts.request_id).map_err(|_| self.garbage())?;
        self.context.attend_response(self.request, head).map_err(Stop::refuse)
    }

    /// Puts the head of an answer before whatever goes to the client.
    pub(super) fn begin(&mut self, head: &ResponseHead, is_chunked: bool, connection: encode::Connection) {
        encode::response(self.out.begin(is_chunked), &head.parts, head.phrase.as_deref(), connection);
    }

    /// Makes one connection of the two, once the client has the head.
    pub(super) async fn tunnel(&mut self, silence: Duration) -> Result<Carried, Stop> {
        self.out.all(self.client).await?;
        self.client.open_tunnel();
        let mut carried = Carried::default();
        let Some(octets) = self.endpoint.tunnel() else { return Err(self.garbage()) };
        // However it ended, the answer was the upgrade.
        carry::carry(self.client, octets, silence, &mut carried).await;
        Ok(carried)
    }

    /// Carries the body of an answer whose head waits in `out`; what is left of the request's goes on meanwhile.
    pub(super) async fn body(&mut self, remaining: Remaining) -> Result<(), Stop> {
        self.remaining = remaining;
        let carried = poll_fn(|cx| self.poll_answer(cx)).await;
        if matches!(carried, Err(Stop::Endpoint(_) | Stop::Interrupted(_) | Stop::Refused(_))) {
            // What came before the failure is the client's.
            let _ = self.out.all(self.client).await;
        }
        carried
    }

    /// The endpoint's connection, where it may serve another request.
    pub(super) fn into_unused(self) -> Option<Connection> {
        let is_done = self.uploaded && !self.is_cut_off && self.endpoint.is_sent();
        let is_read = matches!(self.remaining, Remaining::Nothing);
        if is_done && is_read { self.endpoint.into_unused() } else { None }
    }

    /// Whether the client, once answered, may send the body of its request or not.
    pub(super) fn is_unasked(&self) -> bool {
        self.upload.is_unasked(self.client, self.request)
    }

    /// What the endpoint sent is no answer.
    pub(super) fn garbage(&self) -> Stop {
        self.broken(TryFailure::Garbage)
    }

    /// The head is due and not here. A client that has not taken all of an interim answer can be given no other.
    pub(super) fn late(&self) -> Stop {
        if !self.out.is_empty() {
            return Stop::ClientGone;
        }
        // An endpoint that waits for the rest of the request is not to be blamed.
        if self.context.is_overdue() || !self.uploaded {
            Stop::refuse(Cause::Deadline)
        } else {
            self.broken(TryFailure::Timeout)
        }
    }

    fn broken(&self, failure: TryFailure) -> Stop {
        if failure == TryFailure::Timeout {
            self.endpoint.doubt();
        }
        Stop::Endpoint(Broken { failure, has_taken: self.endpoint.has_taken, has_said: self.endpoint.has_said })
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Stop>> {
        self.poll_upload(cx)?;
        match self.endpoint.poll_head(cx, &self.request.method) {
            Poll::Ready(Ok(head)) => Poll::Ready(Ok(head)),
            Poll::Ready(Err(failure)) => Poll::Ready(Err(self.broken(failure))),
            Poll::Pending => self.poll_waiting(cx, self.patience.first_byte),
        }
    }

    /// Nothing comes from the endpoint: whose turn is it, and how long may it take?
    fn poll_waiting<T>(&mut self, cx: &mut Context<'_>, silence: Duration) -> Poll<Result<T, Stop>> {
        let awaits_client = !self.uploaded && !self.is_cut_off && self.endpoint.is_sent();
        if awaits_client {
            // The Gate has its own deadline for a body.
            self.endpoint.alarm.clear();
            return Poll::Pending;
        }
        let patience = if self.endpoint.is_sent() { silence } else { self.patience.write };
        if self.poll_patience(cx, patience).is_ready() {
            return Poll::Ready(Err(self.broken(TryFailure::Timeout)));
        }
        self.client.poll_gone(cx).map(|()| Err(Stop::ClientGone))
    }

    /// Waits as long as that, or until nobody expects anything of the endpoint any more and another can be asked.
    fn poll_patience(&mut self, cx: &mut Context<'_>, patience: Duration) -> Poll<()> {
        let Some(every) = self.context.glance() else { return self.endpoint.alarm.poll(cx, patience) };
        loop {
            let is_over = ready!(self.endpoint.alarm.poll_glancing(cx, patience, every));
            let silent = self.failed_by(TryFailure::Timeout);
            if is_over || self.context.is_given_up(silent) {
                return Poll::Ready(());
            }
        }
    }

    fn failed_by(&self, failure: TryFailure) -> FailedTry {
        FailedTry {
            failure,
            nothing_sent: false,
            idempotent: self.request.method.is_idempotent(),
            replayable: self.upload.can_begin_again(),
            reused_connection: false,
        }
    }

    /// Sends as much of the request as there is and the endpoint takes.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        while !self.is_cut_off {
            while !self.uploaded && self.endpoint.out.takes_more() {
                match self.upload.poll_piece(cx, self.client) {
                    Poll::Ready(piece) => self.send_piece(piece?)?,
                    Poll::Pending => break,
                }
            }
            if self.endpoint.is_sent() {
                break;
            }
            match self.endpoint.poll_send(cx) {
                Poll::Ready(Ok(())) => {}
                // It may have answered before it closed, but not what it was never sent.
                Poll::Ready(Err(_)) if self.endpoint.has_taken => self.is_cut_off = true,
                Poll::Ready(Err(failure)) => return Err(self.broken(failure)),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn send_piece(&mut self, piece: Option<Bytes>) -> Result<(), Stop> {
        let is_last = piece.is_none();
        let piece = piece.unwrap_or_default();
        let piece = match self.context.attends_to_request() {
            true => self.context.request_piece(self.request, piece, is_last).map_err(Stop::Interrupted)?,
            false => piece,
        };
        self.endpoint.out.push(piece);
        if is_last {
            self.uploaded = true;
            self.context.body_sent();
            self.endpoint.out.end();
        }
        Ok(())
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        self.poll_upload(cx)?;
        loop {
            while !self.received && self.out.takes_more() {
                match self.endpoint.poll_piece(cx, &mut self.remaining) {
                    Poll::Ready(Ok(piece)) => {
                        self.received = piece.is_none();
                        self.pass_piece(piece)?;
                    }
                    Poll::Ready(Err(failure)) => return Poll::Ready(Err(self.broken(failure))),
                    Poll::Pending => break,
                }
            }
            if !self.out.is_empty() {
                let delivered = self.out.poll_some(cx, self.client);
                if delivered.is_pending() {
                    // The endpoint is not to be blamed for what its client does not take.
                    self.endpoint.alarm.clear();
                }
                ready!(delivered)?;
                continue;
            }
            ready!(self.out.poll_flush(cx, self.client))?;
            return if self.received { Poll::Ready(Ok(())) } else { self.poll_waiting(cx, self.patience.idle) };
        }
    }

    fn pass_piece(&mut self, piece: Option<Bytes>) -> Result<(), Stop> {
        let is_last = piece.is_none();
        let piece = piece.unwrap_or_default();
        let piece = match self.context.attends_to_response() {
            true => self.context.response_piece(self.request, piece, is_last).map_err(Stop::Interrupted)?,
            false => piece,
        };
        self.carried += piece.len() as u64;
        self.out.push(piece);
        if is_last {
            self.out.end();
        }
        Ok(())
    }
}
