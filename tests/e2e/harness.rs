//! A gateway process, origins that behave as told, and clients that see every byte.

pub(crate) mod admin;
pub(crate) mod by_hand;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod dns;
pub(crate) mod etcd;
pub(crate) mod full;
pub(crate) mod gateway;
pub(crate) mod guests;
pub(crate) mod h2;
pub(crate) mod latch;
pub(crate) mod load;
pub(crate) mod message;
pub(crate) mod metrics;
pub(crate) mod origin;
pub(crate) mod peer;
pub(crate) mod programs;
pub(crate) mod script;
pub(crate) mod sections;
pub(crate) mod service;
pub(crate) mod setup;
mod tests;
pub(crate) mod tls;
pub(crate) mod wait;
pub(crate) mod wire;

pub(crate) use by_hand::ByHand;
pub(crate) use client::{Client, Request};
pub(crate) use full::Full;
pub(crate) use gateway::Gateway;
pub(crate) use latch::Latch;
pub(crate) use message::Response;
pub(crate) use origin::Origin;
pub(crate) use script::{Answer, Reply};
pub(crate) use sections::{route, upstream};
pub(crate) use setup::Setup;
pub(crate) use wait::eventually;
