//! What an exchange has of its endpoint, whichever version of HTTP that speaks.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, header};

use super::encode;
use super::multiplexed::{Fault, Multiplexed, Shared};
use super::octets::{Octets, Remaining};
use super::outbox::Outbox;
use super::response::{Garbage, ResponseHead};
use crate::config::model::{EndpointAddress, UpstreamProtocol};
use crate::gate::Alarm;
use crate::observe::metrics::TryFailure;
use crate::upstream::transport::Transport;

/// A connection of its own, or a share in one.
#[derive(Debug)]
pub(super) struct Connection {
    carrier: Carrier,
    /// What waits to be sent.
    pub(super) out: Outbox,
    /// How long the endpoint may do nothing.
    pub(super) alarm: Alarm,
    /// It took an octet of the request at hand.
    pub(super) has_taken: bool,
    /// It sent an octet since then.
    pub(super) has_said: bool,
}

#[derive(Debug)]
enum Carrier {
    /// HTTP/1, or a tunnel.
    Octets(Octets),
    /// HTTP/2. It knows whether TLS is spoken, since each request says so.
    Stream { stream: Box<Multiplexed>, is_secure: bool },
}

impl Connection {
    /// Connects within `patience`.
    pub(super) async fn open(
        transport: &Transport,
        address: &EndpointAddress,
        patience: Duration,
    ) -> Result<Self, TryFailure> {
        let opening = async {
            let io = transport.connect(address).await.map_err(|unreached| TryFailure::from(&unreached))?;
            match transport.protocol {
                UpstreamProtocol::Http1 => Ok(Self::carried_by(Carrier::Octets(Octets::over(io)))),
                UpstreamProtocol::Http2 => match Shared::over(io).await {
                    Ok(shared) => Ok(Self::sharing(&shared, transport)),
                    Err(_) => Err(TryFailure::Garbage),
                },
            }
        };
        tokio::time::timeout(patience, opening).await.unwrap_or(Err(TryFailure::ConnectTimeout))
    }

    /// A share in a connection that others use as well.
    pub(super) fn sharing(shared: &Shared, transport: &Transport) -> Self {
        let stream = Box::new(shared.exchange());
        Self::carried_by(Carrier::Stream { stream, is_secure: transport.tls.is_some() })
    }

    fn carried_by(carrier: Carrier) -> Self {
        Self { carrier, out: Outbox::default(), alarm: Alarm::default(), has_taken: false, has_said: false }
    }

    /// The connection behind a share.
    pub(super) fn shared(&self) -> Option<&Shared> {
        match &self.carrier {
            Carrier::Octets(_) => None,
            Carrier::Stream { stream, .. } => Some(stream.shared()),
        }
    }

    /// Its exchange is over: what may wait for another one.
    pub(super) fn into_unused(mut self) -> Option<Self> {
        self.alarm.clear();
        (self.has_taken, self.has_said) = (false, false);
        match &self.carrier {
            Carrier::Octets(octets) => octets.is_read().then_some(self),
            // The connection behind it serves on by itself.
            Carrier::Stream { .. } => None,
        }
    }

    /// It left its exchange waiting for too long: others may not wait for the same connection.
    pub(super) fn doubt(&self) {
        if let Carrier::Stream { stream, .. } = &self.carrier {
            stream.retire();
        }
    }

    /// The octets of a tunnel, which a share cannot become.
    pub(super) fn tunnel(&mut self) -> Option<&mut Octets> {
        match &mut self.carrier {
            Carrier::Octets(octets) => Some(octets),
            Carrier::Stream { .. } => None,
        }
    }

    /// Gives back what memory a large body took.
    pub(super) fn shed(&mut self) {
        if let Carrier::Octets(octets) = &mut self.carrier {
            octets.shed();
        }
        self.out.shed();
    }

    /// Whether it is still open while it is unused, and nothing was sent on it that nobody asked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        match &mut self.carrier {
            Carrier::Octets(octets) => octets.is_quiet(),
            Carrier::Stream { .. } => false,
        }
    }

    /// Takes a sealed head, which is sent before all else.
    pub(super) fn begin(&mut self, head: Parts, has_body: bool) -> Result<(), Garbage> {
        match &mut self.carrier {
            Carrier::Octets(_) => {
                let is_chunked = head.headers.contains_key(header::TRANSFER_ENCODING);
                encode::request(self.out.begin(is_chunked), &head);
                Ok(())
            }
            Carrier::Stream { stream, is_secure } => {
                self.out.begin(false);
                stream.begin(head, *is_secure, has_body)
            }
        }
    }

    /// Whether nothing is left to be sent.
    pub(super) fn is_sent(&self) -> bool {
        match &self.carrier {
            Carrier::Octets(octets) => self.out.is_empty() && octets.is_flushed(),
            Carrier::Stream { stream, .. } => stream.is_sent(&self.out),
        }
    }

    /// Sends some of what waits.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TryFailure>> {
        let is_sent = match &mut self.carrier {
            Carrier::Octets(octets) => ready!(octets.poll_send(cx, &mut self.out)).is_ok(),
            Carrier::Stream { stream, .. } => ready!(stream.poll_send(cx, &mut self.out)).is_ok(),
        };
        self.alarm.clear();
        self.has_taken |= is_sent;
        Poll::Ready(if is_sent { Ok(()) } else { Err(TryFailure::Reset) })
    }

    /// The head of an answer, be it an interim one.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        method: &Method,
    ) -> Poll<Result<ResponseHead, TryFailure>> {
        let head = match &mut self.carrier {
            Carrier::Octets(octets) => {
                let head = octets.poll_head(cx, method);
                if octets.take_heard() {
                    self.alarm.clear();
                    self.has_said = true;
                }
                return head;
            }
            Carrier::Stream { stream, .. } => ready!(stream.poll_head(cx, method)),
        };
        self.alarm.clear();
        self.has_said |= head.as_ref().map_or_else(Fault::is_said, |_| true);
        Poll::Ready(head.map_err(|fault| {
            self.has_taken &= !fault.is_untouched();
            fault.kind()
        }))
    }

    /// The next octets of a body; `None` at its end.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        remaining: &mut Remaining,
    ) -> Poll<Result<Option<Bytes>, TryFailure>> {
        let piece = match &mut self.carrier {
            Carrier::Octets(octets) => {
                let piece = octets.poll_piece(cx, remaining);
                if octets.take_heard() {
                    self.alarm.clear();
                    self.has_said = true;
                }
                return piece;
            }
            Carrier::Stream { stream, .. } => ready!(stream.poll_piece(cx)),
        };
        self.alarm.clear();
        if matches!(piece, Ok(None)) {
            *remaining = Remaining::Nothing;
        }
        Poll::Ready(piece.map_err(|_| TryFailure::Reset))
    }
}
