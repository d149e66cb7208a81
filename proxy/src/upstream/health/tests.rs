mod http2;
mod kept;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::probe::{Prober, Room};
use super::{Finding, HealthObserver, HealthSupervisor, Wanted, Watched, by_what_is_asked};
use crate::config::model::{CheckKind, EndpointAddress, HealthCheck, HttpCheck, UpstreamProtocol};
use crate::observe::metrics::Metrics;
use crate::upstream::endpoint::Endpoint;
use crate::upstream::transport::Transport;

/// 2 good answers bring an endpoint back, 3 bad ones or 2 failed connections take it out.
pub(super) fn check() -> HealthCheck {
    HealthCheck {
        kind: CheckKind::Http(http()),
        tls: false,
        port: None,
        reuse_connection: true,
        interval: Duration::from_millis(5),
        jitter: 10,
        timeout: Duration::from_secs(30),
        successes: 2,
        http_failures: 3,
        tcp_failures: 2,
    }
}

fn http() -> HttpCheck {
    HttpCheck {
        path: "/ready?deep".into(),
        host: None,
        headers: Vec::new(),
        statuses: vec![(200, 299), (304, 304)],
        body: None,
    }
}

/// The usual check, but for what it asks.
fn asking(http: HttpCheck) -> HealthCheck {
    HealthCheck { kind: CheckKind::Http(http), ..check() }
}

/// An endpoint that is spoken to in clear HTTP/1.1.
fn wanted(endpoint: &Arc<Endpoint>, check: HealthCheck) -> Wanted {
    by(endpoint, check, Transport::default())
}

fn by(endpoint: &Arc<Endpoint>, check: HealthCheck, transport: Transport) -> Wanted {
    let metrics = Metrics::new().endpoint(&endpoint.upstream, &endpoint.label);
    Wanted { watched: Watched { endpoint: Arc::clone(endpoint), metrics }, check: check.into(), transport }
}

async fn find(address: &EndpointAddress, check: &HealthCheck) -> Finding {
    Prober::new(&Transport::default(), address, check, &Room::for_connections(1)).ask(true).await
}

fn endpoint(address: EndpointAddress) -> Arc<Endpoint> {
    Arc::new(Endpoint::new("shop".into(), address))
}

/// An origin that answers with whatever status it holds at the time, and passes on the requests it saw.
struct Origin {
    address: EndpointAddress,
    status: Arc<AtomicU16>,
    connections: Arc<AtomicUsize>,
    requests: mpsc::UnboundedReceiver<Request<Incoming>>,
}

impl Origin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = EndpointAddress::Ip(listener.local_addr().unwrap());
        let (status, connections) = (Arc::new(AtomicU16::new(200)), Arc::default());
        let (seen, requests) = mpsc::unbounded_channel();
        tokio::spawn(serve(listener, Arc::clone(&status), Arc::clone(&connections), seen));
        Self { address, status, connections, requests }
    }

    /// Connections so far.
    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    listener: TcpListener,
    status: Arc<AtomicU16>,
    connections: Arc<AtomicUsize>,
    seen: mpsc::UnboundedSender<Request<Incoming>>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.fetch_add(1, Ordering::SeqCst);
        let (status, seen) = (Arc::clone(&status), seen.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let _ = seen.send(request);
            let mut response = Response::new(Full::new(Bytes::from_static(b"state")));
            *response.status_mut() = StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
            std::future::ready(Ok::<_, std::convert::Infallible>(response))
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// An origin that reads a request, sends these bytes and closes.
async fn raw_origin(answer: &'static [u8]) -> EndpointAddress {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EndpointAddress::Ip(listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(answer).await;
    });
    address
}

#[derive(Debug, PartialEq)]
enum Event {
    Checked(Finding),
    Changed(bool, String),
}

struct Reporter(mpsc::UnboundedSender<Event>);

impl HealthObserver for Reporter {
    fn checked(&self, _: &Watched, finding: &Finding) {
        let _ = self.0.send(Event::Checked(finding.clone()));
    }

    fn changed(&self, _: &Arc<Endpoint>, healthy: bool, cause: &str) {
        let _ = self.0.send(Event::Changed(healthy, cause.into()));
    }
}

fn supervisor() -> (HealthSupervisor, mpsc::UnboundedReceiver<Event>) {
    let (sender, events) = mpsc::unbounded_channel();
    (HealthSupervisor::new(Handle::current(), Arc::new(Reporter(sender))), events)
}

async fn change(events: &mut mpsc::UnboundedReceiver<Event>) -> (bool, String) {
    loop {
        if let Event::Changed(healthy, cause) = events.recv().await.unwrap() {
            return (healthy, cause);
        }
    }
}

