use std::net::SocketAddr;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

use super::*;
use crate::config::model::EndpointAddress;

/// A program with two upstreams that notes what it was told.
#[derive(Default)]
struct Fake {
    changes: Mutex<Vec<(String, EndpointChange)>>,
    refuse: Option<ChangeError>,
    report: Mutex<Option<ReloadReport>>,
    slow_reload: Option<Arc<SlowReload>>,
}

/// A reload that says when it begins, waits to be let go, and says when it ends.
#[derive(Default)]
struct SlowReload {
    began: Notify,
    go: Notify,
    ended: Notify,
}

fn upstream_status(name: &str) -> UpstreamStatus {
    let endpoint = EndpointStatus {
        address: "10.0.0.1:80".parse().unwrap(),
        weight: 100,
        tier: 0,
        healthy: false,
        ejection: None,
        draining: false,
        share_percent: 100,
        in_flight: 3,
        latency_us: Some(1500),
        source: EndpointSource::File,
        last_change: Some(HealthChange { at: UNIX_EPOCH.into(), cause: "<b>3 bad answers</b>".into() }),
        last_check: None,
    };
    UpstreamStatus {
        name: name.into(),
        balancer: "round-robin".into(),
        sticky_cookie: None,
        changed_at_run_time: false,
        discovery: Vec::new(),
        endpoints: vec![endpoint],
    }
}

#[async_trait]
impl Control for Fake {
    fn status(&self) -> Status {
        let report = ReloadReport::Applied { generation: 7 };
        let last_reload = LastReload { at: UNIX_EPOCH.into(), trigger: "start", report };
        Status { version: "0.1.0", generation: 7, uptime_seconds: 12, shared_counters: None, last_reload }
    }

    fn upstreams(&self) -> Vec<UpstreamStatus> {
        vec![upstream_status("inventory"), upstream_status("payments")]
    }

    fn events(&self) -> Vec<EventStatus> {
        vec![EventStatus {
            number: 3,
            at: UNIX_EPOCH.into(),
            upstream: "shop".into(),
            endpoint: "10.0.0.1:80".into(),
            change: "ejected",
            cause: "5 failed tries in a row".into(),
        }]
    }

    fn plugins(&self) -> Vec<PluginStatus> {
        let policy = PolicyStatus {
            name: "keys".into(),
            instances: 2,
            idle: 1,
            calls: 9,
            failures: [("trap", 1)].into(),
            remembered: None,
            last_failure: Some("unreachable".into()),
            standing: "good",
            image: "used".into(),
        };
        vec![PluginStatus {
            name: "api-key".into(),
            path: "api_key.wasm".into(),
            sha256: "00".into(),
            size: 26_000,
            contract: "0.1.0".into(),
            roles: vec!["request-policy".into()],
            imports: vec![],
            grants: vec!["consumers".into()],
            policies: vec![policy],
        }]
    }

    fn keysets(&self) -> Vec<KeysetStatus> {
        vec![KeysetStatus {
            name: "accounts".into(),
            source: "https://accounts.example/jwks.json".into(),
            algorithms: vec!["RS256"],
            keys: vec![KeyStatus { kid: Some("2026-01".into()), algorithms: vec!["RS256"] }],
            unusable: vec![],
            fetched_at: Some(UNIX_EPOCH.into()),
            age_seconds: Some(12),
            failure: None,
        }]
    }

    fn running_config(&self) -> Value {
        json!({ "admin": { "token": "<redacted>" } })
    }

    fn metrics(&self) -> String {
        "tidegate_config_generation 7\n".into()
    }

    async fn reload(&self) -> ReloadReport {
        if let Some(slow) = &self.slow_reload {
            slow.began.notify_one();
            slow.go.notified().await;
            slow.ended.notify_one();
        }
        self.report.lock().clone().unwrap_or(ReloadReport::Unchanged)
    }

    async fn change_endpoint(&self, upstream: &str, change: EndpointChange) -> Result<UpstreamStatus, ChangeError> {
        if !self.upstreams().iter().any(|known| known.name == upstream) {
            return Err(ChangeError::UnknownUpstream);
        }
        self.changes.lock().push((upstream.to_owned(), change));
        self.refuse.clone().map_or_else(|| Ok(upstream_status(upstream)), Err)
    }
}

