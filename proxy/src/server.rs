//! Listeners and workers.
//!
//! Each worker is one thread with a runtime, a proxy and a connection pool of its own, and each has its own socket on
//! every address (`SO_REUSEPORT`): the kernel spreads connections, and a request never leaves the thread that accepted
//! its connection. Pingora's `Server` is not used: it owns signals and ends a process by sleeping; its services and its
//! proxy are.

mod doorkeeper;
mod sockets;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use pingora_core::apps::ServerApp;
use pingora_core::server::ListenFds;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::config::model::{Listener, Protocol};
use crate::gate::{Gate, Passage};
use crate::gateway::Gateway;
use crate::http1::{Http1Engine, Pool};
use crate::l4::Relay;
use crate::running::Running;
use doorkeeper::ListenerDoorkeeper;
pub use sockets::Sockets;
use sockets::WorkerSockets;

/// More tries than any upstream may ask for; the request's context counts the ones that matter.
const PINGORA_TRIES: usize = 64;
/// How long after listeners have closed the last connection may take to be counted.
const SETTLE: Duration = Duration::from_millis(50);
/// How often a stopping server looks whether its last connection has ended.
const DRAIN_TICK: Duration = Duration::from_millis(20);

/// The workers, serving.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<(String, SocketAddr)>,
    workers: Vec<JoinHandle<()>>,
    end: watch::Sender<bool>,
}

impl Server {
    /// Starts one worker per set of sockets; they serve until `stopping` says so, and their connections drain then.
    ///
    /// # Errors
    /// A thread or a runtime cannot be had.
    pub fn start(running: &Arc<Running>, sockets: Sockets, stopping: &watch::Receiver<bool>) -> anyhow::Result<Self> {
        let (end, ending) = watch::channel(false);
        let conf = Arc::new(pingora_settings(running, sockets.workers.len()));
        let mut workers = Vec::with_capacity(sockets.workers.len());
        for (number, sockets) in sockets.workers.into_iter().enumerate() {
            let worker = Worker { running: Arc::clone(running), conf: Arc::clone(&conf), stopping: stopping.clone() };
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().context("worker runtime")?;
            let mut ending = ending.clone();
            let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                let _serving = runtime.enter();
                let services = worker.services(sockets);
                runtime.block_on(async move {
                    for service in services {
                        tokio::spawn(service);
                    }
                    let _ = ending.wait_for(|end| *end).await;
                });
                runtime.shutdown_background();
            });
            workers.push(thread.context("worker thread")?);
        }
        Ok(Self { addresses: sockets.addresses, workers, end })
    }

    /// Name and address of each listener.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.addresses.iter().map(|(name, address)| (name.as_str(), *address))
    }

    /// Waits for connections to end, at most `server.shutdown_timeout`, then ends the workers.
    pub fn finish(self, runtime: &Runtime, running: &Running) {
        let patience = running.snapshot().loaded.config.server.shutdown_timeout;
        runtime.block_on(drained(running, patience));
        let _ = self.end.send(true);
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("a worker ended by a panic");
            }
        }
    }
}

async fn drained(running: &Running, patience: Duration) {
    let deadline = Instant::now() + patience;
    // Connections that were accepted a moment ago are not counted yet.
    tokio::time::sleep(SETTLE).await;
    while running.open_connections() > 0 {
        if Instant::now() >= deadline {
            return tracing::warn!(connections = running.open_connections(), "cut at the end of shutdown_timeout");
        }
        tokio::time::sleep(DRAIN_TICK).await;
    }
}

fn pingora_settings(running: &Running, workers: usize) -> ServerConf {
    let server = &running.snapshot().loaded.config.server;
    ServerConf {
        threads: 1,
        work_stealing: false,
        max_retries: PINGORA_TRIES,
        upstream_keepalive_pool_size: (server.upstream_idle_connections / workers.max(1)).max(1),
        ..ServerConf::default()
    }
}

/// A listener that serves, on one worker.
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

fn serve<A>(listener: &Listener, app: A, fds: ListenFds, stopping: watch::Receiver<bool>) -> Serving
where
    A: ServerApp + Send + Sync + 'static,
{
    let mut service = Service::new(listener.name.clone(), app);
    service.add_tcp(&sockets::fd_key(listener));
    Box::pin(async move { service.start_service(Some(fds), stopping, 1).await })
}

struct Worker {
    running: Arc<Running>,
    conf: Arc<ServerConf>,
    stopping: watch::Receiver<bool>,
}

impl Worker {
    /// One service per listener, all in front of one proxy.
    fn services(&self, sockets: WorkerSockets) -> Vec<Serving> {
        let proxy = Arc::new(pingora_proxy::http_proxy(&self.conf, Gateway::new(Arc::clone(&self.running))));
        let pool = Pool::start(self.conf.upstream_keepalive_pool_size);
        let http1 = Arc::new(Http1Engine::new(Arc::clone(&self.running), pool));
        let fds: ListenFds = sockets.into_fds();
        let listeners = self.running.snapshot().loaded.config.listeners.clone();
        listeners
            .into_iter()
            .filter_map(|listener| {
                let doorkeeper = ListenerDoorkeeper::new(&self.running, &listener.name)?;
                let (fds, stopping) = (Arc::clone(&fds), self.stopping.clone());
                Some(match &listener.protocol {
                    Protocol::Http { .. } => {
                        let gate = Gate::new(Arc::clone(&proxy), Arc::clone(&http1), Arc::new(doorkeeper));
                        serve(&listener, gate, fds, stopping)
                    }
                    Protocol::Tcp(_) => {
                        let relay = Relay::new(Arc::clone(&self.running), &listener.name);
                        serve(&listener, Passage::new(relay, doorkeeper), fds, stopping)
                    }
                })
            })
            .collect()
    }
}
