//! Random numbers fit for secrets. Grant: `random`.
//!
//! There are none in [`configure`](crate::Policy::configure).

#[cfg(target_arch = "wasm32")]
use crate::contract::random as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::random as gateway;

/// What the gateway gives at once.
const AT_ONCE: usize = 4096;

/// 64 random bits.
#[must_use]
pub fn number() -> u64 {
    gateway::number()
}

/// This many random bytes: `random::bytes::<16>()`.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Fills a buffer with random bytes.
pub fn fill(buffer: &mut [u8]) {
    for piece in buffer.chunks_mut(AT_ONCE) {
        let count = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        piece.copy_from_slice(&gateway::bytes(count));
    }
}
