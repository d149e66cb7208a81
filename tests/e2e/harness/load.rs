//! Clients that keep their connections open and ask without pause, while something happens to the gateway.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::{Client, Request};
use super::message::Response;
use super::origin::Origin;
use super::wait::{eventually, within};

/// Carries the number of a request, so that an origin's record shows which came twice.
pub(crate) const NUMBER: &str = "x-load-number";

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Requests with an answer below 500.
    pub(crate) answered: usize,
    /// Answers of 500 and above, and connections that broke before an answer.
    pub(crate) failed: Vec<String>,
    /// Connections the gateway closed.
    pub(crate) closed: usize,
    /// Answers by what the caller made of them.
    pub(crate) kinds: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.failed.extend(other.failed);
        self.closed += other.closed;
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
    }

    /// Fails the test where a request failed or a connection was closed.
    #[track_caller]
    pub(crate) fn is_flawless(&self) {
        assert!(self.failed.is_empty(), "{} of {} failed: {:?}", self.failed.len(), self.answered, self.failed);
        assert_eq!(self.closed, 0, "connections closed under {} requests", self.answered);
        assert!(self.answered > 0, "the load asked nothing");
    }
}

/// What every connection of a load does.
#[derive(Clone)]
struct Plan {
    address: SocketAddr,
    request: Request,
    kind: fn(&Response) -> String,
    next: Arc<AtomicUsize>,
    limit: usize,
    stop: watch::Receiver<bool>,
}

/// A load under way.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    progress: Arc<AtomicUsize>,
    clients: JoinSet<Tally>,
}

impl Load {
    /// Asks on so many connections until it is told to stop.
    pub(crate) fn start(
        address: SocketAddr,
        connections: usize,
        request: Request,
        kind: fn(&Response) -> String,
    ) -> Self {
        Self::with_limit(address, connections, request, kind, usize::MAX)
    }

    /// Asks `count` times in all, on so many connections.
    pub(crate) async fn run(
        address: SocketAddr,
        connections: usize,
        count: usize,
        request: Request,
        kind: fn(&Response) -> String,
    ) -> Tally {
        Self::with_limit(address, connections, request, kind, count).join().await
    }

    fn with_limit(
        address: SocketAddr,
        connections: usize,
        request: Request,
        kind: fn(&Response) -> String,
        limit: usize,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let progress = Arc::<AtomicUsize>::default();
        let plan = Plan { address, request, kind, next: Arc::clone(&progress), limit, stop: stopped };
        let clients = (0..connections).map(|_| ask(plan.clone())).collect();
        Self { stop, progress, clients }
    }

    /// Waits until so many more requests were sent.
    pub(crate) async fn until_sent(&self, more: usize) {
        let goal = self.progress.load(Ordering::Relaxed) + more;
        eventually("the load to go on", async || (self.progress.load(Ordering::Relaxed) >= goal).then_some(())).await;
    }

    /// Stops after the requests under way, and counts.
    pub(crate) async fn finish(self) -> Tally {
        self.stop.send_replace(true);
        self.join().await
    }

    async fn join(mut self) -> Tally {
        let mut all = Tally::default();
        while let Some(tally) = within("the load to end", self.clients.join_next()).await {
            all.add(tally.expect("a client of the load does not fail by itself"));
        }
        all
    }
}

async fn ask(plan: Plan) -> Tally {
    let mut tally = Tally::default();
    let mut client = Client::connect(plan.address).await;
    while !*plan.stop.borrow() {
        let number = plan.next.fetch_add(1, Ordering::Relaxed);
        if number >= plan.limit {
            break;
        }
        let request = plan.request.clone().field(NUMBER, &number.to_string());
        match client.try_call(&request).await {
            Ok(answer) => {
                count(&mut tally, &answer, plan.kind);
                if answer.field("connection") != Some("close") {
                    continue;
                }
            }
            Err(error) => tally.failed.push(format!("request {number}: {error}")),
        }
        tally.closed += 1;
        client = Client::connect(plan.address).await;
    }
    tally
}

fn count(tally: &mut Tally, answer: &Response, kind: fn(&Response) -> String) {
    if answer.status() >= 500 {
        tally.failed.push(format!("{} {}", answer.head.start, answer.text()));
    } else {
        tally.answered += 1;
    }
    *tally.kinds.entry(kind(answer)).or_default() += 1;
}

/// Numbers of requests that reached one of these origins more than once.
pub(crate) fn duplicates(origins: &[&Origin]) -> Vec<String> {
    let mut times = BTreeMap::<String, usize>::new();
    for seen in origins.iter().flat_map(|origin| origin.requests()) {
        if let Some(number) = seen.field(NUMBER) {
            *times.entry(number.to_owned()).or_default() += 1;
        }
    }
    times.into_iter().filter(|(_, times)| *times > 1).map(|(number, _)| number).collect()
}
