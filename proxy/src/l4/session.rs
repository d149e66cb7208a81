//! One connection: what is known of it, and how it is told when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Relay;
use super::carry::{Carried, Parting, Tally, Way};
use super::connect::{self, Asker};
use crate::cause::Cause;
use crate::gate::Opened;
use crate::observe::access::AccessRecord;
use crate::observe::metrics::TryFailure;
use crate::upstream::Upstream;
use crate::upstream::admission::Admitted;
use crate::upstream::endpoint::InFlight;
use crate::upstream::stream::Stream;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both sides had said all they wanted.
    Complete,
    /// Neither said anything for too long.
    Idle,
    /// No upstream is for the server name.
    NoRoute,
    /// There was no endpoint to ask, or none that could be reached, or enough to do for all of them; or the last one broke
    /// the connection off.
    Upstream(Cause),
    /// The client broke it off.
    ClientGone,
    /// The gateway stopped.
    Cut,
}

impl End {
    /// How it ended that octets were carried.
    pub(super) fn of(parting: Parting) -> Self {
        match parting {
            Parting::Complete => Self::Complete,
            Parting::Silence => Self::Idle,
            Parting::Client => Self::ClientGone,
            Parting::Endpoint => Self::Upstream(Cause::Upstream(TryFailure::Reset)),
        }
    }

    /// A stable word for log and metric; `None` where nothing is wrong.
    fn cause(self) -> Option<&'static str> {
        match self {
            Self::Complete => None,
            Self::Idle => Some("idle"),
            Self::NoRoute => Some(Cause::NoRoute.label()),
            Self::Upstream(cause) => Some(cause.label()),
            Self::ClientGone => Some(Cause::ClientGone.label()),
            Self::Cut => Some("cut"),
        }
    }
}

/// A connection under way. Dropping it counts it and writes its line, so that none ends unnoticed.
pub(super) struct Session<'r> {
    relay: &'r Relay,
    opened: Opened,
    upstream: Option<Arc<Upstream>>,
    started: Instant,
    carried: Carried,
    in_flight: Option<InFlight>,
    /// Its place among all that its upstream has under way, where they are counted.
    admitted: Option<Admitted>,
    tries: u32,
    end: End,
}

impl<'r> Session<'r> {
    pub(super) fn new(relay: &'r Relay, opened: Opened, upstream: Option<Arc<Upstream>>) -> Self {
        Self {
            relay,
            opened,
            upstream,
            started: Instant::now(),
            carried: Carried::default(),
            in_flight: None,
            admitted: None,
            tries: 0,
            end: End::Cut,
        }
    }

    /// Connects to an endpoint; beside the connection, how long both sides may be silent.
    pub(super) async fn connect(&mut self) -> Result<(Stream, Duration), End> {
        let upstream = self.upstream.as_ref().ok_or(End::NoRoute)?;
        if let Some(most) = upstream.max_requests {
            let admitted = upstream.admission.enter(most);
            self.admitted = Some(admitted.ok_or(End::Upstream(Cause::UpstreamBusy))?);
        }
        let mut asker = Asker::new(upstream, &self.opened, &self.relay.listener);
        let reached = asker.reach().await;
        self.tries = asker.tries();
        self.in_flight = asker.into_in_flight();
        reached.map(|stream| (stream, upstream.timeouts.tunnel)).map_err(End::Upstream)
    }

    pub(super) fn ended(mut self, end: End) {
        self.end = end;
    }

    fn write_line(&self) {
        // The log in force now: the one of the connection's beginning may be closed.
        let snapshot = self.relay.running.snapshot();
        if !snapshot.access_log.is_on() {
            return;
        }
        let is_tls = self.opened.tls.is_some() || self.opened.server_name.is_some();
        snapshot.access_log.write(&AccessRecord {
            client: self.opened.client.ip(),
            request_id: "",
            method: "",
            authority: self.opened.server_name.as_deref().unwrap_or_default(),
            target: "",
            protocol: if is_tls { "TLS" } else { "TCP" },
            status: 0,
            bytes_in: self.carried.up,
            bytes_out: self.carried.down,
            taken: self.started.elapsed(),
            route: Some(&*self.relay.listener),
            upstream: self.upstream.as_ref().map(|upstream| upstream.name.as_str()),
            endpoint: self.in_flight.as_ref().map(|current| &*current.endpoint().label),
            tries: self.tries,
            consumer: None,
            policy: None,
            cause: self.end.cause(),
        });
    }
}

impl Tally for Session<'_> {
    fn carried(&mut self, way: Way, octets: u64) {
        if let (Way::Down, Some(current)) = (way, &mut self.in_flight) {
            current.whole();
        }
        self.carried.carried(way, octets);
        match way {
            Way::Up => self.relay.metrics.received(octets),
            Way::Down => self.relay.metrics.sent(octets),
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let broken_off = self.end == End::Upstream(Cause::Upstream(TryFailure::Reset));
        match &mut self.in_flight {
            Some(current) if broken_off && self.carried.down == 0 => {
                connect::broke_off(self.upstream.as_deref(), current);
            }
            Some(current) if self.end == End::Complete => current.whole(),
            _ => {}
        }
        // Whoever hears that it has ended finds its place free.
        drop(self.admitted.take());
        self.relay.metrics.ended(self.end.cause().unwrap_or("complete"));
        self.write_line();
    }
}
