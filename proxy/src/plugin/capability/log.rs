//! `log`: lines of a policy in the gateway's log.

use std::fmt::Write;

use crate::plugin::bindings::log::{Host, Level};
use crate::plugin::instance::HostState;
use crate::plugin::scope::request_id;

/// Lines of policies can be filtered apart from the gateway's own.
const TARGET: &str = "policy";

/// What one line may hold, as the contract says.
const MAX_BYTES: usize = 4 << 10;

impl Host for HostState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let policy = self.policy();
        match level {
            Level::Trace => {
                tracing::trace!(target: TARGET, policy, request_id = request_id(), "{}", one_line(&message))
            }
            Level::Debug => {
                tracing::debug!(target: TARGET, policy, request_id = request_id(), "{}", one_line(&message))
            }
            Level::Info => tracing::info!(target: TARGET, policy, request_id = request_id(), "{}", one_line(&message)),
            Level::Warn => tracing::warn!(target: TARGET, policy, request_id = request_id(), "{}", one_line(&message)),
            Level::Error => {
                tracing::error!(target: TARGET, policy, request_id = request_id(), "{}", one_line(&message))
            }
        }
        Ok(())
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
