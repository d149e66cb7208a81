mod alternatives;

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, request, response};

use super::{Chain, ChainLink, ChainOutcome, RequestHead, ResponseHead, ResponseOutcome};
use crate::config::model::FailureMode;
use crate::plugin::fixture::image::{Edit as E, Image};
use crate::plugin::fixture::{Fixture, alice, bind};
use crate::policy::decision::{Edit, EditableHead};
use crate::policy::facts::{RequestFacts, RequestId, Scheme};

struct Request(request::Parts);
struct Response(response::Parts);

impl EditableHead for Request {
    fn apply(&mut self, edit: &Edit) {
        self.0.headers.apply(edit);
    }
}

impl RequestHead for Request {
    fn parts(&self) -> &request::Parts {
        &self.0
    }
}

impl EditableHead for Response {
    fn apply(&mut self, edit: &Edit) {
        self.0.headers.apply(edit);
    }
}

impl ResponseHead for Response {
    fn parts(&self) -> &response::Parts {
        &self.0
    }
}

fn request() -> Request {
    Request(http::Request::get("http://example.com/").body(()).unwrap().into_parts().0)
}

fn upstream_response() -> Response {
    Response(http::Response::new(()).into_parts().0)
}

fn facts() -> RequestFacts {
    let client = IpAddr::from([192, 0, 2, 7]);
    RequestFacts::new(client, RequestId::new("id-1").unwrap(), "route".into(), Scheme::Http, "example.com".into())
}

fn link(fixture: &Fixture) -> ChainLink {
    ChainLink { policy: bind(fixture), on_failure: FailureMode::Deny }
}

fn on_request(decide: impl FnOnce(&mut Image) -> u32) -> ChainLink {
    let mut image = Image::default();
    let decision = decide(&mut image);
    link(&Fixture::deciding(image, decision))
}

fn on_response(decide: impl FnOnce(&mut Image) -> u32) -> ChainLink {
    let mut image = Image::default();
    let decision = decide(&mut image);
    link(&Fixture::new("response-role").accepting().on_response(&format!("(i32.const {decision})")).data(image))
}

