//! Two connections as one.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::gate::Alarm;

/// Octets under way in one direction at most.
const ROOM: usize = 16 * 1024;

/// Octets that went each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// From the client.
    pub up: u64,
    /// To the client.
    pub down: u64,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The client.
    Up,
    /// The endpoint.
    Down,
}

/// Is told of octets as they are passed on, so that what is counted survives whatever ends a connection.
pub trait Tally {
    /// So many more went this way.
    fn carried(&mut self, way: Way, octets: u64);
}

impl Tally for Carried {
    fn carried(&mut self, way: Way, octets: u64) {
        match way {
            Way::Up => self.up += octets,
            Way::Down => self.down += octets,
        }
    }
}

/// Why no more octets are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// Both sides have ended, each in its time.
    Complete,
    /// Neither side said anything for too long.
    Silence,
    /// The client broke off.
    Client,
    /// The endpoint broke off.
    Endpoint,
}

/// Carries octets both ways until both sides have ended, one breaks, or neither says anything for `silence`.
///
/// An end of one side is passed on and the other may still speak. Nothing is read while what was read before is not
/// taken, so that a slow side slows the other; where nothing is under way no memory is held.
pub async fn carry<A, B, T>(client: &mut A, endpoint: &mut B, silence: Duration, tally: &mut T) -> Parting
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
    T: Tally,
{
    let (mut up, mut down, mut alarm) = (Direction::default(), Direction::default(), Alarm::default());
    poll_fn(|cx| {
        let ups = up.poll(cx, client, endpoint);
        let downs = down.poll(cx, endpoint, client);
        let (sent, received) = (up.take_carried(), down.take_carried());
        if sent > 0 {
            tally.carried(Way::Up, sent);
        }
        if received > 0 {
            tally.carried(Way::Down, received);
        }
        if sent + received > 0 {
            alarm.clear();
        }
        match (ups, downs) {
            (Poll::Ready(Err(Fault::Reading)), _) | (_, Poll::Ready(Err(Fault::Writing))) => {
                Poll::Ready(Parting::Client)
            }
            (Poll::Ready(Err(Fault::Writing)), _) | (_, Poll::Ready(Err(Fault::Reading))) => {
                Poll::Ready(Parting::Endpoint)
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Parting::Complete),
            _ => alarm.poll(cx, silence).map(|()| Parting::Silence),
        }
    })
    .await
}

/// Which end of a direction broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Reading,
    Writing,
}

#[derive(Debug, Default)]
struct Direction {
    /// What was read and not taken.
    held: Bytes,
    /// Octets passed on since that was last asked.
    carried: u64,
    ended: bool,
    done: bool,
}

impl Direction {
    fn take_carried(&mut self) -> u64 {
        std::mem::take(&mut self.carried)
    }

    fn poll<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        while !self.done {
            if !self.held.is_empty() {
                let held = std::mem::take(&mut self.held);
                self.pass(cx, to, &held, |rest| held.slice_ref(rest))?;
                if !self.held.is_empty() {
                    return Poll::Pending;
                }
            }
            if self.ended {
                // What one side has ended the other is told, and may still answer.
                ready!(Pin::new(&mut *to).poll_shutdown(cx)).map_err(|_| Fault::Writing)?;
                self.done = true;
            } else {
                ready!(self.poll_piece(cx, from, to))?;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads onto the stack and passes on what is taken at once: only the rest needs memory.
    fn poll_piece<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut space = [MaybeUninit::uninit(); ROOM];
        let mut piece = ReadBuf::uninit(&mut space);
        let Poll::Ready(read) = Pin::new(from).poll_read(cx, &mut piece) else {
            ready!(Pin::new(to).poll_flush(cx)).map_err(|_| Fault::Writing)?;
            return Poll::Pending;
        };
        read.map_err(|_| Fault::Reading)?;
        self.ended = piece.filled().is_empty();
        Poll::Ready(self.pass(cx, to, piece.filled(), Bytes::copy_from_slice))
    }

    /// Passes octets on, and keeps what is not taken now.
    fn pass<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
        mut octets: &[u8],
        keep: impl FnOnce(&[u8]) -> Bytes,
    ) -> Result<(), Fault> {
        while !octets.is_empty() {
            let Poll::Ready(sent) = Pin::new(&mut *to).poll_write(cx, octets) else {
                self.held = keep(octets);
                break;
            };
            let sent = taken(sent).map_err(|_| Fault::Writing)?;
            octets.advance(sent);
            self.carried += sent as u64;
        }
        Ok(())
    }
}

/// A side that takes nothing, and says so as a success, never will.
fn taken(sent: io::Result<usize>) -> io::Result<usize> {
    match sent? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    fn ends() -> (DuplexStream, DuplexStream) {
        tokio::io::duplex(64)
    }

    fn carried(up: u64, down: u64) -> Carried {
        Carried { up, down }
    }

    /// Carries between two streams until that ends.
    async fn carry_all(mut near: DuplexStream, mut far: DuplexStream) -> (Parting, Carried) {
        let mut carried = Carried::default();
        let parting = carry(&mut near, &mut far, Duration::from_secs(60), &mut carried).await;
        (parting, carried)
    }

    #[tokio::test]
    async fn octets_go_both_ways_until_both_sides_have_ended() {
        let ((mut client, near), (far, mut endpoint)) = (ends(), ends());
        let carrying = tokio::spawn(carry_all(near, far));
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
        assert_eq!(carrying.await.unwrap(), (Parting::Complete, carried(4, 13)));
    }

    #[tokio::test]
    async fn nothing_is_lost_where_both_sides_take_little_at_a_time() {
        let ((client, near), (far, endpoint)) = (ends(), ends());
        let carrying = tokio::spawn(carry_all(near, far));
        let said: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let both = [client, endpoint].map(|side| {
            let said = said.clone();
            tokio::spawn(async move {
                let (mut reader, mut writer) = tokio::io::split(side);
                let mut heard = Vec::new();
                let speak = async {
                    writer.write_all(&said).await.unwrap();
                    writer.shutdown().await.unwrap();
                };
                tokio::join!(speak, async { reader.read_to_end(&mut heard).await.unwrap() });
                heard == said
            })
        });
        for side in both {
            assert!(side.await.unwrap());
        }
        assert_eq!(carrying.await.unwrap(), (Parting::Complete, carried(200_000, 200_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_side_slows_the_other() {
        let ((mut client, near), (far, _endpoint)) = (ends(), ends());
        let carrying = tokio::spawn(carry_all(near, far));
        let flood = vec![0; 1 << 20];
        let most = ROOM + 3 * 64;
        let mut taken = 0;
        // The endpoint reads nothing: all that fits is what the pipes and one piece hold.
        while let Ok(sent) = tokio::time::timeout(Duration::from_millis(50), client.write(&flood)).await {
            taken += sent.unwrap();
            assert!(taken <= most, "{taken} octets were taken");
        }
        carrying.abort();
    }

    #[tokio::test]
    async fn who_broke_off_is_told() {
        let ((client, near), (far, endpoint)) = (ends(), ends());
        let carrying = tokio::spawn(carry_all(near, far));
        drop(endpoint);
        let mut client = client;
        client.write_all(b"to nobody").await.unwrap();
        assert_eq!(carrying.await.unwrap(), (Parting::Endpoint, carried(0, 0)));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_on_both_sides_ends_it() {
        let ((_client, near), (far, _endpoint)) = (ends(), ends());
        assert_eq!(carry_all(near, far).await, (Parting::Silence, Carried::default()));
    }
}
