//! A check by the health protocol of gRPC: <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderName, Request};
use prost::Message;

use super::http2::{self, Answer, Session};
use super::{AGENT, Failed, Finding};
use crate::config::model::{EndpointAddress, GrpcCheck, HealthCheck};

/// The status of a call about a service that the server does not have.
pub(super) const NOT_FOUND: u16 = 5;
/// The status of a call that the server does not have.
pub(super) const UNIMPLEMENTED: u16 = 12;

const PATH: &str = "/grpc.health.v1.Health/Check";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(enumeration = "ServingStatus", tag = "1")]
    status: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum ServingStatus {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

/// Asks whether the service serves.
pub(super) async fn ask(
    session: Session,
    address: &EndpointAddress,
    asked: &GrpcCheck,
    check: &HealthCheck,
    keep: bool,
) -> Result<(Finding, Option<Session>), Failed> {
    let uri = http2::uri(address, asked.host.as_deref(), PATH, check.tls).map_err(Failed::Request)?;
    let request = Request::post(uri)
        .header(TE, "trailers")
        .header(CONTENT_TYPE, "application/grpc")
        .header(USER_AGENT, AGENT)
        // At most 8 digits, which an hour has room in.
        .header("grpc-timeout", format!("{}m", check.timeout.as_millis()))
        .body(())
        .map_err(Failed::Request)?;
    let message = framed(&HealthCheckRequest { service: asked.service.clone() });
    let (answer, session) = session.exchange(request, Some(message), keep).await.map_err(Failed::Http2)?;
    Ok((judged(&answer), session))
}

/// Behind a flag for compression and the length.
fn framed(message: &impl Message) -> Bytes {
    let encoded = message.encode_to_vec();
    let mut framed = BytesMut::with_capacity(5 + encoded.len());
    framed.put_u8(0);
    // A service's name is a line of a configuration.
    framed.put_u32(u32::try_from(encoded.len()).unwrap_or(u32::MAX));
    framed.put_slice(&encoded);
    framed.freeze()
}

fn judged(answer: &Answer) -> Finding {
    if answer.status != 200 {
        return Finding::Bad(answer.status);
    }
    let status = answer.last(&STATUS).and_then(|status| status.to_str().ok()?.parse().ok());
    match status {
        None => Finding::Garbage("not gRPC: an answer without `grpc-status`".into()),
        Some(0) => match unframed(&answer.body) {
            Some(response) => said(response.status()),
            None => Finding::Garbage("not gRPC: no message that can be read".into()),
        },
        Some(status) => Finding::CallFailed(status),
    }
}

/// The only message; nothing was said of compression, so that there is none.
fn unframed(body: &[u8]) -> Option<HealthCheckResponse> {
    let ([0, length @ ..], message) = body.split_first_chunk::<5>()? else { return None };
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    HealthCheckResponse::decode(message.get(..length)?).ok()
}

fn said(status: ServingStatus) -> Finding {
    match status {
        ServingStatus::Serving => Finding::Serving,
        ServingStatus::NotServing => Finding::NotServing("NOT_SERVING"),
        ServingStatus::ServiceUnknown => Finding::NotServing("SERVICE_UNKNOWN"),
        ServingStatus::Unknown => Finding::NotServing("UNKNOWN"),
    }
}
