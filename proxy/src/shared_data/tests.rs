use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::counters::clock::TestClock;

/// Room for this many entries of [`entry`].
fn room_for(entries: usize) -> usize {
    entries * cost(b"k", b"v")
}

fn write<'a>(key: &'a [u8], value: &'a [u8]) -> Write<'a> {
    Write { key, value, ttl_ms: 0, limit: usize::MAX }
}

fn store() -> (SharedData, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    clock.advance_ms(1_700_000_000_000);
    (SharedData::new(clock.clone()), clock)
}

fn data() -> (Arc<PolicyData>, Arc<TestClock>) {
    let (store, clock) = store();
    (store.policy("p"), clock)
}

fn value(data: &PolicyData, key: &[u8]) -> Option<Vec<u8>> {
    data.get(key).map(|entry| entry.value.to_vec())
}

#[test]
fn what_is_written_is_read_until_it_is_removed() {
    let (data, _clock) = data();
    assert_eq!(data.get(b"k"), None);
    data.set(write(b"k", b"one")).unwrap();
    assert_eq!(value(&data, b"k"), Some(b"one".to_vec()));
    assert!(data.remove(b"k"));
    assert!(!data.remove(b"k"));
    assert_eq!((data.get(b"k"), data.used()), (None, 0));
}

#[test]
fn an_entry_is_gone_once_its_time_is_over() {
    let (data, clock) = data();
    data.set(Write { ttl_ms: 10, ..write(b"k", b"v") }).unwrap();
    clock.advance_ms(9);
    assert_eq!(value(&data, b"k"), Some(b"v".to_vec()));
    clock.advance_ms(1);
    assert_eq!(data.get(b"k"), None);
    assert!(!data.remove(b"k"), "there was none any more");
}

#[test]
fn a_write_without_a_time_to_live_takes_the_old_one_away() {
    let (data, clock) = data();
    data.set(Write { ttl_ms: 10, ..write(b"k", b"short") }).unwrap();
    data.set(write(b"k", b"long")).unwrap();
    clock.advance_ms(u64::from(u32::MAX));
    assert_eq!(value(&data, b"k"), Some(b"long".to_vec()));
}

#[test]
fn a_swap_needs_the_version_that_is_there() {
    let (data, _clock) = data();
    let first = data.compare_and_swap(0, write(b"k", b"one")).unwrap();
    assert_eq!(data.compare_and_swap(0, write(b"k", b"two")), Err(WriteError::Conflict { version: first }));
    let second = data.compare_and_swap(first, write(b"k", b"two")).unwrap();
    assert_ne!(first, second);
    assert_eq!(data.compare_and_swap(first, write(b"k", b"three")), Err(WriteError::Conflict { version: second }));
    assert_eq!(value(&data, b"k"), Some(b"two".to_vec()));
}

#[test]
fn an_entry_that_was_away_in_between_has_another_version() {
    let (data, _clock) = data();
    let first = data.set(write(b"k", b"v")).unwrap();
    data.remove(b"k");
    let again = data.set(write(b"k", b"v")).unwrap();
    assert_eq!(data.compare_and_swap(first, write(b"k", b"w")), Err(WriteError::Conflict { version: again }));
}

#[test]
fn a_swap_takes_an_expired_entry_for_none() {
    let (data, clock) = data();
    let old = data.set(Write { ttl_ms: 1, ..write(b"k", b"v") }).unwrap();
    clock.advance_ms(1);
    assert_eq!(data.compare_and_swap(old, write(b"k", b"w")), Err(WriteError::Conflict { version: 0 }));
    assert!(data.compare_and_swap(0, write(b"k", b"w")).is_ok());
}

