//! The server name in a handshake that somebody else answers.

use bytes::BytesMut;
use pingora_core::protocols::Stream;
use rustls::server::Acceptor;
use tokio::io::AsyncReadExt as _;

use super::HandshakeFailure;
use crate::gate::entrance::plain;

/// Octets of a first flight at most: one with post-quantum key shares has two thousand.
const LONGEST: usize = 16 * 1024;
/// Room for one read.
const ROOM: usize = 2 * 1024;

/// Reads the client's first message and puts it back; the caller sets the deadline.
pub(in crate::gate) async fn server_name_of(stream: Stream) -> Result<(Stream, Option<Box<str>>), HandshakeFailure> {
    let mut stream = plain(stream).ok_or(HandshakeFailure::Other)?;
    let (mut hello, mut held) = (FirstMessage::default(), BytesMut::new());
    let name = loop {
        let known = held.len();
        if known >= LONGEST {
            return Err(HandshakeFailure::Other);
        }
        held.reserve(ROOM);
        match stream.read_buf(&mut held).await {
            Ok(1..) => {}
            _ => return Err(HandshakeFailure::Closed),
        }
        if let Some(name) = hello.read(held.get(known..).unwrap_or_default())? {
            break name;
        }
    };
    stream.rewind(&held);
    Ok((stream, name))
}

/// A ClientHello in the making.
#[derive(Default)]
struct FirstMessage(Acceptor);

impl FirstMessage {
    /// Takes further octets. `None`: there must be more; then the server name, in lower case, where the client gave one.
    fn read(&mut self, mut octets: &[u8]) -> Result<Option<Option<Box<str>>>, HandshakeFailure> {
        while !octets.is_empty() {
            if self.0.read_tls(&mut octets).map_err(|_| HandshakeFailure::Other)? == 0 {
                return Err(HandshakeFailure::Other);
            }
            let accepted = self.0.accept().map_err(|(error, _)| HandshakeFailure::of(&error.to_string()))?;
            if let Some(accepted) = accepted {
                let name = accepted.client_hello().server_name().map(|name| name.to_ascii_lowercase().into());
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::crypto::ring;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    fn hello(name: &str) -> Vec<u8> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut octets = Vec::new();
        ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut octets).unwrap();
        octets
    }

    #[test]
    fn a_name_is_read_however_the_message_arrives() {
        let hello = hello("Shop.Test");
        for size in [1, 7, 100, hello.len()] {
            let mut message = FirstMessage::default();
            let mut pieces = hello.chunks(size);
            let found = pieces.find_map(|piece| message.read(piece).unwrap());
            assert_eq!(found, Some(Some("shop.test".into())));
            assert_eq!(pieces.next(), None, "it is known with the last octet");
        }
    }

    #[test]
    fn a_client_need_not_give_a_name() {
        assert_eq!(FirstMessage::default().read(&hello("127.0.0.1")), Ok(Some(None)));
    }

    #[test]
    fn what_is_no_handshake_is_told_at_once() {
        let said = FirstMessage::default().read(b"GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n");
        assert_eq!(said, Err(HandshakeFailure::NotTls));
    }

    proptest! {
        #[test]
        fn a_damaged_message_brings_nothing_down(at in 0_usize..200, octet: u8, cut in 1_usize..400) {
            let mut hello = hello("shop.test");
            if let Some(place) = hello.get_mut(at) {
                *place = octet;
            }
            hello.truncate(cut);
            let _ = FirstMessage::default().read(&hello);
        }
    }
}
