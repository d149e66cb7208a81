//! A part of the cells, behind one lock.

use hashbrown::HashTable;

use super::gcra::Gcra;
use super::number::Number;
use super::sliding::Sliding;
use super::window::Window;

/// Part of a full shard that is freed at once where its cells are all alive: the walk is paid by as many insertions.
const FREED_AT_ONCE: usize = 8;

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
            Self::Held(0) => 0,
            Self::Held(_) => u64::MAX,
        }
    }

    /// Whether exchanges hold places in it. Without it they would be counted from nothing, and give back what others hold.
    fn is_held(&self) -> bool {
        matches!(self, Self::Held(1..))
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

    /// Gives back a place that was held; the last one takes its cell along.
    pub(super) fn give_back(&mut self, id: CellId) {
        let Ok(mut entry) = self.entries.find_entry(id.table, |entry| entry.id == id) else { return };
        match &mut entry.get_mut().cell {
            Cell::Held(held @ 2..) => *held -= 1,
            Cell::Held(_) => drop(entry.remove()),
            _ => {}
        }
    }

    /// Frees places where this id would need one and none of `capacity` is left; returns how many live cells had to go, or
    /// `None` where there is no place, because exchanges hold all that is kept.
    ///
    /// The table never gets more memory than `capacity` cells need. Places that cells were removed from are used up until it
    /// is made anew, and left to itself it would grow instead.
    pub(super) fn make_room_for(&mut self, id: CellId, now_ns: u64, capacity: usize) -> Option<u64> {
        let count = self.entries.len();
        if count < capacity.min(self.entries.capacity())
            || self.entries.find(id.table, |entry| entry.id == id).is_some()
        {
            return Some(0);
        }
        let wanted = capacity - capacity.div_ceil(FREED_AT_ONCE);
        if count < wanted {
            self.renew(count.saturating_mul(2).clamp(1, capacity));
            return Some(0);
        }
        self.entries.retain(|entry| entry.cell.expires_ns() > now_ns);
        let held = self.entries.iter().filter(|entry| entry.cell.is_held()).count();
        if held >= capacity {
            return None;
        }
        let excess = self.entries.len().saturating_sub(wanted.max(held));
        self.drop_soonest(excess);
        self.renew(capacity);
        Some(u64::try_from(excess).unwrap_or(u64::MAX))
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
