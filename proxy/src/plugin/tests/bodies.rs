use super::with_request;
use crate::config::model::PluginLimits;
use crate::plugin::fixture::image::Image;
use crate::plugin::fixture::{Fixture, LIMITS, try_bind};
use crate::plugin::policy::PluginFailure;
use crate::policy::body::{Action, Attention, Piece, Step};
use crate::policy::decision::IllegalDecision;

const REPLACE: u32 = 1;
const HOLD: u32 = 2;
const FINISH: u32 = 3;

const SMALL: PluginLimits = PluginLimits { output: 256, body: 1000, ..LIMITS };

/// What a guest with these limits answers to a piece.
fn answer(guest: Fixture, limits: PluginLimits) -> Result<Step, PluginFailure> {
    let policy = try_bind(&guest, limits).unwrap();
    let piece = Piece { bytes: b"piece", last: false, memory: b"" };
    with_request("", |request| policy.on_request_body(request, piece))
}

/// What a guest answers whose step is always the same.
fn fixed(action: u32, bytes: usize, memory: usize) -> Result<Step, PluginFailure> {
    let mut image = Image::default();
    let bytes = image.bytes(&vec![b'x'; bytes]);
    let memory = image.bytes(&vec![b'm'; memory]);
    let step = image.step(action, bytes, memory);
    answer(Fixture::seeing_bodies(&format!("(i32.const {step})")).data(image), SMALL)
}

#[test]
fn a_guest_says_how_it_wants_to_see_a_body() {
    let policy = try_bind(&Fixture::seeing_bodies("(unreachable)"), LIMITS).unwrap();
    assert_eq!(with_request("", |request| policy.attend_request(request)).unwrap(), Attention::Pieces);
}

#[test]
fn a_guest_sees_the_bytes_of_a_piece_and_puts_others_in_their_place() {
    let mut image = Image::default();
    let step = image.step(REPLACE, [0, 0], [0, 0]);
    // Its own piece, without the first byte.
    let body = format!(
        "(i32.store offset=4 (i32.const {step}) (i32.add (local.get $piece) (i32.const 1)))
         (i32.store offset=8 (i32.const {step}) (i32.sub (local.get $length) (i32.const 1)))
         (i32.const {step})"
    );
    match answer(Fixture::seeing_bodies(&body).data(image), LIMITS).unwrap().action {
        Action::Replace(bytes) => assert_eq!(bytes, "iece"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn as_much_as_is_kept_may_be_returned_and_no_more() {
    for action in [REPLACE, FINISH] {
        assert!(fixed(action, 1000, 0).is_ok());
        match fixed(action, 1001, 0) {
            Err(PluginFailure::Illegal(IllegalDecision::TooLarge { bytes: 1001, limit: 1000 })) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_page_may_be_remembered_and_no_more() {
    assert_eq!(fixed(HOLD, 0, 4096).unwrap().memory.len(), 4096);
    match fixed(HOLD, 0, 4097) {
        Err(PluginFailure::Illegal(IllegalDecision::Memory { bytes: 4097, limit: 4096 })) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trap_at_a_piece_throws_the_instance_away() {
    let policy = try_bind(&Fixture::seeing_bodies("(unreachable)"), LIMITS).unwrap();
    let piece = Piece { bytes: b"piece", last: true, memory: b"" };
    let failed = with_request("", |request| policy.on_request_body(request, piece));
    assert!(matches!(failed, Err(PluginFailure::Trap(_))));
    assert_eq!(policy.statistics().instances, 0);
}
