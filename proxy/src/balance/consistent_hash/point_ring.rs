//! A ring of points, laid out in slots: each slot belongs to the first point at or after its beginning.
//!
//! An endpoint's points depend on its address and weight, and on the others by the magnitude of the heaviest weight only.
//! So another endpoint takes from all others what it gets and moves nothing else, and what an endpoint leaves goes to
//! the others.

use super::{Owner, mixed, scaled};

/// The heaviest endpoint has as many points as this, or up to four times as many. Points of a unit of weight are a
/// power of four, so that few changes of the heaviest weight change it; one that does moves many keys.
const LEAST_POINTS: u32 = 2048;

/// An odd number far from any pattern, the one of SplitMix64.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// More points than this in all are thinned out, all alike, by halves: what a table may cost has an end. Reached at 327
/// endpoints of weight 100.
const MOST_POINTS: u64 = 1 << 21;

/// Nobody's: no index of a member, of which there are fewer.
const NOBODY: u32 = u32::MAX;

/// The owner of each slot; empty where there are no owners.
pub(super) fn build(owners: &[Owner], slots: usize) -> Box<[u32]> {
    let mut first_places = vec![u64::MAX; slots];
    let mut slot_owners = vec![NOBODY; slots];
    let points = points_of(owners);
    for owner in owners {
        for point in 0..points(owner) {
            // Each from its number alone, so that the processor need not wait for the one before.
            let place = mixed(owner.hash.wrapping_add(point.wrapping_mul(STRIDE)));
            let slot = scaled(place, slots);
            if let (Some(first), Some(slot_owner)) = (first_places.get_mut(slot), slot_owners.get_mut(slot))
                && place < *first
            {
                (*first, *slot_owner) = (place, owner.index);
            }
        }
    }
    close(slot_owners)
}

/// How many points an owner has among these.
fn points_of(owners: &[Owner]) -> impl Fn(&Owner) -> u64 {
    let heaviest = owners.iter().map(|owner| owner.weight).max().unwrap_or_default();
    let powers = (0..6).map(|power| 4_u32.pow(power));
    let per_weight = powers.into_iter().find(|points| heaviest * points >= LEAST_POINTS).unwrap_or(LEAST_POINTS);
    let unthinned = move |owner: &Owner| u64::from(owner.weight * per_weight);
    let all: u64 = owners.iter().map(unthinned).sum();
    let halvings = (0..16).find(|halvings| all >> halvings <= MOST_POINTS).unwrap_or(16);
    move |owner| (unthinned(owner) >> halvings).max(1)
}

/// Slots without a point belong to the next one, round the ring.
fn close(mut owners: Vec<u32>) -> Box<[u32]> {
    let Some(mut next) = owners.iter().copied().find(|owner| *owner != NOBODY) else { return Box::default() };
    for owner in owners.iter_mut().rev() {
        if *owner == NOBODY {
            *owner = next;
        }
        next = *owner;
    }
    owners.into()
}
