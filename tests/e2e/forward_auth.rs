//! A service that is asked whether requests may pass.

use crate::harness::sections::{plugin, policy};
use crate::harness::{Answer, Gateway, Origin, Reply, Request, Setup, guests, route, upstream};

const KEYS: &str = "grants = [\"consumers\", \"http-client\"]\nupstreams = [\"auth\"]";
const CONFIG: &str = "[policy.config]\nupstream = \"auth\"\ntarget = \"/check\"\nupstream_headers = [\"x-user\"]\n\
    consumer_header = \"x-consumer\"\n";

async fn guarded(more: &str) -> (Gateway, Origin, Origin) {
    let (origin, auth) = (Origin::start().await, Origin::start().await);
    let sections = upstream("origin", &[&origin])
        + &upstream("auth", &[&auth])
        + &plugin("forward-auth", &guests::shipped("forward_auth"), KEYS)
        + &policy("ask", "forward-auth", &format!("{CONFIG}{more}"))
        + "[[consumer]]\nname = \"alice\"\n"
        + &route("all", "origin", "policies = [\"ask\"]\npath = { prefix = \"/v1\" }\nrewrite = \"strip-prefix\"");
    (Setup::new(sections).start().await, origin, auth)
}

#[tokio::test]
async fn whom_the_service_knows_passes_with_what_it_says_of_them() {
    let (gateway, origin, auth) = guarded("").await;
    auth.answer(Reply::ok("").field("x-user", "u-7").field("x-consumer", "alice"));
    let request = Request::get("/v1/orders?page=2").field("authorization", "Bearer t").field("x-user", "root");
    let answer = gateway.call(&request.field("x-forwarded-uri", "/public").field("x-consumer-name", "root")).await;
    assert_eq!(answer.status(), 200);
    let asked = auth.only_request();
    assert_eq!((asked.method(), asked.target()), ("GET", "/check"));
    assert_eq!(asked.all("x-forwarded-uri"), ["/v1/orders?page=2"]);
    assert_eq!((asked.field("x-forwarded-method"), asked.field("authorization")), (Some("GET"), Some("Bearer t")));
    let seen = origin.only_request();
    assert_eq!(
        (seen.target(), seen.all("x-user"), seen.all("x-consumer-name")),
        ("/orders?page=2", vec!["u-7"], vec!["alice"])
    );
}

#[tokio::test]
async fn whom_the_service_refuses_gets_its_refusal() {
    let (gateway, origin, auth) = guarded("").await;
    auth.answer(Reply::new(302).field("location", "https://login.example/").field("set-cookie", "s=1").body("go"));
    let answer = gateway.get("/v1/orders").await;
    assert_eq!((answer.status(), answer.field("location")), (302, Some("https://login.example/")));
    assert_eq!((answer.field("set-cookie"), answer.text().as_str()), (Some("s=1"), "go"));
    auth.answer(Reply::new(401).field("www-authenticate", "Bearer").field("x-internal", "i"));
    let answer = gateway.get("/v1/orders").await;
    assert_eq!(
        (answer.status(), answer.field("www-authenticate"), answer.field("x-internal")),
        (401, Some("Bearer"), None)
    );
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn where_the_service_does_not_answer_well_nobody_passes() {
    let (gateway, origin, auth) = guarded("timeout_ms = 200\n").await;
    let large = Reply::ok(vec![b'x'; 100 << 10]).field("x-consumer", "alice");
    let stranger = Reply::ok("").field("x-consumer", "eve");
    let answers: [(Answer, u16); 6] = [
        (Reply::new(500).into(), 503),
        (Answer::hang(), 503),
        (Answer::reset(), 503),
        (Answer::raw("no HTTP at all\r\n\r\n"), 503),
        (large.into(), 503),
        (stranger.into(), 403),
    ];
    for (answer, status) in answers {
        auth.answer(answer);
        assert_eq!(gateway.get("/v1/orders").await.status(), status);
    }
    assert!(origin.requests().is_empty());
}
