//! The access log: one line per request, written by a thread of its own.
//!
//! A request formats its line into a buffer that is used again and puts it into a bounded queue; it never waits. Where the
//! writer cannot follow (a full disk, a stuck pipe), lines are lost and counted, traffic is not. Lines of one moment may
//! stand in another order than their times.
//!
//! The two forms:
//!
//! - text: `TIME CLIENT "METHOD HOST TARGET PROTOCOL" STATUS BYTES_OUT DURATION key=value ...`, `-` for what there is none of
//! - JSON: one object with the keys `time` (RFC 3339, UTC, milliseconds; when the answer ended), `client`, `request_id`,
//!   `method`, `host`, `target`, `protocol`, `status` (0: the client went away before it had one), `bytes_in`,
//!   `bytes_out` (bodies), `duration_ms`, `route`, `upstream`, `endpoint`, `tries`, `consumer`, `policy`, `cause`. Keys are never
//!   left out; what is not known is `null`. New keys may be added at the end.
//!
//! A connection of a tcp listener has one line when it ends: `protocol` is `TCP` or `TLS`, `host` the server name, `route` the
//! listener, `status` 0, and `bytes_in` and `bytes_out` are all that was passed on.
//!
//! In both, whatever is not printable ASCII is escaped as in JSON, so that no client can forge a line or speak to a
//! terminal.

mod destination;
mod line;
mod writer;

use std::io;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::config::model;
use crate::observe::metrics::AccessLineMetrics;
use destination::Destination;
use line::Form;
use writer::Writer;

/// What one line tells.
#[derive(Debug)]
pub struct AccessRecord<'a> {
    /// The client, past trusted proxies.
    pub client: IpAddr,
    /// The request's id; empty where it was refused before it had one.
    pub request_id: &'a str,
    /// Method as sent.
    pub method: &'a str,
    /// Host as sent.
    pub authority: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    /// `HTTP/1.1`, `HTTP/2.0`, `TCP`, `TLS`
    pub protocol: &'a str,
    /// What the client was answered; 0 where it went away before.
    pub status: u16,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes sent.
    pub bytes_out: u64,
    /// From the end of the head to the end of the answer.
    pub taken: Duration,
    /// Route that matched; the listener of a connection that is passed on whole.
    pub route: Option<&'a str>,
    /// Upstream asked.
    pub upstream: Option<&'a str>,
    /// Endpoint asked last.
    pub endpoint: Option<&'a str>,
    /// Tries made.
    pub tries: u32,
    /// Consumer identified.
    pub consumer: Option<&'a str>,
    /// Policy that answered or failed.
    pub policy: Option<&'a str>,
    /// Why the gateway answered by itself, or what failed.
    pub cause: Option<&'a str>,
}

/// Where access lines go. Dropping it writes what is queued, for at most two seconds.
#[derive(Debug)]
pub struct AccessLog {
    /// `None` where there is no access log.
    open: Option<(Form, Writer)>,
}

impl AccessLog {
    /// Opens what the configuration names and starts the writer.
    ///
    /// # Errors
    /// The file cannot be opened for appending, or the system gives no thread.
    pub fn open(config: &model::AccessLog, lost: AccessLineMetrics) -> io::Result<Self> {
        let form = match config.format {
            model::AccessLogFormat::Off => return Ok(Self::off()),
            model::AccessLogFormat::Text => Form::Text,
            model::AccessLogFormat::Json => Form::Json,
        };
        let writer = Writer::start(Destination::open(&config.target)?, lost)?;
        Ok(Self { open: Some((form, writer)) })
    }

    /// No access log.
    #[must_use]
    pub fn off() -> Self {
        Self { open: None }
    }

    /// Whether there is an access log: where there is none, a record need not be made.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.open.is_some()
    }

    /// Writes one line; never blocks: where the writer cannot follow, the line is counted as lost.
    pub fn write(&self, record: &AccessRecord<'_>) {
        if let Some((form, writer)) = &self.open {
            writer.put(|line| form.write(line, SystemTime::now(), record));
        }
    }

    /// Writes what is queued, for at most two seconds, and nothing after that: for the end of the process, where somebody else
    /// may still hold the log and would keep it from being dropped.
    pub fn close(&self) {
        if let Some((_, writer)) = &self.open {
            writer.close();
        }
    }

    /// Opens the file anew before the next line, so that a rotated file can be closed; call it at each reload.
    pub fn reopen(&self) {
        if let Some((_, writer)) = &self.open {
            writer.reopen();
        }
    }
}

#[cfg(test)]
mod tests;
