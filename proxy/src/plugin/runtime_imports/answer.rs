//! What each function is answered. A function that is declared with another type than WASI's fails when it is called.

use rand::Rng;
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, ResourceAny, Val};

use super::wanted_grant;
use crate::config::model::Grants;
use crate::plugin::instance::HostState;

/// What every resource is: a handle to hold, and nothing behind it.
pub(super) struct Nothing;

/// What a stream takes at once; WASI's own limit for one blocking write.
const ROOM_BYTES: u64 = 4096;
/// What one call may ask for, as with the contract's own `random`.
const MAX_RANDOM_BYTES: u64 = 4096;
const MS_NS: u64 = 1_000_000;

/// How a function is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// `list<_>`, empty: variables, arguments, folders.
    Empty,
    /// `option<_>`, none: current folder, terminals.
    Absent,
    /// A handle.
    Handle,
    /// `result<u64, _>`: what a stream takes.
    Room,
    /// `result<_, _>`: done, by doing nothing.
    Done,
    /// `result<_, stream-error>`: there is nothing to read, ever.
    Closed,
    /// The wall clock's `datetime`.
    WallTime,
    /// The wall clock's `datetime` of its grain.
    WallGrain,
    /// Nanoseconds.
    Monotonic,
    /// Nanoseconds of its grain.
    MonotonicGrain,
    /// As many bytes as asked for.
    RandomBytes,
    /// `u64`
    RandomNumber,
    /// `tuple<u64, u64>`
    RandomPair,
    /// A trap that says this.
    Refused(String),
}

impl Answer {
    /// The answer to `function` of `interface`, which carries its version.
    pub(super) fn to(interface: &str, function: &str, grants: Grants) -> Self {
        let name = interface.split('@').next().unwrap_or_default();
        let wanted = wanted_grant(name);
        if let Some(capability) = wanted.filter(|capability| !grants.has(*capability)) {
            return Self::Refused(format!("{name}#{function} wants the grant \"{}\"", capability.name()));
        }
        let known = if wanted.is_some() { Self::lent(name, function) } else { Self::always(name, function) };
        known.unwrap_or_else(|| Self::Refused(format!("{name}#{function} is not there for a policy")))
    }

    /// What gives no power.
    fn always(name: &str, function: &str) -> Option<Self> {
        Some(match (name, function) {
            ("wasi:cli/environment", "get-environment" | "get-arguments")
            | ("wasi:filesystem/preopens", "get-directories") => Self::Empty,
            ("wasi:cli/environment", "initial-cwd" | "get-initial-cwd")
            | ("wasi:cli/terminal-stdin", "get-terminal-stdin")
            | ("wasi:cli/terminal-stdout", "get-terminal-stdout")
            | ("wasi:cli/terminal-stderr", "get-terminal-stderr") => Self::Absent,
            ("wasi:cli/stdin", "get-stdin")
            | ("wasi:cli/stdout", "get-stdout")
            | ("wasi:cli/stderr", "get-stderr")
            | ("wasi:io/streams", "[method]output-stream.subscribe" | "[method]input-stream.subscribe") => Self::Handle,
            ("wasi:io/streams", "[method]output-stream.check-write") => Self::Room,
            (
                "wasi:io/streams",
                "[method]output-stream.write"
                | "[method]output-stream.blocking-write-and-flush"
                | "[method]output-stream.flush"
                | "[method]output-stream.blocking-flush",
            ) => Self::Done,
            ("wasi:io/streams", "[method]input-stream.read" | "[method]input-stream.blocking-read") => Self::Closed,
            // Seeds of hash tables: without one, whoever sends the keys could make a table slow.
            ("wasi:random/insecure-seed", "insecure-seed" | "get-insecure-seed") => Self::RandomPair,
            _ => return None,
        })
    }

    /// What is granted.
    fn lent(name: &str, function: &str) -> Option<Self> {
        Some(match (name, function) {
            ("wasi:clocks/wall-clock", "now") => Self::WallTime,
            ("wasi:clocks/wall-clock", "resolution") => Self::WallGrain,
            ("wasi:clocks/monotonic-clock", "now") => Self::Monotonic,
            ("wasi:clocks/monotonic-clock", "resolution") => Self::MonotonicGrain,
            ("wasi:random/random", "get-random-bytes") | ("wasi:random/insecure", "get-insecure-random-bytes") => {
                Self::RandomBytes
            }
            ("wasi:random/random", "get-random-u64") | ("wasi:random/insecure", "get-insecure-random-u64") => {
                Self::RandomNumber
            }
            _ => return None,
        })
    }

    /// Whether another instance would have to be given another answer: handles are counted by instance, time goes on, and
    /// what is random must not repeat.
    fn is_of_one_instance(&self) -> bool {
        match self {
            Self::Handle
            | Self::WallTime
            | Self::Monotonic
            | Self::RandomBytes
            | Self::RandomNumber
            | Self::RandomPair => true,
            Self::Empty
            | Self::Absent
            | Self::Room
            | Self::Done
            | Self::Closed
            | Self::WallGrain
            | Self::MonotonicGrain
            | Self::Refused(_) => false,
        }
    }

