//! The memory budget of one instance.

use wasmtime::ResourceLimiter;

/// Core instances, tables and memories of one component; language runtimes link a dozen modules or two.
const MAX_PARTS: usize = 64;
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// Counts what the memories of an instance have together, and remembers a refusal.
#[derive(Debug)]
pub(super) struct MemoryBudget {
    left: usize,
    denied: bool,
}

impl MemoryBudget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: bytes, denied: false }
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

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
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
