//! Both ends of WebSocket connections with small messages: an echo, and clients that each have one message under way.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The example of RFC 6455 section 1.3: every connection asks with the same key, and the answer to it is known.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// A final text frame of 32 octets, and the same from a client.
const HEAD: [u8; 2] = [0x81, 32];
const MASKED: [u8; 2] = [0x81, 0x80 | 32];
const TEXT: [u8; 32] = *b"{\"price\":10,\"item\":\"anchor-012\"}";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Where the echo listens.
#[derive(Debug, Args)]
pub(crate) struct Origin {
    #[arg(long)]
    listen: SocketAddr,
}

/// Whom clients ask, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Load {
    #[arg(long)]
    address: SocketAddr,
    #[arg(long, default_value = "64")]
    connections: usize,
    #[arg(long)]
    seconds: f64,
}

pub(crate) async fn serve(options: Origin) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(options.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    head(&mut stream).await?;
    let switched = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    );
    stream.write_all(switched.as_bytes()).await?;
    let mut received = [0; MASKED.len() + MASK.len() + TEXT.len()];
    loop {
        stream.read_exact(&mut received).await?;
        let (frame_head, frame) = received.split_at(MASKED.len());
        let (mask, text) = frame.split_at(MASK.len());
        if frame_head != MASKED {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let clear = text.iter().zip(mask.iter().cycle()).map(|(octet, mask)| octet ^ mask);
        let sent: Vec<_> = HEAD.into_iter().chain(clear).collect();
        stream.write_all(&sent).await?;
    }
}

/// Prints what `compare.sh` wants of a load: messages, time, median and 99th percentile (all in microseconds), failures.
pub(crate) async fn load(options: Load) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let until = start + Duration::from_secs_f64(options.seconds);
    let mut clients: JoinSet<_> = (0..options.connections).map(|_| talk(options.address, until)).collect();
    let (mut took, mut failed) = (Vec::new(), 0);
    while let Some(client) = clients.join_next().await {
        match client? {
            Ok(times) => took.extend(times),
            Err(_) => failed += 1,
        }
    }
    let duration = start.elapsed().as_micros();
    took.sort_unstable();
    let part = |percent: usize| took.get(took.len() * percent / 100).map_or(0, Duration::as_micros);
    let line = format!("{} {duration} {} {} {failed}\n", took.len(), part(50), part(99));
    io::Write::write_all(&mut io::stdout(), line.as_bytes())?;
    Ok(())
}

async fn talk(address: SocketAddr, until: Instant) -> io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let upgrade = format!(
        "GET /chat HTTP/1.1\r\nHost: bench.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await?;
    if !head(&mut stream).await?.starts_with("HTTP/1.1 101") {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let masked = TEXT.iter().zip(MASK.iter().cycle()).map(|(octet, mask)| octet ^ mask);
    let frame: Vec<_> = MASKED.into_iter().chain(MASK).chain(masked).collect();
    let mut answer = [0; HEAD.len() + TEXT.len()];
    let mut took = Vec::new();
    loop {
        let sent = Instant::now();
        stream.write_all(&frame).await?;
        stream.read_exact(&mut answer).await?;
        if !answer.starts_with(&HEAD) || !answer.ends_with(&TEXT) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        took.push(sent.elapsed());
        if Instant::now() >= until {
            return Ok(took);
        }
    }
}

/// Reads a head, to its last octet and no further.
async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}
