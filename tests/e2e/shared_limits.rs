//! Limits that two gateways share over a Redis, and what becomes of them while it is away.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::load::Load;
use crate::harness::programs::Redis;
use crate::harness::sections::{plugin, policy};
use crate::harness::{Gateway, Origin, Request, Setup, eventually, guests, route, upstream};

const SHARED: &str = "counters = \"shared\"";
const CALLS: &str = "tidegate_shared_counter_calls_total";
/// No busy machine makes Redis look as if it were away.
const PATIENT: &str = "10s";
const FAILURES: &str = "tidegate_shared_counter_failures_total";

/// Its counters are at this address.
fn limited(address: SocketAddr, timeout: &str, origin: &Origin, config: &str) -> String {
    format!("[counters]\nredis = \"redis://{address}\"\ntimeout = \"{timeout}\"\n")
        + &upstream("origin", &[origin])
        + &plugin("rate-limit", &guests::shipped("rate_limit"), SHARED)
        + &policy("limit", "rate-limit", &format!("[policy.config]\n{config}"))
        + &route("all", "origin", "policies = [\"limit\"]")
}

async fn sharing(address: SocketAddr, origin: &Origin, config: &str) -> Gateway {
    Setup::new(limited(address, PATIENT, origin, config)).start().await
}

async fn sum(gateway: &Gateway, name: &str, labels: &[(&str, &str)]) -> f64 {
    gateway.admin().metrics().await.sum(name, labels)
}

async fn until_up(gateway: &Gateway) {
    let is_up = async || (sum(gateway, "tidegate_shared_counters_up", &[]).await > 0.5).then_some(());
    eventually("counters to be shared", is_up).await;
}

async fn until_away(gateway: &Gateway) {
    let is_away = async || (sum(gateway, "tidegate_shared_counters_up", &[]).await < 0.5).then_some(());
    eventually("Redis to be missed", is_away).await;
}

fn status(answer: &crate::harness::Response) -> String {
    answer.status().to_string()
}

/// How many requests each of two gateways is asked: both together are asked ten times what a limit here allows.
const EACH: usize = 170;

/// How many of these requests pass.
async fn passed_by_two(redis: &Redis, config: &str) -> usize {
    let origin = Origin::start().await;
    let gateways = [sharing(redis.address(), &origin, config).await, sharing(redis.address(), &origin, config).await];
    for gateway in &gateways {
        until_up(gateway).await;
    }
    let [one, other] =
        gateways.each_ref().map(|gateway| Load::run(gateway.address(), 4, EACH, Request::get("/"), status));
    let (one, other) = tokio::join!(one, other);
    for tally in [&one, &other] {
        tally.is_flawless();
    }
    for gateway in &gateways {
        assert_eq!(sum(gateway, CALLS, &[("decided", "local")]).await, 0.0);
        assert_eq!(sum(gateway, CALLS, &[("decided", "shared")]).await, EACH as f64);
    }
    let passed = |kinds: &std::collections::BTreeMap<String, usize>| kinds.get("200").copied().unwrap_or_default();
    passed(&one.kinds) + passed(&other.kinds)
}

#[tokio::test]
async fn two_gateways_let_through_what_one_limit_allows_at_tenfold_load() {
    let Some(redis) = Redis::start() else { return };
    for (algorithm, limit) in [("gcra", 31), ("window", 32), ("sliding", 33)] {
        let config = format!("limit = {limit}\nwindow = \"40d\"\nalgorithm = \"{algorithm}\"");
        let passed = passed_by_two(&redis, &config).await;
        assert_eq!(passed, limit, "{algorithm}: one more would be over by more than 1 % of the limit");
    }
}

