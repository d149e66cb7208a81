//! Smooth weighted round robin, as nginx does it: equal weights give 1-2-3-1-2-3, 5-1-1 gives a-a-b-a-c-a-a.

/// The running state of one rotation.
#[derive(Debug, Default)]
pub struct RoundRobin {}
