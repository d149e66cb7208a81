//! What the Gate promises, tried over real sockets: HTTP/1 before our own engine, HTTP/2 before this very version of Pingora.
//!
//! The Gate leans on behaviour that Pingora shows and does not promise. Whoever moves the version runs these first: where one
//! fails, the design of the Gate is to be looked at, not the test.

#![cfg(test)]

mod client;
mod framing;
mod harness;
mod http2;
mod limits;
mod origin;
mod persistence;
mod pipelines;
mod tls;
mod upgrade;