#[tokio::test]
async fn a_redis_that_is_killed_under_traffic_fails_no_request_and_is_used_again_once_it_is_back() {
    let Some(mut redis) = Redis::start() else { return };
    let origin = Origin::start().await;
    let gateway = sharing(redis.address(), &origin, "limit = 1000000\nwindow = \"1d\"").await;
    until_up(&gateway).await;
    let load = Load::start(gateway.address(), 4, Request::get("/"), status);
    load.until_sent(100).await;
    redis.kill();
    until_away(&gateway).await;
    load.until_sent(100).await;
    assert!(sum(&gateway, CALLS, &[("decided", "local")]).await > 0.0);
    redis.restart();
    until_up(&gateway).await;
    let before = sum(&gateway, CALLS, &[("decided", "shared")]).await;
    load.until_sent(100).await;
    let tally = load.finish().await;
    tally.is_flawless();
    assert_eq!(tally.kinds.keys().collect::<Vec<_>>(), ["200"]);
    assert!(sum(&gateway, CALLS, &[("decided", "shared")]).await > before);
    gateway.until_logged("this gateway counts by itself").await;
    gateway.until_logged("gateways count together").await;
}

#[tokio::test]
async fn a_redis_that_hangs_makes_the_requests_under_way_wait_and_no_others() {
    let Some(redis) = Redis::start() else { return };
    let origin = Origin::start().await;
    let gateway = Setup::new(limited(redis.address(), "300ms", &origin, "limit = 1000000\nwindow = \"1d\""));
    let gateway = gateway.start().await;
    until_up(&gateway).await;
    redis.hang();
    // A request that waits keeps no instance: all connections may have one that does, and none has two.
    let tally = Load::run(gateway.address(), 100, 1000, Request::get("/"), status).await;
    tally.is_flawless();
    assert_eq!(tally.kinds.keys().collect::<Vec<_>>(), ["200"]);
    let waited = sum(&gateway, FAILURES, &[("kind", "timeout")]).await;
    assert!((1.0..=100.0).contains(&waited), "{waited} of a thousand requests waited, over a hundred connections");
    assert_eq!(sum(&gateway, FAILURES, &[("kind", "crowded")]).await, 0.0);
    redis.go_on();
    until_up(&gateway).await;
}

#[tokio::test]
async fn without_redis_a_gateway_holds_its_limit_by_itself_and_says_so() {
    let Some(mut redis) = Redis::start() else { return };
    redis.kill();
    let origin = Origin::start().await;
    let gateway = sharing(redis.address(), &origin, "limit = 3\nwindow = \"40d\"").await;
    let tally = Load::run(gateway.address(), 2, 10, Request::get("/"), status).await;
    assert_eq!(tally.kinds.get("200"), Some(&3));
    let told = async || {
        let status = gateway.admin().get("/status").await;
        let shared = status["shared_counters"].clone();
        shared["reason"].as_str().is_some_and(|reason| reason.contains("refused")).then_some(shared)
    };
    let shared = eventually("the reason in the status", told).await;
    assert_eq!(shared["is_up"], false);
    assert_eq!(shared["server"], format!("redis://{}/0", redis.address()));
}

#[tokio::test]
async fn what_is_no_redis_decides_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut some = [0; 1024];
                while stream.read(&mut some).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\n\x00\r\n").await;
                }
            });
        }
    });
    let origin = Origin::start().await;
    let gateway = sharing(address, &origin, "limit = 3\nwindow = \"40d\"").await;
    gateway.until_logged("shared counters are still away").await;
    let tally = Load::run(gateway.address(), 2, 10, Request::get("/"), status).await;
    tally.is_flawless();
    assert_eq!(tally.kinds.get("200"), Some(&3));
}

#[tokio::test]
async fn a_reload_keeps_the_way_to_redis_and_takes_a_new_one_where_it_is_written() {
    let (Some(redis), Some(other)) = (Redis::start(), Redis::start()) else { return };
    let origin = Origin::start().await;
    let gateway = sharing(redis.address(), &origin, "limit = 2\nwindow = \"40d\"").await;
    until_up(&gateway).await;
    assert_eq!(gateway.get("/").await.status(), 200);
    let at = |redis: &Redis| limited(redis.address(), PATIENT, &origin, "limit = 2\nwindow = \"40d\"");
    gateway.take_over(at(&redis) + &route("new", "origin", "hosts = [\"new.test\"]")).await;
    assert_eq!(gateway.get("/").await.status(), 200);
    assert_eq!(gateway.get("/").await.status(), 429);
    assert_eq!(sum(&gateway, CALLS, &[("decided", "local")]).await, 0.0);
    gateway.take_over(at(&other)).await;
    until_up(&gateway).await;
    assert_eq!(gateway.get("/").await.status(), 200, "another Redis counts anew");
}
