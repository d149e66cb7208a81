//! Weights and priorities of SRV records in our measure.

use std::collections::BTreeSet;

use hickory_resolver::proto::rr::rdata::SRV;

/// The heaviest weight an endpoint has.
const HEAVIEST: u32 = 1000;
/// Of records that are all without weight.
const EVEN: u32 = 100;
/// The last of our priorities.
const LAST_PRIORITY: usize = 9;

/// How the records of one service compare.
pub(super) struct Shares {
    heaviest: u32,
    priorities: Vec<u16>,
}

impl Shares {
    pub(super) fn of(records: &[SRV]) -> Self {
        let priorities: BTreeSet<u16> = records.iter().map(SRV::priority).collect();
        let heaviest = records.iter().map(SRV::weight).max().unwrap_or(0).into();
        Self { heaviest, priorities: priorities.into_iter().collect() }
    }

    /// Those beyond our measure are brought down together. Weight 0 stands for hardly any requests, not for none.
    pub(super) fn weight(&self, record: &SRV) -> u32 {
        let weight = u32::from(record.weight());
        match self.heaviest {
            0 => EVEN,
            heaviest if heaviest <= HEAVIEST => weight.max(1),
            heaviest => (weight * HEAVIEST / heaviest).max(1),
        }
    }

    /// Their order counts, not their distance.
    pub(super) fn priority(&self, record: &SRV) -> u8 {
        let rank = self.priorities.binary_search(&record.priority()).unwrap_or(LAST_PRIORITY);
        u8::try_from(rank.min(LAST_PRIORITY)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::Name;

    use super::*;

    fn shares(records: &[(u16, u16)]) -> Vec<(u8, u32)> {
        let records: Vec<_> =
            records.iter().map(|(priority, weight)| SRV::new(*priority, *weight, 80, Name::root())).collect();
        let shares = Shares::of(&records);
        records.iter().map(|record| (shares.priority(record), shares.weight(record))).collect()
    }

    #[test]
    fn records_without_weight_share_evenly() {
        assert_eq!(shares(&[(0, 0), (0, 0)]), [(0, 100), (0, 100)]);
    }

    #[test]
    fn weights_keep_their_proportion_and_a_little_is_not_nothing() {
        assert_eq!(shares(&[(0, 60), (0, 0)]), [(0, 60), (0, 1)]);
        assert_eq!(shares(&[(0, 60_000), (0, 30_000), (0, 1)]), [(0, 1000), (0, 500), (0, 1)]);
    }

    #[test]
    fn priorities_become_ranks() {
        assert_eq!(shares(&[(10, 5), (700, 5), (10, 5)]), [(0, 5), (1, 5), (0, 5)]);
        let many: Vec<_> = (0..20).map(|priority| (priority, 5)).collect();
        assert_eq!(shares(&many).last(), Some(&(9, 5)));
    }
}
