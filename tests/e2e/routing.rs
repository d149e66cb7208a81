//! Which request goes where.

use crate::harness::{Gateway, Origin, Request, Setup, route, upstream};

/// A gateway with one origin and one upstream for each name; routes name them.
async fn gateway(names: &[&str], routes: &[String]) -> (Gateway, Vec<Origin>) {
    let mut origins = Vec::new();
    for name in names {
        origins.push(Origin::named(name).await);
    }
    let upstreams: String = origins.iter().map(|origin| upstream(origin.name(), &[origin])).collect();
    let gateway = Setup::new(upstreams + &routes.concat()).start().await;
    (gateway, origins)
}

async fn asked(gateway: &Gateway, request: Request) -> String {
    let answer = gateway.call(&request).await;
    answer.field("x-origin").map_or_else(|| answer.status().to_string(), str::to_owned)
}

#[tokio::test]
async fn an_exact_host_wins_over_a_suffix_and_a_suffix_over_any() {
    let routes = [
        route("any", "any", ""),
        route("suffix", "suffix", "hosts = [\"*.shop.test\"]"),
        route("exact", "exact", "hosts = [\"www.shop.test\"]"),
    ];
    let (gateway, _origins) = gateway(&["any", "suffix", "exact"], &routes).await;
    for (host, origin) in [
        ("www.shop.test", "exact"),
        ("WWW.Shop.Test:8080", "exact"),
        ("cdn.shop.test", "suffix"),
        ("a.b.shop.test", "suffix"),
        ("shop.test", "any"),
        ("elsewhere.test", "any"),
    ] {
        assert_eq!(asked(&gateway, Request::get("/").field("host", host)).await, origin, "{host}");
    }
}

#[tokio::test]
async fn an_exact_path_wins_over_the_longest_prefix_and_a_prefix_over_a_regex() {
    let routes = [
        route("regex", "regex", "path = { regex = \"/v[0-9]+/.*\" }"),
        route("short", "short", "path = { prefix = \"/shop\" }"),
        route("long", "long", "path = { prefix = \"/shop/cart\" }"),
        route("exact", "exact", "path = { exact = \"/shop/cart/total\" }"),
    ];
    let (gateway, _origins) = gateway(&["regex", "short", "long", "exact"], &routes).await;
    for (target, origin) in [
        ("/v2/items", "regex"),
        ("/shop", "short"),
        ("/shop/items?page=2", "short"),
        ("/shop/cart", "long"),
        ("/shop/cart/lines", "long"),
        ("/shop/cart/total", "exact"),
        ("/shopping", "404"),
        ("/v2", "404"),
        ("/", "404"),
    ] {
        assert_eq!(asked(&gateway, Request::get(target)).await, origin, "{target}");
    }
}

#[tokio::test]
async fn method_header_and_query_narrow_a_route() {
    let routes = [
        route("plain", "plain", ""),
        route("writes", "writes", "methods = [\"POST\", \"PUT\"]"),
        route("beta", "beta", "headers = { \"x-beta\" = \"1\" }"),
        route("debug", "debug", "query = { debug = true }"),
        route("second", "second", "query = { version = \"2\" }"),
    ];
    let (gateway, _origins) = gateway(&["plain", "writes", "beta", "debug", "second"], &routes).await;
    for (request, origin) in [
        (Request::get("/"), "plain"),
        (Request::post("/", "x"), "writes"),
        (Request::new("PUT", "/").body("x"), "writes"),
        (Request::new("DELETE", "/"), "plain"),
        (Request::get("/").field("X-Beta", "1"), "beta"),
        (Request::get("/").field("x-beta", "2"), "plain"),
        (Request::get("/?debug"), "debug"),
        (Request::get("/?a=b&debug=no"), "debug"),
        (Request::get("/?version=2"), "second"),
        (Request::get("/?version=%32"), "second"),
        (Request::get("/?version=3"), "plain"),
    ] {
        assert_eq!(asked(&gateway, request.clone()).await, origin, "{request:?}");
    }
}

#[tokio::test]
async fn a_prefix_is_stripped_or_replaced_on_the_way_and_the_query_stays() {
    let routes = [
        route("strip", "strip", "path = { prefix = \"/api\" }\nrewrite = \"strip-prefix\""),
        route("replace", "replace", "path = { prefix = \"/old\" }\nrewrite = { replace_prefix = \"/v1\" }"),
    ];
    let (gateway, origins) = gateway(&["strip", "replace"], &routes).await;
    for target in ["/api/users?page=2", "/api", "/old/users?page=2", "/old"] {
        assert_eq!(gateway.get(target).await.status(), 200, "{target}");
    }
    let targets = |origin: &Origin| origin.requests().iter().map(|seen| seen.target().to_owned()).collect::<Vec<_>>();
    assert_eq!(targets(&origins[0]), ["/users?page=2", "/"]);
    assert_eq!(targets(&origins[1]), ["/v1/users?page=2", "/v1"]);
}

#[tokio::test]
async fn a_request_no_route_wants_is_told_so_with_its_id() {
    let (gateway, origins) = gateway(&["shop"], &[route("shop", "shop", "path = { prefix = \"/shop\" }")]).await;
    let answer = gateway.get("/elsewhere").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    let id = answer.field("x-request-id").expect("a local answer carries the request id");
    let problem = answer.json();
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["request_id"], id);
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    assert!(origins[0].requests().is_empty());
}

#[tokio::test]
async fn a_path_that_climbs_is_refused_before_a_route_is_chosen() {
    let (gateway, origins) = gateway(&["shop"], &[route("shop", "shop", "")]).await;
    for target in ["/shop/../admin", "/shop/%2e%2E/admin", "/./shop", "/shop/%00"] {
        assert_eq!(gateway.get(target).await.status(), 400, "{target}");
    }
    for target in ["/shop/..ok", "/a%2fb", "/a//b", "/..."] {
        assert_eq!(gateway.get(target).await.status(), 200, "{target}");
    }
    let passed: Vec<_> = origins[0].requests().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(passed, ["/shop/..ok", "/a%2fb", "/a//b", "/..."], "and what passes, passes unchanged");
}
