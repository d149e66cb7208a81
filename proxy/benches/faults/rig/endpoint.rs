//! An endpoint: works for a while on each request, and fails in the way that a file says at the time.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::message::{self, Asked, Connection};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How many times longer a slow endpoint works.
const SLOWER: u32 = 10;
/// One way of a long road, and how long a lost packet is missed (Linux's shortest).
const ROAD: Duration = Duration::from_millis(20);
const MISSED: Duration = Duration::from_millis(200);

/// Where an endpoint listens, and what it reads and writes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long)]
    listen: SocketAddr,
    /// How long a request takes.
    #[arg(long, default_value = "5")]
    work_ms: u64,
    /// Holds a word of `Mode`; without it the endpoint is always well.
    #[arg(long)]
    mode: Option<PathBuf>,
    /// Takes the number of each POST before it is answered.
    #[arg(long)]
    executed: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Usual,
    /// Ten times as long for each request.
    Slow,
    /// A reset in place of an answer.
    Reset,
    /// Half of the body that was announced, then the end.
    Half,
    /// More than was announced: an answer nobody asked for.
    Long,
    /// Less than was announced, then silence.
    Short,
    Garbage,
    /// As far away as on a bad line: for machines that cannot delay packets.
    Far,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    work: Duration,
    executed: Option<File>,
    mode: watch::Receiver<Mode>,
    /// Turns true when the process is asked to end.
    ends: watch::Receiver<bool>,
}

pub(crate) async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let append = |path: PathBuf| OpenOptions::new().create(true).append(true).open(path);
    let executed = options.executed.map(append).transpose()?;
    let listener = TcpListener::bind(options.listen).await?;
    let (end, ends) = watch::channel(false);
    let (told, mode) = watch::channel(Mode::Usual);
    if let Some(file) = options.mode {
        tokio::spawn(follow(file, told));
    }
    let shared = Arc::new(Shared { work: Duration::from_millis(options.work_ms), executed, mode, ends });
    let mut asked_to_end = signal(SignalKind::terminate())?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(serve(accepted?.0, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = asked_to_end.recv() => break,
        }
    }
    // As servers end: nobody new, what is under way is answered, what idles is closed.
    drop(listener);
    end.send(true)?;
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn follow(file: PathBuf, told: watch::Sender<Mode>) {
    while !told.is_closed() {
        let word = std::fs::read_to_string(&file).unwrap_or_default();
        if let Ok(mode) = Mode::from_str(word.trim(), false) {
            told.send_replace(mode);
        }
        sleep(LOOK).await;
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut connection = Connection::new(stream);
    let mut ends = shared.ends.clone();
    loop {
        let asked = tokio::select! {
            biased;
            asked = connection.request() => asked?,
            _ = ends.wait_for(|ends| *ends) => return Ok(()),
        };
        let Some(asked) = asked else { return Ok(()) };
        let mode = *shared.mode.borrow();
        shared.execute(&asked, mode).await?;
        if !shared.answer(&mut connection, &asked, mode).await? {
            return Ok(());
        }
    }
}

impl Shared {
    async fn execute(&self, asked: &Asked, mode: Mode) -> io::Result<()> {
        if let (true, Some(mut executed)) = (asked.is_post, self.executed.as_ref()) {
            // One write: it is there whatever becomes of this process.
            executed.write_all(format!("{}\n", asked.id).as_bytes())?;
        }
        let is_missed = mode == Mode::Far && fastrand::u32(..100) < 2;
        let on_the_way = match mode {
            Mode::Far => ROAD * 2 + if is_missed { MISSED } else { Duration::ZERO },
            _ => Duration::ZERO,
        };
        sleep(self.work * if mode == Mode::Slow { SLOWER } else { 1 } + on_the_way).await;
        Ok(())
    }

    /// Whether the connection goes on.
    async fn answer(&self, connection: &mut Connection, asked: &Asked, mode: Mode) -> io::Result<bool> {
        let ends = *self.ends.borrow();
        let body = message::body(&asked.id);
        let head = |length: usize| {
            let connection = if ends { "close" } else { "keep-alive" };
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n")
        };
        let (octets, goes_on) = match mode {
            Mode::Usual | Mode::Slow | Mode::Far => (head(body.len()) + &body, !ends),
            Mode::Reset => {
                socket2::SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO))?;
                return Ok(false);
            }
            Mode::Half => (head(body.len() * 2) + &body, false),
            Mode::Long => (head(body.len()) + &body + &head(6) + "stolen", true),
            Mode::Short => (head(body.len() + 100) + &body, true),
            Mode::Garbage => ("\u{1}\u{2}HTPP 200 maybe\r\n: :\r\n\r\n".repeat(10), false),
        };
        connection.send(octets.as_bytes()).await?;
        Ok(goes_on)
    }
}
