//! A Gate, what serves HTTP/1 and HTTP/2 behind it, and an origin behind that.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pingora_core::server::Fds;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, Result};
use pingora_proxy::{FailToProxy, ProxyHttp, Session, http_proxy};
use tidegate::config::model::Limits;
use tidegate::gate::{
    Admission, Afterwards, Arrived, Connections, Doorkeeper, Gate, Guard, HandshakeFailure, Http1, ProxyFault, Refusal,
    Refused, Terms, TlsTerminator, count_body, tls_facts, violation_of,
};
use tidegate::http1::{Http1Engine, Pool};
use tidegate::plugin::compile::Compilation;
use tidegate::process::Process;
use tidegate::running::Running;
use tidegate::snapshot::{Refresh, Snapshot};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use crate::client::Client;
use crate::origin::Origin;

/// What the smallest possible gateway does with HTTP/2: it forwards, and keeps to what the Gate asks of its hooks.
struct App {
    origin: SocketAddr,
    book: Arc<Book>,
}

#[async_trait]
impl ProxyHttp for App {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn early_request_filter(&self, session: &mut Session, _: &mut ()) -> Result<()> {
        let server_name = tls_facts(session.digest()).map(|facts| facts.server_name.clone());
        self.book.server_names.lock().push(server_name);
        Ok(())
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        is_end: bool,
        _: &mut (),
    ) -> Result<()> {
        count_body(session.body_bytes_read(), is_end)?;
        if is_end && body.as_ref().is_some_and(Bytes::is_empty) {
            *body = None;
        }
        Ok(())
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.origin, false, String::new())))
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, _: &mut ()) -> FailToProxy {
        let error_code = match violation_of(error) {
            Some(violation) => {
                self.book.violations.lock().push(violation);
                violation.status()
            }
            None if *error.esource() == ErrorSource::Downstream => 0,
            None => 502,
        };
        if error_code > 0 {
            let _ = session.respond_error(error_code).await;
        }
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _: &Session, _: &(), _: &Error) -> bool {
        true
    }
}

/// The engine of HTTP/1, and what it is told of each connection.
struct Watched {
    engine: Http1Engine,
    book: Arc<Book>,
}

impl Http1 for Watched {
    async fn serve(&self, client: &mut Guard, arrived: Arrived<'_>) -> Afterwards {
        self.book.server_names.lock().push(arrived.tls.map(|facts| facts.server_name.clone()));
        self.engine.serve(client, arrived).await
    }
}

/// As in production: everything goes to the origin, but what starts with `/nowhere`.
async fn engine(origin: SocketAddr) -> Http1Engine {
    let text = format!(
        r#"
        [access_log]
        format = "off"
        [[listener]]
        name = "http"
        address = "127.0.0.1:0"
        [[upstream]]
        name = "origin"
        [[upstream.endpoint]]
        address = "{origin}"
        [[upstream]]
        name = "nobody"
        [[route]]
        name = "all"
        upstream = "origin"
        [[route]]
        name = "nowhere"
        upstream = "nobody"
        path = {{ prefix = "/nowhere" }}
        "#
    );
    let loaded = Arc::new(tidegate::config::parse("test.toml", Path::new(""), &text).unwrap());
    let process = Arc::new(Process::new(Handle::current(), &loaded.config, Compilation::in_process()));
    let snapshot = Snapshot::build(&process, loaded, None, Refresh::Check).unwrap();
    Http1Engine::new(Arc::new(Running::new(process, Arc::new(snapshot))), Pool::start(64))
}

/// What the Gate and the hooks reported.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) refusals: Mutex<Vec<(Refusal, String)>>,
    /// Of HTTP/2.
    pub(crate) violations: Mutex<Vec<Refusal>>,
    pub(crate) handshakes: Mutex<Vec<HandshakeFailure>>,
    /// For each request: none in plain text, else what the client asked for.
    pub(crate) server_names: Mutex<Vec<Option<Option<Box<str>>>>>,
}

pub(crate) struct Door {
    terms: Mutex<Arc<Terms>>,
    pub(crate) connections: Arc<Connections>,
    book: Arc<Book>,
}

