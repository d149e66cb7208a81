//! Drives the real binary over real sockets: what a client, an origin and an operator see.
//!
//! Every test starts its own gateway and its own origins on ports the system chooses, so they run beside each other.
//! Nothing sleeps to let something happen: an origin holds an answer until a latch opens, and what the gateway does by
//! itself is awaited by asking for it until a deadline.

#![cfg(test)]

mod harness;

mod access;
mod admin;
mod alternatives;
mod asking;
mod attacks;
mod author;
mod bad_input;
mod balancers;
mod balancing;
mod bodies;
mod capabilities;
mod checks;
mod client_certificates;
mod compiling;
mod connections;
mod consumers;
mod deadlines;
mod demo;
mod discovery;
mod examples;
mod forward_auth;
mod forwarding;
mod framing;
mod gate;
mod grpc;
mod health;
mod hedging;
mod languages;
mod leaving;
mod limits;
mod loops;
mod lying_origins;
mod observability;
mod observers;
mod outliers;
mod parity;
mod policies;
mod quarantine;
mod queueing;
mod reload;
mod retries;
mod routing;
mod sandbox;
mod shared_limits;
mod shipped;
mod signed;
mod strange_clients;
mod tcp;
mod templates;
mod timeouts;
mod to_endpoints;
mod tokens;
mod transforming;
mod zoo;
