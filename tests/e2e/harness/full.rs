//! An endpoint to which no connection comes about, and which refuses none either.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// With its queue full, a socket that listens answers no further connection.
pub(crate) struct Full {
    listener: TcpListener,
    _queued: [TcpStream; 2],
}

impl Full {
    pub(crate) async fn listen() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a loopback port can be bound");
        let listener = socket.listen(1).expect("a socket can listen");
        let address = listener.local_addr().expect("the address of a bound socket");
        let queue = async || TcpStream::connect(address).await.expect("there is room in the queue");
        Self { listener, _queued: [queue().await, queue().await] }
    }

    /// An upstream of this name with further keys and tables before its endpoints: this one, and then others.
    pub(crate) fn upstream(&self, name: &str, more: &str, others: &[SocketAddr]) -> String {
        let own = self.listener.local_addr().expect("the address of a bound socket");
        let endpoints = std::iter::once(&own).chain(others);
        let endpoints = endpoints.map(|address| format!("[[upstream.endpoint]]\naddress = \"{address}\"\n"));
        format!("[[upstream]]\nname = \"{name}\"\n{more}\n") + &endpoints.collect::<String>()
    }
}
