//! A thread that writes what requests queue.
//!
//! The thread is either asleep (parked, and the next line wakes it) or awake: it writes what is there as one batch, waits
//! [`LINGER`] for more, and falls asleep when nothing came. So a busy gateway pays one wake and one write per batch, and a
//! quiet one sees its line at once.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use parking_lot::{Condvar, Mutex};

use super::destination::Destination;
use crate::observe::metrics::AccessLineMetrics;

/// Lines that may wait: at 100 000 requests a second some 80 ms of a stuck disk.
const QUEUE_LINES: usize = 8192;
/// Bytes that may wait; lines are as long as clients make them.
const QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of one write.
const BATCH_BYTES: usize = 256 * 1024;
/// A common line fits.
const NEW_BUFFER: usize = 512;
/// A buffer that grew beyond this is not kept.
const KEPT_BUFFER: usize = 2048;
/// How long the thread gathers lines before it writes again.
const LINGER: Duration = Duration::from_millis(10);
/// No wake-up is lost; should one be, a line is late by this and not by for ever.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// How long dropping the writer waits for it to finish.
const LAST_CALL: Duration = Duration::from_secs(2);
/// Between two reports of failed writes.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// The side that requests see.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    /// Lines to be written.
    queue: ArrayQueue<Vec<u8>>,
    queued_bytes: AtomicUsize,
    /// Empty buffers to be used again.
    spare: ArrayQueue<Vec<u8>>,
    asleep: AtomicBool,
    reopen: AtomicBool,
    closing: AtomicBool,
    closed: Mutex<bool>,
    closed_changed: Condvar,
    lost: AccessLineMetrics,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(destination: Destination, lost: AccessLineMetrics) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: ArrayQueue::new(QUEUE_LINES),
            queued_bytes: AtomicUsize::new(0),
            spare: ArrayQueue::new(QUEUE_LINES),
            asleep: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            closed: Mutex::new(false),
            closed_changed: Condvar::new(),
            lost,
        });
        let work = Work { shared: Arc::clone(&shared), destination, batch: Vec::new(), lines: 0, reported: None };
        let thread = thread::Builder::new().name("access-log".into()).spawn(move || work.run())?;
        Ok(Self { shared, thread: thread.thread().clone() })
    }

    /// Queues the line that `fill` makes; never waits.
    pub(super) fn put(&self, fill: impl FnOnce(&mut Vec<u8>)) {
        let shared = &*self.shared;
        let mut line = shared.spare.pop().unwrap_or_else(|| Vec::with_capacity(NEW_BUFFER));
        fill(&mut line);
        let bytes = line.len();
        let waiting = shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let room = waiting.saturating_add(bytes) <= QUEUE_BYTES;
        if !room || shared.queue.push(line).is_err() {
            shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            shared.lost.full.increment();
        }
        self.wake();
    }

    pub(super) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::SeqCst);
    }

    /// Writes what is queued, and nothing after that.
    pub(super) fn close(&self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.thread.unpark();
        let mut closed = self.shared.closed.lock();
        // A reader that does not read (a stuck pipe) must not keep the process from ending.
        self.shared.closed_changed.wait_while_for(&mut closed, |closed| !*closed, LAST_CALL);
    }

    fn wake(&self) {
        if self.shared.asleep.load(Ordering::SeqCst) && self.shared.asleep.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("queued", &self.shared.queue.len()).finish_non_exhaustive()
    }
}

/// The side of the thread.
struct Work {
    shared: Arc<Shared>,
    destination: Destination,
    batch: Vec<u8>,
    lines: u64,
    reported: Option<Instant>,
}

impl Work {
    fn run(mut self) {
        loop {
            // Read before the queue: what was queued before the end was called for is still written.
            let closing = self.shared.closing.load(Ordering::SeqCst);
            if self.gather() {
                self.write();
            } else if closing {
                break;
            } else {
                self.sleep();
                continue;
            }
            if !closing && self.shared.queue.len() < QUEUE_LINES / 2 {
                thread::park_timeout(LINGER);
            }
        }
        *self.shared.closed.lock() = true;
        self.shared.closed_changed.notify_all();
    }

    fn sleep(&self) {
        self.shared.asleep.store(true, Ordering::SeqCst);
        // A line that came before `asleep` was set woke nobody.
        if self.shared.queue.is_empty() && !self.shared.closing.load(Ordering::SeqCst) {
            thread::park_timeout(LONGEST_SLEEP);
        }
        self.shared.asleep.store(false, Ordering::SeqCst);
    }

    /// Moves queued lines into the batch; returns whether there were any.
    fn gather(&mut self) -> bool {
        while self.batch.len() < BATCH_BYTES {
            let Some(mut line) = self.shared.queue.pop() else { break };
            self.shared.queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
            self.batch.extend_from_slice(&line);
            self.lines += 1;
            if line.capacity() <= KEPT_BUFFER {
                line.clear();
                // Full only where more buffers were made than lines can wait.
                let _ = self.shared.spare.push(line);
            }
        }
        self.lines > 0
    }

    fn write(&mut self) {
        if self.shared.reopen.swap(false, Ordering::SeqCst)
            && let Err(error) = self.destination.reopen()
        {
            self.report("cannot open the access log anew, the old file stays", &error);
        }
        if let Err(error) = self.destination.write(&self.batch) {
            self.shared.lost.write.add(self.lines);
            self.shared.reopen.store(true, Ordering::SeqCst);
            self.report("cannot write to the access log, lines are lost", &error);
        }
        self.batch.clear();
        self.lines = 0;
    }

    fn report(&mut self, what: &'static str, error: &io::Error) {
        if self.reported.is_some_and(|last| last.elapsed() < REPORT_EVERY) {
            return;
        }
        self.reported = Some(Instant::now());
        let lost = self.shared.lost.write.value() + self.shared.lost.full.value();
        tracing::error!(target = %self.destination.name(), %error, lost, "{what}");
    }
}
