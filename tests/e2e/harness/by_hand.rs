//! An origin whose every octet the test sends and reads itself.

use tokio::net::TcpListener;

use super::client::Client;
use super::wait::within;

/// Listens, and does nothing that it is not told to.
pub(crate) struct ByHand {
    listener: TcpListener,
}

impl ByHand {
    /// On a port of the system's choice.
    pub(crate) async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a loopback port can be bound") }
    }

    /// An upstream of this name with nothing else in it, and further keys and tables before its endpoint.
    pub(crate) fn upstream(&self, name: &str, more: &str) -> String {
        let address = self.listener.local_addr().expect("the address of a bound socket");
        format!("[[upstream]]\nname = \"{name}\"\n{more}\n[[upstream.endpoint]]\naddress = \"{address}\"\n")
    }

    /// The next connection the gateway makes; what it sends is read as a client reads answers.
    pub(crate) async fn accept(&self) -> Client {
        let (stream, _) = within("a connection of the gateway", self.listener.accept()).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        Client::over(stream)
    }
}
