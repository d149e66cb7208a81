//! `log`: lines of a policy in the gateway's log.

pub(in crate::plugin) mod budget;

use std::fmt::Write;

use crate::plugin::contract::v0_1::bindings::log::{Host, Level};
use crate::plugin::instance::HostState;
use crate::plugin::scope::request_id;

/// Lines of policies can be filtered apart from the gateway's own.
const TARGET: &str = "policy";

/// What one line may hold, as the contract says.
const MAX_BYTES: usize = 4 << 10;

/// Writes a line at a level, which has to be a literal. What the operator filters out costs nothing, and is not missed.
macro_rules! line {
    ($state:ident, $level:ident, $message:ident) => {
        if tracing::enabled!(target: TARGET, tracing::Level::$level) && $state.may_log() {
            let policy = $state.policy();
            let text = one_line(&$message);
            tracing::event!(target: TARGET, tracing::Level::$level, policy, request_id = request_id(), "{text}");
        }
    };
}

impl Host for HostState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        match level {
            Level::Trace => line!(self, TRACE, message),
            Level::Debug => line!(self, DEBUG, message),
            Level::Info => line!(self, INFO, message),
            Level::Warn => line!(self, WARN, message),
            Level::Error => line!(self, ERROR, message),
        }
        Ok(())
    }
}

impl HostState {
    fn may_log(&mut self) -> bool {
        let second = self.time().monotonic_ms / 1000;
        self.log_budget().admits(second)
    }
}

/// Cuts, and escapes what would forge another line or steer a terminal.
fn one_line(message: &str) -> String {
    let mut end = message.len().min(MAX_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let mut line = String::with_capacity(end);
    for character in message.get(..end).unwrap_or_default().chars() {
        if character.is_control() {
            let _ = write!(line, "{}", character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_forge_a_line() {
        assert_eq!(one_line("a\nlevel=ERROR\x1b[2J\u{85}é"), "a\\nlevel=ERROR\\u{1b}[2J\\u{85}é");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let line = one_line(&"é".repeat(MAX_BYTES));
        assert_eq!(line.len(), MAX_BYTES);
        assert_eq!(one_line(&format!("a{}", "é".repeat(MAX_BYTES))).len(), MAX_BYTES - 1);
    }
}