/// A served admin listener with one connection to it.
struct Served {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<std::io::Result<()>>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

async fn serve_fake(fake: Fake, token: Option<&str>) -> (Arc<Fake>, Served) {
    let fake = Arc::new(fake);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let control: Arc<dyn Control> = fake.clone();
    let ended = async { stopped.await.unwrap_or_default() };
    let done = tokio::spawn(serve(listener, control, token.map(str::to_owned), ended));
    let sender = connect(address).await;
    (fake, Served { address, sender, stop, done })
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

impl Served {
    async fn call(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], "").await
    }

    async fn send(&mut self, method: Method, path: &str, body: Value) -> Answer {
        self.call(method, path, &[("content-type", "application/json")], &body.to_string()).await
    }
}

#[tokio::test]
async fn a_call_needs_the_right_token_and_a_probe_none() {
    let (_, mut served) = serve_fake(Fake::default(), Some("secret")).await;
    let missing = served.get("/status").await;
    assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
    assert_eq!(missing.headers["www-authenticate"], "Bearer");
    assert_eq!(missing.headers["content-type"], "application/problem+json");
    assert!(missing.json()["hint"].as_str().unwrap().contains("Authorization: Bearer"));
    let wrong = served.call(Method::GET, "/status", &[("authorization", "Bearer wrong")], "").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let right = served.call(Method::GET, "/status", &[("authorization", "Bearer secret")], "").await;
    assert_eq!(right.status, StatusCode::OK);
    assert_eq!(served.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(served.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_is_told_or_done_without_the_token() {
    let (fake, mut served) = serve_fake(Fake::default(), Some("secret")).await;
    for path in ["/status", "/upstreams", "/upstreams/inventory", "/plugins", "/config", "/metrics", "/no/such"] {
        assert_eq!(served.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let body = json!({ "address": "10.0.0.4:80" });
    let added = served.send(Method::POST, "/upstreams/inventory/endpoints", body).await;
    assert_eq!(added.status, StatusCode::UNAUTHORIZED);
    assert!(fake.changes.lock().is_empty());
}

#[tokio::test]
async fn a_web_page_of_another_site_is_refused() {
    let (_, mut served) = serve_fake(Fake::default(), None).await;
    let cross = served.call(Method::POST, "/reload", &[("origin", "http://evil.example")], "").await;
    assert_eq!(cross.status, StatusCode::FORBIDDEN);
    let own = format!("http://{}", served.address);
    assert_eq!(served.call(Method::POST, "/reload", &[("origin", &own)], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn each_question_has_its_answer() {
    let (_, mut served) = serve_fake(Fake::default(), None).await;
    let status = served.get("/status").await.json();
    assert_eq!(status["generation"], 7);
    assert_eq!(
        status["last_reload"],
        json!({
            "at": "1970-01-01T00:00:00.000Z", "trigger": "start", "outcome": "applied", "generation": 7
        })
    );
    assert_eq!(served.get("/upstreams").await.json()[1]["name"], "payments");
    let endpoint = &served.get("/upstreams/inventory").await.json()["endpoints"][0];
    assert_eq!(endpoint["address"], "10.0.0.1:80");
    assert_eq!((&endpoint["healthy"], &endpoint["source"]), (&json!(false), &json!("file")));
    assert_eq!(served.get("/plugins").await.json()[0]["policies"][0]["failures"], json!({ "trap": 1 }));
    assert_eq!(served.get("/config").await.json()["admin"]["token"], "<redacted>");
    let metrics = served.get("/metrics").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(metrics.headers["cache-control"], "no-store");
    assert_eq!(metrics.text, "tidegate_config_generation 7\n");
}

#[tokio::test]
async fn endpoints_are_added_changed_and_removed() {
    let (fake, mut served) = serve_fake(Fake::default(), None).await;
    let address: EndpointAddress = "[::1]:80".parse().unwrap();
    let added = served
        .send(Method::POST, "/upstreams/inventory/endpoints", json!({ "address": "[::1]:80", "weight": 5 }))
        .await;
    assert_eq!((added.status, &added.json()["name"]), (StatusCode::CREATED, &json!("inventory")));
    let path = "/upstreams/inventory/endpoints/%5B::1%5D:80";
    let changed = served.send(Method::PATCH, path, json!({ "draining": true })).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(served.call(Method::DELETE, path, &[], "").await.status, StatusCode::OK);
    let told: Vec<_> = fake.changes.lock().iter().map(|(_, change)| change.clone()).collect();
    assert_eq!(
        told,
        [
            EndpointChange::Add { address: address.clone(), weight: 5 },
            EndpointChange::Update { address: address.clone(), weight: None, draining: Some(true) },
            EndpointChange::Remove { address },
        ]
    );
}

#[tokio::test]
async fn a_new_endpoint_weighs_what_the_file_gives_by_default() {
    let (fake, mut served) = serve_fake(Fake::default(), None).await;
    served.send(Method::POST, "/upstreams/inventory/endpoints", json!({ "address": "10.0.0.4:80" })).await;
    let address = "10.0.0.4:80".parse().unwrap();
    assert_eq!(fake.changes.lock()[0].1, EndpointChange::Add { address, weight: 100 });
}

#[tokio::test]
async fn a_name_nobody_has_is_answered_with_the_nearest() {
    let (_, mut served) = serve_fake(Fake::default(), None).await;
    let missing = served.get("/upstreams/inventry").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.json()["hint"], "did you mean `inventory`?");
    let far = served.send(Method::POST, "/upstreams/zzz/endpoints", json!({ "address": "10.0.0.4:80" })).await;
    assert_eq!(far.status, StatusCode::NOT_FOUND);
    assert_eq!(far.json()["hint"], "`GET /upstreams` lists them");
}

#[tokio::test]
async fn a_refused_change_says_why_with_the_status_that_fits() {
    let address: EndpointAddress = "10.0.0.4:80".parse().unwrap();
    let cases = [
        (
            ChangeError::UnknownEndpoint(address.clone()),
            StatusCode::NOT_FOUND,
            "the upstream has no endpoint 10.0.0.4:80",
        ),
        (
            ChangeError::OwnListener(address.clone()),
            StatusCode::BAD_REQUEST,
            "10.0.0.4:80 is a listener of this gateway: requests would come round for ever",
        ),
        (ChangeError::AlreadyThere(address), StatusCode::CONFLICT, "the upstream already has the endpoint 10.0.0.4:80"),
        (ChangeError::Weight(1001), StatusCode::BAD_REQUEST, "weight 1001 is not between 0 and 1000"),
    ];
    for (refuse, status, detail) in cases {
        let (_, mut served) = serve_fake(Fake { refuse: Some(refuse), ..Fake::default() }, None).await;
        let body = json!({ "address": "10.0.0.4:80" });
        let answer = served.send(Method::POST, "/upstreams/inventory/endpoints", body).await;
        assert_eq!((answer.status, answer.json()["detail"].as_str().unwrap()), (status, detail));
        assert!(answer.json()["hint"].is_string());
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_says_what_is_taken() {
    let (fake, mut served) = serve_fake(Fake::default(), None).await;
    let cases = [
        ("", "EOF"),
        ("{", "EOF"),
        (r#"{"address": "10.0.0.4:80", "wait": 1}"#, "unknown field `wait`"),
        (r#"{"address": "10.0.0.4:80", "weight": -1}"#, "invalid value"),
    ];
    for (body, part) in cases {
        let answer = served.call(Method::POST, "/upstreams/inventory/endpoints", &[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(part), "{}", answer.text);
        assert!(answer.json()["hint"].as_str().unwrap().contains("\"address\""));
    }
    let nothing = served.send(Method::PATCH, "/upstreams/inventory/endpoints/10.0.0.1:80", json!({})).await;
    assert_eq!((nothing.status, &nothing.json()["detail"]), (StatusCode::BAD_REQUEST, &json!("nothing to change")));
    let host = served.send(Method::POST, "/upstreams/inventory/endpoints", json!({"address": "example.com:80"})).await;
    assert_eq!(host.json()["detail"], "`example.com:80` is not an IP address with a port");
    let name = served.call(Method::DELETE, "/upstreams/inventory/endpoints/shop", &[], "").await;
    assert_eq!(name.json()["detail"], "`shop` is not an IP address with a port");
    assert!(fake.changes.lock().is_empty());
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused() {
    let (_, mut served) = serve_fake(Fake::default(), None).await;
    let answer = served.call(Method::POST, "/upstreams/inventory/endpoints", &[], &" ".repeat(64 * 1024 + 1)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn each_outcome_of_a_reload_has_its_status() {
    let problem =
        ProblemReport { message: "no such upstream".into(), hint: None, at: "route[0].upstream".into(), place: None };
    let cases = [
        (ReloadReport::Unchanged, StatusCode::OK, json!({ "outcome": "unchanged" })),
        (ReloadReport::Applied { generation: 8 }, StatusCode::OK, json!({ "outcome": "applied", "generation": 8 })),
        (
            ReloadReport::Rejected { problems: vec![problem] },
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({ "outcome": "rejected", "problems": [{ "message": "no such upstream", "at": "route[0].upstream" }] }),
        ),
        (
            ReloadReport::NeedsRestart { keys: vec!["listener".into()] },
            StatusCode::CONFLICT,
            json!({ "outcome": "needs_restart", "keys": ["listener"] }),
        ),
    ];
    let (fake, mut served) = serve_fake(Fake::default(), None).await;
    for (report, status, body) in cases {
        *fake.report.lock() = Some(report);
        let answer = served.call(Method::POST, "/reload", &[], "").await;
        assert_eq!((answer.status, answer.json()), (status, body));
    }
}

#[tokio::test]
async fn a_reload_runs_to_its_end_where_the_caller_hangs_up() {
    let slow = Arc::new(SlowReload::default());
    let slow_reload = Some(Arc::clone(&slow));
    let (_, served) = serve_fake(Fake { slow_reload, ..Fake::default() }, None).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!("POST /reload HTTP/1.1\r\nhost: {}\r\n\r\n", served.address);
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    slow.began.notified().await;
    drop(stream);
    slow.go.notify_one();
    slow.ended.notified().await;
}

#[tokio::test]
async fn an_unknown_path_lists_the_routes_and_a_wrong_method_those_allowed() {
    let (_, mut served) = serve_fake(Fake::default(), None).await;
    let unknown = served.get("/nothing").await;
    assert_eq!((unknown.status, &unknown.json()["detail"]), (StatusCode::NOT_FOUND, &json!("there is no /nothing")));
    assert!(unknown.json()["routes"].as_array().unwrap().contains(&json!("POST /reload")));
    let wrong = served.get("/reload").await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers["allow"], "POST");
    assert_eq!(wrong.json()["detail"], "/reload takes no GET");
}

#[tokio::test]
async fn every_listed_route_is_there() {
    let (_, mut served) = serve_fake(Fake::default(), None).await;
    for listed in routes::ROUTES {
        let (method, path) = listed.split_once(' ').unwrap();
        let path = path.replace("{name}", "inventory").replace("{address}", "10.0.0.1:80");
        let answer = served.call(method.parse().unwrap(), &path, &[], "").await;
        assert!(![404, 405].contains(&answer.status.as_u16()), "{listed}: {}", answer.status);
    }
}

#[tokio::test]
async fn the_page_holds_nothing_of_the_gateway_and_makes_no_markup_of_text() {
    let (_, mut served) = serve_fake(Fake::default(), Some("secret")).await;
    let page = served.get("/").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    for told in ["inventory", "secret\"", "3 bad answers"] {
        assert!(!page.text.contains(told), "{told}");
    }
    for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://"] {
        assert!(!page.text.contains(sink), "{sink}");
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_listener_ends() {
    let slow = Arc::new(SlowReload::default());
    let slow_reload = Some(Arc::clone(&slow));
    let (_, mut served) = serve_fake(Fake { slow_reload, ..Fake::default() }, None).await;
    let mut other = connect(served.address).await;
    let probe = Request::get("/healthz").header("host", "localhost").body(Full::default()).unwrap();
    assert_eq!(other.send_request(probe).await.unwrap().status(), StatusCode::OK);
    let request = Request::post("/reload").header("host", "localhost").body(Full::default()).unwrap();
    let answer = tokio::spawn(served.sender.send_request(request));
    slow.began.notified().await;
    served.stop.send(()).unwrap();
    slow.go.notify_one();
    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
    served.done.await.unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}
