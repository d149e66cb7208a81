//! TLS on tcp listeners: terminated, or passed on by server name.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{connect, listener, upstream};
use crate::harness::peer::{self, Peer};
use crate::harness::tls::{Authority, Secured};
use crate::harness::wait::within;
use crate::harness::{Gateway, Setup};

/// The answer to a GET on an open session.
async fn body(mut session: Secured) -> String {
    session.stream.write_all(b"GET / HTTP/1.1\r\nhost: any\r\n\r\n").await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"!") {
        let more = within("an answer", session.stream.read_buf(&mut heard)).await.unwrap();
        assert!(more > 0, "an end before the answer");
    }
    String::from_utf8(heard).unwrap().rsplit("\r\n\r\n").next().unwrap().to_owned()
}

#[tokio::test]
async fn sessions_are_passed_on_by_server_name_as_they_are() {
    let authority = Authority::new();
    let setup = Setup::new("");
    let mut text = String::new();
    for (name, host) in [("one", "one.test"), ("many", "*.many.test"), ("rest", "other.example")] {
        authority.issue(setup.directory(), name, host);
        let address = authority.serve(setup.directory(), name, format!("{name}!")).await;
        text += &upstream(name, &[address], "");
    }
    let routes = "upstream = \"rest\"\n\
        [[listener.route]]\nserver_names = [\"one.test\"]\nupstream = \"one\"\n\
        [[listener.route]]\nserver_names = [\"*.many.test\"]\nupstream = \"many\"\n";
    let gateway = setup.rest(text).listeners(&listener("tcp", routes)).start().await;
    let hosts = [("one.test", "one!"), ("a.many.test", "many!"), ("other.example", "rest!")];
    for (host, expected) in hosts {
        let session = authority.connect(gateway.listener("tcp"), host, &[]).await;
        assert_eq!(body(session).await, expected, "{host}");
    }
}

async fn by_name_only() -> Gateway {
    let text = upstream("one", &[Peer::echoing().await], "");
    let routes = "[[listener.route]]\nserver_names = [\"one.test\"]\nupstream = \"one\"\n";
    let setup = Setup::new(text).limits("head_timeout = \"300ms\"");
    setup.listeners(&listener("tcp", routes)).start().await
}

#[tokio::test]
async fn what_says_no_server_name_is_refused_where_one_is_needed() {
    let gateway = by_name_only().await;
    // The second asks first, as libpq does, whether it may begin with a handshake.
    for said in [&b"GET / HTTP/1.1\r\nhost: one.test\r\n\r\n"[..], b"\0\0\0\x08\x04\xd2\x16\x2f"] {
        let mut plain = connect(&gateway).await;
        plain.write_all(said).await.unwrap();
        assert!(peer::all(&mut plain).await.is_empty());
    }
    assert!(peer::all(&mut connect(&gateway).await).await.is_empty(), "silence has an end");
    for (reason, times) in [("not-tls", 2.0), ("timeout", 1.0)] {
        let labels = [("listener", "tcp"), ("reason", reason)];
        gateway.admin().until_metric("tidegate_tls_handshake_failures_total", &labels, times).await;
    }
}

#[tokio::test]
async fn tls_is_terminated_and_both_ends_of_a_session_are_passed_on() {
    let (authority, peer) = (Authority::new(), Peer::listen().await);
    let tls = "upstream = \"peers\"\n[listener.tls]\ncertificate = \"edge.crt\"\nkey = \"edge.key\"\n";
    let setup = Setup::new(upstream("peers", &[peer.address()], "")).listeners(&listener("tcp", tls));
    authority.issue(setup.directory(), "edge", "db.test");
    let gateway = setup.start().await;
    let mut session = authority.connect(gateway.listener("tcp"), "db.test", &["postgresql"]).await;
    assert_eq!(session.chosen, None, "what is spoken is the endpoint's business");
    let mut server = peer.accept().await;
    session.stream.write_all(b"question").await.unwrap();
    session.stream.shutdown().await.unwrap();
    assert_eq!(peer::all(&mut server).await, b"question");
    server.write_all(b"answer").await.unwrap();
    drop(server);
    assert_eq!(peer::all(&mut session.stream).await, b"answer");
    let line = super::line(&gateway, None).await;
    assert_eq!((&line["host"], &line["protocol"]), (&"db.test".into(), &"TLS".into()));
}
