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

/// Smooth weighted round robin over some of the endpoints, for balancers that divide them into groups.
///
/// Groups that have no endpoint in common share one rotation. Each instance of a policy turns by itself.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    members: Vec<Turn>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    weight: i64,
    /// How much it is owed; the most owed is next.
    credit: i64,
}

impl Rotation {
    /// Begins anew, with the endpoints that [`Balancer::update`](crate::Balancer::update) was given.
    #[must_use]
    pub fn new(endpoints: &[Endpoint]) -> Self {
        let turn = |endpoint: &Endpoint| Turn { weight: i64::from(endpoint.weight.max(1)), credit: 0 };
        Self { members: endpoints.iter().map(turn).collect() }
    }

    /// Index among the candidates of the next one of those wanted, by their index among the endpoints; `None` where there
    /// is no such candidate.
    pub fn next(&mut self, candidates: &Candidates, is_wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best: Option<(i64, usize, usize)> = None;
        let mut total = 0;
        for (place, endpoint) in candidates.endpoints.iter().enumerate() {
            let Ok(endpoint) = usize::try_from(*endpoint) else { continue };
            let Some(turn) = self.members.get_mut(endpoint).filter(|_| is_wanted(endpoint)) else { continue };
            turn.credit += turn.weight;
            total += turn.weight;
            if best.is_none_or(|(credit, ..)| turn.credit > credit) {
                best = Some((turn.credit, place, endpoint));
            }
        }
        let (_, place, endpoint) = best?;
        self.members.get_mut(endpoint)?.credit -= total;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(weights: &[u32]) -> Rotation {
        let endpoint = |weight: &u32| Endpoint { address: String::new(), weight: *weight, zone: String::new() };
        Rotation::new(&weights.iter().map(endpoint).collect::<Vec<_>>())
    }

    fn candidates(endpoints: &[u32]) -> Candidates {
        endpoints.iter().map(|endpoint| Candidate { endpoint: *endpoint, in_flight: 0, latency_us: 0 }).collect()
    }

    #[test]
    fn turns_go_by_weight_and_evenly() {
        let (mut rotation, all) = (rotation(&[5, 1, 1]), candidates(&[0, 1, 2]));
        let picks: Vec<_> = (0..7).filter_map(|_| rotation.next(&all, |_| true)).collect();
        assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn groups_turn_by_themselves_and_answer_with_the_place_of_the_candidate() {
        let (mut rotation, some) = (rotation(&[1, 1, 1, 1]), candidates(&[1, 2, 3]));
        let is_odd = |endpoint: usize| endpoint % 2 == 1;
        let mut picks = Vec::new();
        for _ in 0..2 {
            picks.push([rotation.next(&some, is_odd), rotation.next(&some, |endpoint| !is_odd(endpoint))]);
        }
        assert_eq!(picks, [[Some(0), Some(1)], [Some(2), Some(1)]]);
        assert_eq!(rotation.next(&some, |endpoint| endpoint == 0), None);
        assert_eq!(rotation.next(&candidates(&[9]), |_| true), None);
    }
}
