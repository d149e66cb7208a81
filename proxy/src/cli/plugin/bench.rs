//! `tidegate plugin bench`: what a call costs, and what it may cost.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;

use super::ask::{AskArguments, Asked, nobody_there};
use super::print;
use super::trial::{Copied, Verdict};
use crate::config::model::InstanceMode;
use crate::plugin::compile::Compilation;
use crate::plugin::policy::{ConfigureProblem, PluginFailure, PolicyRuntime};

/// Policies bound to see what binding one takes; fewer where that takes long.
const BINDINGS: u32 = 50;
/// As long as one row may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Enough for a median.
const CLOCK_READINGS: u32 = 1_000;
/// Calls between two looks at the memory of an instance.
const BETWEEN_LOOKS: usize = 1_000;

const EXAMPLES: &str = "\
Examples:
  tidegate plugin bench policy.wasm --request 'GET /items' -H 'apikey: alice-key' --consumer alice=alice-key
  tidegate plugin bench policy.wasm --cases cases.toml --case 'a known key' --calls 100000 --json

Times are on the wall, on one thread, of the whole call: views, copies, the guest, and the check of what it decided.
What it takes to read the clock is taken off the time of `call`. With --per-request each of these makes its instance
and drops it; the first call still has the one that binding made.
Only a binary built with optimisation (`make build`) tells what production does.

Copied in are values that the plugin reads of the message, and bodies; its allocator finds room for each. What it allocates by
itself, and what other capabilities answer, is not counted: memory that goes on growing tells of what is never given back.";

/// Which plugin to measure, and at what.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArguments {
    #[command(flatten)]
    ask: AskArguments,
    /// Calls to measure, after a tenth as many that are not.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(10..))]
    calls: u32,
    /// Make a fresh instance for each call, as `instances = "per-request"` does.
    #[arg(long)]
    per_request: bool,
    /// Print one JSON object, times in nanoseconds.
    #[arg(long)]
    json: bool,
}

/// What was measured.
struct Figures {
    load: Duration,
    bind: Sample,
    first_call: Sample,
    call: Sample,
    memory: Memory,
    /// Of one call.
    copied: Copied,
}

/// Linear memory of an instance.
#[derive(Clone, Copy, Default)]
struct Memory {
    /// Bytes when it was first looked at: after the calls that are not measured.
    first: Option<usize>,
    /// The most it had since.
    most: usize,
}

impl Memory {
    /// Looks once more. An instance that has just served its last call is gone.
    fn look(&mut self, now: Option<usize>) {
        self.first = self.first.or(now);
        self.most = self.most.max(now.unwrap_or_default());
    }

    /// What measured calls added. An instance that was renewed began with less, and grows by as much again.
    fn growth(self) -> usize {
        self.most - self.first.unwrap_or_default()
    }
}

/// Times, from the shortest to the longest.
struct Sample(Vec<Duration>);

impl Sample {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    /// The time that so many of a hundred do not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// Measures, and tells.
pub(super) fn main(arguments: &BenchArguments) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let instances = if arguments.per_request { InstanceMode::PerRequest } else { InstanceMode::Reused };
    // Compiling is measured: code that was kept would hide it.
    let mut asked = arguments.ask.prepare(instances, Compilation::in_process())?;
    let load = began.elapsed();
    let figures = measure(&mut asked, load, arguments.calls)?;
    print(&if arguments.json {
        json(&asked, instances, &figures).to_string()
    } else {
        text(&asked, instances, &figures)
    });
    Ok(ExitCode::SUCCESS)
}

fn measure(asked: &mut Asked, load: Duration, calls: u32) -> anyhow::Result<Figures> {
    let (bind, first_call) = bindings(asked)?;
    let policy = asked.trial.policy(&asked.config).map_err(|problems| misconfigured(&problems))?;
    let unasked = policy.instance_memory();
    for _ in 0..calls / 10 {
        expect_decision(asked, &asked.question.put(&policy))?;
    }
    let mut memory = Memory::default();
    memory.look(policy.instance_memory());
    let call = calls_of(asked, &policy, usize::try_from(calls)?, &mut memory)?;
    if memory.first.is_none() {
        // None is ever idle but the first one.
        memory.look(unasked);
    }
    let copied = Copied::default();
    expect_decision(asked, &asked.question.put_counting(&policy, Some(&copied)))?;
    Ok(Figures { load, bind, first_call, call, memory, copied })
}

/// As many calls as wanted, or as there is time for.
fn calls_of(asked: &Asked, policy: &PolicyRuntime, calls: usize, memory: &mut Memory) -> anyhow::Result<Sample> {
    let mut times = Vec::with_capacity(calls);
    let clock = clock_reading();
    let all = Instant::now();
    while times.len() < calls && all.elapsed() < PATIENCE {
        let began = Instant::now();
        let verdict = asked.question.put(policy);
        times.push(began.elapsed().saturating_sub(clock));
        expect_decision(asked, &verdict)?;
        if times.len().is_multiple_of(BETWEEN_LOOKS) {
            memory.look(policy.instance_memory());
            asked.trial.forget_asked();
        }
    }
    memory.look(policy.instance_memory());
    Ok(Sample::of(times))
}

/// What it takes to look at the clock: twice for each call, and once of these within what is measured.
fn clock_reading() -> Duration {
    Sample::of((0..CLOCK_READINGS).map(|_| Instant::now().elapsed()).collect()).percentile(50)
}

