use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::gate::admission::Connections;
use crate::gate::head::{self, HeadEnd};
use crate::gate::test_limits;

fn connection() -> (DuplexStream, Guard) {
    let (client, server) = tokio::io::duplex(64 * 1024);
    let admission = Arc::new(Connections::default()).admit(1).unwrap();
    (client, Guard::new(Box::new(server), None, admission))
}

async fn fill(guard: &mut Guard) -> io::Result<usize> {
    std::future::poll_fn(|cx| guard.poll_fill(cx)).await
}

/// Reads a head and begins its message.
async fn begin(guard: &mut Guard, limits: &Limits) -> Result<BytesMut, Refusal> {
    let mut search = HeadEnd::default();
    loop {
        if let Some(end) = search.find(guard.held(), limits)? {
            let head = head::check(&guard.held()[..end], limits)?;
            return guard.begin(end, head, limits);
        }
        assert_ne!(fill(guard).await.unwrap(), 0);
    }
}

/// The next octets of a body.
async fn piece(guard: &mut Guard) -> Result<Option<Bytes>, BodyFault> {
    std::future::poll_fn(|cx| guard.poll_body(cx)).await
}

/// The whole of a body.
async fn body(guard: &mut Guard) -> Result<Vec<u8>, BodyFault> {
    let mut all = Vec::new();
    while let Some(piece) = piece(guard).await? {
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// Whether the client is still there, after everything it has sent so far was seen.
async fn is_there(guard: &mut Guard) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(guard.poll_gone(cx).is_pending())).await
}

const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

#[tokio::test]
async fn a_body_ends_where_its_message_ends() {
    let (mut client, mut guard) = connection();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2").await.unwrap();
    let head = begin(&mut guard, &test_limits()).await.unwrap();
    assert!(head.ends_with(b"3\r\n\r\n"));
    assert!(!guard.is_between_messages());
    assert_eq!(body(&mut guard).await.unwrap(), b"abc");
    assert!(guard.is_between_messages());
    assert!(is_there(&mut guard).await);
    assert_eq!(guard.held(), b"GET /2");
}

#[tokio::test]
async fn a_surplus_read_together_with_the_body_is_kept() {
    let lengths = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n";
    for (request, want) in [(CHUNKED, &b"a"[..]), (lengths, b"1\r\na\r\n0\r\n\r\n")] {
        let (mut client, mut guard) = connection();
        client.write_all(request).await.unwrap();
        begin(&mut guard, &test_limits()).await.unwrap();
        client.write_all(b"1\r\na\r\n0\r\n\r\nGET /2").await.unwrap();
        assert_eq!(body(&mut guard).await.unwrap(), want);
        assert!(guard.is_between_messages());
        assert_eq!(guard.held(), b"GET /2");
    }
}

#[tokio::test]
async fn broken_chunks_at_hand_are_refused_before_the_message_begins() {
    let (mut client, mut guard) = connection();
    client.write_all(&[CHUNKED, b"3 x\r\n"].concat()).await.unwrap();
    assert_eq!(begin(&mut guard, &test_limits()).await, Err(Refusal::ChunkFraming));
}