async fn checks(events: &mut mpsc::UnboundedReceiver<Event>, count: usize) {
    let mut seen = 0;
    while seen < count {
        seen += usize::from(matches!(events.recv().await.unwrap(), Event::Checked(_)));
    }
}

#[tokio::test]
async fn an_endpoint_goes_down_and_comes_back_with_the_answers_of_its_service() {
    let origin = Origin::start().await;
    let endpoint = endpoint(origin.address.clone());
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![wanted(&endpoint, check())]);
    assert_eq!(events.recv().await, Some(Event::Checked(Finding::Good(200))));

    origin.status.store(500, Ordering::SeqCst);
    assert_eq!(change(&mut events).await, (false, "3 bad answers in a row, last: status 500".into()));
    assert!(!endpoint.is_healthy());

    origin.status.store(204, Ordering::SeqCst);
    assert_eq!(change(&mut events).await, (true, "2 good answers in a row, last: status 204".into()));
    assert!(endpoint.is_healthy());
    assert_eq!(endpoint.health().cause.as_deref(), Some("2 good answers in a row, last: status 204"));
}

#[tokio::test]
async fn a_check_says_who_it_is_and_asks_for_what_is_configured() {
    let mut origin = Origin::start().await;
    assert_eq!(find(&origin.address, &check()).await, Finding::Good(200));
    let request = origin.requests.recv().await.unwrap();
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("GET", "/ready?deep".into()));
    assert_eq!(request.headers()["host"], origin.address.to_string());
    assert_eq!(request.headers()["user-agent"], "tidegate-health");

    let headers = vec![
        (http::header::USER_AGENT, "probe".parse().unwrap()),
        (http::header::ACCEPT, "text/plain".parse().unwrap()),
    ];
    let named = asking(HttpCheck { host: Some("shop.internal".into()), headers, ..http() });
    find(&origin.address, &named).await;
    let asked = origin.requests.recv().await.unwrap();
    assert_eq!(
        ["host", "user-agent", "accept"].map(|name| &asked.headers()[name]),
        ["shop.internal", "probe", "text/plain"]
    );
}

#[tokio::test]
async fn refused_cut_and_senseless_answers_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = EndpointAddress::Ip(listener.local_addr().unwrap());
    drop(listener);
    let found = |address: EndpointAddress| async move { find(&address, &check()).await };
    assert_eq!(found(refused).await, Finding::Unreachable("connection refused".into()));
    assert!(matches!(found(raw_origin(b"").await).await, Finding::Unreachable(_)));
    assert!(matches!(
        found(raw_origin(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await).await,
        Finding::Unreachable(_)
    ));
    assert!(matches!(found(raw_origin(b"SSH-2.0-server\r\n\r\n").await).await, Finding::Garbage(_)));
    assert_eq!(found(raw_origin(b"HTTP/1.1 304 Not Modified\r\n\r\n").await).await, Finding::Good(304));
    assert_eq!(found(raw_origin(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n").await).await, Finding::Bad(302));
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EndpointAddress::Ip(listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    });
    assert_eq!(find(&address, &check()).await, Finding::Good(200));
}

#[tokio::test]
async fn a_service_that_accepts_and_says_nothing_is_late() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EndpointAddress::Ip(listener.local_addr().unwrap());
    let impatient = HealthCheck { timeout: Duration::from_millis(20), ..check() };
    assert_eq!(find(&address, &impatient).await, Finding::Unreachable("no answer within 20ms".into()));
}

#[tokio::test]
async fn a_connection_is_enough_where_no_more_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = EndpointAddress::Ip(listener.local_addr().unwrap());
    let check = HealthCheck { kind: CheckKind::Tcp, ..check() };
    assert_eq!(find(&address, &check).await, Finding::Connected);
    drop(listener);
    assert_eq!(find(&address, &check).await, Finding::Unreachable("connection refused".into()));
}

#[tokio::test]
async fn a_good_status_with_another_body_is_a_bad_answer() {
    let origin = Origin::start().await;
    let expecting = |body: &str| asking(HttpCheck { body: Some(body.into()), ..http() });
    assert_eq!(find(&origin.address, &expecting("tat")).await, Finding::Good(200));
    assert_eq!(find(&origin.address, &expecting("ready")).await, Finding::OtherBody(200));
}

#[tokio::test]
async fn a_check_may_have_a_port_of_its_own() {
    let origin = Origin::start().await;
    let elsewhere = endpoint(([127, 0, 0, 1], 1).into());
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![wanted(&elsewhere, HealthCheck { port: origin.address.port(), ..check() })]);
    assert_eq!(events.recv().await, Some(Event::Checked(Finding::Good(200))));
}

