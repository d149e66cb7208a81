//! `[[plugin]]` and `[[policy]]`: what is loaded, what it may use, and what becomes of traffic when it fails.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::Counting;

/// A component file with what it may use and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Unique.
    pub name: String,
    /// The component.
    pub path: PathBuf,
    /// Its SHA-256 in lower-case hex, where the operator pins it.
    pub sha256: Option<String>,
    /// Capabilities it may import.
    pub grants: Grants,
    /// Upstreams it may send requests to, by name.
    pub upstreams: Vec<String>,
    /// Where its policies count.
    pub counters: Counting,
    /// For how long one instance serves.
    pub instances: InstanceMode,
    /// When its policies are left out for a while; none where they never are.
    pub quarantine: Option<Quarantine>,
    /// How much it may use.
    pub limits: PluginLimits,
}

/// For how long an instance of a plugin serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceMode {
    /// For many calls, until it is renewed.
    #[default]
    Reused,
    /// For one call: nothing can leak from one request to the next.
    PerRequest,
}

/// When a policy that keeps failing is no longer called, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// So many failed calls.
    pub failures: NonZeroU32,
    /// Within this time.
    pub window: Duration,
    /// Until one call is let through to see whether it works again; twice as long after each such call that fails.
    pub pause: Duration,
}

/// A power of the gateway that a plugin has only where the operator grants it: one interface of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Lines in the gateway's log.
    Log,
    /// What time it is.
    Clock,
    /// Random numbers.
    Random,
    /// Counters that a policy's instances share.
    Counters,
    /// Values that a policy's instances share.
    SharedData,
    /// Who the operator's clients are.
    Consumers,
    /// Passwords of the operator's clients.
    Passwords,
    /// Signatures of tokens.
    Keysets,
    /// Requests to upstreams.
    HttpClient,
    /// Numbers for the gateway's metrics.
    Metrics,
}

impl Capability {
    /// All there are.
    pub const ALL: [Self; 10] = [
        Self::Log,
        Self::Clock,
        Self::Random,
        Self::Counters,
        Self::SharedData,
        Self::Consumers,
        Self::Passwords,
        Self::Keysets,
        Self::HttpClient,
        Self::Metrics,
    ];

    /// Whether what has it may wait for an answer from outside.
    #[must_use]
    pub fn waits(self) -> bool {
        matches!(self, Self::Passwords | Self::HttpClient)
    }

    /// Whether it does nothing but answer, and answers the same as long as the configuration is the same, or says for how long it does.
    #[must_use]
    pub fn is_a_lookup(self) -> bool {
        match self {
            Self::Consumers | Self::Keysets => true,
            Self::Log
            | Self::Clock
            | Self::Random
            | Self::Counters
            | Self::SharedData
            | Self::Passwords
            | Self::HttpClient
            | Self::Metrics => false,
        }
    }

    /// Its interface in the contract, and its word in `grants`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Counters => "counters",
            Self::SharedData => "shared-data",
            Self::Consumers => "consumers",
            Self::Passwords => "passwords",
            Self::Keysets => "keysets",
            Self::HttpClient => "http-client",
            Self::Metrics => "metrics",
        }
    }
}

/// Capabilities an operator gave to a plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants(u16);

impl Grants {
    /// Every capability.
    #[must_use]
    pub fn all() -> Self {
        Capability::ALL.into_iter().collect()
    }

    /// Whether this one was given.
    #[must_use]
    pub fn has(self, capability: Capability) -> bool {
        self.0 & Self::bit(capability) != 0
    }

    /// Those that were given, in the order of the contract.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.has(*capability))
    }

    fn bit(capability: Capability) -> u16 {
        1 << capability as u16
    }
}

/// As the configuration has them: `["consumers", "clock"]`.
impl std::fmt::Display for Grants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(Capability::name)).finish()
    }
}

impl FromIterator<Capability> for Grants {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().fold(0, |bits, capability| bits | Self::bit(capability)))
    }
}

/// What one instance of a plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginLimits {
    /// CPU time of one call.
    pub cpu: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
    /// Bytes one call may return (headers and body).
    pub output: usize,
    /// Header fields and edits one call may return.
    pub output_fields: usize,
    /// Instances alive at once per policy; one more request meets "overloaded".
    pub instances: u32,
    /// Calls after which an instance is renewed.
    pub calls_per_instance: u32,
    /// Decisions that are remembered, per policy, role and worker; none where it is 0.
    pub decisions: usize,
    /// Elements of all its tables together.
    pub table_elements: usize,
    /// Resource handles it may hold at once.
    pub handles: usize,
    /// Bytes of one body that are kept for it, to be shown whole or held; also the most that one step may put in the place
    /// of a piece, where it is more than `output`.
    pub body: usize,
    /// Lines in the log in a second; more are counted, not written.
    pub log_lines: u32,
    /// Bytes of shared data per policy: keys, values, and what each entry takes besides.
    pub shared_data: usize,
    /// Counters per policy.
    pub counters: usize,
    /// Requests to upstreams in one call.
    pub http_calls: u32,
    /// For one request to an upstream.
    pub http_timeout: Duration,
    /// Bytes of an answer to a request to an upstream.
    pub http_body: usize,
}

/// A plugin configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Unique.
    pub name: String,
    /// Names a plugin.
    pub plugin: String,
    /// What `configure` is given: a JSON object.
    pub config: serde_json::Value,
    /// What traffic sees when the plugin fails.
    pub on_failure: FailureMode,
}

/// What traffic sees when a plugin traps, runs out of budget or answers nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureMode {
    /// Refuse the request (503).
    Deny,
    /// Go on as if the policy were not there.
    Allow,
}
