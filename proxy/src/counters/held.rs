//! Places that exchanges hold while they last.

use std::sync::Arc;

use super::policy::{Cells, PolicyCounters};
use super::shard::{Cell, CellId, Kind};

/// A place that is held until this is dropped, whatever becomes of the exchange.
pub struct Held {
    cells: Arc<Cells>,
    id: CellId,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(shard) = self.cells.shard(self.id) {
            shard.lock().give_back(self.id);
        }
    }
}

impl PolicyCounters {
    /// Holds one of `limit` places; returns it with how many are left, or `None` where all are held: those of this key,
    /// or so many keys that there is no counter for another.
    pub fn hold(&self, key: &[u8], limit: u32) -> Option<(Held, u32)> {
        let id = self.identify(Kind::Held, key);
        let take = |cell: &mut Cell, _| match cell {
            Cell::Held(held) => take_place(held, limit),
            _ => None,
        };
        let left = self.with_cell_of(id, Kind::Held, take).flatten()?;
        Some((Held { cells: Arc::clone(self.cells()), id }, left))
    }
}

fn take_place(held: &mut u32, limit: u32) -> Option<u32> {
    let left = limit.checked_sub(*held)?.checked_sub(1)?;
    *held += 1;
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::clock::TestClock;
    use crate::counters::{Counters, Quota};

    fn counters(capacity: usize) -> PolicyCounters {
        Counters::new(Arc::new(TestClock::default())).policy("p", capacity)
    }

    #[test]
    fn a_place_is_free_again_once_it_is_dropped() {
        let counters = counters(100);
        let (first, left) = counters.hold(b"k", 2).unwrap();
        assert_eq!(left, 1);
        let (_second, left) = counters.hold(b"k", 2).unwrap();
        assert_eq!(left, 0);
        assert!(counters.hold(b"k", 2).is_none());
        drop(first);
        assert!(counters.hold(b"k", 2).is_some());
    }

    #[test]
    fn keys_and_policies_hold_apart_and_no_limit_holds_nothing() {
        let all = Counters::default();
        let counters = all.policy("p", 100);
        let _one = counters.hold(b"k", 1).unwrap();
        let _other = counters.hold(b"l", 1).unwrap();
        let _another = all.policy("q", 100).hold(b"k", 1).unwrap();
        assert!(counters.hold(b"none", 0).is_none());
    }

    #[test]
    fn a_limit_that_was_lowered_counts_what_is_held() {
        let counters = counters(100);
        let held: Vec<_> = (0..3).map(|_| counters.hold(b"k", 3).unwrap()).collect();
        assert!(counters.hold(b"k", 2).is_none());
        drop(held);
        assert_eq!(counters.hold(b"k", 2).map(|(_, left)| left), Some(1));
    }

    #[test]
    fn nothing_is_kept_of_a_key_that_nobody_holds() {
        let counters = counters(100);
        drop(counters.hold(b"k", 1));
        assert!(counters.cells().kept() == 0);
        assert!(counters.hold(b"k", 0).is_none());
    }

    #[test]
    fn what_is_held_is_the_last_to_go_where_there_is_no_room() {
        let counters = counters(80 * 16);
        let _held = counters.hold(b"k", 1).unwrap();
        for number in 0..10_000_u32 {
            counters.add(&number.to_be_bytes(), 1, 1000);
        }
        assert!(counters.hold(b"k", 1).is_none());
    }

    #[test]
    fn a_place_that_is_held_never_makes_room_for_another_key() {
        let counters = counters(80 * 7);
        let key = |number: u32| number.to_be_bytes();
        let held: Vec<_> = (0..5000).filter_map(|number| Some((number, counters.hold(&key(number), 1)?))).collect();
        assert!((80..5000).contains(&held.len()), "{} of 5000 keys", held.len());
        assert_eq!(counters.cells().dropped(), 0);
        for (number, _) in &held {
            assert!(counters.hold(&key(*number), 1).is_none(), "held twice");
        }
        let quota = Quota { limit: 1, window_ms: 1000 };
        assert!(!counters.take_window(b"new", quota, 1).allowed);
        let (number, _) = held[0];
        drop(held);
        assert_eq!(counters.cells().kept(), 0, "what was given back is what was held");
        assert!(counters.take_window(b"new", quota, 1).allowed);
        assert!(counters.hold(&key(number), 1).is_some());
    }

    #[test]
    fn threads_never_hold_more_than_there_is() {
        let counters = counters(100);
        let most = std::sync::atomic::AtomicU32::new(0);
        let now = std::sync::atomic::AtomicU32::new(0);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let Some(held) = counters.hold(b"k", 3) else { continue };
                        most.fetch_max(now.fetch_add(1, order) + 1, order);
                        now.fetch_sub(1, order);
                        drop(held);
                    }
                });
            }
        });
        assert!((1..=3).contains(&most.into_inner()));
        assert!(counters.cells().kept() == 0);
    }
}
