//! The one timer of a connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

const A_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A timer that is set far more often than it rings.
///
/// To set it is a store: the timer wheel learns of it only when the time it knows has come, or when the new time is
/// earlier. A kept-alive connection thus costs one wheel entry per idle timeout, not one per request.
#[derive(Debug, Default)]
pub struct Alarm {
    due: Option<Instant>,
    /// When somebody wants to look around before that.
    glance: Option<Instant>,
    wheel: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Forgets what it was set to.
    pub fn clear(&mut self) {
        self.due = None;
        self.glance = None;
    }

    /// Sets it unless it is set, then tells whether its time has come; if not, the task is woken then.
    ///
    /// Called only where a read is pending: a read that is ready at once needs no clock.
    pub fn poll(&mut self, cx: &mut Context<'_>, after: Duration) -> Poll<()> {
        let due = self.due(after);
        self.poll_until(cx, due)
    }

    /// The same, but rings each `every` as well: whether its time has come is the answer then.
    pub fn poll_glancing(&mut self, cx: &mut Context<'_>, after: Duration, every: Duration) -> Poll<bool> {
        let is_new = self.due.is_none();
        let due = self.due(after);
        let first = || if is_new { due.checked_sub(after) } else { None }.unwrap_or_else(Instant::now);
        let glance = *self.glance.get_or_insert_with(|| first() + every);
        if glance >= due {
            ready!(self.poll_until(cx, due));
            return Poll::Ready(true);
        }
        ready!(self.poll_until(cx, glance));
        self.glance = Some(glance + every);
        Poll::Ready(false)
    }

    fn due(&mut self, after: Duration) -> Instant {
        *self.due.get_or_insert_with(|| {
            let now = Instant::now();
            // A time too long to be told is as good as any that nobody lives to see.
            now.checked_add(after).unwrap_or(now + A_LIFETIME)
        })
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let wheel = self.wheel.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if due < wheel.deadline() {
            wheel.as_mut().reset(due);
        }
        loop {
            ready!(wheel.as_mut().poll(cx));
            if wheel.deadline() >= due {
                return Poll::Ready(());
            }
            wheel.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn rings_after(alarm: &mut Alarm, after: Duration) -> Duration {
        let start = Instant::now();
        poll_fn(|cx| alarm.poll(cx, after)).await;
        start.elapsed().div_duration_f32(SECOND).round() as u32 * SECOND
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_it_is_due_whatever_it_was_set_to_before() {
        let mut alarm = Alarm::default();
        for after in [3, 9, 1, 60, 2, 60] {
            alarm.clear();
            assert_eq!(rings_after(&mut alarm, after * SECOND).await, after * SECOND);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_keeps_its_time_until_it_is_cleared() {
        let mut alarm = Alarm::default();
        let pending = poll_fn(|cx| Poll::Ready(alarm.poll(cx, 5 * SECOND).is_pending())).await;
        assert!(pending);
        assert_eq!(rings_after(&mut alarm, 60 * SECOND).await, 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn it_lets_somebody_look_around_before_it_is_due() {
        let mut alarm = Alarm::default();
        let start = Instant::now();
        let mut glances = 0;
        while !poll_fn(|cx| alarm.poll_glancing(cx, 5 * SECOND, 2 * SECOND)).await {
            glances += 1;
            assert_eq!(start.elapsed().as_secs(), 2 * glances);
        }
        assert_eq!((glances, start.elapsed().as_secs()), (2, 5));
    }
}
