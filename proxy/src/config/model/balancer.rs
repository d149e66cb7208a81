//! How an upstream chooses: its balancer, and the cookie that goes before it.

use std::fmt;
use std::time::Duration;

use http::header::HeaderName;

use super::SharedSecret;

/// How an upstream chooses an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balancer {
    /// Smooth weighted round robin.
    RoundRobin,
    /// The endpoint with the least to do for its weight.
    LeastRequest,
    /// Of two drawn by their weights the one with less to do.
    Random,
    /// Of two drawn by their weights the one that is likely to be done sooner.
    PeakEwma,
    /// The same key, the same endpoint.
    ConsistentHash(ConsistentHash),
    /// A policy whose plugin exports `balancer`; round robin where it declines or fails.
    Policy(String),
}

impl Balancer {
    /// Those that need no more than a word, by it.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("round-robin", Self::RoundRobin),
        ("least-request", Self::LeastRequest),
        ("random", Self::Random),
        ("peak-ewma", Self::PeakEwma),
    ];
}

impl fmt::Display for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundRobin => f.write_str("round-robin"),
            Self::LeastRequest => f.write_str("least-request"),
            Self::Random => f.write_str("random"),
            Self::PeakEwma => f.write_str("peak-ewma"),
            Self::ConsistentHash(hash) => write!(f, "consistent hash of {}", hash.key),
            Self::Policy(name) => write!(f, "policy {name}"),
        }
    }
}

/// A choice by a key of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistentHash {
    /// What of the request the key is.
    pub key: HashKey,
    /// What stands in for a key that is not there.
    pub missing: MissingKey,
    /// How the table is made.
    pub table: HashTable,
    /// Slots of the table, at least.
    pub slots: u32,
    /// How much more than its share an endpoint may have under way; `None` is without limit.
    pub load_factor: Option<LoadFactor>,
}

/// What of a request its key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The first value of a field.
    Header(HeaderName),
    /// The value of a cookie.
    Cookie(String),
    /// The first value of a query parameter, decoded.
    Query(String),
    /// The path, as policies leave it and before the route rewrites it.
    Path,
    /// The client's address, past trusted proxies.
    ClientAddress,
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
            Self::Query(name) => write!(f, "query {name}"),
            Self::Path => f.write_str("path"),
            Self::ClientAddress => f.write_str("client-address"),
        }
    }
}

/// What stands in for a key that is not there, or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingKey {
    /// The client's address is the key.
    ClientAddress,
    /// Such requests take turns.
    RoundRobin,
}

/// How a table is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashTable {
    /// A ring of points: a change of the endpoints moves no key between others.
    Ring,
    /// Maglev: even to the slot; a change of the endpoints moves a few more keys than it must.
    Maglev,
}

/// A multiple of an endpoint's share, from 1 up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadFactor(u32);

impl LoadFactor {
    /// Hundredths in a whole.
    pub const ONE: u32 = 100;
    /// The largest there is: beyond it the limit would never be felt.
    const MOST: u32 = 100 * Self::ONE;

    /// So many hundredths; `None` where that is less than 1 or more than 100.
    #[must_use]
    pub fn from_hundredths(hundredths: u32) -> Option<Self> {
        (Self::ONE..=Self::MOST).contains(&hundredths).then_some(Self(hundredths))
    }

    /// As hundredths.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        self.0
    }
}

/// A cookie that brings a client back to the endpoint it was at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Its name.
    pub cookie: String,
    /// With which requests from other sites it comes.
    pub same_site: SameSite,
    /// How long a client keeps it; until it is closed where nothing is written.
    pub max_age: Option<Duration>,
    /// What its values are keyed with; the process's own secret where nothing is written.
    pub secret: Option<SharedSecret>,
}

/// With which requests from other sites a cookie comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// With those that a link or the address bar makes.
    Lax,
    /// With none.
    Strict,
    /// With all; browsers take such a cookie only over TLS.
    None,
}
