//! Places that exchanges hold while they last.

use std::sync::Arc;

use super::policy::{Cells, PolicyCounters};
use super::shard::{CellId, Kind};

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
        self.cells.give_back(self.id);
    }
}

impl PolicyCounters {
    /// Holds one of `limit` places; returns it with how many are left, or `None` where all are held: those of this key,
    /// or so many keys that there may be no other.
    pub fn hold(&self, key: &[u8], limit: u32) -> Option<(Held, u32)> {
        let id = self.identify(Kind::Held, key);
        let left = self.take_place(id, limit)?;
        Some((Held { cells: Arc::clone(self.cells()), id }, left))
    }

    fn take_place(&self, id: CellId, limit: u32) -> Option<u32> {
        let mut shard = self.cells().shard(id)?.lock();
        let held = shard.places(id);
        let left = limit.checked_sub(held)?.checked_sub(1)?;
        if held == 0 {
            if !self.take_key() {
                return None;
            }
            self.make_room(&mut shard, id);
        }
        shard.hold(id);
        Some(left)
    }
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
        assert!(counters.hold(b"k", 0).is_none());
        assert!(counters.cells().kept() == 0);
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
    fn so_many_keys_are_held_as_there_may_be_counters_and_none_makes_room_for_another() {
        for capacity in [1, 64, 100, 560] {
            let counters = counters(capacity);
            let hold = |number: u32| Some((number, counters.hold(&number.to_be_bytes(), 1)?));
            for numbers in [0..5000, 5000..10_000] {
                let held: Vec<_> = numbers.filter_map(hold).collect();
                assert_eq!((held.len(), counters.cells().dropped()), (capacity, 0));
                assert!(held.iter().all(|(number, _)| hold(*number).is_none()), "held twice");
                drop(held);
                assert_eq!(counters.cells().kept(), 0, "what was given back is what was held");
            }
        }
    }

    #[test]
    fn what_counts_units_finds_room_where_all_that_may_be_is_held() {
        let counters = counters(64);
        let _held: Vec<_> = (0..64_u32).map(|number| counters.hold(&number.to_be_bytes(), 1).unwrap()).collect();
        let quota = Quota { limit: 1, window_ms: 1000 };
        for number in 0..1000_u32 {
            let key = number.to_be_bytes();
            let takes = || [counters.take_window(&key, quota, 1), counters.take_gcra(&key, quota, 1, 1)];
            assert!(takes().iter().all(|admission| admission.allowed), "{number}");
            assert_eq!(counters.add(&key, 1, 1000), 1);
        }
        assert!(counters.cells().kept() <= 64 + 2 * 80);
    }

    #[test]
    fn a_share_that_is_all_held_takes_hardly_more_room_than_one_that_counts_units() {
        let counters = counters(10_000);
        let _held: Vec<_> = (0..10_000_u32).map(|number| counters.hold(&number.to_be_bytes(), 1).unwrap()).collect();
        for number in 0..50_000_u32 {
            counters.add(&number.to_be_bytes(), 1, 1000);
        }
        let kept = counters.cells().kept();
        assert!((10_000..12_000).contains(&kept), "{kept}");
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
