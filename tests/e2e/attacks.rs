//! Ways round a policy that must not lead anywhere.

use crate::harness::sections::{consumer, plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, route, upstream};
use crate::harness::{guests, h2};

/// Everybody may ask for anything but what is below `/admin`, which wants a key; both come from one origin.
async fn guarded() -> (Gateway, Origin) {
    let origin = Origin::start().await;
    let sections = [
        plugin("api-key", &guests::shipped("api_key"), "grants = [\"consumers\"]"),
        policy("keys", "api-key", ""),
        consumer("alice", "alice-key"),
        upstream("origin", &[&origin]),
        route("public", "origin", ""),
        route("admin", "origin", "path = { prefix = \"/admin\" }\npolicies = [\"keys\"]"),
    ];
    (Setup::new(sections.concat()).start().await, origin)
}

/// Paths that one server or another serves as `/admin/secret`.
const ROUNDABOUT: &[&str] = &[
    "/admin/secret",
    "//admin/secret",
    "/public//../admin/secret",
    "/./admin/secret",
    "/%2e/admin/secret",
    "/x/../admin/secret",
    "/x/%2e%2e/admin/secret",
    "/x/.%2E/admin/secret",
    "/x%2f..%2fadmin/secret",
    "/%2fadmin/secret",
    "/admin%2fsecret",
    "/%61dmin/secret",
    "/adm%69n/secret",
    "/admin;x/secret",
    "/admin;jsessionid=1/secret",
    "/;/admin/secret",
    "/x;/../admin/secret",
    "/x/..;/admin/secret",
    "/x/..;a=b/admin/secret",
    "/%5cadmin/secret",
    "/x/..%5cadmin/secret",
    "/%252e%252e/admin/secret",
    "/x/%252e%252e/admin/secret",
    "/x%252f..%252fadmin/secret",
    "/%2561dmin/secret",
    "/%252fadmin/secret",
    "/admin%00/secret",
    "/x%00/../admin/secret",
    "/admin/./secret",
    "/admin//secret",
];

/// The same with a character that no path may hold.
const BACKSLASHED: &[&str] = &["/\\admin/secret", "/x\\..\\admin/secret", "/admin\\secret"];

#[tokio::test]
async fn no_way_to_write_a_protected_path_leads_round_its_policy() {
    let (gateway, origin) = guarded().await;
    for path in ROUNDABOUT {
        let status = gateway.get(path).await.status();
        assert!(matches!(status, 400 | 401), "{path} was answered {status}");
    }
    for path in BACKSLASHED {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        assert_eq!(gateway.send(request).await.status(), 400, "{path}");
    }
    assert!(origin.requests().is_empty(), "the origin heard of {:?}", origin.requests());
}

#[tokio::test]
async fn no_way_to_write_a_protected_path_leads_round_its_policy_over_http2() {
    let (gateway, origin) = guarded().await;
    let client = gateway.h2().await;
    for path in ROUNDABOUT {
        let request = h2::get(&format!("http://edge.test{path}"));
        let status = client.call(request, &[]).await.status();
        assert!(matches!(status, 400 | 401), "{path} was answered {status}");
    }
    for path in BACKSLASHED {
        let request = h2::get(&format!("http://edge.test{path}"));
        assert_eq!(client.call(request, &[]).await.status(), 400, "{path}");
    }
    assert!(origin.requests().is_empty(), "the origin heard of {:?}", origin.requests());
}

#[tokio::test]
async fn odd_paths_that_lead_to_one_route_whoever_reads_them_pass_as_they_are() {
    let (gateway, origin) = guarded().await;
    let odd = ["/bucket//object", "/a%2fb", "/a;v=1/b", "/%7euser/x", "/100%25", "/caf%C3%A9", "/a%20b"];
    for path in odd {
        assert_eq!(gateway.get(path).await.status(), 200, "{path}");
    }
    let passed: Vec<_> = origin.requests().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(passed, odd);
    let keyed = Request::get("/admin//secret").field("apikey", "alice-key");
    assert_eq!(gateway.call(&keyed).await.status(), 200, "below its own route a path is the origin's business");
}

#[tokio::test]
async fn twins_of_a_header_and_credentials_in_the_wrong_place_identify_nobody() {
    let (gateway, origin) = guarded().await;
    let admin = || Request::get("/admin/secret");
    let attempts = [
        admin().field("X-Consumer-Name", "alice"),
        admin().field("X_Consumer_Name", "alice"),
        admin().field("api_key", "alice-key"),
        admin().field("apikey", "alice-key").field("APIKEY", "other-key"),
        admin().field("apikey", "other-key").field("apikey", "alice-key"),
        admin().field("apikey", "ALICE-KEY"),
        admin().field("apikey", "alice-key,"),
        admin().field("Authorization", "alice-key"),
        admin().field("Cookie", "apikey=alice-key"),
        admin().field("Connection", "apikey").field("apikey", "alice-key"),
        Request::get("/admin/secret?apikey=alice-key"),
    ];
    for attempt in attempts {
        assert_eq!(gateway.call(&attempt).await.status(), 401, "{attempt:?}");
    }
    assert!(origin.requests().is_empty());
    let twins = admin().field("apikey", "alice-key").field("X_Consumer_Name", "root").field("x-consumer-tags", "all");
    assert_eq!(gateway.call(&twins).await.status(), 200);
    let seen = origin.only_request();
    assert_eq!(seen.all("x-consumer-name"), ["alice"]);
    assert!(seen.field("x_consumer_name").is_none() && seen.field("x-consumer-tags").is_none());
}
