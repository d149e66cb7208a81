//! A route's timeouts, as far as Pingora knows of such.

use pingora_core::Result;
use pingora_core::upstreams::peer::HttpPeer;

use super::body;
use crate::cause::Cause;
use crate::request_context::RequestContext;

/// Puts the timeouts of the request's route in the place of its upstream's.
///
/// Pingora has one for every read: up to the response head it is the shorter of the two that we have, and never longer than
/// what is left of the try.
pub(super) fn set(peer: &mut HttpPeer, ctx: &RequestContext) {
    let Some(route) = &ctx.route else { return };
    let timeouts = &route.timeouts;
    let connect = ctx.within(timeouts.connect);
    let options = &mut peer.options;
    options.connection_timeout = Some(connect);
    options.total_connection_timeout = Some(connect);
    options.read_timeout = Some(ctx.within(timeouts.first_byte.min(timeouts.idle)));
}

/// Ends an exchange whose time is over; asked at each piece of its response.
pub(super) fn check(ctx: &mut RequestContext) -> Result<()> {
    if ctx.is_overdue() { body::refuse(ctx, Cause::Deadline) } else { Ok(()) }
}
