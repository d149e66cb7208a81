//! Limits that a request is held to, as a policy names them.

/// The limits of a request; the gateway counts, and answers 429 where one is used up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// They are taken from in this order, and the first that refuses is the last one asked: what those before it gave is lost.
    /// At most 16; a request with none passes.
    pub all: Vec<Limit>,
    /// Whether clients are told where they stand, in the fields `ratelimit-policy` and `ratelimit`.
    pub advertise: bool,
}

/// A limit, and what a request takes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Whose requests are counted together; at most 1024 bytes. [`Subject`](crate::Subject) makes such keys.
    pub key: Vec<u8>,
    /// Units allowed in a window, at least 1.
    pub units: u32,
    /// Length of the window in milliseconds, at least 1.
    pub window_ms: u32,
    /// How units come back.
    pub algorithm: Algorithm,
    /// Units the request takes. Where there are fewer it is refused, and none are taken.
    pub cost: u32,
    /// What clients are told of the limit by: 1 to 64 characters of printable ASCII other than `"` and `\`.
    pub name: String,
}

/// How units come back that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Evenly; at most this many can be saved up (generic cell rate algorithm).
    Gcra(u32),
    /// All of them, at multiples of the window's length.
    Window,
    /// As the window slides: what the last one used counts by the share of it still in view.
    Sliding,
}
