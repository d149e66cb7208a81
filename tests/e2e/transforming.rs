//! The policies that transform, through the real binary: what origin and client see in the end.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};

use crate::harness::h2::{H2Client, get};
use crate::harness::sections::{consumer, plugin, policy};
use crate::harness::tls::{Authority, Secured};
use crate::harness::{Client, Gateway, Origin, Reply, Request, Setup, guests, route, upstream};

/// A policy of a shipped plugin, named like it, with these keys of its configuration.
fn shipped(name: &str, grants: &str, config: &str) -> String {
    plugin(name, &guests::shipped(&name.replace('-', "_")), &format!("grants = {grants}"))
        + &policy(name, name, &format!("[policy.config]\n{config}"))
}

/// A gateway with these sections, and an origin behind these policies.
async fn behind(sections: &str, policies: &str) -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let route = route("all", "origin", &format!("policies = {policies}"));
    (Setup::new(upstream("origin", &[&origin]) + sections + &route).start().await, origin)
}

fn json(body: &str) -> Request {
    Request::post("/", body).field("content-type", "application/json")
}

#[tokio::test]
async fn fields_tell_the_origin_who_calls_and_the_client_nothing_of_the_origin() {
    let keys = plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]")
        + &policy("keys", "api-key", "")
        + &consumer("alice", "alice-key");
    let config = "[policy.config.request]\nset = { x-caller = \"${consumer.name} on ${route}\" }\n\
                  [policy.config.response]\nremove = [\"server\"]\nset = { x-served = \"${request.path}\" }";
    let sections = keys + &shipped("headers", "[\"consumers\"]", "").replace("[policy.config]\n", config);
    let (gateway, origin) = behind(&sections, "[\"keys\", \"headers\"]").await;
    origin.answer(Reply::ok("").field("server", "origin/1.2.3"));
    let answer = gateway.call(&Request::get("/a").field("apikey", "alice-key").field("x-caller", "root")).await;
    assert_eq!((answer.field("server"), answer.field("x-served")), (None, Some("/a")));
    assert_eq!(origin.only_request().all("x-caller"), ["alice on all"]);
}

