//! Numbers that look random and are the same in each run.

use super::{TestHost, with};

impl TestHost {
    /// Begins another row of random numbers; without it, all hosts give the same one.
    pub fn seed(self, seed: u64) -> Self {
        with(|state| state.random = seed);
        self
    }
}

/// The next of the row (splitmix64, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) fn number() -> u64 {
    with(|state| {
        state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state.random ^ (state.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

pub(crate) fn bytes(count: u32) -> Vec<u8> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    std::iter::repeat_with(|| number().to_le_bytes()).flatten().take(count).collect()
}
