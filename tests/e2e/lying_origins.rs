//! Origins that break the rules of HTTP/1: whatever they send, a client gets a whole answer, a refusal, or one that is
//! visibly cut off; and nothing of it reaches another request.

use crate::harness::message::Framing;
use crate::harness::script::Step;
use crate::harness::sections::upstream_with;
use crate::harness::{Answer, ByHand, Client, Gateway, Origin, Reply, Request, Setup, route};

/// A gateway that asks this origin once and no more.
async fn before(origin: &Origin) -> Gateway {
    let text = upstream_with("origin", "retries = 0", &[(origin, 100)]) + &route("all", "origin", "");
    Setup::new(text).start().await
}

async fn by_hand(more: &str) -> (Gateway, ByHand) {
    let origin = ByHand::listen().await;
    let gateway = Setup::new(origin.upstream("origin", more) + &route("all", "origin", "")).start().await;
    (gateway, origin)
}

/// Answers one request on a connection to an origin.
async fn serve(connection: &mut Client, answer: &str) {
    connection.receive_head().await;
    connection.send(answer).await;
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn an_answer_with_two_lengths_is_none() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    for framing in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 6",
        "content-length: -5",
        "content-length: 5x",
        "content-length: 99999999999999999999",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    ] {
        origin.answer(Answer::raw(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nhello\r\n0\r\n\r\n")));
        assert_eq!(gateway.get("/").await.status(), 502, "{framing}");
        origin.until_left_alone().await;
    }
}

#[tokio::test]
async fn what_follows_an_answer_is_seen_by_nobody() {
    let surplus = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    let mut client = gateway.client().await;
    for (method, head) in [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\nbody"),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"),
    ] {
        let before = origin.connections();
        origin.answer(Answer::raw(format!("{head}{surplus}")));
        let answer = client.call(&Request::new(method, "/")).await;
        assert!(answer.status() < 400 && answer.text().len() <= 2, "{head:?}: {}", answer.text());
        origin.answer(Reply::ok("fine"));
        assert_eq!(client.call(&Request::get("/")).await.text(), "fine", "after {head:?}");
        assert_eq!(origin.connections(), before + 2, "the connection is not used again after {head:?}");
        origin.script(|_| Answer::from(Reply::ok("last")).then(Step::Close));
        assert_eq!(client.call(&Request::get("/")).await.text(), "last");
    }
}

#[tokio::test]
async fn an_answer_nobody_asked_for_answers_nothing() {
    let (gateway, origin) = by_hand("").await;
    let mut client = gateway.client().await;
    let call = tokio::spawn(async move { (client.call(&Request::get("/1")).await, client) });
    let mut first = origin.accept().await;
    serve(&mut first, OK).await;
    let (answer, mut client) = call.await.expect("an answer");
    assert_eq!(answer.text(), "ok");
    first.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").await;
    client.send(Request::get("/2").bytes()).await;
    let mut second = origin.accept().await;
    serve(&mut second, OK).await;
    assert_eq!(client.receive().await.text(), "ok");
}

#[tokio::test]
async fn chunks_that_break_off_or_make_no_sense_are_not_passed_for_a_whole_answer() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    for (rest, cause) in [
        ("zz\r\nab\r\n0\r\n\r\n", "upstream-garbage"),
        ("2\r\nabc\r\n0\r\n\r\n", "upstream-garbage"),
        ("-2\r\nab\r\n0\r\n\r\n", "upstream-garbage"),
        ("ffffffffffffffff\r\nab\r\n0\r\n\r\n", "upstream-garbage"),
        ("0\r\n no-field\r\n\r\n", "upstream-garbage"),
        ("2\r\nab\r\n", "upstream-reset"),
        ("2\r\nab\r\n0\r\n", "upstream-reset"),
    ] {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n";
        origin.answer(Answer::raw(format!("{head}{rest}")).then(Step::Close));
        let mut client = gateway.client().await;
        let target = format!("/{}", origin.requests().len());
        client.send(Request::get(&target).bytes()).await;
        assert_eq!(client.receive_head().await.word(1), "200");
        let came = String::from_utf8_lossy(&client.until_closed().await).into_owned();
        assert!(came.starts_with("5\r\nwhole\r\n") && !came.contains("0\r\n\r\n"), "{rest:?}: {came:?}");
        assert_eq!(gateway.access_line(&target).await["cause"], cause, "{rest:?}");
    }
}

#[tokio::test]
async fn old_ways_to_write_an_answer_are_understood() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    let mut client = gateway.client().await;
    for old in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2  \r\nok\r\n0 \r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2 ;a=b\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
        "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 \r\ncontent-length: 2, 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
    ] {
        origin.answer(Answer::raw(old));
        let answer = client.call(&Request::get("/")).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"), "{old:?}");
    }
    assert_eq!(origin.connections(), 1, "each of them left its connection open");
}

