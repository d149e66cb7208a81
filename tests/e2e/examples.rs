//! The files in `config/examples`, and the one in `deploy`: each is whole, and right by the words of `tidegate check`.

use std::path::{Path, PathBuf};

use crate::harness::command::{check, run};
use crate::harness::gateway::Gateway;
use crate::harness::origin::Origin;
use crate::harness::setup::Setup;
use crate::harness::{Request, Response};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around the package").join("config/examples")
}

/// Every example there is, in a fixed order.
fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("config/examples can be read");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry of it").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty(), "there is no example in {}", folder().display());
    files
}

#[tokio::test]
async fn every_example_passes_the_check() {
    let mut wrong = Vec::new();
    for file in examples() {
        let checked = check(&file).await;
        if checked.code != Some(0) {
            wrong.push(checked.stderr);
        }
    }
    assert!(wrong.is_empty(), "(a missing .wasm is built by `make plugins`)\n{}", wrong.join("\n"));
}

#[test]
fn every_example_says_at_its_head_what_it_shows_and_how_to_try_it() {
    for file in examples() {
        let text = std::fs::read_to_string(&file).expect("an example can be read");
        let head: Vec<_> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let is_said = head.first().is_some_and(|line| line.len() > "# ".len());
        assert!(is_said, "{}: no comment that says what it shows", file.display());
        assert!(head.iter().any(|line| line.contains("curl ")), "{}: no curl line at its head", file.display());
    }
}

/// As its container sees it, but for the secret that is mounted there.
#[tokio::test]
async fn the_configuration_that_is_deployed_passes_the_check() {
    let deployed = folder().join("../../deploy/tidegate.toml");
    let text = std::fs::read_to_string(deployed).expect("deploy/tidegate.toml can be read");
    let (made, mounted) = (tempfile::tempdir().expect("a folder for temporary files"), "/run/secrets/admin_token");
    let (file, token) = (made.path().join("tidegate.toml"), made.path().join("token"));
    std::fs::write(&token, "a-token\n").expect("a writable folder");
    assert!(text.contains(mounted), "{text}");
    std::fs::write(&file, text.replace(mounted, &token.display().to_string())).expect("a writable folder");
    let checked = check(&file).await;
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
}

#[tokio::test]
async fn the_certificate_of_an_example_is_that_of_its_consumer() {
    let text = std::fs::read_to_string(folder().join("client-certificate.toml")).expect("the example can be read");
    let made = tempfile::tempdir().expect("a folder for temporary files");
    let (file, certificate) = (made.path().join("consumers.toml"), folder().join("certificates/alice.crt"));
    let (file, certificate) = (file.display().to_string(), certificate.display().to_string());
    for arguments in [&["add", "alice"][..], &["certificate", "alice", &certificate]] {
        let done = run(&[&["consumer", "--file", &file], arguments].concat()).await;
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    let written = std::fs::read_to_string(&file).expect("a file of consumers");
    let known = written.lines().find(|line| line.starts_with("certificates")).expect("a certificate");
    assert!(text.contains(known), "{known}");
}

/// What an example says below its listener, but for where its endpoints are.
fn below_its_listener(name: &str, origins: &[Origin]) -> String {
    let text = std::fs::read_to_string(folder().join(name)).expect("the example can be read");
    let start = text.find("[[upstream]]").expect("an upstream");
    let plugins = folder().parent().and_then(Path::parent).expect("the workspace").join("plugins");
    let mut rest = text[start..].replace("../../plugins", &plugins.display().to_string());
    for (port, origin) in (9001..).zip(origins) {
        rest = rest.replace(&format!("127.0.0.1:{port}"), &origin.address().to_string());
    }
    rest
}

#[tokio::test]
async fn the_alternatives_are_a_key_or_the_token_that_stands_at_its_head() {
    let text = std::fs::read_to_string(folder().join("alternatives.toml")).expect("the example can be read");
    let token =
        text.lines().find_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("TOKEN=")).expect("a token");
    let origin = [Origin::start().await];
    let gateway = Setup::new(below_its_listener("alternatives.toml", &origin)).start().await;
    let (key, token) = (("apikey", "alice-demo-key"), ("authorization", &*format!("Bearer {token}")));
    for ((name, value), consumer) in [(key, "alice"), (token, "bob")] {
        assert_eq!(gateway.call(&Request::get("/").field(name, value)).await.status(), 200, "{consumer}");
        assert_eq!(origin[0].requests().pop().expect("a request").field("x-consumer-name"), Some(consumer));
    }
    assert_eq!(gateway.get("/").await.status(), 401);
}