#[test]
fn a_write_over_the_limit_is_refused_and_changes_nothing() {
    let (data, _clock) = data();
    let limit = room_for(2);
    for key in [b"a", b"b"] {
        data.set(Write { limit, ..write(key, b"v") }).unwrap();
    }
    assert_eq!(data.set(Write { limit, ..write(b"c", b"v") }), Err(WriteError::Full));
    assert_eq!(data.set(Write { limit, ..write(b"a", b"vv") }), Err(WriteError::Full));
    assert_eq!(value(&data, b"a"), Some(b"v".to_vec()));
    assert!(data.set(Write { limit, ..write(b"a", b"w") }).is_ok(), "as large as the one it replaces");
    assert_eq!(data.used(), limit);
}

#[test]
fn what_has_expired_makes_room_before_a_write_is_refused() {
    let (data, clock) = data();
    let limit = room_for(100);
    for key in 0..100_u8 {
        data.set(Write { limit, ttl_ms: 1000 - u32::from(key), ..write(&[key], b"v") }).unwrap();
    }
    assert_eq!(data.set(Write { limit, ..write(b"more", b"v") }), Err(WriteError::Full));
    clock.advance_ms(1000);
    let large = vec![0; 50 * ENTRY_OVERHEAD];
    assert!(data.set(Write { limit, ..write(b"more", &large) }).is_ok());
}

#[test]
fn what_has_not_expired_is_never_dropped_for_room() {
    let (data, clock) = data();
    let limit = room_for(2);
    data.set(Write { limit, ttl_ms: 5, ..write(b"a", b"v") }).unwrap();
    data.set(Write { limit, ttl_ms: 10, ..write(b"b", b"v") }).unwrap();
    clock.advance_ms(5);
    data.set(Write { limit, ..write(b"c", b"v") }).unwrap();
    assert_eq!(data.set(Write { limit, ..write(b"d", b"v") }), Err(WriteError::Full));
    assert_eq!(value(&data, b"b"), Some(b"v".to_vec()));
}

#[test]
fn a_lower_limit_lets_entries_shrink_and_not_grow() {
    let (data, _clock) = data();
    data.set(write(b"k", b"four")).unwrap();
    assert!(data.set(Write { limit: 1, ..write(b"k", b"two") }).is_ok());
    assert_eq!(data.set(Write { limit: 1, ..write(b"k", b"four") }), Err(WriteError::Full));
}

#[test]
fn two_policies_share_nothing_and_a_policy_that_goes_takes_its_data_with_it() {
    let (store, _clock) = store();
    store.policy("a").set(write(b"k", b"a")).unwrap();
    store.policy("b").set(write(b"k", b"b")).unwrap();
    assert_eq!(value(&store.policy("a"), b"k"), Some(b"a".to_vec()));
    store.retain(|name| name == "b");
    assert_eq!(value(&store.policy("a"), b"k"), None);
    assert_eq!(value(&store.policy("b"), b"k"), Some(b"b".to_vec()));
}

/// Adds one to the number under `k`, whoever else does.
fn increment(data: &PolicyData) {
    loop {
        let entry = data.get(b"k");
        let number = entry.as_ref().map_or(0, |entry| u64::from_le_bytes((*entry.value).try_into().unwrap()));
        let version = entry.map_or(0, |entry| entry.version);
        if data.compare_and_swap(version, write(b"k", &(number + 1).to_le_bytes())).is_ok() {
            return;
        }
    }
}

#[test]
fn threads_that_swap_one_number_lose_no_step() {
    let (data, _clock) = data();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..1000).for_each(|_| increment(&data)));
        }
    });
    assert_eq!(value(&data, b"k"), Some(8000_u64.to_le_bytes().to_vec()));
}

#[test]
fn threads_that_write_and_remove_stay_within_the_limit_and_leave_the_books_right() {
    let (data, clock) = data();
    let limit = room_for(20);
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let (data, clock) = (&data, &clock);
            scope.spawn(move || {
                for step in 0..2000_u32 {
                    let key = ((step * 7 + thread) % 40).to_le_bytes();
                    let _ = data.set(Write { ttl_ms: step % 3, limit, ..write(&key, &key) });
                    assert!(data.used() <= limit);
                    if step % 5 == 0 {
                        data.remove(&key);
                        clock.advance_ms(1);
                    }
                }
            });
        }
    });
    let held: usize =
        (0..40_u32).map(|key| data.shard(&key.to_le_bytes()).unwrap().lock().cost_of(&key.to_le_bytes())).sum();
    assert_eq!(data.used(), held);
}