#[tokio::test]
async fn endpoints_of_several_upstreams_that_ask_the_same_are_asked_once() {
    let mut origin = Origin::start().await;
    origin.status.store(500, Ordering::SeqCst);
    let [shop, stock, late] =
        ["shop", "stock", "late"].map(|name| Arc::new(Endpoint::new(name.into(), origin.address.clone())));
    let once = HealthCheck { interval: Duration::from_secs(3600), http_failures: 1, ..check() };
    let (supervisor, mut events) = supervisor();
    let both = [&shop, &stock].map(|endpoint| wanted(endpoint, once.clone()));
    supervisor.reconcile(both.to_vec());
    change(&mut events).await;
    change(&mut events).await;
    assert!(!shop.is_healthy() && !stock.is_healthy());
    let both = [&stock, &late].map(|endpoint| wanted(endpoint, once.clone()));
    supervisor.reconcile(both.to_vec());
    assert!(!late.is_healthy(), "what is known of the others is known of it");
    assert!(shop.is_healthy(), "nobody asks for it any more");
    origin.requests.recv().await.unwrap();
    assert!(origin.requests.try_recv().is_err());
}

#[test]
fn what_is_asked_in_two_ways_is_asked_twice_but_a_connection_is_a_connection() {
    let endpoint = endpoint(([127, 0, 0, 1], 9001).into());
    let tasks = |check: &HealthCheck| {
        let protocols = [UpstreamProtocol::Http1, UpstreamProtocol::Http2];
        let wanted = |protocol| by(&endpoint, check.clone(), Transport { protocol, tls: None });
        by_what_is_asked(protocols.map(wanted).into()).len()
    };
    assert_eq!(tasks(&check()), 2);
    assert_eq!(tasks(&HealthCheck { kind: CheckKind::Tcp, ..check() }), 1);
}

#[tokio::test]
async fn an_unchanged_check_keeps_its_task_and_its_counts_over_a_reload() {
    let origin = Origin::start().await;
    origin.status.store(500, Ordering::SeqCst);
    let endpoint = endpoint(origin.address.clone());
    let (supervisor, mut events) = supervisor();
    let never = HealthCheck { http_failures: u32::MAX, ..check() };
    let task = |supervisor: &HealthSupervisor| {
        let watches = supervisor.watches.lock();
        Arc::as_ptr(&watches.values().next().unwrap().watcher)
    };
    supervisor.reconcile(vec![wanted(&endpoint, never.clone())]);
    let before = task(&supervisor);
    checks(&mut events, 2).await;
    supervisor.reconcile(vec![wanted(&endpoint, never)]);
    assert_eq!(before, task(&supervisor));
    checks(&mut events, 1).await;
    assert!(endpoint.health().last_check.unwrap().in_a_row >= 3);
}

#[tokio::test]
async fn another_check_is_counted_anew_and_leaves_the_verdict() {
    let origin = Origin::start().await;
    let endpoint = endpoint(origin.address.clone());
    let (supervisor, mut events) = supervisor();
    endpoint.mark(false, "before");
    let never = HealthCheck { successes: 0, ..check() };
    supervisor.reconcile(vec![wanted(&endpoint, never)]);
    checks(&mut events, 3).await;
    supervisor.reconcile(vec![wanted(&endpoint, check())]);
    assert!(!endpoint.is_healthy());
    assert_eq!(change(&mut events).await, (true, "2 good answers in a row, last: status 200".into()));
}

#[tokio::test]
async fn an_endpoint_that_is_no_longer_checked_is_healthy_and_stays_so() {
    let origin = Origin::start().await;
    origin.status.store(500, Ordering::SeqCst);
    let endpoint = endpoint(origin.address.clone());
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![wanted(&endpoint, check())]);
    assert!(!change(&mut events).await.0);
    let watcher = Arc::clone(&supervisor.watches.lock().values().next().unwrap().watcher);
    supervisor.reconcile(vec![]);
    assert_eq!(change(&mut events).await, (true, "no longer checked".into()));
    for _ in 0..5 {
        watcher.take(&Finding::Bad(500));
    }
    assert!(endpoint.is_healthy(), "what a stopped task still finds counts for nothing");
}

#[tokio::test]
async fn dropping_the_supervisor_ends_its_tasks() {
    let origin = Origin::start().await;
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![wanted(&endpoint(origin.address.clone()), check())]);
    checks(&mut events, 1).await;
    drop(supervisor);
    while events.recv().await.is_some() {}
}
