//! A part of the cells, behind one lock.

use hashbrown::HashTable;

use super::gcra::Gcra;
use super::number::Number;
use super::sliding::Sliding;
use super::window::Window;

/// Part of a full shard that is freed at once where its cells are all alive: the walk is paid by as many insertions.
const FREED_AT_ONCE: usize = 8;
/// Part of a shard that is there for cells which nobody holds, however many are held. Where only that is left, all of it
/// is freed at once. So small that a shard's table has room for it where so many keys are held as may be.
const NEVER_HELD: usize = 16;

/// Which policy's key, in which kind of counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CellId {
    table: u64,
    rest: u64,
}

impl CellId {
    pub(super) fn new(table: u64, rest: u64) -> Self {
        Self { table, rest }
    }

    /// The second half chooses the shard, so that the first one spreads evenly within it.
    pub(super) fn shard(self, shards: usize) -> usize {
        usize::try_from(self.rest).unwrap_or(usize::MAX) % shards.max(1)
    }
}

/// How is counted; one key counts in each way apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Gcra,
    Window,
    Sliding,
    Number,
    Held,
}

impl Kind {
    pub(super) fn fresh(self) -> Cell {
        match self {
            Self::Gcra => Cell::Gcra(Gcra::default()),
            Self::Window => Cell::Window(Window::default()),
            Self::Sliding => Cell::Sliding(Sliding::default()),
            Self::Number => Cell::Number(Number::default()),
            Self::Held => Cell::Held(0),
        }
    }
}

/// What is counted under one key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell {
    Gcra(Gcra),
    Window(Window),
    Sliding(Sliding),
    Number(Number),
    /// Places held now.
    Held(u32),
}

impl Cell {
    fn expires_ns(&self) -> u64 {
        match self {
            Self::Gcra(bucket) => bucket.expires_ns(),
            Self::Window(window) => window.expires_ns(),
            Self::Sliding(window) => window.expires_ns(),
            Self::Number(number) => number.expires_ns(),
            Self::Held(_) => u64::MAX,
        }
    }

    /// Whether exchanges hold places in it. Without it they would be counted from nothing, and give back what others hold.
    fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }
}

struct Entry {
    id: CellId,
    cell: Cell,
}

