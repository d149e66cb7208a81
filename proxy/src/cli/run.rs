//! `tidegate run`: start everything, serve until told to stop, end in peace.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{RunArguments, print, say};
use crate::admin;
use crate::config;
use crate::config::model::Config;
use crate::config::problem::Report;
use crate::control::Control;
use crate::observe::log;
use crate::plugin::compile::{ChildCompiler, Compilation, Compiler};
use crate::process::{Process, Runtimes};
use crate::reload::{Reloader, Trigger};
use crate::running::Running;
use crate::server::{Server, Sockets};
use crate::snapshot::{Refresh, Snapshot};

/// Threads for everything that is neither traffic nor a check: the admin API, file watching.
const CONTROL_THREADS: usize = 1;
/// Threads for checks.
const CHECK_THREADS: usize = 1;
/// How long one of those rests before it listens, so that answers are heard together.
const REST: Duration = Duration::from_millis(1);
/// How often old snapshots are looked after, and policies that log too much are told of.
const TICK: Duration = Duration::from_secs(1);
/// Cut short by a second signal.
const EXIT_CUT: i32 = 1;

/// The runtime of everything that is not traffic.
pub(super) fn control_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
}

/// The runtime of active checks. Answers come one by one: a thread that is woken for each does more for waking than for
/// hearing. Nothing that requests wait for runs there.
fn checks_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CHECK_THREADS)
        .thread_name("checks")
        .on_thread_park(|| std::thread::sleep(REST))
        .enable_all()
        .build()
}

/// Serves until SIGTERM or SIGINT.
pub(super) fn main(arguments: &RunArguments) -> anyhow::Result<()> {
    log::init(&arguments.log.log, arguments.log.log_format).context("log")?;
    serve(&arguments.config, Ready::of(arguments))
}

/// How it is told, besides in the log, that listeners accept.
#[derive(Clone, Copy)]
pub(super) enum Ready<'a> {
    /// Not at all.
    Quiet,
    /// As JSON lines on standard output.
    Json,
    /// By the command itself, which is given the listeners and the address of the admin listener.
    Told(&'a dyn Fn(&Server, Option<SocketAddr>)),
}

impl Ready<'_> {
    pub(super) fn of(arguments: &RunArguments) -> Self {
        if arguments.ready_json { Self::Json } else { Self::Quiet }
    }
}

/// Each connection is an open file, and shells give programs a thousand: takes as many as the system lets it have.
fn open_more_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Serves one configuration file until a signal to stop.
pub(super) fn serve(file: &Path, ready: Ready<'_>) -> anyhow::Result<()> {
    open_more_files();
    let runtime = control_runtime().context("control runtime")?;
    // First of all: a signal that comes while plugins are compiled must not kill what it only wants to steer.
    let signals = Signals::catch(&runtime)?;
    let checks = checks_runtime().context("runtime of checks")?;
    let runtimes = Runtimes { control: runtime.handle().clone(), checks: checks.handle().clone() };
    let (running, sockets) = start(file, runtimes)?;
    let (stop, stopping) = watch::channel(false);
    let reloader = Arc::new(Reloader::new(Arc::clone(&running), file.to_owned()));
    let admin = runtime.block_on(start_admin(&reloader, stopping.clone()))?;
    runtime.spawn(reload_on_hangup(Arc::clone(&reloader), signals.hangup));
    runtime.spawn(crate::reload::watch::watch(Arc::clone(&reloader)));
    let mut news = running.process.discovery.news();
    runtime.block_on(await_endpoints(&reloader, &mut news));
    runtime.spawn(crate::reload::follow::follow(Arc::clone(&reloader), news));
    runtime.spawn(tidy(Arc::clone(&running)));
    let server = Server::start(&running, sockets, &stopping)?;
    announce(ready, &server, admin);
    let mut stops = signals.stops;
    let how = runtime.block_on(stops.next());
    tracing::info!(signal = how, connections = running.open_connections(), "stopping");
    // Whoever held the watch is gone with the server; there is nobody left to tell then.
    let _ = stop.send(true);
    runtime.spawn(async move {
        let how = stops.next().await;
        tracing::warn!(signal = how, "stopping at once");
        std::process::exit(EXIT_CUT);
    });
    server.finish(&runtime, &running);
    running.snapshot().access_log.close();
    checks.shutdown_background();
    runtime.shutdown_background();
    tracing::info!("stopped");
    Ok(())
}

