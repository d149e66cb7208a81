//! The PROXY protocol, in and out.

use tokio::io::AsyncWriteExt;

use super::{connect, listener, upstream};
use crate::harness::peer::{self, Peer};
use crate::harness::{Client, Gateway, Origin, Request, Setup, route};

const TRUSTED: &str = "[forwarded]\ntrusted = [\"127.0.0.1\"]\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x12\x67\x01\xbb";
const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";

/// A gateway that believes the test, and tells the peer in this version.
async fn passing_on(version: &str, peer: &Peer) -> Gateway {
    let more = format!("proxy_protocol = \"{version}\"");
    let setup = Setup::new(upstream("peers", &[peer.address()], &more)).section(TRUSTED);
    setup.listeners(&listener("tcp", "upstream = \"peers\"\nproxy_protocol = true")).start().await
}

#[tokio::test]
async fn an_introduction_is_believed_and_passed_on_in_either_version() {
    for (out, expected) in [("v1", V1), ("v2", V2)] {
        let peer = Peer::listen().await;
        let gateway = passing_on(out, &peer).await;
        for header in [V1, V2] {
            let mut client = connect(&gateway).await;
            // In two parts, and the client's first words right behind it.
            let (start, rest) = header.split_at(9);
            client.write_all(start).await.unwrap();
            client.flush().await.unwrap();
            client.write_all(&[rest, b"hello"].concat()).await.unwrap();
            let mut server = peer.accept().await;
            assert_eq!(peer::some(&mut server, expected.len() + 5).await, [expected, b"hello"].concat());
        }
        assert_eq!(super::line(&gateway, None).await["client"], "192.0.2.7");
    }
}

#[tokio::test]
async fn who_comes_without_an_introduction_is_not_let_in() {
    let peer = Peer::listen().await;
    let gateway = passing_on("v1", &peer).await;
    let mut client = connect(&gateway).await;
    client.write_all(b"SSH-2.0-client\r\n").await.unwrap();
    assert!(peer::all(&mut client).await.is_empty());
    let labels = [("listener", "tcp"), ("reason", "proxy-no-header")];
    gateway.admin().until_metric("tidegate_connections_refused_total", &labels, 1.0).await;
}

#[tokio::test]
async fn who_is_not_trusted_introduces_nobody() {
    let setup = Setup::new(upstream("peers", &[Peer::echoing().await], ""));
    let setup = setup.section("[forwarded]\ntrusted = [\"192.0.2.0/24\"]\n");
    let gateway = setup.listeners(&listener("tcp", "upstream = \"peers\"\nproxy_protocol = true")).start().await;
    assert!(peer::all(&mut connect(&gateway).await).await.is_empty());
    let labels = [("listener", "tcp"), ("reason", "proxy-untrusted")];
    gateway.admin().until_metric("tidegate_connections_refused_total", &labels, 1.0).await;
}

#[tokio::test]
async fn requests_come_from_the_client_that_was_introduced() {
    let origin = Origin::start().await;
    let text = crate::harness::upstream("origin", &[&origin]) + &route("all", "origin", "");
    let http = "[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\nproxy_protocol = true\n";
    let gateway = Setup::new(text).section(TRUSTED).listeners(http).start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send([V1, &Request::get("/one").bytes()].concat()).await;
    assert_eq!(client.receive().await.status(), 200);
    assert_eq!(client.call(&Request::get("/two")).await.status(), 200);
    for seen in origin.requests() {
        assert_eq!(seen.field("x-forwarded-for"), Some("192.0.2.7"));
    }
    assert_eq!(gateway.access_line("/two").await["client"], "192.0.2.7");
}