/// Policies bound, and the first question to each.
fn bindings(asked: &Asked) -> anyhow::Result<(Sample, Sample)> {
    let (mut binds, mut first_calls) = (Vec::new(), Vec::new());
    let all = Instant::now();
    for _ in 0..BINDINGS {
        let began = Instant::now();
        let policy = asked.trial.bind(&asked.config).map_err(|problems| misconfigured(&problems))?;
        binds.push(began.elapsed());
        let began = Instant::now();
        let verdict = asked.question.put(&policy);
        first_calls.push(began.elapsed());
        expect_decision(asked, &verdict)?;
        if all.elapsed() > PATIENCE {
            break;
        }
    }
    Ok((Sample::of(binds), Sample::of(first_calls)))
}

/// What fails is not worth measuring, nor is what asks nobody.
fn expect_decision(asked: &Asked, verdict: &Verdict) -> anyhow::Result<()> {
    match verdict {
        Verdict::Unasked(missing) => Err(nobody_there(&asked.file, *missing)),
        Verdict::Failed(failure) => {
            let hint = match failure {
                PluginFailure::OutOfTime => "--cpu gives it more",
                PluginFailure::OutOfMemory => "--memory gives it more",
                _ => "`tidegate plugin run` shows the call, and what the plugin logs",
            };
            anyhow::bail!("the plugin failed: {failure}\nhint: {hint}")
        }
        _ => Ok(()),
    }
}

fn misconfigured(problems: &[ConfigureProblem]) -> anyhow::Error {
    let told = problems.iter().map(|problem| match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("{path}: {}", problem.message),
    });
    let hints: String =
        problems.iter().filter_map(|problem| problem.hint).map(|hint| format!("\nhint: {hint}")).collect();
    anyhow::anyhow!("the plugin refuses its configuration: {}{hints}", told.collect::<Vec<_>>().join("; "))
}

fn text(asked: &Asked, instances: InstanceMode, figures: &Figures) -> String {
    let limits = asked.limits;
    let row =
        |label: &str, value: String, note: String| format!("{label:<14}{value:>12}   {note}").trim_end().to_owned();
    let spread = |sample: &Sample| format!("p99 {}, {} measured", shown(sample.percentile(99)), sample.0.len());
    let share = figures.call.percentile(99).as_secs_f64() / limits.cpu.as_secs_f64() * 100.0;
    let Figures { memory, copied, .. } = figures;
    let (bound, of_instance) = match instances {
        InstanceMode::Reused => ("make an instance and configure it", "of an instance"),
        InstanceMode::PerRequest => {
            ("configure it, and make its image if it can have one", "of an instance before its call")
        }
    };
    let growth = (instances == InstanceMode::Reused)
        .then(|| row("growth", kib(memory.growth()), "of this memory while calls were measured".to_owned()));
    let rows = [
        asked.file.display().to_string(),
        row("load", shown(figures.load), "read, check and compile".to_owned()),
        row("bind", shown(figures.bind.percentile(50)), format!("{bound}; {}", spread(&figures.bind))),
        row("first call", shown(figures.first_call.percentile(50)), spread(&figures.first_call)),
        row("call", shown(figures.call.percentile(50)), spread(&figures.call)),
        row("budget", shown(limits.cpu), format!("limits.cpu; the p99 is {share:.2} % of it")),
        row("memory", kib(memory.most), format!("{of_instance}; limits.memory is {}", kib(limits.memory))),
    ];
    let copied = row(
        "copied in",
        copied.values().to_string(),
        format!("values of the message a call, {} bytes", copied.bytes()),
    );
    rows.into_iter().chain(growth).chain([copied]).collect::<Vec<_>>().join("\n")
}

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// In the unit that leaves three figures before the point at most.
fn shown(time: Duration) -> String {
    match time.as_nanos() {
        0..1_000 => format!("{} ns", time.as_nanos()),
        1_000..1_000_000 => format!("{:.2} us", time.as_secs_f64() * 1e6),
        1_000_000..1_000_000_000 => format!("{:.2} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}

fn json(asked: &Asked, instances: InstanceMode, figures: &Figures) -> serde_json::Value {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let sample = |sample: &Sample| {
        json!({
            "median_ns": nanoseconds(sample.percentile(50)),
            "p99_ns": nanoseconds(sample.percentile(99)),
            "measured": sample.0.len(),
        })
    };
    json!({
        "file": asked.file,
        "load_ns": nanoseconds(figures.load),
        "bind": sample(&figures.bind),
        "first_call": sample(&figures.first_call),
        "call": sample(&figures.call),
        "memory_bytes": figures.memory.most,
        "memory_growth_bytes": (instances == InstanceMode::Reused).then(|| figures.memory.growth()),
        "copied_in": { "values": figures.copied.values(), "bytes": figures.copied.bytes() },
        "limits": { "cpu_ns": nanoseconds(asked.limits.cpu), "memory_bytes": asked.limits.memory },
        "optimised": !cfg!(debug_assertions),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let sample = Sample::of((0..=100).rev().map(Duration::from_micros).collect());
        assert_eq!(
            (sample.percentile(50), sample.percentile(99)),
            (Duration::from_micros(50), Duration::from_micros(99))
        );
        assert_eq!(Sample::of(Vec::new()).percentile(50), Duration::ZERO);
    }

    #[test]
    fn growth_is_what_came_after_the_first_look() {
        let mut memory = Memory::default();
        for now in [None, Some(64), Some(192), None, Some(64), Some(128)] {
            memory.look(now);
        }
        assert_eq!((memory.most, memory.growth()), (192, 128));
    }

    #[test]
    fn a_time_is_shown_in_a_unit_that_fits() {
        assert_eq!(shown(Duration::from_nanos(740)), "740 ns");
        assert_eq!(shown(Duration::from_nanos(1_740)), "1.74 us");
        assert_eq!(shown(Duration::from_millis(14)), "14.00 ms");
    }
}