    /// Answers one call.
    ///
    /// # Errors
    /// There is no answer, or the function is declared without a result.
    pub(super) fn give(
        &self,
        mut store: StoreContextMut<'_, HostState>,
        asked: &[Val],
        given: &mut [Val],
    ) -> wasmtime::Result<()> {
        for value in asked {
            // A borrow has to be let go of before the call ends; an owned handle ends here.
            if let Val::Resource(handle) = value {
                handle.try_into_resource::<Nothing>(&mut store)?;
            }
        }
        if self.is_of_one_instance() {
            store.data_mut().becomes_one_of_a_kind();
        }
        let value = self.value(&mut store, asked)?;
        let Some(place) = given.first_mut() else { wasmtime::bail!("declared without the result it has in WASI") };
        *place = value;
        Ok(())
    }

    fn value(&self, store: &mut StoreContextMut<'_, HostState>, asked: &[Val]) -> wasmtime::Result<Val> {
        Ok(match self {
            Self::Empty => Val::List(Vec::new()),
            Self::Absent => Val::Option(None),
            Self::Handle => Val::Resource(ResourceAny::try_from_resource(Resource::<Nothing>::new_own(0), store)?),
            Self::Room => Val::Result(Ok(Some(Box::new(Val::U64(ROOM_BYTES))))),
            Self::Done => Val::Result(Ok(None)),
            Self::Closed => Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None))))),
            Self::WallTime => datetime(store.data_mut().time().wall_ms),
            Self::WallGrain => datetime(1),
            Self::Monotonic => Val::U64(store.data_mut().time().monotonic_ms.saturating_mul(MS_NS)),
            Self::MonotonicGrain => Val::U64(MS_NS),
            Self::RandomBytes => random_bytes(asked)?,
            Self::RandomNumber => Val::U64(rand::rng().next_u64()),
            Self::RandomPair => Val::Tuple(vec![Val::U64(rand::rng().next_u64()), Val::U64(rand::rng().next_u64())]),
            Self::Refused(why) => wasmtime::bail!("{why}"),
        })
    }
}

fn datetime(ms: u64) -> Val {
    let nanoseconds = u32::try_from(ms % 1000 * MS_NS).unwrap_or_default();
    Val::Record(vec![("seconds".to_owned(), Val::U64(ms / 1000)), ("nanoseconds".to_owned(), Val::U32(nanoseconds))])
}

fn random_bytes(asked: &[Val]) -> wasmtime::Result<Val> {
    let Some(Val::U64(count @ 0..=MAX_RANDOM_BYTES)) = asked.first() else {
        wasmtime::bail!("random bytes come in up to {MAX_RANDOM_BYTES} at once");
    };
    let mut bytes = vec![0; usize::try_from(*count)?];
    rand::rng().fill_bytes(&mut bytes);
    Ok(Val::List(bytes.into_iter().map(Val::U8).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Capability;

    #[test]
    fn an_answer_does_not_depend_on_the_version() {
        for version in ["@0.2.0", "@0.2.6", ""] {
            let interface = format!("wasi:cli/environment{version}");
            assert_eq!(Answer::to(&interface, "get-environment", Grants::default()), Answer::Empty);
        }
    }

    #[test]
    fn clock_and_random_want_their_grants() {
        let clock = |grants| Answer::to("wasi:clocks/wall-clock@0.2.6", "now", grants);
        let refused = "wasi:clocks/wall-clock#now wants the grant \"clock\"";
        assert_eq!(clock(Grants::default()), Answer::Refused(refused.to_owned()));
        assert_eq!(clock(Grants::from_iter([Capability::Clock])), Answer::WallTime);
        let random = |grants| Answer::to("wasi:random/random@0.2.6", "get-random-u64", grants);
        assert!(matches!(random(Grants::from_iter([Capability::Clock])), Answer::Refused(_)));
        assert_eq!(random(Grants::from_iter([Capability::Random])), Answer::RandomNumber);
    }

    #[test]
    fn what_would_be_a_power_is_refused_even_with_every_grant() {
        for (interface, function) in [
            ("wasi:cli/exit", "exit"),
            ("wasi:filesystem/types", "[method]descriptor.open-at"),
            ("wasi:sockets/tcp-create-socket", "create-tcp-socket"),
            ("wasi:http/outgoing-handler", "handle"),
            ("wasi:clocks/monotonic-clock", "subscribe-duration"),
        ] {
            let refused = format!("{interface}#{function} is not there for a policy");
            assert_eq!(Answer::to(interface, function, Grants::all()), Answer::Refused(refused));
        }
    }
}
