//! What runs in Redis: each kind of counter once, told in the language that is there.

use redis::Script;

const GCRA: &str = include_str!("gcra.lua");
const WINDOW: &str = include_str!("window.lua");
const SLIDING: &str = include_str!("sliding.lua");
const NUMBER: &str = include_str!("number.lua");

/// The scripts, each with the hash that it goes by once it is there.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) gcra: Script,
    pub(super) window: Script,
    pub(super) sliding: Script,
    pub(super) number: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self::of(str::to_owned)
    }

    /// The same, where the last two arguments say what time it is: in seconds, and microseconds besides.
    #[cfg(test)]
    pub(super) fn by_given_time() -> Self {
        Self::of(|code| code.replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}"))
    }

    fn of(told: impl Fn(&str) -> String) -> Self {
        let script = |code| Script::new(&told(code));
        Self { gcra: script(GCRA), window: script(WINDOW), sliding: script(SLIDING), number: script(NUMBER) }
    }
}
