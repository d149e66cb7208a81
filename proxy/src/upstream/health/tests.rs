use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
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

use super::{Finding, HealthObserver, HealthSupervisor, first_wait, jittered, probe};
use crate::config::model::HealthCheck;
use crate::upstream::endpoint::Endpoint;

/// 2 good answers bring an endpoint back, 3 bad ones or 2 failed connections take it out.
pub(super) fn check() -> HealthCheck {
    HealthCheck {
        path: "/ready?deep".into(),
        host: None,
        interval: Duration::from_millis(5),
        timeout: Duration::from_secs(30),
        successes: 2,
        http_failures: 3,
        tcp_failures: 2,
        healthy_statuses: vec![(200, 299), (304, 304)],
    }
}

fn endpoint(address: SocketAddr) -> Arc<Endpoint> {
    Arc::new(Endpoint::new("shop".into(), address))
}

/// An origin that answers with whatever status it holds at the time, and passes on the requests it saw.
struct Origin {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    requests: mpsc::UnboundedReceiver<Request<Incoming>>,
}

impl Origin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(200));
        let (seen, requests) = mpsc::unbounded_channel();
        tokio::spawn(serve(listener, Arc::clone(&status), seen));
        Self { address, status, requests }
    }
}

async fn serve(listener: TcpListener, status: Arc<AtomicU16>, seen: mpsc::UnboundedSender<Request<Incoming>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
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
async fn raw_origin(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
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
    fn checked(&self, _: &Arc<Endpoint>, finding: &Finding) {
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
    let endpoint = endpoint(origin.address);
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![(Arc::clone(&endpoint), check())]);
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
    let endpoint = endpoint(origin.address);
    assert_eq!(probe::probe(&endpoint, &check()).await, Finding::Good(200));
    let request = origin.requests.recv().await.unwrap();
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("GET", "/ready?deep".into()));
    assert_eq!(request.headers()["host"], *endpoint.label);
    assert_eq!(request.headers()["user-agent"], "tidegate-health");

    let named = HealthCheck { host: Some("shop.internal".into()), ..check() };
    probe::probe(&endpoint, &named).await;
    assert_eq!(origin.requests.recv().await.unwrap().headers()["host"], "shop.internal");
}

#[tokio::test]
async fn refused_cut_and_senseless_answers_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = listener.local_addr().unwrap();
    drop(listener);
    let find = |address| async move { probe::probe(&endpoint(address), &check()).await };
    assert_eq!(find(refused).await, Finding::Unreachable("connection refused".into()));
    assert!(matches!(find(raw_origin(b"").await).await, Finding::Unreachable(_)));
    assert!(matches!(
        find(raw_origin(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await).await,
        Finding::Unreachable(_)
    ));
    assert!(matches!(find(raw_origin(b"SSH-2.0-server\r\n\r\n").await).await, Finding::Garbage(_)));
    assert_eq!(find(raw_origin(b"HTTP/1.1 304 Not Modified\r\n\r\n").await).await, Finding::Good(304));
    assert_eq!(find(raw_origin(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n").await).await, Finding::Bad(302));
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    });
    assert_eq!(probe::probe(&endpoint, &check()).await, Finding::Good(200));
}

#[tokio::test]
async fn a_service_that_accepts_and_says_nothing_is_late() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap());
    let impatient = HealthCheck { timeout: Duration::from_millis(20), ..check() };
    assert_eq!(probe::probe(&endpoint, &impatient).await, Finding::Unreachable("no answer within 20ms".into()));
}

#[tokio::test]
async fn an_unchanged_check_keeps_its_task_and_its_counts_over_a_reload() {
    let origin = Origin::start().await;
    origin.status.store(500, Ordering::SeqCst);
    let endpoint = endpoint(origin.address);
    let (supervisor, mut events) = supervisor();
    let never = HealthCheck { http_failures: u32::MAX, ..check() };
    let task = |supervisor: &HealthSupervisor| {
        let watches = supervisor.watches.lock();
        Arc::as_ptr(&watches.values().next().unwrap().watcher)
    };
    supervisor.reconcile(vec![(Arc::clone(&endpoint), never.clone())]);
    let before = task(&supervisor);
    checks(&mut events, 2).await;
    supervisor.reconcile(vec![(Arc::clone(&endpoint), never)]);
    assert_eq!(before, task(&supervisor));
    checks(&mut events, 1).await;
    assert!(endpoint.health().last_check.unwrap().in_a_row >= 3);
}

#[tokio::test]
async fn another_check_is_counted_anew_and_leaves_the_verdict() {
    let origin = Origin::start().await;
    let endpoint = endpoint(origin.address);
    let (supervisor, mut events) = supervisor();
    endpoint.mark(false, "before");
    let never = HealthCheck { successes: 0, ..check() };
    supervisor.reconcile(vec![(Arc::clone(&endpoint), never)]);
    checks(&mut events, 3).await;
    supervisor.reconcile(vec![(Arc::clone(&endpoint), check())]);
    assert!(!endpoint.is_healthy());
    assert_eq!(change(&mut events).await, (true, "2 good answers in a row, last: status 200".into()));
}

#[tokio::test]
async fn an_endpoint_that_is_no_longer_checked_is_healthy_and_stays_so() {
    let origin = Origin::start().await;
    origin.status.store(500, Ordering::SeqCst);
    let endpoint = endpoint(origin.address);
    let (supervisor, mut events) = supervisor();
    supervisor.reconcile(vec![(Arc::clone(&endpoint), check())]);
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
    supervisor.reconcile(vec![(endpoint(origin.address), check())]);
    checks(&mut events, 1).await;
    drop(supervisor);
    while events.recv().await.is_some() {}
}

#[test]
fn waits_stay_within_their_jitter() {
    let interval = Duration::from_secs(10);
    assert_eq!(first_wait(interval, 0.0), Duration::ZERO);
    assert_eq!(first_wait(interval, 1.0), Duration::from_millis(100));
    assert_eq!(first_wait(Duration::from_millis(100), 1.0), Duration::from_millis(10));
    assert_eq!(jittered(interval, 0.0), Duration::from_secs(9));
    assert_eq!(jittered(interval, 1.0), Duration::from_secs(11));
}
