//! Listening sockets, bound before anything serves, so that an address in use is an error at start and port 0 is known.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;

use anyhow::Context;
use parking_lot::Mutex;
use pingora_core::server::{Fds, ListenFds};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::model::{Config, Listener};

/// The kernel cuts this at `net.core.somaxconn`.
const BACKLOG: i32 = 65_535;

/// One set of sockets per worker.
#[derive(Debug)]
pub struct Sockets {
    /// Name and real address of each listener.
    pub(super) addresses: Vec<(String, SocketAddr)>,
    pub(super) workers: Vec<WorkerSockets>,
}

/// A socket on each listener's address.
#[derive(Debug, Default)]
pub(super) struct WorkerSockets(Vec<(String, TcpListener)>);

/// What a listener's socket is called in Pingora's table of inherited sockets.
///
/// The name, not the address: two workers, and port 0, share the latter.
pub(super) fn fd_key(listener: &Listener) -> String {
    // Pingora resolves the text it is given only where the table has no socket of this name.
    format!("{}#{}", listener.address, listener.name)
}

impl Sockets {
    /// Binds every listener once per worker.
    ///
    /// # Errors
    /// An address cannot be used: which one, of which listener.
    pub fn bind(config: &Config) -> anyhow::Result<Self> {
        let mut sockets = Self {
            addresses: Vec::new(),
            workers: (0..config.server.threads).map(|_| WorkerSockets::default()).collect(),
        };
        for listener in &config.listeners {
            let mut address = listener.address;
            refuse_shared(address)
                .with_context(|| format!("listener \"{}\": address {address} cannot be used", listener.name))?;
            for worker in &mut sockets.workers {
                let socket = listen(address)
                    .with_context(|| format!("listener \"{}\": address {address} cannot be used", listener.name))?;
                // Port 0 is chosen once; the other workers join it there.
                address = socket.local_addr()?;
                worker.0.push((fd_key(listener), socket));
            }
            sockets.addresses.push((listener.name.clone(), address));
        }
        Ok(sockets)
    }
}

impl WorkerSockets {
    /// Pingora's table of inherited sockets, by which it takes these over.
    pub(super) fn into_fds(self) -> ListenFds {
        let mut fds = Fds::new();
        for (key, socket) in self.0 {
            fds.add(key, socket.into_raw_fd());
        }
        Arc::new(Mutex::new(fds))
    }
}

/// Fails where anybody listens already: with `SO_REUSEPORT` alone, a second gateway would silently take half of the
/// connections of the first.
fn refuse_shared(address: SocketAddr) -> std::io::Result<()> {
    if address.port() == 0 {
        return Ok(());
    }
    let probe = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    probe.set_reuse_address(true)?;
    probe.bind(&address.into())
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_refused() {
        let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(refuse_shared(first.local_addr().unwrap()).is_err());
    }

    #[test]
    fn workers_share_one_address() {
        let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let second = listen(first.local_addr().unwrap()).unwrap();
        assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
    }
}
