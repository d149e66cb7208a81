//! Two connections as one, after an upgrade.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::gate::Alarm;

/// Octets under way in one direction at most.
const ROOM: usize = 16 * 1024;

/// Octets that went each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// From the client.
    pub(super) up: u64,
    /// To the client.
    pub(super) down: u64,
}

/// Carries octets both ways until both sides have ended, one breaks, or neither says anything for `silence`.
pub(super) async fn carry<A, B>(client: &mut A, endpoint: &mut B, silence: Duration) -> Carried
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut up, mut down, mut alarm) = (Direction::default(), Direction::default(), Alarm::default());
    poll_fn(|cx| {
        let before = up.carried + down.carried;
        let ups = up.poll(cx, client, endpoint);
        let downs = down.poll(cx, endpoint, client);
        if up.carried + down.carried > before {
            alarm.clear();
        }
        match (ups, downs) {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(()),
            _ => alarm.poll(cx, silence),
        }
    })
    .await;
    Carried { up: up.carried, down: down.carried }
}

#[derive(Debug, Default)]
struct Direction {
    buffer: BytesMut,
    /// Octets that have arrived.
    carried: u64,
    ended: bool,
    done: bool,
}

impl Direction {
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        while !self.done {
            if self.buffer.is_empty() && !self.ended {
                match self.poll_fill(cx, from) {
                    Poll::Ready(read) => read?,
                    Poll::Pending => {
                        ready!(Pin::new(&mut *to).poll_flush(cx))?;
                        return Poll::Pending;
                    }
                }
            }
            if self.buffer.is_empty() {
                // What one side has ended the other is told, and may still answer.
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.done = true;
            } else {
                let sent = ready!(Pin::new(&mut *to).poll_write(cx, &self.buffer))?;
                self.buffer.advance(sent);
                self.carried += sent as u64;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill<R: AsyncRead + Unpin>(&mut self, cx: &mut Context<'_>, from: &mut R) -> Poll<io::Result<()>> {
        self.buffer.reserve(ROOM);
        let read = ready!(pin!(from.read_buf(&mut self.buffer)).poll(cx))?;
        self.ended = read == 0;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream};

    use super::*;

    fn ends() -> (DuplexStream, DuplexStream) {
        tokio::io::duplex(64)
    }

    #[tokio::test]
    async fn octets_go_both_ways_until_both_sides_have_ended() {
        let ((mut client, mut near), (mut far, mut endpoint)) = (ends(), ends());
        let carrying = tokio::spawn(async move { carry(&mut near, &mut far, Duration::from_secs(60)).await });
        client.write_all(b"ping").await.unwrap();
        client.shutdown().await.unwrap();
        let mut said = String::new();
        endpoint.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "ping");
        endpoint.write_all(b"after the end").await.unwrap();
        endpoint.shutdown().await.unwrap();
        said.clear();
        client.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "after the end");
        assert_eq!(carrying.await.unwrap(), Carried { up: 4, down: 13 });
    }

    #[tokio::test(start_paused = true)]
    async fn silence_on_both_sides_ends_it() {
        let ((_client, mut near), (mut far, _endpoint)) = (ends(), ends());
        assert_eq!(carry(&mut near, &mut far, Duration::from_secs(60)).await, Carried::default());
    }
}