#[tokio::test]
async fn broken_chunks_later_are_an_error_that_names_them() {
    let (mut client, mut guard) = connection();
    client.write_all(CHUNKED).await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    client.write_all(b"3\nabc").await.unwrap();
    assert_eq!(piece(&mut guard).await, Err(BodyFault::Refused(Refusal::ChunkFraming)));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_is_an_error_and_one_that_moves_is_not() {
    let (mut client, mut guard) = connection();
    let limits = test_limits();
    client.write_all(CHUNKED).await.unwrap();
    begin(&mut guard, &limits).await.unwrap();
    tokio::spawn(async move {
        for octet in b"5;x\r\nab" {
            tokio::time::sleep(limits.body_timeout * 3 / 4).await;
            client.write_all(&[*octet]).await.unwrap();
        }
        std::future::pending::<()>().await;
        drop(client);
    });
    for octet in [b"a", b"b"] {
        assert_eq!(piece(&mut guard).await.unwrap().unwrap(), &octet[..]);
    }
    assert_eq!(piece(&mut guard).await, Err(BodyFault::Refused(Refusal::BodyTimeout)));
}

#[tokio::test]
async fn a_client_that_goes_away_is_noticed_between_messages() {
    let (mut client, mut guard) = connection();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    assert!(is_there(&mut guard).await);
    drop(client);
    assert!(!is_there(&mut guard).await);
}

#[tokio::test]
async fn octets_after_a_request_to_upgrade_wait_for_the_tunnel() {
    let (mut client, mut guard) = connection();
    client.write_all(&[UPGRADE, b"early"].concat()).await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    assert!(guard.may_be_upgraded() && is_there(&mut guard).await);
    let mut octets = [0; 16];
    assert_eq!(guard.read(&mut octets).await.unwrap(), 0);
    guard.open_tunnel();
    assert_eq!(guard.read(&mut octets).await.unwrap(), 5);
    assert_eq!(&octets[..5], b"early");
    client.write_all(b"later").await.unwrap();
    assert_eq!(guard.read(&mut octets).await.unwrap(), 5);
}

#[tokio::test]
async fn a_denied_upgrade_leaves_the_connection_http() {
    let (mut client, mut guard) = connection();
    client.write_all(&[UPGRADE, b"GET /2"].concat()).await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    assert!(!guard.is_between_messages());
    guard.stay_http();
    assert!(guard.is_between_messages());
    assert!(is_there(&mut guard).await);
    assert_eq!(guard.held(), b"GET /2");
}

#[tokio::test]
async fn an_answer_sent_before_the_body_was_read_still_arrives() {
    let (mut client, mut guard) = connection();
    client.write_all(&[CHUNKED, b"5\r\nab"].concat()).await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    guard.write_all(b"answer").await.unwrap();
    drop(guard);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"answer");
    // The other side still takes octets: it has stopped sending, not closed.
    client.write_all(b"more of the body").await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_a_body_is_told_from_its_end() {
    let (mut client, mut guard) = connection();
    client.write_all(&[CHUNKED, b"1\r\na\r\n"].concat()).await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    drop(client);
    assert_eq!(body(&mut guard).await, Err(BodyFault::Gone));
}

#[tokio::test]
async fn while_a_request_waits_its_client_may_leave_in_the_middle_of_a_body() {
    let (mut client, mut guard) = connection();
    client.write_all(&[CHUNKED, b"1\r\na\r\n"].concat()).await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    client.write_all(b"1\r\nb\r\n").await.unwrap();
    assert!(is_there(&mut guard).await);
    assert_eq!(piece(&mut guard).await.unwrap().unwrap(), "a", "what was read ahead is the body's");
    assert_eq!(piece(&mut guard).await.unwrap().unwrap(), "b");
    drop(client);
    assert!(!is_there(&mut guard).await);
}

#[tokio::test]
async fn no_more_is_read_ahead_than_may_be_held() {
    let (mut client, mut guard) = connection();
    client.write_all(CHUNKED).await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    client.write_all(&[b'a'; 60 * 1024]).await.unwrap();
    assert!(is_there(&mut guard).await);
    assert!(guard.held().len() < 2 * MOST_HELD, "{} octets", guard.held().len());
}

#[tokio::test]
async fn a_client_between_requests_holds_no_more_memory_than_for_an_ordinary_head() {
    let (mut client, mut guard) = connection();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nX: {}\r\nContent-Length: 50000\r\n\r\n", "x".repeat(5000));
    client.write_all(&[head.as_bytes(), &[b'a'; 50_000]].concat()).await.unwrap();
    begin(&mut guard, &test_limits()).await.unwrap();
    assert_eq!(body(&mut guard).await.unwrap().len(), 50_000);
    let next = std::future::poll_fn(|cx| Poll::Ready(guard.poll_fill(cx).is_pending())).await;
    assert!(next && !guard.held.try_reclaim(HEAD_BUFFER + 1), "{} octets of room", guard.held.capacity());
}
