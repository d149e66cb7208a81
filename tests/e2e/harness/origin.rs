//! A server behind the gateway: records what reaches it, byte for byte, and answers by script.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::message::{Framing, Head};
use super::script::{Answer, Reply, Step};
use super::wait::within;
use super::wire::Wire;

type Script = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

/// A request that reached an origin.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Which connection it came on, from 1.
    pub(crate) connection: usize,
    /// Request line and fields.
    pub(crate) head: Head,
    /// The body as far as it came.
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(crate) complete: bool,
}

impl Seen {
    pub(crate) fn method(&self) -> &str {
        self.head.word(0)
    }

    pub(crate) fn target(&self) -> &str {
        self.head.word(1)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.head.all(name)
    }
}

#[derive(Debug, Default)]
struct Record {
    requests: Vec<Seen>,
    accepted: usize,
    open: usize,
}

struct Shared {
    record: watch::Sender<Record>,
    script: Mutex<Script>,
}

/// An HTTP/1.1 server that does as it is told. Health checks (paths below `/health`) are recorded like all else.
pub(crate) struct Origin {
    name: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: Mutex<JoinSet<()>>,
    // Bound but never listening: the port stays ours while the origin is down, and connecting to it is refused.
    _reserved: TcpSocket,
}

impl Origin {
    /// An origin whose answers carry its name.
    pub(crate) async fn named(name: &str) -> Self {
        let origin = Self::down(name);
        origin.listen().await;
        origin
    }

    /// An origin, where one is enough.
    pub(crate) async fn start() -> Self {
        Self::named("origin").await
    }

    /// An origin that refuses connections until it listens.
    pub(crate) fn down(name: &str) -> Self {
        let reserved = bound("127.0.0.1:0".parse().expect("an address"));
        let address = reserved.local_addr().expect("the address of a bound socket");
        let reply = named_reply(name);
        let script: Script = Arc::new(move |_| reply.clone().into());
        let shared = Shared { record: watch::Sender::default(), script: Mutex::new(script) };
        Self {
            name: name.to_owned(),
            address,
            shared: Arc::new(shared),
            serving: Mutex::default(),
            _reserved: reserved,
        }
    }

    /// Begins to accept connections.
    pub(crate) async fn listen(&self) {
        let listener = bound(self.address).listen(1024).expect("an origin can listen");
        self.serving.lock().spawn(accept(listener, Arc::clone(&self.shared)));
    }

    /// Stops accepting and drops every connection: from now on connecting is refused.
    pub(crate) async fn stop(&self) {
        let mut serving = std::mem::take(&mut *self.serving.lock());
        serving.shutdown().await;
        self.shared.record.send_modify(|record| record.open = 0);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Answers every request like this from now on.
    pub(crate) fn answer(&self, answer: impl Into<Answer>) {
        let answer = answer.into();
        self.script(move |_| answer.clone());
    }

    /// Answers with a status of this code and the origin's name from now on.
    pub(crate) fn answer_status(&self, status: u16) {
        let reply = Reply::new(status).field("x-origin", &self.name).body(self.name.clone());
        self.answer(reply);
    }

    /// Answers as it did at first.
    pub(crate) fn answer_well(&self) {
        self.answer(named_reply(&self.name));
    }

    /// Lets a function decide what each request is answered.
    pub(crate) fn script(&self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        *self.shared.script.lock() = Arc::new(script);
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.shared.record.borrow().requests.clone()
    }

    /// The only request so far.
    pub(crate) fn only_request(&self) -> Seen {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests at {}: {requests:#?}", self.name);
        requests.remove(0)
    }

    /// How many requests came for this target.
    pub(crate) fn count(&self, target: &str) -> usize {
        self.shared.record.borrow().requests.iter().filter(|seen| seen.target() == target).count()
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.record.borrow().accepted
    }

    /// Waits until the requests so far are as told.
    pub(crate) async fn until(&self, what: &str, mut is: impl FnMut(&[Seen]) -> bool) {
        let mut record = self.shared.record.subscribe();
        within(what, record.wait_for(|record| is(&record.requests))).await.expect("an origin keeps its record");
    }

    /// Waits until no connection is open.
    pub(crate) async fn until_left_alone(&self) {
        let mut record = self.shared.record.subscribe();
        let left = record.wait_for(|record| record.open == 0);
        within("the gateway to leave the origin's connections", left).await.expect("an origin keeps its record");
    }
}

fn named_reply(name: &str) -> Reply {
    Reply::ok(name).field("x-origin", name)
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an address may be reused");
    socket.bind(address).expect("a loopback port can be bound");
    socket
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let mut number = 0;
        shared.record.send_modify(|record| {
            record.accepted += 1;
            record.open += 1;
            number = record.accepted;
        });
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let _ = serve(stream, number, &shared).await;
            shared.record.send_modify(|record| record.open = record.open.saturating_sub(1));
        });
    }
}

async fn serve(stream: TcpStream, connection: usize, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut wire = Wire::new(stream);
    while let Some(head) = wire.head().await? {
        let seen = receive(&mut wire, connection, head, shared).await?;
        let script = Arc::clone(&*shared.script.lock());
        for step in script(&seen).steps {
            play(step, &mut wire).await?;
        }
    }
    Ok(())
}

async fn receive(wire: &mut Wire<TcpStream>, connection: usize, head: Head, shared: &Shared) -> io::Result<Seen> {
    let framing = head.request_framing();
    if head.field("expect").is_some() && framing != Framing::None {
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let mut index = 0;
    shared.record.send_modify(|record| {
        index = record.requests.len();
        record.requests.push(Seen { connection, head, body: Vec::new(), complete: false });
    });
    let mut see = |piece: &[u8]| {
        shared.record.send_modify(|record| record.requests[index].body.extend_from_slice(piece));
    };
    wire.body(framing, &mut see).await?;
    shared.record.send_modify(|record| record.requests[index].complete = true);
    Ok(shared.record.borrow().requests[index].clone())
}

async fn play(step: Step, wire: &mut Wire<TcpStream>) -> io::Result<()> {
    match step {
        Step::Send(bytes) => wire.send(&bytes).await,
        Step::Wait(latch) => {
            latch.wait().await;
            Ok(())
        }
        Step::Close => Err(io::ErrorKind::ConnectionAborted.into()),
        Step::Reset => {
            wire.io().set_zero_linger()?;
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Step::Hang => while_open(wire, false).await,
        Step::Echo => while_open(wire, true).await,
    }
}

async fn while_open(wire: &mut Wire<TcpStream>, echo: bool) -> io::Result<()> {
    loop {
        let bytes = wire.some().await?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if echo {
            wire.send(&bytes).await?;
        }
    }
}
