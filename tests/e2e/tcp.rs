//! Connections that are passed on as a whole.

mod databases;
mod endpoints;
mod introduced;
mod secured;

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::peer::{self, Peer};
use crate::harness::{Gateway, Origin, Setup, eventually};

/// An upstream of these addresses, with further keys and tables.
fn upstream(name: &str, addresses: &[SocketAddr], more: &str) -> String {
    let endpoints = addresses.iter().map(|address| format!("[[upstream.endpoint]]\naddress = \"{address}\"\n"));
    format!("[[upstream]]\nname = \"{name}\"\n{more}\n{}", endpoints.collect::<String>())
}

/// A tcp listener of this name on a free port.
fn listener(name: &str, more: &str) -> String {
    format!("[[listener]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\nprotocol = \"tcp\"\n{more}\n")
}

/// A gateway with one tcp listener in front of these addresses.
async fn relaying(addresses: &[SocketAddr], more: &str) -> Gateway {
    let setup = Setup::new(upstream("peers", addresses, more));
    setup.listeners(&listener("tcp", "upstream = \"peers\"")).start().await
}

async fn connect(gateway: &Gateway) -> TcpStream {
    TcpStream::connect(gateway.listener("tcp")).await.expect("the gateway accepts")
}

/// The line of a connection that ended with this cause.
async fn line(gateway: &Gateway, cause: Option<&str>) -> Value {
    let wanted = Value::from(cause);
    let ask = async || {
        let log = gateway.access_log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["cause"] == wanted)
    };
    eventually(&format!("an access line with the cause {cause:?}"), ask).await
}

#[tokio::test]
async fn each_side_may_end_while_the_other_still_speaks() {
    let peer = Peer::listen().await;
    let gateway = relaying(&[peer.address()], "").await;

    let mut client = connect(&gateway).await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut server = peer.accept().await;
    assert_eq!(peer::all(&mut server).await, b"question");
    server.write_all(b"late answer").await.unwrap();
    drop(server);
    assert_eq!(peer::all(&mut client).await, b"late answer");

    let mut client = connect(&gateway).await;
    let mut server = peer.accept().await;
    server.write_all(b"greeting").await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(peer::all(&mut client).await, b"greeting");
    client.write_all(b"still here").await.unwrap();
    drop(client);
    assert_eq!(peer::all(&mut server).await, b"still here");
}

