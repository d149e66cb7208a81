//! What a balancer knows of the endpoints it chooses among.

/// What changes seldom about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host and port.
    pub address: String,
    /// Its share relative to the others, at least 1.
    pub weight: u32,
    /// Where it is, as the operator wrote it; empty where nothing was written.
    pub zone: String,
}

/// The endpoints that may be picked now, as parallel lists of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Index of each in the list last given to [`Balancer::update`](crate::Balancer::update).
    pub endpoints: Vec<u32>,
    /// Requests under way to each.
    pub in_flight: Vec<u32>,
    /// Moving average of the time to the response head of each, in microseconds; 0 where none is known yet.
    pub latency_us: Vec<u32>,
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

impl Candidates {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// The candidate at this place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Candidate> {
        Some(Candidate {
            endpoint: *self.endpoints.get(index)?,
            in_flight: *self.in_flight.get(index)?,
            latency_us: *self.latency_us.get(index)?,
        })
    }

    /// One after the other.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Candidate> + ExactSizeIterator + Clone + '_ {
        let figures = self.endpoints.iter().zip(self.in_flight.iter().zip(&self.latency_us));
        figures.map(|(&endpoint, (&in_flight, &latency_us))| Candidate { endpoint, in_flight, latency_us })
    }
}

impl FromIterator<Candidate> for Candidates {
    fn from_iter<I: IntoIterator<Item = Candidate>>(candidates: I) -> Self {
        let mut lists = Self::default();
        for candidate in candidates {
            lists.endpoints.push(candidate.endpoint);
            lists.in_flight.push(candidate.in_flight);
            lists.latency_us.push(candidate.latency_us);
        }
        lists
    }
}
