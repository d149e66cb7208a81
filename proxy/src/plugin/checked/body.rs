//! What a body policy returned.

use bytes::Bytes;

use crate::policy::body::MEMORY;
use crate::policy::decision::IllegalDecision;

/// What may be remembered from piece to piece.
pub(in crate::plugin) fn memory(memory: Vec<u8>) -> Result<Vec<u8>, IllegalDecision> {
    match memory.len() {
        bytes if bytes > MEMORY => Err(IllegalDecision::Memory { bytes, limit: MEMORY }),
        _ => Ok(memory),
    }
}

/// What may stand in the place of a piece.
pub(in crate::plugin) fn within(limit: usize, bytes: Vec<u8>) -> Result<Bytes, IllegalDecision> {
    match bytes.len() {
        size if size > limit => Err(IllegalDecision::TooLarge { bytes: size, limit }),
        _ => Ok(bytes.into()),
    }
}
