//! The gateway's own ways to choose an endpoint, and what goes before them: a cookie, a tier, a zone.

use serde_json::json;

use crate::harness::sections::upstream_with;
use crate::harness::{Answer, Client, Gateway, Latch, Origin, Reply, Request, Setup, eventually, route};

async fn three() -> [Origin; 3] {
    [Origin::named("a").await, Origin::named("b").await, Origin::named("c").await]
}

/// The names of the origins that answer the next requests.
async fn next(gateway: &Gateway, count: usize) -> String {
    let mut client = gateway.client().await;
    let mut names = String::new();
    for _ in 0..count {
        names.push_str(client.call(&Request::get("/")).await.field("x-origin").unwrap_or("-"));
    }
    names
}

fn endpoint_path(origin: &Origin) -> String {
    format!("/upstreams/shop/endpoints/{}", origin.address())
}

/// An upstream of these origins with further keys, and a route to it.
async fn with_keys(more: &str, origins: &[&Origin]) -> Gateway {
    let origins: Vec<(&Origin, u32)> = origins.iter().map(|origin| (*origin, 100)).collect();
    Setup::new(upstream_with("shop", more, &origins) + &route("all", "shop", "")).start().await
}

/// The origin that answers a request with this field.
async fn home(client: &mut Client, name: &str, value: &str) -> String {
    let answer = client.call(&Request::get("/").field(name, value)).await;
    answer.field("x-origin").unwrap_or("-").to_owned()
}

#[tokio::test]
async fn requests_with_the_same_key_go_to_the_same_endpoint_and_to_one_other_while_it_is_gone() {
    let [a, b, c] = three().await;
    let gateway = with_keys("balancer = { hash = \"header\", name = \"x-user\" }", &[&a, &b, &c]).await;
    let mut client = gateway.client().await;
    let mut homes = Vec::new();
    for user in 0..30 {
        homes.push(home(&mut client, "x-user", &user.to_string()).await);
    }
    assert!(["a", "b", "c"].iter().all(|name| homes.iter().any(|home| home == name)), "{homes:?}");
    gateway.admin().ok("PATCH", &endpoint_path(&b), Some(json!({ "draining": true }))).await;
    let mut others = gateway.client().await;
    for (user, before) in homes.iter().enumerate() {
        let first = home(&mut client, "x-user", &user.to_string()).await;
        let again = home(&mut others, "x-user", &user.to_string()).await;
        assert_eq!(first, again, "user {user}");
        assert!(
            if before == "b" { first != "b" } else { first == *before },
            "user {user} went from {before} to {first}"
        );
    }
    let status = gateway.admin().ok("GET", "/upstreams", None).await;
    assert_eq!(status[0]["balancer"], "consistent hash of header x-user");
}

#[tokio::test]
async fn least_request_leaves_an_endpoint_alone_that_is_busy() {
    let [a, b, _c] = three().await;
    let gateway = with_keys("balancer = \"least-request\"", &[&a, &b]).await;
    let latch = Latch::new();
    for origin in [&a, &b] {
        origin.answer(Answer::after(&latch, Reply::ok("late")));
    }
    let mut slow = gateway.client().await;
    slow.send(Request::get("/slow").bytes()).await;
    let busy_is_a = eventually("one to be asked", async || match (a.requests().len(), b.requests().len()) {
        (1, 0) => Some(true),
        (0, 1) => Some(false),
        _ => None,
    })
    .await;
    let (idle, name) = if busy_is_a { (&b, "b") } else { (&a, "a") };
    idle.answer_well();
    assert_eq!(next(&gateway, 8).await, name.repeat(8));
    latch.open();
    assert_eq!(slow.receive().await.text(), "late");
}

#[tokio::test]
async fn a_backup_is_asked_where_the_endpoints_before_it_refuse_connections() {
    let [a, _b, c] = three().await;
    let gone = Origin::named("gone").await.address();
    let text = format!(
        "[[upstream]]\nname = \"shop\"\nretries = 1\n[[upstream.endpoint]]\naddress = \"{}\"\npriority = 1\n\
         [[upstream.endpoint]]\naddress = \"{}\"\n",
        c.address(),
        a.address()
    ) + &route("all", "shop", "");
    let gateway = Setup::new(text.clone()).start().await;
    assert_eq!(next(&gateway, 6).await, "aaaaaa", "the backup stands first in the file and last in line");
    gateway.take_over(text.replace(&a.address().to_string(), &gone.to_string())).await;
    assert_eq!(next(&gateway, 6).await, "cccccc");
}

#[tokio::test]
async fn endpoints_of_the_preferred_zone_go_first_and_the_others_when_they_are_away() {
    let [a, b, c] = three().await;
    let mut text = "[[upstream]]\nname = \"shop\"\nprefer_zone = \"near\"\n".to_owned();
    for (origin, zone) in [(&a, "far"), (&b, "near"), (&c, "near")] {
        text += &format!("[[upstream.endpoint]]\naddress = \"{}\"\nzone = \"{zone}\"\n", origin.address());
    }
    let gateway = Setup::new(text + &route("all", "shop", "")).start().await;
    assert_eq!(next(&gateway, 6).await, "bcbcbc");
    for origin in [&b, &c] {
        gateway.admin().ok("PATCH", &endpoint_path(origin), Some(json!({ "draining": true }))).await;
    }
    assert_eq!(next(&gateway, 3).await, "aaa");
}

#[tokio::test]
async fn a_client_with_the_cookie_stays_at_its_endpoint_until_that_is_gone() {
    let [a, b, c] = three().await;
    let gateway = with_keys("sticky = { cookie = \"at\" }", &[&a, &b, &c]).await;
    let mut client = gateway.client().await;
    assert_eq!(client.call(&Request::get("/")).await.field("x-origin"), Some("a"));
    let first = client.call(&Request::get("/")).await;
    let cookie = first.field("set-cookie").unwrap().to_owned();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    for _ in 0..5 {
        let answer = client.call(&Request::get("/").field("cookie", pair)).await;
        assert_eq!((answer.field("x-origin"), answer.field("set-cookie")), (Some("b"), None));
    }
    gateway.admin().ok("PATCH", &endpoint_path(&b), Some(json!({ "draining": true }))).await;
    let moved = client.call(&Request::get("/").field("cookie", pair)).await;
    assert!(moved.field("x-origin").is_some_and(|origin| origin != "b"));
    assert!(moved.field("set-cookie").is_some_and(|new| new != cookie), "it is told where it is now");
}
