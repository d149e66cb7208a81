//! Databases as they are, behind a tcp listener. Where one is not installed its test says so and passes, unless `CI` is
//! set.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{listener, upstream};
use crate::harness::programs::{Redis, find, free_port, missing};
use crate::harness::wait::within;
use crate::harness::{Gateway, Setup, eventually};

/// A user without rights: PostgreSQL will not run as root.
const NOBODY: u32 = 65_534;

/// A database of its own in a folder of its own; killed when dropped.
struct Database {
    address: SocketAddr,
    directory: TempDir,
    _server: Child,
}

/// A folder, and a way to run programs in it as a user without rights.
fn unprivileged(program: &Path, directory: &TempDir) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory.path()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    if std::fs::metadata("/proc/self").expect("a Linux with /proc").uid() == 0 {
        chown(directory.path(), Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// What a program prints.
async fn output(command: &mut Command) -> String {
    let done = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).output();
    let done = within("a client of a database", done).await.expect("the client can be run");
    String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).trim().to_owned()
}

async fn in_front_of(database: SocketAddr) -> Gateway {
    let setup = Setup::new(upstream("db", &[database], ""));
    setup.listeners(&listener("tcp", "upstream = \"db\"")).start().await
}

async fn postgres() -> Option<Database> {
    let (initdb, server) = (find("initdb")?, find("postgres")?);
    let (directory, address) = (tempfile::tempdir().expect("a folder"), free_port());
    let data = directory.path().join("data");
    let mut initdb = unprivileged(&initdb, &directory);
    initdb.args(["--no-sync", "--auth=trust", "--username=tester", "--encoding=UTF8", "--locale=C", "-D"]).arg(&data);
    let made = within("a database to be made", initdb.status()).await.expect("initdb can be run");
    assert!(made.success(), "initdb failed");
    let mut server = unprivileged(&server, &directory);
    server.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-k", "", "-F", "-p", &address.port().to_string()]);
    let server = server.spawn().expect("postgres can be run");
    Some(Database { address, directory, _server: server })
}

fn psql(address: SocketAddr, query: &str) -> Command {
    let mut psql = Command::new("psql");
    let database = format!("host=127.0.0.1 port={} user=tester dbname=postgres connect_timeout=10", address.port());
    psql.args(["--no-psqlrc", "-At", "-c", query]).arg(database);
    psql
}

#[tokio::test]
async fn a_postgresql_is_asked_through_the_gateway() {
    let (Some(database), Some(_)) = (postgres().await, find("psql")) else { return missing("postgresql") };
    let direct = database.address;
    let is_up = async || (output(&mut psql(direct, "select 1")).await == "1").then_some(());
    eventually("PostgreSQL to answer", is_up).await;
    let gateway = in_front_of(direct).await;
    let address = gateway.listener("tcp");
    assert_eq!(output(&mut psql(address, "select sum(n) from generate_series(1, 1000) n")).await, "500500");
    let rows = output(&mut psql(address, "select repeat('x', 100) from generate_series(1, 100000)")).await;
    assert_eq!(rows.lines().count(), 100_000);
    assert!(database.directory.path().is_dir());
}

#[tokio::test]
async fn a_redis_is_asked_through_the_gateway() {
    let Some(cli) = find("redis-cli") else { return missing("redis-cli") };
    let Some(server) = Redis::start() else { return };
    let address = server.address();
    let ask = |address: SocketAddr, words: &[&str]| {
        let mut command = Command::new(&cli);
        command.args(["-h", "127.0.0.1", "-p", &address.port().to_string()]).args(words);
        command
    };
    let gateway = in_front_of(address).await;
    let through = gateway.listener("tcp");
    let large = "x".repeat(100_000);
    assert_eq!(output(&mut ask(through, &["SET", "tide", &large])).await, "OK");
    assert_eq!(output(&mut ask(through, &["GET", "tide"])).await, large);
    assert_eq!(output(&mut ask(address, &["STRLEN", "tide"])).await, "100000");
}
