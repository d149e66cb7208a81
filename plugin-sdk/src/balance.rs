//! What a balancer knows of the endpoints it chooses among.

/// What changes seldom about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host and port.
    pub address: String,
    /// Its share relative to the others, at least 1.
    pub weight: u32,
}

/// What is true of an endpoint that may be picked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its index in the list last given to [`Balancer::update`](crate::Balancer::update).
    pub endpoint: u32,
    /// Requests under way to it.
    pub in_flight: u32,
    /// Moving average of the time to its response head, in microseconds; 0 where none is known yet.
    pub latency_us: u32,
}