#[tokio::test]
async fn an_upgrade_nobody_asked_for_is_no_answer() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    origin.answer(
        Answer::raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .then(Step::Echo),
    );
    for request in [Request::get("/"), Request::get("/").field("connection", "upgrade").field("upgrade", "h2c")] {
        assert_eq!(gateway.call(&request).await.status(), 502);
        origin.until_left_alone().await;
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_no_answer() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    origin.answer(Answer::raw("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000)).then(Step::Hang));
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    let mut interim = 0;
    while client.receive_head().await.word(1) == "103" {
        interim += 1;
    }
    assert!(interim < 100, "{interim} interim answers were passed on");
    assert_eq!(gateway.access_line("/").await["status"], 502);
    origin.until_left_alone().await;
}

#[tokio::test]
async fn an_interim_answer_is_passed_on_without_anything_that_frames_a_body() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 9\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n";
    let coded = "HTTP/1.1 102 Processing\r\ntransfer-encoding: chunked\r\n\r\n";
    origin.answer(Answer::raw(format!("{early}{coded}{OK}")));
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    let early = client.receive_head().await;
    assert_eq!((early.word(1), early.fields.as_slice()), ("103", &[("link".to_owned(), "</a>".to_owned())][..]));
    let coded = client.receive_head().await;
    assert_eq!((coded.word(1), coded.fields.len()), ("102", 0));
    assert_eq!(client.receive().await.text(), "ok");
    client.send("GET / HTTP/1.0\r\nhost: edge.test\r\n\r\n").await;
    assert_eq!(client.receive().await.text(), "ok", "HTTP/1.0 knows no interim answers");
}

#[tokio::test]
async fn a_status_without_a_body_says_no_length() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    let mut client = gateway.client().await;
    for framing in ["content-length: 5", "transfer-encoding: chunked"] {
        origin.answer(Answer::raw(format!("HTTP/1.1 204 No Content\r\n{framing}\r\n\r\n")));
        let answer = client.call(&Request::get("/")).await;
        assert_eq!((answer.status(), answer.field("content-length")), (204, None));
        assert_eq!(answer.field("transfer-encoding"), None);
    }
}

#[tokio::test]
async fn a_head_that_comes_in_drops_is_waited_for() {
    let (gateway, origin) = by_hand("").await;
    let mut client = gateway.client().await;
    client.send(Request::get("/").bytes()).await;
    let mut connection = origin.accept().await;
    connection.receive_head().await;
    for octet in format!("HTTP/1.1 200 OK\r\nx-long: {}\r\ncontent-length: 2\r\n\r\nok", "a".repeat(500)).bytes() {
        connection.send([octet]).await;
        tokio::task::yield_now().await;
    }
    let answer = client.receive().await;
    assert_eq!((answer.text().as_str(), answer.field("x-long").map(str::len)), ("ok", Some(500)));
}

#[tokio::test]
async fn a_head_may_be_large_but_not_endless() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    // One connection, so one worker: another would keep what it has of the origin.
    let mut client = gateway.client().await;
    let get = Request::get("/");
    let with = |length: usize| Reply::ok("ok").field("x-long", &"a".repeat(length));
    origin.answer(with(60_000));
    assert_eq!(client.call(&get).await.field("x-long").map(str::len), Some(60_000));
    origin.answer(with(70_000));
    assert_eq!(client.call(&get).await.status(), 502);
    origin.answer(Answer::raw("x".repeat(1 << 20)).then(Step::Hang));
    assert_eq!(client.call(&get).await.status(), 502);
    origin.until_left_alone().await;
}

#[tokio::test]
async fn an_origin_that_closes_without_an_answer_is_a_502_wherever_it_does() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    for said in
        ["", "H", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nx: y\r\n"]
    {
        origin.answer(Answer::raw(said).then(Step::Close));
        let mut client = gateway.client().await;
        client.send(Request::get("/").bytes()).await;
        let mut head = client.receive_head().await;
        if head.word(1) == "100" {
            head = client.receive_head().await;
        }
        assert_eq!(head.word(1), "502", "{said:?}");
    }
}

