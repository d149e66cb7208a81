//! What goes on for long or is large: tunnels, events, bodies that no memory should hold.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{before, tls, trusted};
use crate::harness::service::{Service, Speaks};
use crate::harness::wait::within;
use crate::harness::{ByHand, Gateway, Request, Setup, route};

const LENGTH: usize = 64 << 20;
const PIECE: usize = 64 << 10;

#[tokio::test]
async fn a_tunnel_leads_through_tls() {
    let setup = Setup::new("");
    let service = Service::secured(Speaks::Http1, &trusted(&setup), setup.directory(), "service").await;
    let gateway = before(setup, &service, &tls("")).await;
    let mut client = gateway.client().await;
    let upgrade = Request::get("/chat").field("connection", "Upgrade").field("upgrade", "websocket");
    client.send(upgrade.bytes()).await;
    assert_eq!(client.receive_head().await.word(1), "101");
    for message in ["first", "second"] {
        client.send(message).await;
        assert_eq!(client.receive_some().await, message.as_bytes());
    }
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let origin = ByHand::listen().await;
    let gateway = Setup::new(origin.upstream("origin", "") + &route("all", "origin", "")).start().await;
    let mut client = gateway.client().await;
    client.send(Request::get("/events").bytes()).await;
    let mut connection = origin.accept().await;
    connection.receive_head().await;
    connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(client.receive_head().await.word(1), "200");
    for event in ["9\r\ndata: 1\n\n\r\n", "9\r\ndata: 2\n\n\r\n"] {
        connection.send(event).await;
        assert_eq!(client.receive_some().await, event.as_bytes());
    }
}

/// Sends a large body and reads it as it comes back; returns by how much the gateway has grown.
async fn grown(gateway: &Gateway) -> u64 {
    gateway.get("/warm").await;
    let before = gateway.resident();
    let (mut down, mut up) = TcpStream::connect(gateway.address()).await.unwrap().into_split();
    let sending = tokio::spawn(async move {
        let head = format!("POST /large HTTP/1.1\r\nhost: edge.test\r\ncontent-length: {LENGTH}\r\n\r\n");
        up.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; PIECE];
        for _ in 0..LENGTH / PIECE {
            up.write_all(&piece).await.unwrap();
        }
        up
    });
    let (mut octets, mut received, mut most) = (vec![0; PIECE], 0, 0);
    while received < LENGTH {
        let count = within("more of a large body", down.read(&mut octets)).await.unwrap();
        assert!(count > 0, "an end after {received} octets");
        received += count;
        most = most.max(gateway.resident());
    }
    sending.await.unwrap();
    most.saturating_sub(before)
}

#[tokio::test]
async fn large_bodies_pass_both_ways_at_constant_memory() {
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let setup = Setup::new("");
        let service = Service::secured(speaks, &trusted(&setup), setup.directory(), "service").await;
        let protocol = super::protocol(speaks);
        let gateway = before(setup.limits("body = \"1GiB\""), &service, &format!("{protocol}{}", tls(""))).await;
        let grown = grown(&gateway).await;
        assert!(grown < 12 << 20, "{} KiB for a body of 64 MiB", grown >> 10);
    }
}