/// What the store should be: a map, and the rule for what fits.
#[derive(Default)]
struct Model {
    entries: HashMap<u8, Modelled>,
    now_ms: u64,
}

struct Modelled {
    value: Vec<u8>,
    version: u64,
    expires_ms: Option<u64>,
}

impl Model {
    fn live(&self, key: u8) -> Option<&Modelled> {
        self.entries.get(&key).filter(|entry| entry.expires_ms.is_none_or(|expires| expires > self.now_ms))
    }

    fn version(&self, key: u8) -> u64 {
        self.live(key).map_or(0, |entry| entry.version)
    }

    fn fits(&self, key: u8, value: &[u8], limit: usize) -> bool {
        let others = self.entries.keys().filter(|other| **other != key).filter_map(|other| self.live(*other));
        others.map(|entry| cost(&[key], &entry.value)).sum::<usize>() + cost(&[key], value) <= limit
    }
}

#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Set(u8, Vec<u8>, u32),
    /// With the version that is there, or with another one.
    Swap(u8, Vec<u8>, u32, bool),
    Remove(u8),
    Pause(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let value = || prop::collection::vec(any::<u8>(), 0..200);
    let ttl = || prop_oneof![Just(0_u32), 1..30_u32];
    prop_oneof![
        (0..12_u8).prop_map(Step::Get),
        (0..12_u8, value(), ttl()).prop_map(|(key, value, ttl)| Step::Set(key, value, ttl)),
        (0..12_u8, value(), ttl(), any::<bool>())
            .prop_map(|(key, value, ttl, right)| Step::Swap(key, value, ttl, right)),
        (0..12_u8).prop_map(Step::Remove),
        (0..20_u64).prop_map(Step::Pause),
    ]
}

proptest! {
    #[test]
    fn the_store_does_what_a_map_with_a_limit_would_do(
        steps in prop::collection::vec(step(), 1..200),
        limit in 0..room_for(10),
    ) {
        let (data, clock) = data();
        let mut model = Model::default();
        let mut newest = 0;
        for step in steps {
            match step {
                Step::Pause(ms) => {
                    clock.advance_ms(ms);
                    model.now_ms += ms;
                }
                Step::Get(key) => {
                    let expected = model.live(key).map(|entry| (entry.value.clone(), entry.version));
                    prop_assert_eq!(data.get(&[key]).map(|entry| (entry.value.to_vec(), entry.version)), expected);
                }
                Step::Remove(key) => {
                    prop_assert_eq!(data.remove(&[key]), model.live(key).is_some());
                    model.entries.remove(&key);
                }
                Step::Set(key, ref value, ttl_ms) | Step::Swap(key, ref value, ttl_ms, _) => {
                    let write = Write { ttl_ms, limit, ..write(std::slice::from_ref(&key), value) };
                    let version = model.version(key);
                    let (result, refused) = match step {
                        Step::Swap(.., right) => {
                            let expected = if right { version } else { version + 1 };
                            let conflict = (!right).then_some(WriteError::Conflict { version });
                            (data.compare_and_swap(expected, write), conflict)
                        }
                        _ => (data.set(write), None),
                    };
                    let full = (!model.fits(key, value, limit)).then_some(WriteError::Full);
                    match refused.or(full) {
                        Some(error) => prop_assert_eq!(result, Err(error)),
                        None => {
                            let version = result.unwrap();
                            prop_assert!(version > newest, "{version} comes after {newest}");
                            newest = version;
                            let expires_ms = (ttl_ms > 0).then(|| model.now_ms + u64::from(ttl_ms));
                            model.entries.insert(key, Modelled { value: value.clone(), version, expires_ms });
                        }
                    }
                }
            }
            prop_assert!(data.used() <= limit);
        }
    }
}
