//! A Maglev table (Eisenbud et al., NSDI 2016): endpoints take turns at claiming the next free slot of an order of
//! their own, so that shares differ by no more than a few slots.
//!
//! An endpoint of half the weight of the heaviest takes part in every second round.

use super::{Owner, mixed};

/// The owner of each slot; empty where there are no owners. There are `slots` of them, or as many more as make a prime:
/// then every step leads through all of them.
pub(super) fn build(owners: &[Owner], slots: usize) -> Box<[u32]> {
    let Some(heaviest) = owners.iter().map(|owner| owner.weight).max().filter(|weight| *weight > 0) else {
        return Box::default();
    };
    let size = prime_from(slots as u64);
    let mut claimants: Vec<Claimant> = owners.iter().map(|owner| Claimant::new(*owner, size, heaviest)).collect();
    let mut table = vec![u32::MAX; usize::try_from(size).unwrap_or(slots)];
    let mut free = table.len();
    loop {
        for claimant in &mut claimants {
            if !claimant.has_turn(heaviest) {
                continue;
            }
            claimant.claim(&mut table, size);
            free -= 1;
            if free == 0 {
                return table.into();
            }
        }
    }
}

/// An endpoint on its way through the slots.
struct Claimant {
    owner: Owner,
    /// The next slot it wants.
    slot: u64,
    step: u64,
    /// Weight that has not been turned into a turn yet.
    saved: u32,
}

impl Claimant {
    /// Where there are few slots for each, chance decides which of the light ones get their turn.
    fn new(owner: Owner, size: u64, heaviest: u32) -> Self {
        let step = mixed(owner.hash);
        let saved = mixed(step) % u64::from(heaviest);
        Self {
            slot: owner.hash % size,
            step: step % (size - 1) + 1,
            saved: u32::try_from(saved).unwrap_or_default(),
            owner,
        }
    }

    fn has_turn(&mut self, heaviest: u32) -> bool {
        self.saved += self.owner.weight;
        let has = self.saved >= heaviest;
        if has {
            self.saved -= heaviest;
        }
        has
    }

    /// There is a free slot; the step leads to every one.
    fn claim(&mut self, table: &mut [u32], size: u64) {
        for _ in 0..size {
            let slot = usize::try_from(self.slot).ok().and_then(|slot| table.get_mut(slot));
            self.slot += self.step;
            if self.slot >= size {
                self.slot -= size;
            }
            if let Some(slot) = slot.filter(|slot| **slot == u32::MAX) {
                *slot = self.owner.index;
                return;
            }
        }
    }
}

/// The first prime at or above `least`.
fn prime_from(least: u64) -> u64 {
    let is_prime =
        |n: &u64| (2..).take_while(|divisor| divisor * divisor <= *n).all(|divisor| !n.is_multiple_of(divisor));
    (least.max(3)..).find(is_prime).unwrap_or(3)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table_has_as_many_slots_as_a_prime() {
        let primes = [(1, 3), (4, 5), (65_536, 65_537), (65_537, 65_537), (1_000_000, 1_000_003)];
        assert!(primes.into_iter().all(|(least, prime)| super::prime_from(least) == prime));
    }
}
