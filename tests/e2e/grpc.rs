//! What a client of gRPC sees where the gateway answers.

use http::{Request, response};

use crate::harness::{Answer, Gateway, Origin, Setup, h2};

fn call(path: &str, timeout: Option<&str>) -> Request<()> {
    let mut request = h2::post(&format!("http://edge.test{path}"));
    request.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    if let Some(timeout) = timeout {
        request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
    }
    request
}

/// Status and message of a call that the gateway ends: a head alone.
async fn ended(gateway: &Gateway, request: Request<()>) -> (String, String) {
    let (head, is_alone) = gateway.h2().await.head(request, "\0\0\0\0\0").await;
    assert!(is_alone, "its status stands in the last head, and that is the first: {head:?}");
    assert_eq!((head.status.as_u16(), field(&head, "content-type")), (200, "application/grpc".into()));
    assert!(!field(&head, "x-request-id").is_empty());
    (field(&head, "grpc-status"), field(&head, "grpc-message"))
}

fn field(head: &response::Parts, name: &str) -> String {
    head.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_call_that_is_refused_is_told_so_in_its_own_words() {
    let gateway = Setup::proxying(&Origin::down("down")).start().await;
    let (status, message) = ended(&gateway, call("/shop.Shop/Buy", None)).await;
    assert_eq!((status.as_str(), message.as_str()), ("14", "no connection to the service"));
    let (status, _) = ended(&gateway, call("/shop.Shop/Buy", Some("soon"))).await;
    assert_eq!(status, "13");
    let metrics = gateway.admin().metrics().await;
    let answers = metrics.sum("tidegate_local_responses_total", &[("cause", "upstream-connect"), ("status", "502")]);
    assert_eq!(answers, 1.0, "an operator sees what it stands for");
}

#[tokio::test]
async fn a_call_ends_when_its_client_waits_no_longer() {
    let origin = Origin::start().await;
    origin.answer(Answer::hang());
    let gateway = Setup::proxying(&origin).start().await;
    let (status, _) = ended(&gateway, call("/shop.Shop/Wait", Some("200m"))).await;
    assert_eq!(status, "4");
    let told = origin.only_request().field("grpc-timeout").unwrap().to_owned();
    let left: u32 = told.strip_suffix('m').unwrap().parse().unwrap();
    assert!(left <= 200, "{told}");
    assert_eq!(gateway.access_line("/shop.Shop/Wait").await["cause"], "deadline");
}
