//! Which plugins count where other gateways count too.

use std::sync::Arc;

use crate::config::model::{Counting, SharedStore};
use crate::config::problems::Problems;
use crate::config::value::Wrong;
use crate::config::written::{CountingWord, Plugin};

/// Where the policies of this plugin count; `None` comes with a problem.
pub(super) fn of_plugin(
    plugin: &Plugin,
    store: Option<&Arc<SharedStore>>,
    problems: &mut Problems<'_>,
) -> Option<Counting> {
    let Some(written) = plugin.counters.as_ref().filter(|written| written.value == CountingWord::Shared) else {
        return Some(Counting::Local);
    };
    if store.is_none() && !problems.concern("counters") {
        let wrong = Wrong::new("there is nothing to share counters in");
        problems.at_value(&written.at, wrong.hint("add `[counters]` with `redis = \"redis://127.0.0.1:6379/0\"`"));
    }
    store.map(|store| Counting::Shared(Arc::clone(store)))
}
