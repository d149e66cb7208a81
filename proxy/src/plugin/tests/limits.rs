use super::calls::{counting, status};
use super::with_request;
use crate::config::model::PluginLimits;
use crate::plugin::fixture::image::{Edit, Image};
use crate::plugin::fixture::{Fixture, LIMITS, try_bind};
use crate::plugin::policy::{PluginFailure, PolicyRuntime};
use crate::policy::decision::IllegalDecision;

fn failure(policy: &PolicyRuntime) -> PluginFailure {
    with_request("", |request| policy.on_request(request).unwrap_err())
}

#[test]
fn a_table_larger_than_the_limit_does_not_start() {
    let fixture = counting().raw_export("(table 40 funcref)");
    assert!(try_bind(&fixture, PluginLimits { table_elements: 40, ..LIMITS }).is_ok());
    let problems = try_bind(&fixture, PluginLimits { table_elements: 39, ..LIMITS }).unwrap_err();
    assert!(problems[0].message.contains("table"), "{problems:?}");
}

#[test]
fn a_table_does_not_grow_over_the_limit() {
    let mut image = Image::default();
    let decision = image.respond(200, &[], b"");
    // One element at a time, and the status counts them.
    let body = format!(
        "(loop
           (i32.store16 (i32.const {status}) (i32.add (i32.const 200) (table.size $own)))
           (br_if 0 (i32.ne (table.grow $own (ref.null func) (i32.const 1)) (i32.const -1))))
         (i32.const {decision})",
        status = decision + 8
    );
    let fixture = Fixture::request(&body).raw_export("(table $own 0 funcref)").data(image);
    let policy = try_bind(&fixture, PluginLimits { table_elements: 77, ..LIMITS }).unwrap();
    assert_eq!(status(&policy), 277);
}

/// Makes handles of a resource of its own for as long as it gets them.
fn hoarding(count: u32) -> Fixture {
    let mut image = Image::default();
    let decision = image.forward(&[], &[], None);
    let body = format!(
        "(local $made i32)
         (call $drop-request (local.get 0))
         (loop
           (drop (call $new (local.get $made)))
           (local.set $made (i32.add (local.get $made) (i32.const 1)))
           (br_if 0 (i32.lt_u (local.get $made) (i32.const {count}))))
         (i32.const {decision})"
    );
    Fixture::new("hoarding")
        .raw_import(
            "(import \"[export]test:worlds/things\" \"[resource-new]thing\" (func $new (param i32) (result i32)))",
        )
        .on_request(&body)
        .data(image)
}

#[test]
fn a_guest_holds_no_more_handles_than_the_limit() {
    let limits = PluginLimits { handles: 50, ..LIMITS };
    let few = try_bind(&hoarding(40), limits).unwrap();
    assert!(with_request("", |request| few.on_request(request)).is_ok());
    assert!(matches!(failure(&few), PluginFailure::Trap(_)), "what it holds from the last call counts");
    let many = try_bind(&hoarding(60), limits).unwrap();
    assert!(matches!(failure(&many), PluginFailure::Trap(_)));
}

#[test]
fn more_fields_than_the_limit_are_an_illegal_decision() {
    let limits = PluginLimits { output_fields: 6, ..LIMITS };
    let edit = Edit::Append("x-a", b"1");
    let decide = |build: &dyn Fn(&mut Image) -> u32| {
        let mut image = Image::default();
        let decision = build(&mut image);
        let policy = try_bind(&Fixture::deciding(image, decision), limits).unwrap();
        with_request("", |request| policy.on_request(request).map(drop))
    };
    assert!(decide(&|image| image.forward(&[edit; 3], &[edit; 3], None)).is_ok());
    assert!(decide(&|image| image.respond(200, &[("x-a", &b"1"[..]); 6], b"")).is_ok());
    let too_many: [&dyn Fn(&mut Image) -> u32; 2] = [&|image| image.forward(&[edit; 3], &[edit; 4], None), &|image| {
        image.respond(200, &[("x-a", &b"1"[..]); 7], b"")
    }];
    for build in too_many {
        match decide(build) {
            Err(PluginFailure::Illegal(IllegalDecision::TooManyFields { fields: 7, limit: 6 })) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_list_the_host_would_have_to_hold_is_stopped_before_it_is_copied() {
    // A million values of 16 bytes each, all the same ones: 24 bytes of guest memory per edit, much more of the host's.
    let mut image = Image::default();
    let [text, length] = image.bytes(&[b'a'; 16]);
    let decision = image.words(&[0, 0, 131_072, 1_000_000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let body = format!(
        "(local $at i32) (local $end i32)
         (call $drop-request (local.get 0))
         (drop (memory.grow (i32.const 320)))
         (local.set $at (i32.const 131072))
         (local.set $end (i32.add (i32.const 131072) (i32.const 20000000)))
         (loop
           (i32.store offset=4 (local.get $at) (i32.const {text}))
           (i32.store offset=8 (local.get $at) (i32.const {length}))
           (i32.store offset=12 (local.get $at) (i32.const {text}))
           (i32.store offset=16 (local.get $at) (i32.const {length}))
           (local.set $at (i32.add (local.get $at) (i32.const 20)))
           (br_if 0 (i32.lt_u (local.get $at) (local.get $end))))
         (i32.const {decision})"
    );
    let limits = PluginLimits { memory: 32 << 20, cpu: std::time::Duration::from_secs(5), ..LIMITS };
    let policy = try_bind(&Fixture::new("request-role").accepting().on_request(&body).data(image), limits).unwrap();
    match failure(&policy) {
        PluginFailure::Trap(text) => assert!(text.contains("fuel"), "{text}"),
        other => panic!("{other}"),
    }
}
