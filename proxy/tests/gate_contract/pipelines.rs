//! Whatever is sent, however it is cut: answers come in order and bodies are whole.

use std::io::Write;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::client::HOST;
use crate::harness::Harness;

const CONNECTIONS: usize = 300;

/// A request and what the origin makes of it.
fn request() -> impl Strategy<Value = (Vec<u8>, String)> {
    use proptest::prelude::*;
    let length = prop::sample::select(vec![0usize, 1, 2, 10, 100, 4095, 4096, 5000, 70_000]);
    let chunks = prop::collection::vec((1usize..5000, any::<bool>()), 0..5);
    (0..3, length, chunks, prop::option::weighted(0.3, 0usize..3000), any::<bool>()).prop_map(
        |(kind, length, chunks, padding, has_trailer)| {
            let padding = padding.map(|count| format!("X-Pad: {}\r\n", "p".repeat(count))).unwrap_or_default();
            let head = |method: &str, framing: String| {
                format!("{method} /r HTTP/1.1\r\n{HOST}{padding}{framing}\r\n").into_bytes()
            };
            match kind {
                0 => (head("GET", String::new()), "/r|0".to_owned()),
                1 => {
                    let head = head("POST", format!("Content-Length: {length}\r\n"));
                    ([head, vec![b'q'; length]].concat(), format!("/r|{length}"))
                }
                _ => {
                    let total: usize = chunks.iter().map(|(length, _)| length).sum();
                    let mut request = head("POST", "Transfer-Encoding: chunked\r\n".to_owned());
                    for (length, has_extension) in chunks {
                        let extension = if has_extension { ";e=1" } else { "" };
                        request.extend(format!("{length:x}{extension}\r\n{}\r\n", "q".repeat(length)).into_bytes());
                    }
                    let trailer = if has_trailer { "X-T: 1\r\n" } else { "" };
                    request.extend(format!("0\r\n{trailer}\r\n").into_bytes());
                    (request, format!("/r|{total}"))
                }
            }
        },
    )
}

fn pipeline() -> impl Strategy<Value = (Vec<(Vec<u8>, String)>, Vec<usize>)> {
    use proptest::prelude::*;
    let cut = prop::sample::select(vec![1usize, 2, 3, 17, 100, 1000, 5000, 1_000_000]);
    (prop::collection::vec(request(), 1..6), prop::collection::vec(cut, 1..6))
}

#[test]
fn random_pipelines_in_random_pieces_are_answered_in_order() {
    let harness = Harness::start();
    // Always the same ones: a failure here must be there again on the next run.
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    for _ in 0..CONNECTIONS {
        let (requests, cuts) = pipeline().new_tree(&mut runner).unwrap().current();
        let mut client = harness.connect();
        let mut sender = client.stream.try_clone().unwrap();
        let octets: Vec<u8> = requests.iter().flat_map(|(octets, _)| octets).copied().collect();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut rest = octets.as_slice();
                // Many small writes cost more than they find: after some of them the rest goes at once.
                for cut in cuts.iter().cycle().take(200) {
                    let (piece, later) = rest.split_at((*cut).min(rest.len()));
                    sender.write_all(piece).unwrap();
                    rest = later;
                }
                sender.write_all(rest).unwrap();
            });
            for (_, answer) in &requests {
                assert_eq!(client.answer().unwrap().text(), answer);
            }
        });
    }
    assert!(harness.book.refusals.lock().is_empty());
}
