//! Reads of the message that the call under way is about, for what a version of the contract calls `http`.
//!
//! Each read copies what was asked for and nothing else.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::decisions::question::Question;
use super::scope::{self, CallScope};
use crate::policy::view::{RequestView, ResponseView};

/// Stands for the request of the call under way; a guest holds no other.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct RequestHandle(());

/// Stands for the response of the call under way; a guest holds no other.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct ResponseHandle(());

/// The handles a guest gets stand for the message of the call; there is only ever one of each.
const THE_REQUEST: u32 = 1;
const THE_RESPONSE: u32 = 2;

/// Why a field has no one value.
#[derive(Clone, Copy)]
pub(super) enum Ambiguity {
    /// It is not there.
    Missing,
    /// It is there with different values.
    Repeated,
}

/// Borrowed, because an owned handle would stay in the store's table after the call.
pub(super) fn the_request() -> Resource<RequestHandle> {
    Resource::new_borrow(THE_REQUEST)
}

/// Borrowed as well.
pub(super) fn the_response() -> Resource<ResponseHandle> {
    Resource::new_borrow(THE_RESPONSE)
}

/// Reads the request, and notes what is asked of it: `None` is what no two requests have in common.
///
/// # Errors
/// No call is under way.
pub(super) fn request<R>(
    question: impl FnOnce() -> Option<Question>,
    read: impl FnOnce(&dyn RequestView) -> R,
) -> Result<R> {
    scope::see("the request", |call| {
        call.note(question);
        read(call.messages.request)
    })
}

/// The same of the response.
///
/// # Errors
/// No call is under way, or it is not about a response.
pub(super) fn response<R>(
    question: impl FnOnce() -> Option<Question>,
    read: impl FnOnce(&dyn ResponseView) -> R,
) -> Result<R> {
    let value = scope::see("the response", |call| {
        call.note(question);
        call.messages.response.map(read)
    })?;
    match value {
        Some(value) => Ok(value),
        None => wasmtime::bail!("there is no response in this call"),
    }
}

/// The one value of a field, which the guest is not given.
pub(super) fn peek_sole<'h>(call: CallScope<'h>, name: &str) -> std::result::Result<&'h [u8], Ambiguity> {
    call.note(|| Some(Question::HeaderValues(name.into())));
    sole(|see| call.messages.request.peek_values(name, see))
}

/// The one of these values; the same value twice is one.
pub(super) fn sole<'h>(values: impl FnOnce(&mut dyn FnMut(&'h [u8]))) -> std::result::Result<&'h [u8], Ambiguity> {
    let mut sole = Err(Ambiguity::Missing);
    values(&mut |value| {
        sole = match sole {
            Err(Ambiguity::Missing) => Ok(value),
            Ok(first) if first == value => Ok(first),
            _ => Err(Ambiguity::Repeated),
        };
    });
    sole
}
