//! The memory budget of one instance: linear memory and tables.

use wasmtime::ResourceLimiter;

/// Core instances, tables and memories of one component; language runtimes link a dozen modules or two.
const MAX_PARTS: usize = 64;

/// Counts what the memories and the tables of an instance have together, and remembers a refusal of memory.
#[derive(Debug)]
pub(super) struct MemoryBudget {
    limit: usize,
    left: usize,
    elements_left: usize,
    denied: bool,
}

impl MemoryBudget {
    pub(super) fn new(bytes: usize, table_elements: usize) -> Self {
        Self { limit: bytes, left: bytes, elements_left: table_elements, denied: false }
    }

    /// Room for what the gateway itself does in the instance.
    pub(super) fn lend(&mut self, bytes: usize) {
        self.limit = self.limit.saturating_add(bytes);
        self.left = self.left.saturating_add(bytes);
    }

    /// Bytes that the memories have now.
    pub(super) fn used(&self) -> usize {
        self.limit.saturating_sub(self.left)
    }

    /// Whether growth was refused since the last call of [`Self::forgive`].
    pub(super) fn was_denied(&self) -> bool {
        self.denied
    }

    /// A guest that lived on after a refusal starts its next call without blame.
    pub(super) fn forgive(&mut self) {
        self.denied = false;
    }
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let left = self.left.checked_sub(desired.saturating_sub(current));
        self.denied |= left.is_none();
        self.left = left.unwrap_or(self.left);
        Ok(left.is_some())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let left = self.elements_left.checked_sub(desired.saturating_sub(current));
        self.elements_left = left.unwrap_or(self.elements_left);
        Ok(left.is_some())
    }

    fn instances(&self) -> usize {
        MAX_PARTS
    }

    fn tables(&self) -> usize {
        MAX_PARTS
    }

    fn memories(&self) -> usize {
        MAX_PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_for_all_memories_and_for_all_tables_together() {
        let mut budget = MemoryBudget::new(3, 5);
        let memories = [(0, 2), (0, 2), (0, 1), (1, 2)];
        let granted = memories.map(|(current, desired)| budget.memory_growing(current, desired, None).unwrap());
        assert_eq!(granted, [true, false, true, false]);
        let tables = [(0, 3), (0, 3), (3, 5), (5, 6)];
        let granted = tables.map(|(current, desired)| budget.table_growing(current, desired, None).unwrap());
        assert_eq!(granted, [true, false, true, false]);
    }

    #[test]
    fn only_a_refusal_of_memory_is_remembered_as_one() {
        let mut budget = MemoryBudget::new(1, 1);
        assert!(!budget.table_growing(0, 2, None).unwrap() && !budget.was_denied());
        assert!(!budget.memory_growing(0, 2, None).unwrap() && budget.was_denied());
    }
}
