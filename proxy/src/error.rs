//! From Pingora's errors to a [`Cause`]: whose fault it was, and of which kind.

use pingora_core::{Error, ErrorSource, ErrorType};

use crate::cause::Cause;
use crate::gate::{self, Refusal};
use crate::observe::metrics::TryFailure;

/// The kind of a failed try towards an upstream; `None` where the fault was not on that side.
#[must_use]
pub fn try_failure(error: &Error) -> Option<TryFailure> {
    use ErrorType::{
        ConnectError, ConnectNoRoute, ConnectRefused, ConnectTimedout, ConnectionClosed, H1Error, H2Downgrade, H2Error,
        HandshakeError, InvalidCert, InvalidH2, InvalidHTTPHeader, ReadError, ReadTimedout, SocketError,
        TLSHandshakeFailure, TLSHandshakeTimedout, WriteError, WriteTimedout,
    };
    if *error.esource() != ErrorSource::Upstream {
        return None;
    }
    Some(match error.etype() {
        ConnectTimedout | TLSHandshakeTimedout => TryFailure::ConnectTimeout,
        ConnectRefused | ConnectNoRoute | ConnectError | SocketError => TryFailure::Connect,
        TLSHandshakeFailure | HandshakeError | InvalidCert => TryFailure::Tls,
        ReadTimedout | WriteTimedout => TryFailure::Timeout,
        InvalidHTTPHeader | H1Error | H2Error | InvalidH2 | H2Downgrade => TryFailure::Garbage,
        ReadError | WriteError | ConnectionClosed => TryFailure::Reset,
        _ => TryFailure::Reset,
    })
}

/// The cause a finally failed request is answered with.
#[must_use]
pub fn cause(error: &Error) -> Cause {
    if let Some(refusal) = gate::violation_of(error) {
        return refused(refusal);
    }
    if let Some(failure) = try_failure(error) {
        return Cause::Upstream(failure);
    }
    match (error.esource(), error.etype()) {
        (_, ErrorType::HTTPStatus(400)) => Cause::BadRequest("the request contradicts itself"),
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Cause::BodyStalled,
        (ErrorSource::Downstream, ErrorType::InvalidHTTPHeader) => Cause::BadRequest("the request is no valid HTTP"),
        (ErrorSource::Downstream, _) => Cause::ClientGone,
        _ => Cause::Internal,
    }
}

/// The cause a request is answered with whose body the Gate refused.
#[must_use]
pub fn refused(refusal: Refusal) -> Cause {
    match refusal.status() {
        413 => Cause::BodyTooLarge,
        408 => Cause::BodyStalled,
        _ => Cause::BadRequest(refusal.sentence()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_upstream_are_told_apart() {
        for (etype, want) in [
            (ErrorType::ConnectRefused, TryFailure::Connect),
            (ErrorType::ConnectTimedout, TryFailure::ConnectTimeout),
            (ErrorType::ReadTimedout, TryFailure::Timeout),
            (ErrorType::ConnectionClosed, TryFailure::Reset),
            (ErrorType::InvalidHTTPHeader, TryFailure::Garbage),
        ] {
            assert_eq!(try_failure(&Error::new_up(etype)), Some(want));
        }
    }

    #[test]
    fn a_client_that_left_is_no_fault_of_the_upstream() {
        let error = Error::new_down(ErrorType::ConnectionClosed);
        assert_eq!(try_failure(&error), None);
        assert_eq!(cause(&error), Cause::ClientGone);
    }
}
