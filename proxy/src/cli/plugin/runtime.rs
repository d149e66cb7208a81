//! What a component with a language's runtime in it wants of a gateway, beyond what it is given by default.

/// Bytes from which on a component is taken for one that has such a runtime: SpiderMonkey and CPython make files of more
/// than ten MiB, whereas one with Go's runtime has three and can do with the defaults.
pub(super) const LARGE: usize = 8 << 20;

/// Time to compile; the processors of a small machine take half of it.
pub(super) const COMPILE: &str = "[server.compile]\ntimeout = \"60s\"          # once per file; the result is kept\n";

/// The memory that is enough for all of them.
pub(super) const MEMORY: &str = SPIDERMONKEY.memory;

pub(super) const SPIDERMONKEY: Runtime = Runtime { name: "SpiderMonkey", memory: "64MiB" };
pub(super) const CPYTHON: Runtime = Runtime { name: "CPython", memory: "32MiB" };

/// A language's runtime inside of a component.
pub(super) struct Runtime {
    name: &'static str,
    /// Of one instance, as it is written in a configuration.
    memory: &'static str,
}

impl Runtime {
    /// For a table of cases.
    pub(super) fn limits_of_cases(&self) -> String {
        let Self { name, memory } = self;
        let why = format!("{name} is in the component; the configuration of the gateway wants the same");
        format!("\n[limits] # {why}\nmemory = {memory:?}\n")
    }

    /// For the configuration of a gateway: the server's section.
    pub(super) fn compile(&self) -> String {
        format!("\n# {} is in the component.\n{COMPILE}", self.name)
    }

    /// For the configuration of a gateway: the section below the plugin's.
    pub(super) fn limits(&self) -> String {
        format!("\n{}", limits(self.memory))
    }

    /// For a README.
    pub(super) fn explained(&self) -> String {
        let (name, limits) = (self.name, limits(self.memory));
        format!(
            "
## In a gateway of yours

{name} is in the component. It takes longer to compile than a gateway waits by default, and each instance takes more
memory than it is given, so that a configuration needs these too, as `tidegate.toml` has them:

```toml
{COMPILE}
{limits}```
"
        )
    }
}

/// The limits of the plugin, with this much memory.
pub(super) fn limits(memory: &str) -> String {
    let instances = "instances = 8            # each takes so much";
    format!("[plugin.limits]          # below its [[plugin]]\nmemory = {memory:?}\n{instances}\n")
}