#[tokio::test]
async fn the_origin_is_told_what_tls_established_and_nothing_where_there_is_no_tls() {
    let (origin, authority) = (Origin::start().await, Authority::new());
    let config = "[policy.config.request]\nset = { x-tls = \"${tls.version} ${tls.server-name}\" }";
    let sections = upstream("origin", &[&origin])
        + &shipped("headers", "[\"consumers\"]", "").replace("[policy.config]\n", config)
        + &route("all", "origin", "policies = [\"headers\"]");
    let setup = Setup::new(sections).listeners(
        "[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n\
         [[listener]]\nname = \"https\"\naddress = \"127.0.0.1:0\"\n\
         [listener.tls]\ncertificate = \"edge.crt\"\nkey = \"edge.key\"\n",
    );
    authority.issue(setup.directory(), "edge", "shop.test");
    let gateway = setup.start().await;
    let open = async |version, protocol| {
        let client = Arc::new(authority.client(&[version], &[protocol], None));
        Secured::open(&client, gateway.listener("https"), "shop.test").await.expect("a handshake").stream
    };
    let asking = |target: &str| Request::get(target).field("host", "shop.test").field("x-tls", "forged");
    for (target, version) in [("/newest", &TLS13), ("/older", &TLS12)] {
        Client::over(open(version, "http/1.1").await).call(&asking(target)).await;
    }
    H2Client::over(open(&TLS13, "h2").await).await.call(get("https://shop.test/http2"), &[]).await;
    gateway.call(&asking("/clear")).await;
    let requests = origin.requests();
    let told: Vec<_> = requests.iter().map(|seen| (seen.target(), seen.all("x-tls"))).collect();
    let expected = [
        ("/newest", vec!["TLSv1.3 shop.test"]),
        ("/older", vec!["TLSv1.2 shop.test"]),
        ("/http2", vec!["TLSv1.3 shop.test"]),
        ("/clear", vec![]),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_rewritten_target_is_what_the_origin_is_asked_for() {
    let config = "path = [{ regex = \"/users/([0-9]+)\", to = \"/u/${1}\" }, { regex = \"/f(.*)\", to = \"/p/${1}\" }]\n\
                  query = { remove = [\"debug\"], set = { via = \"${route}\" } }";
    let (gateway, origin) = behind(&shipped("rewrite", "[]", config), "[\"rewrite\"]").await;
    assert_eq!(gateway.get("/users/7?d%65bug=1&x=%2f").await.status(), 200);
    assert_eq!(origin.only_request().target(), "/u/7?x=%2f&via=all");
    assert_eq!(gateway.get("/f..%2fx").await.status(), 400, "no path is made that servers read differently");
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_leads_to_a_host_of_ours_whatever_the_path() {
    let config = "path = { prefix = \"/go\", to = \"/\" }\nstatus = 308";
    let (gateway, origin) = behind(&shipped("redirect", "[]", config), "[\"redirect\"]").await;
    for (target, location) in [
        ("/go/a?b=c", "http://edge.test/a?b=c"),
        ("/go//evil.example/", "http://edge.test/evil.example/"),
        ("/go/%5c%5cevil.example", "http://edge.test/%5c%5cevil.example"),
        ("/go/@evil.example", "http://edge.test/@evil.example"),
    ] {
        let answer = gateway.call(&Request::get(target)).await;
        assert_eq!((answer.status(), answer.field("location")), (308, Some(location)), "{target}");
    }
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn refusals_carry_what_browsers_shall_know_and_the_id_of_their_request() {
    let sections = shipped("security-headers", "[]", "")
        + &shipped("correlation-id", "[\"random\"]", "")
        + &shipped("mock", "[\"consumers\"]", "answers = [{ path = { exact = \"/down\" }, status = 503 }]");
    let (gateway, origin) = behind(&sections, "[\"security-headers\", \"correlation-id\", \"mock\"]").await;
    let answer = gateway.call(&Request::get("/down").field("x-correlation-id", "mine-7")).await;
    assert_eq!((answer.status(), answer.field("x-frame-options")), (503, Some("DENY")));
    assert_eq!(answer.field("x-correlation-id"), Some("mine-7"));
    assert_eq!(answer.field("strict-transport-security"), None, "this connection is in the clear");
    let answer = gateway.get("/up").await;
    let id = answer.field("x-correlation-id").expect("an id").to_owned();
    assert_eq!((origin.only_request().all("x-correlation-id"), id.len()), (vec![id.as_str()], 36));
}

#[tokio::test]
async fn parts_of_json_are_hidden_from_the_origin_and_from_the_client() {
    let config = "request = [{ pointer = \"/password\", action = \"redact\" }]\n\
                  response = [{ pointer = \"/*/ssn\", action = \"remove\" }]";
    let (gateway, origin) = behind(&shipped("json-body", "[]", config), "[\"json-body\"]").await;
    origin.answer(Reply::ok("[{\"ssn\": 1, \"n\": 1.0e2}]").field("content-type", "application/json").chunked());
    let request =
        json("{\"pass\\u0077ord\": [1], \"b\": 2}").field("accept-encoding", "gzip").field("range", "bytes=0-3");
    let answer = gateway.call(&request).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "[{ \"n\": 1.0e2}]"));
    let seen = origin.only_request();
    assert_eq!(String::from_utf8_lossy(&seen.body), "{\"pass\\u0077ord\": \"***\", \"b\": 2}");
    assert_eq!((seen.all("accept-encoding"), seen.field("range")), (vec!["identity"], None));
}

#[tokio::test]
async fn nobody_slips_a_rejected_part_by_as_another_type_and_no_unread_part_leaks() {
    let config = "request = [{ pointer = \"/role\", action = \"reject\" }]\nstatus = 403\n\
                  response = [{ pointer = \"/ssn\", action = \"remove\" }]";
    let (gateway, origin) = behind(&shipped("json-body", "[]", config), "[\"json-body\"]").await;
    let role = "{\"role\":\"admin\"}";
    for (request, status) in [
        (json(role), 403),
        (json("{\"ROLE\":1,\"a\":2}").chunked(), 403),
        (Request::post("/", role), 415),
        (Request::post("/", role).field("content-type", "text/plain"), 415),
        (json(role).field("content-encoding", "gzip"), 415),
        (json("{\"role\""), 400),
    ] {
        assert_eq!(gateway.call(&request).await.status(), status, "{request:?}");
    }
    let compressed = Reply::ok("?").field("content-type", "application/json").field("content-encoding", "gzip");
    origin.answer(compressed);
    let answer = gateway.get("/").await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
    assert!(origin.requests().iter().all(|seen| seen.body.is_empty()));
}

#[tokio::test]
async fn a_body_as_deep_as_allowed_fits_the_stack_of_the_plugin() {
    let config = "request = [{ pointer = \"/*/*/x\", action = \"redact\" }]\nmax_depth = 128";
    let (gateway, _origin) = behind(&shipped("json-body", "[]", config), "[\"json-body\"]").await;
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert_eq!(gateway.call(&json(&nested(128))).await.status(), 200);
    assert_eq!(gateway.call(&json(&nested(129))).await.status(), 400);
}

#[tokio::test]
async fn a_fixed_answer_to_head_has_the_fields_of_the_one_to_get_and_no_body() {
    let config = "answers = [{ path = { exact = \"/status\" }, methods = [\"GET\"], body = \"up: ${request.path}\" }]";
    let (gateway, origin) = behind(&shipped("mock", "[\"consumers\"]", config), "[\"mock\"]").await;
    let mut client = gateway.client().await;
    let head = client.call(&Request::new("HEAD", "/status")).await;
    let get = client.call(&Request::get("/status")).await;
    assert_eq!((head.status(), head.text().as_str()), (200, ""));
    assert_eq!((get.status(), get.text().as_str()), (200, "up: /status"));
    assert_eq!(head.field("content-type"), get.field("content-type"));
    assert!(origin.requests().is_empty());
}