#[tokio::test]
async fn large_transfers_go_both_ways_at_once_and_are_counted() {
    const SIZE: usize = 32 << 20;
    let gateway = relaying(&[Peer::echoing().await], "").await;
    let (mut reader, mut writer) = connect(&gateway).await.into_split();
    let said: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
    let sent = said.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    assert!(peer::all(&mut reader).await == said, "what came back is not what was sent");
    sending.await.unwrap();
    let line = line(&gateway, None).await;
    assert_eq!((&line["bytes_in"], &line["bytes_out"]), (&SIZE.into(), &SIZE.into()));
    assert_eq!((&line["route"], &line["upstream"], &line["protocol"]), (&"tcp".into(), &"peers".into(), &"TCP".into()));
    let metrics = gateway.admin().metrics().await;
    for direction in ["in", "out"] {
        let labels = [("listener", "tcp"), ("direction", direction)];
        assert_eq!(metrics.sum("tidegate_tcp_bytes_total", &labels), SIZE as f64);
    }
    let ended = [("listener", "tcp"), ("cause", "complete")];
    assert_eq!(metrics.sum("tidegate_tcp_connections_total", &ended), 1.0);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_its_endpoint_back() {
    let peer = Peer::listen().await;
    let gateway = relaying(&[peer.address()], "").await;
    let mut client = connect(&gateway).await;
    let server = peer.accept().await;
    let before = gateway.resident();
    let piece = vec![7; 1 << 20];
    let mut written = 0;
    // Until the buffers of both sockets are full; the limit is far above what they hold, and far below for ever.
    while written < 256 << 20 {
        let wait = tokio::time::timeout(std::time::Duration::from_millis(300), server.writable()).await;
        if wait.is_err() {
            break;
        }
        written += server.try_write(&piece).unwrap_or_default();
    }
    assert!(written < 256 << 20, "nobody held the endpoint back");
    assert!(gateway.resident() < before + (8 << 20), "the gateway keeps what its client does not read");
    drop(server);
    assert_eq!(peer::all(&mut client).await.len(), written);
}

#[tokio::test]
async fn an_endpoint_that_refuses_costs_the_client_nothing() {
    let down = Origin::down("down");
    let gateway = relaying(&[down.address(), Peer::echoing().await], "").await;
    for _ in 0..4 {
        let mut client = connect(&gateway).await;
        client.write_all(b"anybody?").await.unwrap();
        assert_eq!(peer::some(&mut client, 8).await, b"anybody?");
    }
    let metrics = gateway.admin().metrics().await;
    let refused = metrics.sum("tidegate_endpoint_failures_total", &[("kind", "connect")]);
    assert!(refused > 0.0, "the rotation never came to the one that is down");
    assert_eq!(metrics.sum("tidegate_endpoint_tries_total", &[("kind", "retry")]), refused);
}

#[tokio::test]
async fn where_no_endpoint_can_be_reached_the_connection_is_closed_and_the_line_says_why() {
    let (one, two) = (Origin::down("one"), Origin::down("two"));
    let gateway = relaying(&[one.address(), two.address()], "").await;
    assert!(peer::all(&mut connect(&gateway).await).await.is_empty());
    let refused = line(&gateway, Some("upstream-connect")).await;
    assert_eq!((&refused["tries"], &refused["status"]), (&2.into(), &0.into()));

    let empty = relaying(&[], "").await;
    assert!(peer::all(&mut connect(&empty).await).await.is_empty());
    assert_eq!(line(&empty, Some("no-endpoints")).await["endpoint"], Value::Null);
}

#[tokio::test]
async fn a_silent_connection_is_ended_on_both_sides() {
    let peer = Peer::listen().await;
    let gateway = relaying(&[peer.address()], "timeouts = { tunnel = \"300ms\" }").await;
    let mut client = connect(&gateway).await;
    let mut server = peer.accept().await;
    assert!(peer::all(&mut client).await.is_empty());
    assert!(peer::all(&mut server).await.is_empty());
    line(&gateway, Some("idle")).await;
}

#[tokio::test]
async fn a_client_that_breaks_off_is_told_from_one_that_ends() {
    let peer = Peer::listen().await;
    let gateway = relaying(&[peer.address()], "").await;
    let client = connect(&gateway).await;
    let mut server = peer.accept().await;
    client.set_zero_linger().unwrap();
    drop(client);
    assert!(peer::all(&mut server).await.is_empty());
    line(&gateway, Some("client-gone")).await;

    let mut client = connect(&gateway).await;
    let mut server = peer.accept().await;
    // A reset that overtakes the gateway's own view of the connection would be a failed connect.
    client.write_all(b"hello").await.unwrap();
    assert_eq!(peer::some(&mut server, 5).await, b"hello");
    server.set_zero_linger().unwrap();
    drop(server);
    line(&gateway, Some("upstream-reset")).await;
    drop(client);
    assert_eq!(gateway.admin().metrics().await.sum("tidegate_endpoint_failures_total", &[("kind", "reset")]), 1.0);
}

#[tokio::test]
async fn a_stopping_gateway_lets_connections_come_to_their_end() {
    let mut gateway = relaying(&[Peer::echoing().await], "").await;
    let mut client = connect(&gateway).await;
    client.write_all(b"before").await.unwrap();
    assert_eq!(peer::some(&mut client, 6).await, b"before");
    gateway.signal("TERM").await;
    let address = gateway.listener("tcp");
    eventually("new connections to be refused", async || TcpStream::connect(address).await.err()).await;
    client.write_all(b"after").await.unwrap();
    assert_eq!(peer::some(&mut client, 5).await, b"after");
    client.shutdown().await.unwrap();
    assert!(peer::all(&mut client).await.is_empty());
    assert_eq!(gateway.until_ended().await, Some(0));
}

#[tokio::test]
async fn a_connection_that_outlasts_the_shutdown_is_cut_and_has_its_line() {
    let peer = Peer::listen().await;
    let mut gateway = relaying(&[peer.address()], "").await;
    let mut client = connect(&gateway).await;
    client.write_all(b"stay").await.unwrap();
    assert_eq!(peer::some(&mut peer.accept().await, 4).await, b"stay");
    let mut held = connect(&gateway).await;
    let _server = peer.accept().await;
    gateway.signal("TERM").await;
    assert_eq!(gateway.until_ended().await, Some(0));
    assert!(peer::all(&mut held).await.is_empty());
    line(&gateway, Some("cut")).await;
}

#[tokio::test]
async fn a_reload_moves_new_connections_and_leaves_the_old() {
    let (old, new) = (Peer::listen().await, Peer::listen().await);
    let gateway = relaying(&[old.address()], "").await;
    let mut first = connect(&gateway).await;
    let mut at_old = old.accept().await;
    gateway.take_over(upstream("peers", &[new.address()], "")).await;
    let mut second = connect(&gateway).await;
    let mut at_new = new.accept().await;
    for (client, server) in [(&mut first, &mut at_old), (&mut second, &mut at_new)] {
        client.write_all(b"hello").await.unwrap();
        assert_eq!(peer::some(server, 5).await, b"hello");
    }
}

#[tokio::test]
async fn the_limit_of_connections_holds_for_them_too() {
    let address = Peer::echoing().await;
    let setup = Setup::new(upstream("peers", &[address], "")).limits("connections = 1");
    let gateway = setup.listeners(&listener("tcp", "upstream = \"peers\"")).start().await;
    let mut first = connect(&gateway).await;
    first.write_all(b"first").await.unwrap();
    assert_eq!(peer::some(&mut first, 5).await, b"first");
    assert!(peer::all(&mut connect(&gateway).await).await.is_empty());
    first.shutdown().await.unwrap();
    assert!(peer::all(&mut first).await.is_empty());
    let metrics = gateway.admin().metrics().await;
    assert_eq!(metrics.sum("tidegate_connections_refused_total", &[("listener", "tcp"), ("reason", "limit")]), 1.0);
}
