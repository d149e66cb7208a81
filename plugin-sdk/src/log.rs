//! Lines in the gateway's log. Grant: `log`.
//!
//! ```no_run
//! # let address = "192.0.2.7";
//! tidegate_plugin_sdk::log::info!("refused {address}");
//! ```
//!
//! The gateway adds policy and request id, and cuts messages longer than 4 KiB. A plugin that logs nothing needs no grant.

#[cfg(target_arch = "wasm32")]
use crate::contract::log as gateway;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::log as gateway;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// What a developer looks for.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What may need attention.
    Warn,
    /// What needs attention.
    Error,
}

/// Writes one line.
pub fn write(level: Level, message: &str) {
    report_panics();
    gateway::write(level, message);
}

/// Makes a panic write its text as an error line before the gateway stops the instance; without this a panic is silent.
///
/// The first line a plugin logs does so too. Call it in [`configure`](crate::Policy::configure) to hear of a panic that
/// comes before any line. Natively the test's own report stays.
pub fn report_panics() {
    #[cfg(target_arch = "wasm32")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            std::panic::set_hook(Box::new(|panic| gateway::write(Level::Error, &panic.to_string())));
        });
    }
}

/// Writes a line at a level, with the arguments of [`format!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $($argument:tt)+) => {
        $crate::log::write($crate::log::Level::$level, &::std::format!($($argument)+))
    };
}

macro_rules! level {
    ($macro:ident, $exported:ident, $level:ident, $doc:literal, $d:tt) => {
        #[doc = $doc]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $exported {
                                            ($d($d argument:tt)+) => { $crate::__log!($level, $d($d argument)+) };
                                        }
        #[doc(inline)]
        pub use $exported as $macro;
    };
}

level!(trace, __trace, Trace, "Writes a trace line, with the arguments of [`format!`].", $);
level!(debug, __debug, Debug, "Writes a debug line, with the arguments of [`format!`].", $);
level!(info, __info, Info, "Writes an info line, with the arguments of [`format!`].", $);
level!(warn, __warn, Warn, "Writes a warning, with the arguments of [`format!`].", $);
level!(error, __error, Error, "Writes an error line, with the arguments of [`format!`].", $);
