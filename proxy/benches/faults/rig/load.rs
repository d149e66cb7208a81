//! A client that asks at a fixed rate: a request that waits delays none after it, and each is timed from when it was due.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::message::{self, Connection};
use crate::report::{Failure, Report, Sample};

/// No longer than this does a client wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom to ask, how often, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long)]
    address: SocketAddr,
    /// Requests in a second.
    #[arg(long)]
    rate: u32,
    #[arg(long)]
    seconds: u32,
    /// One in so many is a POST.
    #[arg(long, default_value = "5")]
    posts: u64,
    /// When something is going to happen, from the start.
    #[arg(long, default_value = "2")]
    strike: f64,
    /// Where endpoints note what POSTs they executed.
    #[arg(long)]
    executed: Vec<PathBuf>,
}

/// Connections that wait for a request.
#[derive(Debug)]
struct Pool {
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
    /// Closed by the gateway, at rest or in an exchange.
    closed: Mutex<u32>,
}

pub(crate) async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let pool = Arc::new(Pool { address: options.address, idle: Mutex::default(), closed: Mutex::default() });
    let pause = Duration::from_secs(1) / options.rate.max(1);
    let start = Instant::now();
    let mut under_way = JoinSet::new();
    for number in 0..options.rate * options.seconds {
        let due = start + pause * number;
        sleep_until(due).await;
        let is_post = u64::from(number) % options.posts.max(1) == 0;
        under_way.spawn(ask(Arc::clone(&pool), number, is_post, start, due));
    }
    let samples = under_way.join_all().await;
    let closed = pool.closed();
    let executed = options.executed.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    let report = Report::new(samples, closed, &executed.concat(), Duration::from_secs_f64(options.strike));
    io::Write::write_all(&mut io::stdout(), format!("{report}\n").as_bytes())?;
    Ok(())
}

async fn ask(pool: Arc<Pool>, number: u32, is_post: bool, start: Instant, due: Instant) -> Sample {
    let outcome = pool.exchange(&number.to_string(), is_post, due).await;
    Sample { number, is_post, due: due - start, took: due.elapsed(), failure: outcome.err() }
}

impl Pool {
    async fn exchange(&self, id: &str, is_post: bool, due: Instant) -> Result<(), Failure> {
        let deadline = due + PATIENCE;
        let mut connection = self.connection(deadline).await?;
        let exchanged = timeout_at(deadline, async {
            connection.send(message::request(id, is_post).as_bytes()).await?;
            connection.answer().await
        });
        let answer = exchanged.await.map_err(|_| Failure::Late)?.map_err(|why| self.broken(&why))?;
        if answer.closes {
            *self.closed.lock() += 1;
        } else {
            self.idle.lock().push(connection);
        }
        match answer.status {
            200 if answer.body == message::body(id) => Ok(()),
            200 => Err(Failure::Wrong),
            status => Err(Failure::Status(status)),
        }
    }

    fn broken(&self, why: &io::Error) -> Failure {
        *self.closed.lock() += 1;
        match why.kind() {
            io::ErrorKind::InvalidData => Failure::Wrong,
            _ => Failure::Closed,
        }
    }

    /// One that waits, else a new one.
    async fn connection(&self, deadline: Instant) -> Result<Connection, Failure> {
        loop {
            let Some(kept) = self.idle.lock().pop() else { break };
            if !kept.is_over() {
                return Ok(kept);
            }
            *self.closed.lock() += 1;
        }
        let connected = timeout_at(deadline, TcpStream::connect(self.address)).await;
        let stream = connected.map_err(|_| Failure::Late)?.map_err(|_| Failure::Refused)?;
        Ok(Connection::new(stream))
    }

    /// How many connections the gateway closed, those included that nobody has used since.
    fn closed(&self) -> u32 {
        let over = self.idle.lock().iter().filter(|kept| kept.is_over()).count();
        *self.closed.lock() + u32::try_from(over).unwrap_or(u32::MAX)
    }
}
