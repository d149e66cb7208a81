//! The connection loop of the admin listener: few connections, each with deadlines.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Control;
use super::entry::Entry;
use super::routes::router;

/// Open at once; further ones wait in the system's queue.
const CONNECTIONS: usize = 64;
/// For a request head, and for the silence before it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// A whole connection: a client that reads slowly cannot keep one of the few for ever.
const LIFETIME: Duration = Duration::from_secs(300);
/// What a request under way gets at the end.
const GRACE: Duration = Duration::from_secs(5);
/// After an accept that failed: out of descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the admin calls until `shutdown` is done and requests under way have ended.
///
/// `token` is what calls must carry; `None` is for a loopback address only.
///
/// # Errors
/// The listener has no local address: it is not one.
pub async fn serve(
    listener: TcpListener,
    control: Arc<dyn Control>,
    token: Option<String>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, token = token.is_some(), "admin listener ready");
    let router = router(control, Entry::new(token.as_deref()));
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            (stream, slot) = accept(&listener, &slots) => {
                connections.spawn(connection(stream, slot, router.clone(), stopped.clone()));
            }
        }
    }
    drop((listener, stop));
    // What is not done in time is dropped with the set.
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // `None` only where the semaphore is closed, which nobody does.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(%error, "admin listener cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    _slot: Option<OwnedSemaphorePermit>,
    router: Router,
    mut stopped: watch::Receiver<()>,
) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = pin!(served);
    tokio::select! {
        // An error here is the client's: it went away or spoke no HTTP.
        _ = &mut served => return,
        _ = stopped.changed() => {}
        () = sleep(LIFETIME) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = timeout(GRACE, served).await;
}