/// What lives as long as the process, with plugins compiled by processes of their own.
pub(super) fn process(runtimes: Runtimes, config: &Config) -> std::io::Result<Process> {
    let server = &config.server;
    let compiler = Compiler::Child(ChildCompiler::new(server.compile, runtimes.control.clone())?);
    let compilation = Compilation::new(compiler, server.state_directory.clone().or_else(own_directory));
    Ok(Process::new(runtimes, config, compilation))
}

/// Where a service manager says, or where the user's programs keep what they can make again.
pub(super) fn own_directory() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let users = || named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    named("CACHE_DIRECTORY").or_else(|| Some(users()?.join("tidegate")))
}

fn start(file: &Path, runtimes: Runtimes) -> anyhow::Result<(Arc<Running>, Sockets)> {
    let first = move || -> Result<(Arc<Process>, Snapshot), Report> {
        let loaded = Arc::new(config::load(file)?);
        let process = Arc::new(process(runtimes, &loaded.config).map_err(|error| Report::message(error.to_string()))?);
        let snapshot = Snapshot::build(&process, loaded, None, Refresh::Everything)?;
        Ok((process, snapshot))
    };
    let (process, snapshot) = first().map_err(|report| {
        say(report.render(std::io::stderr().is_terminal()).trim_end());
        anyhow::anyhow!("{} cannot be served", file.display())
    })?;
    let sockets = Sockets::bind(&snapshot.loaded.config)?;
    Ok((Arc::new(Running::new(process, Arc::new(snapshot))), sockets))
}

/// A restart must not answer 503 for what is known in a moment.
async fn await_endpoints(reloader: &Reloader, news: &mut watch::Receiver<u64>) {
    let running = reloader.running();
    let patience = running.snapshot().loaded.config.server.discovery_wait;
    if !running.process.discovery.first_answers(patience).await {
        return;
    }
    news.mark_unchanged();
    if let Err(report) = reloader.refresh_endpoints().await {
        tracing::error!("discovered endpoints cannot be taken up\n{}", report.render(false));
    }
}

async fn start_admin(
    reloader: &Arc<Reloader>,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(spec) = reloader.running().snapshot().loaded.config.admin.clone() else { return Ok(None) };
    let listener = tokio::net::TcpListener::bind(spec.address)
        .await
        .with_context(|| format!("admin address {} cannot be used", spec.address))?;
    let address = listener.local_addr()?;
    let control = Arc::new(Control::new(Arc::clone(reloader)));
    let stopped = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    tokio::spawn(async move {
        if let Err(error) = admin::serve(listener, control, spec.token, stopped).await {
            tracing::error!(%error, "the admin listener ended");
        }
    });
    Ok(Some(address))
}

/// The signals that steer the process.
struct Signals {
    hangup: Signal,
    stops: Stops,
}

impl Signals {
    fn catch(runtime: &Runtime) -> anyhow::Result<Self> {
        let _inside = runtime.enter();
        let terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        Ok(Self { hangup: signal(SignalKind::hangup()).context("SIGHUP")?, stops: Stops { terminate, interrupt } })
    }
}

/// The signals that end it: the first one in peace, the second at once.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Old snapshots end here and not on the worker that held them last; so does waiting for the log.
async fn tidy(running: Arc<Running>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let running = Arc::clone(&running);
        let _ = tokio::task::spawn_blocking(move || {
            running.bury();
            running.snapshot().policies.values().for_each(|policy| policy.tell_of_unwritten_lines());
        })
        .await;
    }
}

async fn reload_on_hangup(reloader: Arc<Reloader>, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        reloader.reload(Trigger::Signal).await;
    }
}

fn announce(ready: Ready<'_>, server: &Server, admin: Option<SocketAddr>) {
    for (name, address) in server.addresses() {
        tracing::info!(listener = name, %address, "listening");
    }
    if let Some(address) = admin {
        tracing::info!(%address, "admin listening");
    }
    match ready {
        Ready::Quiet => {}
        Ready::Json => print_addresses(server, admin),
        Ready::Told(tell) => tell(server, admin),
    }
}

fn print_addresses(server: &Server, admin: Option<SocketAddr>) {
    for (name, address) in server.addresses() {
        print(&serde_json::json!({ "listener": name, "address": address.to_string() }).to_string());
    }
    if let Some(address) = admin {
        print(&serde_json::json!({ "admin": address.to_string() }).to_string());
    }
    print(r#"{"ready":true}"#);
}