impl Doorkeeper for Door {
    fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.lock())
    }

    fn admit(&self) -> Option<Admission> {
        self.connections.admit(self.terms().limits.connections)
    }

    fn refused(&self, refused: &Refused<'_>) {
        assert!(refused.client.unwrap().ip().is_loopback());
        let line = String::from_utf8_lossy(refused.request_line).into_owned();
        self.book.refusals.lock().push((refused.refusal, line));
    }

    fn not_introduced(&self, _: Option<SocketAddr>, _: ProxyFault) {}

    fn handshake_failed(&self, _: Option<SocketAddr>, failure: HandshakeFailure) {
        self.book.handshakes.lock().push(failure);
    }
}

/// Limits that no test meets by accident.
pub(crate) fn limits() -> Limits {
    let long = Duration::from_secs(60);
    Limits {
        head_timeout: long,
        idle_timeout: long,
        body_timeout: long,
        head_bytes: 32 * 1024,
        line_bytes: 8 * 1024,
        target_bytes: 8 * 1024,
        headers: 100,
        body_bytes: None,
        connections: 1000,
        requests_per_connection: 1000,
        h2_streams: 100,
        underscore_headers: false,
        max_hops: 10,
    }
}

pub(crate) struct Harness {
    pub(crate) address: SocketAddr,
    pub(crate) origin: Origin,
    pub(crate) book: Arc<Book>,
    pub(crate) door: Arc<Door>,
    pub(crate) runtime: Runtime,
    shutdown: watch::Sender<bool>,
}

impl Harness {
    /// Plain text, HTTP/1 and HTTP/2.
    pub(crate) fn start() -> Self {
        Self::with(limits(), None)
    }

    pub(crate) fn with(limits: Limits, tls: Option<TlsTerminator>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let terms = Terms {
            limits,
            http2: true,
            tls: tls.map(Arc::new),
            introduced_by: None,
            reads_server_name: false,
            drain: Duration::from_secs(60),
        };
        let book = Arc::<Book>::default();
        let connections = Arc::<Connections>::default();
        let door = Arc::new(Door { terms: Mutex::new(Arc::new(terms)), connections, book: Arc::clone(&book) });
        let (shutdown, closing) = watch::channel(false);
        let origin = runtime.block_on(Origin::start());
        let proxy =
            http_proxy(&Arc::new(ServerConf::default()), App { origin: origin.address, book: Arc::clone(&book) });
        let http1 = Watched { engine: runtime.block_on(engine(origin.address)), book: Arc::clone(&book) };
        let gate = Gate::new(Arc::new(proxy), Arc::new(http1), Arc::clone(&door));
        let address = listen(&runtime, gate, closing);
        Self { address, origin, book, door, runtime, shutdown }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Changes what holds for the next request.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Terms)) {
        let mut terms = self.door.terms.lock();
        let mut next = Terms {
            limits: terms.limits,
            http2: terms.http2,
            tls: terms.tls.clone(),
            introduced_by: None,
            reads_server_name: false,
            drain: terms.drain,
        };
        change(&mut next);
        *terms = Arc::new(next);
    }

    /// Closes the listener.
    pub(crate) fn close(&self) {
        self.shutdown.send(true).unwrap();
    }

    /// Sends `octets` on a connection of its own and expects these answers and then its end.
    ///
    /// Where nothing is refused, the octets must end with `client::last`.
    pub(crate) fn expect(&self, name: &str, octets: impl AsRef<[u8]>, statuses: &[u16]) {
        let mut client = self.connect();
        client.send(octets);
        assert_eq!(client.statuses(), statuses, "{name}");
    }

    /// Sends `octets` and expects them to be refused without the origin hearing of them.
    pub(crate) fn expect_refusal(&self, octets: impl AsRef<[u8]>, refusal: Refusal) {
        let before = self.origin.heads();
        self.expect(refusal.reason(), octets, &[refusal.status()]);
        assert_eq!(self.book.refusals.lock().pop().map(|(refusal, _)| refusal), Some(refusal));
        assert_eq!(self.origin.heads(), before, "{refusal:?} reached the origin");
    }
}

/// The way a listener is made in production, on a socket that is bound already so that its port is known.
fn listen<A>(runtime: &Runtime, app: A, closing: watch::Receiver<bool>) -> SocketAddr
where
    A: pingora_core::apps::ServerApp + Send + Sync + 'static,
{
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let mut sockets = Fds::new();
    sockets.add(address.to_string(), socket.into_raw_fd());
    let mut service = Service::new("gate".to_owned(), app);
    service.add_tcp(&address.to_string());
    runtime.spawn(async move { service.start_service(Some(Arc::new(Mutex::new(sockets))), closing, 1).await });
    address
}
