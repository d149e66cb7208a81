//! Closing so that the last answer arrives (RFC 9112 section 9.6).

use std::io;
use std::time::Duration;

use pingora_core::protocols::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::admission::Admission;

/// What a client may still send before it is reset after all.
const MOST_DISCARDED: usize = 256 * 1024;
/// And for how long.
const LONGEST: Duration = Duration::from_secs(2);

/// Stops sending, then reads and discards for a while, beside whatever else happens.
///
/// The connection keeps its place among those admitted until it is closed: lingering must not be a way round the limit.
pub(super) fn in_background(io: Stream, admission: Option<Admission>) {
    // Without a runtime the process is going down, and the connection with it.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            let _admission = admission;
            // Neither a client that is gone nor one that never stops is news.
            let _ = tokio::time::timeout(LONGEST, discard(io)).await;
        });
    }
}

async fn discard(mut io: Stream) -> io::Result<()> {
    AsyncWriteExt::shutdown(&mut io).await?;
    let mut scratch = [0; 4096];
    let mut discarded = 0;
    while discarded < MOST_DISCARDED {
        match io.read(&mut scratch).await? {
            0 => break,
            count => discarded += count,
        }
    }
    Ok(())
}
