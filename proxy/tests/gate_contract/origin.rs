//! An origin that reads strictly, remembers everything, and answers with what it saw.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) connection: usize,
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct Memory {
    connections: AtomicUsize,
    /// Heads, counted before anything of the body is read.
    heads: AtomicUsize,
    requests: Mutex<Vec<Seen>>,
}

/// `/slow` waits for [`Origin::release`]; `/upgrade` answers 101 and echoes; everything else tells target and body length.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    memory: Arc<Memory>,
    slow: Arc<Semaphore>,
}

impl Origin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (memory, slow) = (Arc::<Memory>::default(), Arc::new(Semaphore::new(0)));
        let origin = Self { address, memory: Arc::clone(&memory), slow: Arc::clone(&slow) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = memory.connections.fetch_add(1, Ordering::Relaxed);
                let conversation = Conversation { stream, held: Vec::new(), connection };
                tokio::spawn(conversation.run(Arc::clone(&memory), Arc::clone(&slow)));
            }
        });
        origin
    }

    /// Whole requests that arrived.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.memory.requests.lock().clone()
    }

    /// Heads that arrived, whatever became of their bodies.
    pub(crate) fn heads(&self) -> usize {
        self.memory.heads.load(Ordering::Relaxed)
    }

    /// Lets one `/slow` request be answered.
    pub(crate) fn release(&self) {
        self.slow.add_permits(1);
    }
}

struct Conversation {
    stream: TcpStream,
    held: Vec<u8>,
    connection: usize,
}

impl Conversation {
    async fn run(mut self, memory: Arc<Memory>, slow: Arc<Semaphore>) -> Option<()> {
        loop {
            let head = String::from_utf8(self.until(b"\r\n\r\n").await?).unwrap();
            memory.heads.fetch_add(1, Ordering::Relaxed);
            let field = |name: &str| {
                let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
                line.split_once(':').map(|(_, value)| value.trim().to_owned())
            };
            if field("expect").is_some() {
                self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
            }
            let body = match (field("content-length"), field("transfer-encoding")) {
                (Some(length), None) => self.exactly(length.parse().ok()?).await?,
                (None, Some(_)) => self.chunks().await?,
                (None, None) => Vec::new(),
                both => panic!("two framings at the origin: {both:?}"),
            };
            let target = head.split(' ').nth(1)?.to_owned();
            let answer = format!("{target}|{}", body.len());
            memory.requests.lock().push(Seen { connection: self.connection, target: target.clone(), body });
            match target.as_str() {
                "/slow" => slow.acquire().await.ok()?.forget(),
                "/upgrade" => return self.echo().await,
                _ => {}
            }
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            self.stream.write_all(answer.as_bytes()).await.ok()?;
        }
    }

    async fn echo(mut self) -> Option<()> {
        // Octets that came with the request, before it was granted: nobody may have let them through.
        let early = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-early: {}\r\n\r\n",
            self.held.len()
        );
        self.stream.write_all(early.as_bytes()).await.ok()?;
        loop {
            self.stream.write_all(&std::mem::take(&mut self.held)).await.ok()?;
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        (self.stream.read_buf(&mut self.held).await.ok()? > 0).then_some(())
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.held.windows(end.len()).position(|window| window == end) {
                return Some(self.held.drain(..at + end.len()).collect());
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.held.len() < length {
            self.more().await?;
        }
        Some(self.held.drain(..length).collect())
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n").await?).ok()?;
            let length = usize::from_str_radix(line.trim_end().split(';').next()?, 16).ok()?;
            if length == 0 {
                while self.until(b"\r\n").await? != b"\r\n" {}
                return Some(body);
            }
            body.extend(self.exactly(length).await?);
            assert_eq!(self.until(b"\r\n").await?, b"\r\n");
        }
    }
}
