//! Files that change behind the gateway's back.

use sha2::{Digest, Sha256};

use super::BARE;
use crate::harness::gateway::replace;
use crate::harness::{Gateway, Origin, Setup, guests};

/// A sound plugin in a file that the test may replace, and its bytes.
async fn sound(pinned: bool) -> (Gateway, std::path::PathBuf, Vec<u8>, Origin) {
    let (origin, setup) = (Origin::start().await, Setup::new(""));
    let file = guests::animal("smuggler", setup.directory()).await;
    let bytes = std::fs::read(&file).expect("a component");
    let pin = format!("sha256 = \"{}\"\ngrants = []", hex::encode(Sha256::digest(&bytes)));
    let mut text = BARE.around(&file, &origin);
    if pinned {
        text = text.replace("grants = []", &pin);
    }
    (setup.rest(text).start().await, file, bytes, origin)
}

#[tokio::test]
async fn a_file_cut_off_is_refused_and_the_old_one_serves_on() {
    let (gateway, file, bytes, _origin) = sound(false).await;
    for length in [0, 1, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        replace(&file, &bytes[..length]);
        let report = gateway.admin().reload().await;
        assert_eq!(report["outcome"], "rejected", "{length} bytes: {report}");
        assert_eq!(gateway.get("/caged/404").await.status(), 404);
    }
}

#[tokio::test]
async fn a_file_that_is_not_the_pinned_one_is_refused_and_the_old_one_serves_on() {
    let (gateway, file, mut bytes, _origin) = sound(true).await;
    // Still a component, and still the same policy: another text in its body.
    let at = bytes.windows(8).position(|window| window == b"smuggled").expect("the body of the answer");
    bytes[at] ^= 1;
    replace(&file, &bytes);
    let report = gateway.admin().reload().await;
    assert_eq!(report["outcome"], "rejected", "{report}");
    assert!(report.to_string().contains("the file's SHA-256 is not the pinned one"), "{report}");
    assert!(gateway.get("/caged/200").await.text().ends_with("smuggled"));
}

#[tokio::test]
async fn no_flipped_bit_takes_the_gateway_down() {
    let (mut gateway, file, bytes, origin) = sound(false).await;
    for round in 0..40 {
        let mut flipped = bytes.clone();
        // Spread over the file, another bit each time.
        let at = (round * 2_654_435_761_usize) % bytes.len();
        flipped[at] ^= 1 << (round % 8);
        replace(&file, &flipped);
        let report = gateway.admin().reload().await;
        assert!(
            ["applied", "unchanged", "rejected"].contains(&report["outcome"].as_str().unwrap_or_default()),
            "{report}"
        );
        assert_eq!(gateway.get("/free").await.status(), 200);
        // What a flipped policy says is its own affair.
        let _ = gateway.client().await.try_call(&super::caged()).await;
    }
    assert!(gateway.is_alive());
    replace(&file, &bytes);
    gateway.take_over(BARE.around(&file, &origin)).await;
    assert_eq!(gateway.get("/caged/404").await.status(), 404);
}
