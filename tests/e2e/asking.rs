//! Policies that ask an upstream, and wait for its answer.

use crate::harness::sections::{plugin, policy};
use crate::harness::{Answer, Gateway, Latch, Origin, Reply, Request, Setup, guests, route, upstream};

/// A route behind a policy that asks the upstream `auth`, and one that nobody guards. There are two workers: eight
/// requests that blocked theirs would block all.
async fn guarded(limits: &str) -> (Gateway, Origin, Origin) {
    let (origin, auth) = (Origin::start().await, Origin::start().await);
    let keys = format!(
        "grants = [\"http-client\"]\nupstreams = [\"auth\"]\n[plugin.limits]\nhttp_timeout = \"30s\"\n{limits}"
    );
    let gateway = Setup::new(sections(&origin, &auth, &keys)).start().await;
    (gateway, origin, auth)
}

fn sections(origin: &Origin, auth: &Origin, keys: &str) -> String {
    upstream("origin", &[origin])
        + &upstream("auth", &[auth])
        + &plugin("asker", &guests::guest("asker"), keys)
        + &policy("ask", "asker", "")
        + &route("guarded", "origin", "path = { prefix = \"/guarded\" }\npolicies = [\"ask\"]")
        + &route("open", "origin", "")
}

#[tokio::test]
async fn the_answer_of_an_upstream_decides_on_a_request() {
    let (gateway, origin, auth) = guarded("").await;
    auth.answer(Reply::ok("alice"));
    let asked = Request::get("/guarded/a").field("authorization", "Bearer t");
    assert_eq!(gateway.call(&asked).await.status(), 200);
    assert_eq!(origin.only_request().field("x-user"), Some("alice"));
    let question = auth.only_request();
    assert_eq!((question.method(), question.target()), ("POST", "/check?by=asker"));
    assert_eq!(question.field("authorization"), Some("Bearer t"));
    assert_eq!(question.body, b"/guarded/a");
    auth.answer_status(403);
    assert_eq!(gateway.call(&asked).await.status(), 403);
    assert_eq!(origin.requests().len(), 1, "what was refused never reached the origin");
    assert_eq!(auth.connections(), 1, "the connection was kept");
}

#[tokio::test]
async fn an_image_asks_an_upstream_as_an_instance_that_was_configured_does() {
    let (origin, auth) = (Origin::start().await, Origin::start().await);
    let keys = "instances = \"per-request\"\ngrants = [\"http-client\"]\nupstreams = [\"auth\"]";
    let gateway = Setup::new(sections(&origin, &auth, keys)).start().await;
    assert_eq!(gateway.admin().get("/plugins").await[0]["policies"][0]["image"], "used");
    auth.answer(Reply::ok("alice"));
    for path in ["/guarded/a", "/guarded/b"] {
        assert_eq!(gateway.get(path).await.status(), 200);
    }
    let users: Vec<_> = origin.requests().iter().map(|seen| seen.field("x-user").map(str::to_owned)).collect();
    assert_eq!(users, [Some("alice".to_owned()), Some("alice".to_owned())]);
    assert_eq!(
        auth.requests().iter().map(|asked| asked.body.clone()).collect::<Vec<_>>(),
        [b"/guarded/a", b"/guarded/b"]
    );
}

#[tokio::test]
async fn while_a_policy_waits_its_worker_serves_others() {
    let (gateway, _origin, auth) = guarded("").await;
    let latch = Latch::new();
    auth.answer(Answer::after(&latch, Reply::ok("bob")));
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut client = gateway.client().await;
        client.send(Request::get("/guarded").bytes()).await;
        waiting.push(client);
    }
    auth.until("eight questions", |asked| asked.len() == 8).await;
    for _ in 0..20 {
        assert_eq!(gateway.get("/open").await.status(), 200);
    }
    latch.open();
    for mut client in waiting {
        assert_eq!(client.receive().await.status(), 200);
    }
}

#[tokio::test]
async fn what_was_not_granted_and_what_is_too_much_is_not_sent() {
    let (gateway, _origin, auth) = guarded("http_calls = 3").await;
    let answer = gateway.call(&Request::get("/guarded").field("x-ask", "origin")).await;
    assert_eq!((answer.status(), answer.field("x-problem")), (502, Some("UnknownUpstream")));
    let answer = gateway.call(&Request::get("/guarded").field("x-times", "5")).await;
    assert_eq!((answer.status(), answer.field("x-problem")), (502, Some("TooManyCalls")));
    assert_eq!(auth.requests().len(), 3);
}

#[tokio::test]
async fn an_upstream_that_is_down_is_told_to_the_policy() {
    let (gateway, _origin, auth) = guarded("").await;
    auth.stop().await;
    let answer = gateway.get("/guarded").await;
    assert_eq!((answer.status(), answer.field("x-problem")), (502, Some("Unavailable")));
    auth.listen().await;
    auth.answer(Reply::ok("carol"));
    assert_eq!(gateway.get("/guarded").await.status(), 200);
}