fn trapping() -> ChainLink {
    link(&Fixture::request("(unreachable)"))
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|value: &HeaderValue| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn edits_of_each_policy_are_applied_in_order() {
    let chain = Chain::new(vec![
        on_request(|i| i.forward(&[E::Set("x-a", b"1")], &[E::Append("x-r", b"1")], Some(alice()))),
        on_request(|i| i.forward(&[E::Append("x-a", b"2")], &[E::Append("x-r", b"2")], None)),
    ]);
    let (mut head, mut facts) = (request(), facts());
    assert!(matches!(chain.run_request(&mut head, &mut facts).await, ChainOutcome::Forward));
    assert_eq!(values(&head.0.headers, "x-a"), ["1", "2"]);
    let mut response = HeaderMap::new();
    facts.change_response(&mut response);
    assert_eq!((values(&response, "x-r").join(","), facts.links_passed), ("1,2".to_owned(), 2));
    assert_eq!(facts.consumer.unwrap().name, "alice");
}

#[tokio::test]
async fn a_local_response_ends_the_chain() {
    let chain = Chain::new(vec![
        on_request(|i| i.forward(&[], &[], None)),
        on_request(|i| i.respond(401, &[("x-why", b"key")], b"no")),
        trapping(),
    ]);
    let mut facts = facts();
    match chain.run_request(&mut request(), &mut facts).await {
        ChainOutcome::Respond { policy, response } => {
            assert_eq!((policy.as_str(), response.status.as_u16(), &*response.body), ("policy", 401, &b"no"[..]));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(facts.links_passed, 1);
}

#[tokio::test]
async fn a_failing_policy_leaves_the_request_as_it_was() {
    let chain = Chain::new(vec![on_request(|i| {
        i.forward(&[E::Set("x-a", b"1"), E::Set("host", b"evil")], &[E::Set("x-r", b"1")], Some(alice()))
    })]);
    let (mut head, mut facts) = (request(), facts());
    assert!(matches!(chain.run_request(&mut head, &mut facts).await, ChainOutcome::Failed(_)));
    assert!(head.0.headers.is_empty() && facts.response_changes.is_empty() && facts.consumer.is_none());
}

#[tokio::test]
async fn a_failure_that_is_allowed_is_passed_over() {
    let allowed = ChainLink { on_failure: FailureMode::Allow, ..trapping() };
    let chain = Chain::new(vec![allowed, on_request(|i| i.forward(&[E::Set("x-a", b"1")], &[], None))]);
    let mut head = request();
    assert!(matches!(chain.run_request(&mut head, &mut facts()).await, ChainOutcome::Forward));
    assert_eq!(values(&head.0.headers, "x-a"), ["1"]);
}

#[tokio::test]
async fn a_response_passes_the_policies_in_reverse() {
    let chain = Chain::new(vec![
        on_response(|i| i.pass_response(&[E::Append("x-seen", b"outer")])),
        on_response(|i| i.pass_response(&[E::Append("x-seen", b"inner")])),
    ]);
    let (mut sent, mut facts, mut head) = (request(), facts(), upstream_response());
    chain.run_request(&mut sent, &mut facts).await;
    assert!(matches!(chain.run_response(&sent.0, &facts, &mut head).await, ResponseOutcome::Forward));
    assert_eq!(values(&head.0.headers, "x-seen"), ["inner", "outer"]);
}

#[tokio::test]
async fn a_replaced_response_passes_the_outer_policies() {
    let chain = Chain::new(vec![
        on_response(|i| i.pass_response(&[E::Append("x-seen", b"outer")])),
        on_response(|i| i.replace(502, &[], b"gone")),
        on_response(|i| i.pass_response(&[E::Append("x-seen", b"inner")])),
    ]);
    let (mut sent, mut facts, mut head) = (request(), facts(), upstream_response());
    chain.run_request(&mut sent, &mut facts).await;
    let ResponseOutcome::Replace { response, .. } = chain.run_response(&sent.0, &facts, &mut head).await else {
        panic!("not replaced")
    };
    assert_eq!((response.status.as_u16(), &*response.body), (502, &b"gone"[..]));
    let seen: Vec<_> = response.headers.iter().map(|(_, value)| value.as_bytes()).collect();
    assert_eq!(seen, [b"outer"]);
}

#[tokio::test]
async fn a_local_response_passes_only_the_policies_outside_of_its_maker() {
    let chain = Chain::new(vec![
        on_response(|i| i.pass_response(&[E::Append("x-seen", b"outer")])),
        on_request(|i| i.respond(403, &[], b"")),
        on_response(|i| i.pass_response(&[E::Append("x-seen", b"inner")])),
    ]);
    let (mut sent, mut facts) = (request(), facts());
    let ChainOutcome::Respond { response, .. } = chain.run_request(&mut sent, &mut facts).await else {
        panic!("not answered")
    };
    let response = chain.run_local_response(&sent.0, &facts, response).await.unwrap();
    assert_eq!(response.headers.len(), 1);
}

#[tokio::test]
async fn a_failing_response_policy_is_told_by_name() {
    let failing = link(&Fixture::new("response-role").accepting().on_response("(unreachable)"));
    let chain = Chain::new(vec![failing]);
    let (mut sent, mut facts, mut head) = (request(), facts(), upstream_response());
    chain.run_request(&mut sent, &mut facts).await;
    match chain.run_response(&sent.0, &facts, &mut head).await {
        ResponseOutcome::Failed(failure) => {
            assert!(failure.to_string().starts_with("policy \"policy\" failed: trapped: "), "{failure}");
        }
        other => panic!("{other:?}"),
    }
}