/// Cells of one shard.
#[derive(Default)]
pub(super) struct Shard {
    entries: HashTable<Entry>,
    /// Cells among them that exchanges hold places in.
    held: usize,
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes its cells take, those it has room for included.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.entries.allocation_size()
    }

    /// The cell of this id, `fresh` where there is none.
    pub(super) fn cell(&mut self, id: CellId, fresh: Cell) -> &mut Cell {
        let entry = self.entries.entry(id.table, |entry| entry.id == id, |entry| entry.id.table);
        &mut entry.or_insert(Entry { id, cell: fresh }).into_mut().cell
    }

    /// Places that are held under this id.
    pub(super) fn places(&self, id: CellId) -> u32 {
        match self.entries.find(id.table, |entry| entry.id == id) {
            Some(Entry { cell: Cell::Held(places), .. }) => *places,
            _ => 0,
        }
    }

    /// Holds one more place under this id.
    pub(super) fn hold(&mut self, id: CellId) {
        let Cell::Held(places) = self.cell(id, Kind::Held.fresh()) else { return };
        *places += 1;
        let is_first = *places == 1;
        self.held += usize::from(is_first);
    }

    /// Gives back a place that was held; the last one takes its cell along. Returns whether it was that.
    pub(super) fn give_back(&mut self, id: CellId) -> bool {
        let Ok(mut entry) = self.entries.find_entry(id.table, |entry| entry.id == id) else { return false };
        match &mut entry.get_mut().cell {
            Cell::Held(places @ 2..) => {
                *places -= 1;
                false
            }
            Cell::Held(_) => {
                entry.remove();
                self.held -= 1;
                true
            }
            _ => false,
        }
    }

    /// Frees places where this id would need one and none is left; returns how many live cells had to go.
    ///
    /// There are `share` places, and more only where that many are held. The table never gets more memory than they need:
    /// those that cells were removed from are used up until it is made anew, and left to itself it would grow instead.
    pub(super) fn make_room_for(&mut self, id: CellId, now_ns: u64, share: usize) -> u64 {
        let room = share.max(self.held.saturating_add(share.div_ceil(NEVER_HELD)));
        let count = self.entries.len();
        if count < room.min(self.entries.capacity()) || self.entries.find(id.table, |entry| entry.id == id).is_some() {
            return 0;
        }
        let wanted = room - room.div_ceil(FREED_AT_ONCE);
        if count < wanted {
            self.renew(count.saturating_mul(2).clamp(1, room));
            return 0;
        }
        self.entries.retain(|entry| entry.cell.expires_ns() > now_ns);
        let excess = self.entries.len().saturating_sub(wanted.max(self.held));
        self.drop_soonest(excess);
        self.renew(room);
        u64::try_from(excess).unwrap_or(u64::MAX)
    }

    fn renew(&mut self, capacity: usize) {
        let old = std::mem::replace(&mut self.entries, HashTable::with_capacity(capacity));
        for entry in old {
            self.entries.insert_unique(entry.id.table, entry, |entry| entry.id.table);
        }
    }

    /// Drops `count` of the cells that are not held, those that are reset soonest: they have the least left to tell.
    fn drop_soonest(&mut self, count: usize) {
        let Some(last) = count.checked_sub(1) else { return };
        let free = self.entries.iter().filter(|entry| !entry.cell.is_held());
        let mut expiries: Vec<u64> = free.map(|entry| entry.cell.expires_ns()).collect();
        let (_, threshold, _) = expiries.select_nth_unstable(last);
        let mut left = count;
        let threshold = *threshold;
        self.entries.retain(|entry| {
            let goes = left > 0 && !entry.cell.is_held() && entry.cell.expires_ns() <= threshold;
            left -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: usize = 160;

    fn id(number: u64) -> CellId {
        CellId::new(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number)
    }

    /// Adds to a number under each of these ids; returns how often others had to go for it.
    fn walks_of_adding(shard: &mut Shard, numbers: std::ops::Range<u64>) -> usize {
        let walks = numbers.filter(|number| {
            let dropped = shard.make_room_for(id(*number), 0, SHARE);
            let Cell::Number(sum) = shard.cell(id(*number), Kind::Number.fresh()) else { panic!("no number") };
            sum.add(0, 1, 1000);
            dropped > 0
        });
        walks.count()
    }

    fn hold(shard: &mut Shard, numbers: std::ops::Range<u64>) {
        for number in numbers {
            shard.make_room_for(id(number), 0, SHARE);
            shard.hold(id(number));
        }
    }

    #[test]
    fn a_walk_is_paid_by_many_insertions_however_much_is_held() {
        for held in [0, 100, 145, 159, 160, 1000] {
            let mut shard = Shard::default();
            hold(&mut shard, 0..held);
            let walks = walks_of_adding(&mut shard, 10_000..20_000);
            assert!((1..=10_000 / (SHARE / NEVER_HELD)).contains(&walks), "{walks} walks with {held} held");
            assert!(shard.len() <= SHARE.max(shard.held + SHARE / NEVER_HELD), "{} cells", shard.len());
        }
    }

    #[test]
    fn what_is_held_is_counted_exactly_and_takes_the_place_of_what_is_not() {
        let mut shard = Shard::default();
        walks_of_adding(&mut shard, 10_000..20_000);
        hold(&mut shard, 0..200);
        walks_of_adding(&mut shard, 20_000..30_000);
        assert_eq!((shard.held, (0..200).map(|number| shard.places(id(number))).sum::<u32>()), (200, 200));
        hold(&mut shard, 0..1);
        assert_eq!((shard.held, shard.give_back(id(0)), shard.places(id(0))), (200, false, 1));
        assert!((0..200).all(|number| shard.give_back(id(number))));
        assert_eq!((shard.held, shard.give_back(id(0))), (0, false));
        walks_of_adding(&mut shard, 30_000..40_000);
        assert!(shard.len() <= SHARE);
    }
}
