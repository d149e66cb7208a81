//! Compiles in a child process: what takes too long, or too much, ends with it.
//!
//! The child is this program's own executable. It has no file, no environment and no way to get one; it is given the
//! component on standard input and answers with the code on standard output, or with a reason on standard error.

pub mod inside;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::runtime::Handle;

use super::error::CompileError;
use crate::config::model::CompileLimits;
use crate::plugin::failure::printable;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "compile-plugin";
/// Linux keeps the executable reachable here when its file is replaced or removed: a running gateway must go on compiling
/// with the compiler it was built with, whose code is the only one it can run.
const OWN_EXECUTABLE: &str = "/proc/self/exe";
/// A plugin of the largest size there may be becomes some 200 MiB.
const MAX_CODE_BYTES: u64 = 512 << 20;
/// A reason is a sentence.
const MAX_REASON_BYTES: u64 = 4 << 10;
/// Half of the machine stays for traffic, and each thread has its share of the address space.
const MAX_THREADS: usize = 4;
/// Allocators reserve address space far ahead, where it is not limited: mimalloc 1 GiB at once (here in KiB), glibc 64 MiB
/// for each thread.
const FRUGAL: [(&str, &str); 2] = [("MIMALLOC_ARENA_RESERVE", "65536"), ("MALLOC_ARENA_MAX", "1")];
/// From `signal(7)`.
const SIGXCPU: i32 = 24;

/// Runs the compiler as a process of its own.
#[derive(Clone, Debug)]
pub struct ChildCompiler {
    program: PathBuf,
    arguments: Vec<OsString>,
    limits: CompileLimits,
    runtime: Handle,
}

impl ChildCompiler {
    /// The program that runs now is the compiler; `runtime` waits for it, and may not be the one this is called on.
    ///
    /// # Errors
    /// The system does not say where this program is.
    pub fn new(limits: CompileLimits, runtime: Handle) -> io::Result<Self> {
        let linked = PathBuf::from(OWN_EXECUTABLE);
        let program = if linked.exists() { linked } else { std::env::current_exe()? };
        Ok(Self { program, arguments: vec![SUBCOMMAND.into()], limits, runtime })
    }

    /// Blocks until the code is there, or the deadline has passed and the compiler is gone.
    pub(super) fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        self.runtime.block_on(self.run(component))
    }

    async fn run(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let mut child = self.command().spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let work = async {
            let (code, reason, ()) =
                tokio::join!(drain(stdout, MAX_CODE_BYTES), drain(stderr, MAX_REASON_BYTES), feed(stdin, component));
            Ok::<_, io::Error>((child.wait().await?, code?, reason?))
        };
        let done = tokio::time::timeout(self.limits.timeout, work).await;
        let Ok(done) = done else {
            child.kill().await?;
            return Err(CompileError::TimedOut(self.limits.timeout));
        };
        let (status, code, reason) = done?;
        self.judge(status, code, &String::from_utf8_lossy(&reason))
    }

    fn command(&self) -> Command {
        let threads = threads();
        let mut command = std::process::Command::new(&self.program);
        command
            .arg0("tidegate")
            .args(&self.arguments)
            .args(inside::CompileArguments::new(&self.limits, threads).to_words())
            .current_dir("/")
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            .envs(FRUGAL)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut command = Command::from(command);
        command.kill_on_drop(true);
        command
    }

    fn judge(&self, status: ExitStatus, code: Vec<u8>, reason: &str) -> Result<Vec<u8>, CompileError> {
        if code.len() as u64 > MAX_CODE_BYTES {
            return Err(CompileError::TooLarge(MAX_CODE_BYTES));
        }
        if status.success() {
            return Ok(code);
        }
        let said: Vec<&str> = reason.lines().collect();
        // What the standard library says when an allocation fails, before it aborts.
        let starved = said.iter().any(|line| line.starts_with("memory allocation of "));
        let last = printable(said.last().copied().unwrap_or_default());
        let exit = status.code().and_then(|code| u8::try_from(code).ok());
        Err(match (exit, status.signal()) {
            (Some(inside::INVALID), _) => CompileError::Invalid(last),
            (Some(inside::OUT_OF_MEMORY), _) => CompileError::OutOfMemory(self.limits.memory),
            _ if starved => CompileError::OutOfMemory(self.limits.memory),
            // CPU time only runs ahead of the deadline where all threads work.
            (_, Some(SIGXCPU)) => CompileError::TimedOut(self.limits.timeout),
            _ if said.is_empty() => CompileError::Died(status.to_string()),
            _ => CompileError::Died(printable(&format!("{status}, {}", said.join(" ")))),
        })
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, MAX_THREADS))
}

/// At most one byte more than allowed: enough to know that there is more.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(limit + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// A compiler that ends early leaves the rest; why it ended is told by its exit.
async fn feed(pipe: Option<ChildStdin>, component: &[u8]) {
    if let Some(mut pipe) = pipe {
        let _ = pipe.write_all(component).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: CompileLimits = CompileLimits { timeout: Duration::from_secs(60), memory: 1 << 30 };

    /// What becomes of a component where this shell script is the compiler.
    fn compiled_by(script: &str, limits: CompileLimits) -> Result<Vec<u8>, CompileError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let child = ChildCompiler {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            limits,
            runtime: runtime.handle().clone(),
        };
        child.compile(&[b'x'; 200_000])
    }

    #[test]
    fn what_the_compiler_writes_is_the_code() {
        assert_eq!(compiled_by("wc -c", LIMITS).unwrap().trim_ascii(), b"200000");
    }

    #[test]
    fn a_compiler_that_never_ends_is_killed_at_the_deadline() {
        let limits = CompileLimits { timeout: Duration::from_millis(50), ..LIMITS };
        for script in ["exec sleep 600", "exec >&- 2>&-; exec sleep 600", "while :; do echo x; done"] {
            let error = compiled_by(script, limits).unwrap_err();
            assert_eq!(error.to_string(), "takes longer than 50ms to compile", "{script}");
        }
    }

    #[test]
    fn a_reason_is_handed_on_as_one_printable_line() {
        let error = compiled_by("printf 'warning\\nbad\\033[2J type\\n' >&2; exit 10", LIMITS).unwrap_err();
        assert_eq!(error.to_string(), "cannot be compiled: bad\\u{1b}[2J type");
    }

    #[test]
    fn a_compiler_without_memory_is_told_from_one_that_broke() {
        for script in ["exit 11", "printf 'memory allocation of 16 bytes failed\\nnote: x\\n' >&2; kill -ABRT $$"] {
            let error = compiled_by(script, LIMITS).unwrap_err();
            assert_eq!(error.to_string(), "takes more than 1.0 GiB of memory to compile", "{script}");
        }
        let error = compiled_by("kill -SEGV $$", LIMITS).unwrap_err();
        assert!(error.to_string().starts_with("the compiler failed: signal: 11"), "{error}");
        let error = compiled_by("echo oh >&2; exit 101", LIMITS).unwrap_err();
        assert_eq!(error.to_string(), "the compiler failed: exit status: 101, oh");
    }

    #[test]
    fn it_finds_nothing_in_its_environment() {
        let code = compiled_by("cat >/dev/null; env; pwd", LIMITS).unwrap();
        let text = String::from_utf8(code).unwrap();
        assert!(!text.contains("CARGO") && !text.contains("HOME"), "{text}");
        assert_eq!(text.lines().next_back(), Some("/"));
    }
}
