//! What host functions may see while a call is under way.
//!
//! A view borrows from the request, and what a store holds must not borrow. The one thread-local of the program closes
//! that gap: a call is synchronous, so for as long as it runs, and not longer, its thread lends the view. Outside of a
//! call (`configure`) there is nothing to see, and a host function that looks traps.

use scoped_tls_hkt::scoped_thread_local;

use super::decisions::question::{Messages, Question};
use super::decisions::trace::Trace;
use super::outbound::Outbound;
use super::roles::Role;
use super::statistics::Asked;
use crate::consumers::{Consumers, PasswordChecks};
use crate::keysets::{Keysets, Verified};

/// What one call may see.
#[derive(Clone, Copy)]
pub(super) struct CallScope<'a> {
    /// What is decided on; no response where the call is about a request.
    pub(super) messages: Messages<'a>,
    /// Where it is noted what the guest asks of them; none where nobody wants to know.
    pub(super) trace: Option<&'a Trace>,
    /// The consumers of the snapshot the request runs in.
    pub(super) consumers: &'a Consumers,
    /// Checks their passwords.
    pub(super) passwords: &'a PasswordChecks,
    /// Its key sets.
    pub(super) keysets: &'a Keysets,
    /// Sends requests to upstreams.
    pub(super) outbound: &'a dyn Outbound,
}

impl<'a> CallScope<'a> {
    /// What its call is about, for who reads that it failed.
    pub(super) fn asked(&self, role: Role) -> Asked<'a> {
        Asked { role, request: self.messages.request }
    }

    /// The guest asks this of the messages; `None` is what no two of them have in common.
    pub(super) fn note(&self, question: impl FnOnce() -> Option<Question>) {
        let Some(trace) = self.trace else { return };
        match question() {
            Some(question) => trace.note(question),
            None => trace.give_up(),
        }
    }

    /// The guest is told what a token says, or why it is refused. What it decides then is true for as long as the token is.
    pub(super) fn learn<E>(&self, verified: Result<Verified, E>) -> Result<Vec<u8>, E> {
        match (&verified, self.trace) {
            (Ok(Verified { proof, .. }), Some(trace)) => trace.rely_on(proof.clone()),
            (Err(_), Some(trace)) => trace.refuse(),
            (_, None) => {}
        }
        verified.map(|Verified { payload, .. }| payload)
    }
}

scoped_thread_local!(static CALL: for<'a> CallScope<'a>);

/// Lends `scope` to host functions while `run` runs.
pub(super) fn lend<R>(scope: CallScope<'_>, run: impl FnOnce() -> R) -> R {
    CALL.set(scope, run)
}

/// Looks at what the call under way may see.
///
/// # Errors
/// No call is under way; the guest traps with this.
pub(super) fn see<R>(what: &str, look: impl FnOnce(CallScope<'_>) -> R) -> wasmtime::Result<R> {
    if !CALL.is_set() {
        wasmtime::bail!("{what} is not available outside of a request: `configure` may use `log` only");
    }
    Ok(CALL.with(look))
}

/// The id of the request under way; empty outside of one.
pub(super) fn request_id() -> String {
    if CALL.is_set() { CALL.with(|call| call.messages.request.request_id().to_owned()) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::outbound::Nowhere;
    use crate::plugin::tests::with_request;

    #[test]
    fn nothing_is_to_be_seen_outside_of_a_call() {
        assert_eq!(request_id(), "");
        let error = see("the request", |_| ()).unwrap_err();
        assert!(error.to_string().starts_with("the request is not available outside of a request"), "{error}");
        with_request("", |request| {
            let (consumers, keysets) = (Consumers::default(), Keysets::default());
            let scope = CallScope {
                messages: Messages { request, response: None },
                trace: None,
                consumers: &consumers,
                passwords: &PasswordChecks::in_place(),
                keysets: &keysets,
                outbound: &Nowhere,
            };
            assert_eq!(lend(scope, request_id), "id-1");
        });
        assert_eq!(request_id(), "");
    }
}