/// The inventory example as it stands, but for where its instances are and where it listens.
async fn inventory(origins: &[Origin; 3]) -> Gateway {
    let rest = below_its_listener("inventory.toml", origins);
    Setup::new(rest).section("[forwarded]\ntrusted = [\"127.0.0.1/32\"]").start().await
}

async fn instances() -> [Origin; 3] {
    [Origin::named("one").await, Origin::named("two").await, Origin::named("three").await]
}

fn items(key: &str) -> Request {
    Request::get("/api/inventory/items").field("apikey", key)
}

fn admin(key: &str) -> Request {
    Request::get("/api/inventory/admin/stock").field("apikey", key)
}

#[tokio::test]
async fn the_inventory_serves_its_thirty_requests_in_strict_rotation() {
    let origins = instances().await;
    let gateway = inventory(&origins).await;
    let mut answered = Vec::new();
    for _ in 0..30 {
        let answer = gateway.call(&items("warehouse-demo-key")).await;
        assert_eq!(answer.status(), 200);
        answered.push(answer.text());
    }
    for turn in answered.chunks(3) {
        assert_eq!(turn, &answered[..3], "the rotation is strict");
    }
    for origin in &origins {
        assert_eq!(origin.count("/items"), 10, "a third each");
    }
    let seen = &origins[0].requests().into_iter().find(|seen| seen.target() == "/items").expect("a request");
    assert_eq!((seen.field("x-caller"), seen.field("x-gateway-route")), (Some("warehouse"), Some("items")));
    assert_eq!(seen.field("x-consumer-name"), Some("warehouse"));
    assert!(seen.field("x-correlation-id").is_some() && seen.field("apikey").is_none());
}

#[tokio::test]
async fn the_inventory_holds_each_consumer_to_its_own_limit_on_both_routes_together() {
    let origins = instances().await;
    let gateway = inventory(&origins).await;
    let over = until_refused(&gateway, &[items("warehouse-demo-key"), admin("warehouse-demo-key")]).await;
    assert!(over.field("x-correlation-id").is_some());
    assert_eq!(gateway.call(&items("shop-demo-key")).await.status(), 200);
    assert_eq!(gateway.get("/api/inventory/items").await.status(), 401);
}

/// What answers the first that is over the limit of forty, where these requests are made in turn.
async fn until_refused(gateway: &Gateway, requests: &[Request]) -> Response {
    let mut left = Vec::new();
    // A minute of the clock may end meanwhile.
    for request in requests.iter().cycle().take(81) {
        let answer = gateway.call(request).await;
        let standing = answer.field("ratelimit").and_then(|told| told.strip_prefix("\"default\";r="));
        let (remaining, reset) = standing.and_then(|told| told.split_once(";t=")).expect("where the client stands");
        if answer.status() == 429 {
            let last: Vec<u32> = left.iter().rev().take(40).copied().collect();
            assert_eq!(last, (0..40).collect::<Vec<_>>(), "forty passed since the minute began");
            assert_eq!(answer.field("retry-after"), Some(reset), "all forty come back at once");
            return answer;
        }
        assert_eq!(answer.status(), 200);
        left.push(remaining.parse().expect("a number"));
    }
    panic!("{} requests passed", left.len());
}

#[tokio::test]
async fn the_inventorys_admin_part_is_for_some_networks_only() {
    let origins = instances().await;
    let gateway = inventory(&origins).await;
    let admin = admin("shop-demo-key");
    assert_eq!(gateway.call(&admin).await.status(), 200);
    assert!(origins.iter().any(|origin| origin.count("/admin/stock") == 1));
    for outside in ["203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1"] {
        let outside = admin.clone().field("x-forwarded-for", outside);
        assert_eq!(gateway.call(&outside).await.status(), 403);
    }
    assert_eq!(gateway.call(&Request::get("/api/inventory/admin/stock")).await.status(), 401);
}
