//! Files that are not what their author made.

use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::decide;
use crate::plugin::fixture::image::{Edit, Image};
use crate::plugin::fixture::{Fixture, LIMITS, all_grants, load, services, spec};
use crate::plugin::policy::PolicyRuntime;

/// A policy with all that a component has: imports, a resource, memory, data, and code that runs.
fn sound() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut image = Image::default();
        let decision = image.forward(&[Edit::Set("x-out", b"1"), Edit::Remove("x-in")], &[], None);
        let body = format!(
            "(call $path (local.get 0) (i32.const 512)) (call $drop-request (local.get 0))
             (call $log (i32.const 0) (i32.load (i32.const 512)) (i32.load (i32.const 516)))
             (i32.const {decision})"
        );
        Fixture::new("request-role")
            .accepting()
            .import("http", "[method]request.path", "(func $path (param i32 i32))")
            .import("log", "write", "(func $log (param i32 i32 i32))")
            .on_request(&body)
            .data(image)
            .build()
    })
}

/// Does with these bytes all that the gateway does with a plugin. What comes of it is theirs to choose, as long as it is a
/// refusal, a failure or a decision.
fn use_up(bytes: &[u8]) {
    let Ok(plugin) = load(bytes, all_grants(), LIMITS) else { return };
    let Ok(policy) = PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services()) else { return };
    let _ = decide(&policy);
}

#[test]
fn a_sound_component_decides() {
    let policy =
        PolicyRuntime::bind(load(sound(), all_grants(), LIMITS).unwrap(), &spec(serde_json::json!({})), services());
    assert!(decide(&policy.unwrap()).is_ok());
}

#[test]
fn a_component_cut_off_is_refused_unless_it_lacks_nothing_that_runs() {
    let bytes = sound();
    for length in 0..bytes.len() {
        // What lies behind the exports are names for tools, each a section of its own.
        if let Ok(plugin) = load(&bytes[..length], all_grants(), LIMITS) {
            let policy = PolicyRuntime::bind(plugin, &spec(serde_json::json!({})), services()).unwrap();
            assert!(decide(&policy).is_ok(), "{length} of {} bytes", bytes.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bits_load_or_are_refused(flips in prop::collection::vec((any::<Index>(), 0..8_u8), 1..8)) {
        let mut bytes = sound().to_vec();
        for (at, bit) in flips {
            let length = bytes.len();
            bytes[at.index(length)] ^= 1 << bit;
        }
        use_up(&bytes);
    }

    #[test]
    fn a_piece_put_elsewhere_loads_or_is_refused(from in any::<Index>(), to in any::<Index>(), length in 1..64_usize) {
        let mut bytes = sound().to_vec();
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let piece = bytes[from..bytes.len().min(from + length)].to_vec();
        bytes.splice(to..to, piece);
        use_up(&bytes);
    }

    #[test]
    fn noise_behind_a_components_first_bytes_is_refused(noise in prop::collection::vec(any::<u8>(), 1..256)) {
        let bytes = [b"\0asm\x0d\0\x01\0".as_slice(), &noise].concat();
        prop_assert!(load(&bytes, all_grants(), LIMITS).is_err());
    }
}