#[tokio::test]
async fn an_answer_up_to_the_end_of_its_connection_is_framed_for_those_who_know_chunks() {
    let origin = Origin::start().await;
    let gateway = before(&origin).await;
    origin.answer(Answer::raw("HTTP/1.1 200 OK\r\n\r\nuntil the end").then(Step::Close));
    let mut client = gateway.client().await;
    for _ in 0..2 {
        let answer = client.call(&Request::get("/")).await;
        assert_eq!((answer.text().as_str(), answer.head.response_framing(false)), ("until the end", Framing::Chunked));
    }
    client.send("GET / HTTP/1.0\r\nHost: edge.test\r\nConnection: keep-alive\r\n\r\n").await;
    let old = client.receive().await;
    assert_eq!((old.text().as_str(), old.field("connection")), ("until the end", Some("close")));
    assert_eq!(old.field("transfer-encoding"), None);
}

#[tokio::test]
async fn an_answer_before_the_end_of_a_body_reaches_a_client_that_still_sends() {
    let (gateway, origin) = by_hand("").await;
    let mut client = gateway.client().await;
    let request = Request::post("/", vec![b'x'; 8 << 20]);
    let call = tokio::spawn(async move {
        // The gateway may stop reading before all of it is sent.
        let _ = client.try_send(request.bytes()).await;
        client.receive().await
    });
    let mut connection = origin.accept().await;
    connection.receive_head().await;
    connection.send("HTTP/1.1 413 Too Much\r\nconnection: close\r\ncontent-length: 6\r\n\r\nenough").await;
    drop(connection);
    let answer = call.await.expect("an answer");
    assert_eq!((answer.status(), answer.text().as_str()), (413, "enough"));
    assert_eq!(gateway.access_line("/").await["status"], 413);
}

/// A client with a connection to the gateway, and the connection to the origin that its first request has left open.
async fn kept(gateway: &Gateway, origin: &ByHand) -> (Client, Client) {
    let mut client = gateway.client().await;
    client.send(Request::get("/first").bytes()).await;
    let mut connection = origin.accept().await;
    serve(&mut connection, OK).await;
    assert_eq!(client.receive().await.status(), 200);
    (client, connection)
}

#[tokio::test]
async fn a_get_on_a_kept_connection_that_closes_is_asked_again() {
    for request in
        [Request::get("/"), Request::new("PUT", "/").body("a body"), Request::new("PUT", "/").body("").chunked()]
    {
        let (gateway, origin) = by_hand("retries = 0").await;
        let (mut client, mut stale) = kept(&gateway, &origin).await;
        client.send(request.bytes()).await;
        stale.receive_head().await;
        drop(stale);
        let mut fresh = origin.accept().await;
        serve(&mut fresh, OK).await;
        assert_eq!(client.receive().await.status(), 200, "{request:?}");
    }
}

#[tokio::test]
async fn a_post_on_a_kept_connection_that_closes_is_not_asked_again() {
    for request in [Request::post("/", "a body"), Request::new("POST", "/")] {
        let (gateway, origin) = by_hand("retries = 2").await;
        let (mut client, mut stale) = kept(&gateway, &origin).await;
        client.send(request.bytes()).await;
        stale.receive_head().await;
        drop(stale);
        assert_eq!(client.receive().await.status(), 502, "{request:?}");
        assert_eq!(gateway.access_line("/").await["tries"], 1);
    }
}

#[tokio::test]
async fn a_kept_connection_that_closes_within_its_answer_was_not_just_stale() {
    let (gateway, origin) = by_hand("retries = 0").await;
    let (mut client, mut broken) = kept(&gateway, &origin).await;
    client.send(Request::get("/").bytes()).await;
    broken.receive_head().await;
    broken.send("HTTP/1.1 200 OK\r\ncont").await;
    drop(broken);
    assert_eq!(client.receive().await.status(), 502);
}

#[tokio::test]
async fn no_more_than_one_kept_connection_is_tried_in_vain() {
    let (gateway, origin) = by_hand("").await;
    let mut clients = Vec::new();
    let mut connections = Vec::new();
    for _ in 0..8 {
        let mut client = gateway.client().await;
        client.send(Request::get("/first").bytes()).await;
        let mut connection = origin.accept().await;
        connection.receive_head().await;
        clients.push(client);
        connections.push(connection);
    }
    for (client, connection) in clients.iter_mut().zip(&mut connections) {
        connection.send(OK).await;
        assert_eq!(client.receive().await.status(), 200);
    }
    for mut connection in connections {
        // Closes when it is asked for the second time, as one that ended at that moment.
        tokio::spawn(async move { connection.receive_some().await });
    }
    let [client, ..] = clients.as_mut_slice() else { panic!("eight clients") };
    client.send(Request::get("/second").bytes()).await;
    let mut fresh = origin.accept().await;
    serve(&mut fresh, OK).await;
    assert_eq!(client.receive().await.status(), 200);
    assert_eq!(gateway.access_line("/second").await["tries"], 2);
}
