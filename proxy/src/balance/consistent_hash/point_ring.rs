//! A ring of points, laid out in slots: each slot belongs to the first point at or after its beginning.
//!
//! An endpoint's points depend on its address and weight, and on the others by the magnitude of the heaviest weight only.
//! So another endpoint takes from all others what it gets and moves nothing else, and what an endpoint leaves goes to
//! the others.

use super::{Owner, mixed, scaled};

/// The heaviest endpoint has as many points as this, or up to four times as many. Points of a unit of weight are a
/// power of four, so that few changes of the heaviest weight change it; one that does moves many keys.
const LEAST_POINTS: u32 = 2048;

/// More points than this in all are thinned out, all alike, by halves: what a table may cost has an end. Reached at 655
/// endpoints of weight 100.
const MOST_POINTS: u64 = 1 << 22;

/// A point on the ring; the order of points is the order of their places.
#[derive(Clone, Copy)]
struct Point {
    place: u64,
    owner: u32,
}

/// The owner of each slot; empty where there are no owners.
pub(super) fn build(owners: &[Owner], slots: usize) -> Box<[u32]> {
    let mut first: Vec<Option<Point>> = vec![None; slots];
    let heaviest = owners.iter().map(|owner| owner.weight).max().unwrap_or_default();
    let points_per_weight = (0..7).map(|power| 4_u32.pow(power)).find(|points| heaviest * points >= LEAST_POINTS);
    let points = |owner: &Owner| u64::from(owner.weight * points_per_weight.unwrap_or(LEAST_POINTS));
    let all: u64 = owners.iter().map(points).sum();
    let halvings = (0..16).find(|halvings| all >> halvings <= MOST_POINTS).unwrap_or(16);
    for owner in owners {
        let mut place = owner.hash;
        for _ in 0..(points(owner) >> halvings).max(1) {
            place = mixed(place);
            let point = Point { place, owner: owner.index };
            if let Some(slot) = first.get_mut(scaled(place, slots))
                && slot.is_none_or(|taken| point.place < taken.place)
            {
                *slot = Some(point);
            }
        }
    }
    owners_of(&first)
}

/// Slots without a point belong to the next one, round the ring.
fn owners_of(first: &[Option<Point>]) -> Box<[u32]> {
    let Some(mut next) = first.iter().flatten().next().copied() else { return Box::default() };
    let mut owners: Vec<u32> = first
        .iter()
        .rev()
        .map(|slot| {
            next = slot.unwrap_or(next);
            next.owner
        })
        .collect();
    owners.reverse();
    owners.into()
}
