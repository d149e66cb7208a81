//! How many requests an upstream takes at once, and the line of those that wait for a place.
//!
//! First come, first served, over all workers: there is one line of an upstream, and only who stands at its head asks
//! for an endpoint. Whoever ends a request wakes him; who finds a place wakes the next. Nobody who comes later is served
//! before the line is empty, but connections of tcp listeners, which do not stand in it. What has neither a limit nor a
//! line never gets here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Requests of one upstream that are under way or wait, over its snapshots.
#[derive(Debug, Default)]
pub struct Admission {
    /// Counted where there is a limit.
    in_flight: AtomicU32,
    /// As many as stand in the line, so that who ends a request need not lock it to learn that nobody does.
    waiting: AtomicU32,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    next: u64,
    places: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    waker: Option<Waker>,
}

impl Admission {
    /// Counts a request in, where fewer than `most` are under way.
    #[must_use]
    pub fn enter(self: &Arc<Self>, most: u32) -> Option<Admitted> {
        let more = |now: u32| (now < most).then_some(now + 1);
        let entered = self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.is_ok().then(|| Admitted(Arc::clone(self)))
    }

    /// Whether somebody waits.
    #[must_use]
    pub fn has_line(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// A place at the end of the line, where fewer than `most` stand there.
    #[must_use]
    pub fn stand_in_line(self: &Arc<Self>, most: usize) -> Option<Place> {
        let mut line = self.line.lock();
        if line.places.len() >= most {
            return None;
        }
        let number = line.next;
        line.next += 1;
        line.places.push_back(Waiting { number, waker: None });
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Some(Place { admission: Arc::clone(self), number })
    }

    /// A request has ended: who waits first may look.
    pub fn freed(&self) {
        // Either this sees who waits, or he sees what was freed before: see `Place::poll_turn`.
        fence(Ordering::SeqCst);
        if self.has_line() {
            self.line.lock().wake_first();
        }
    }
}

impl Line {
    fn wake_first(&self) {
        if let Some(waker) = self.places.front().and_then(|first| first.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }
}

/// A request that is counted in, until this is dropped.
#[derive(Debug)]
pub struct Admitted(Arc<Admission>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.freed();
    }
}

/// A place in the line; who drops it leaves.
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    number: u64,
}

impl Place {
    /// Waits for the turn of this place, and then until there is something to be had.
    pub fn poll_turn<T>(&self, cx: &Context<'_>, mut take: impl FnMut() -> Option<T>) -> Poll<T> {
        if !self.is_first(cx) {
            return Poll::Pending;
        }
        fence(Ordering::SeqCst);
        take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Whether nobody stands before it; who is to be woken is known from here on.
    fn is_first(&self, cx: &Context<'_>) -> bool {
        let mut line = self.admission.line.lock();
        let Some(index) = line.places.iter().position(|waiting| waiting.number == self.number) else { return false };
        if let Some(waiting) = line.places.get_mut(index) {
            waiting.waker = Some(cx.waker().clone());
        }
        index == 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.admission.line.lock();
        line.places.retain(|waiting| waiting.number != self.number);
        self.admission.waiting.fetch_sub(1, Ordering::Relaxed);
        // There may be more than one place to be had, and he who was woken for it is gone.
        line.wake_first();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::sync::mpsc;
    use tokio::task::yield_now;

    use super::*;

    /// Waits in line for one of `most`, tells its number and keeps its place until the other end says so.
    async fn served(
        place: Place,
        admission: Arc<Admission>,
        most: u32,
        tell: mpsc::UnboundedSender<(u32, Admitted)>,
        number: u32,
    ) {
        let admitted = poll_fn(|cx| place.poll_turn(cx, || admission.enter(most))).await;
        drop(place);
        tell.send((number, admitted)).unwrap();
    }

    #[test]
    fn no_more_are_let_in_than_there_may_be() {
        let admission = Arc::new(Admission::default());
        let (first, second) = (admission.enter(2), admission.enter(2));
        assert!(first.is_some() && second.is_some() && admission.enter(2).is_none());
        drop(first);
        assert!(admission.enter(2).is_some());
    }

    #[tokio::test]
    async fn who_came_first_is_served_first() {
        let admission = Arc::new(Admission::default());
        let (tell, mut told) = mpsc::unbounded_channel();
        let busy = admission.enter(1).unwrap();
        for number in 0..5 {
            let place = admission.stand_in_line(5).unwrap();
            tokio::spawn(served(place, Arc::clone(&admission), 1, tell.clone(), number));
        }
        assert!(admission.has_line() && admission.stand_in_line(5).is_none(), "the line is full");
        yield_now().await;
        drop(busy);
        for expected in 0..5 {
            let (number, admitted) = told.recv().await.unwrap();
            assert_eq!(number, expected);
            assert!(told.try_recv().is_err(), "there is one place");
            drop(admitted);
        }
        assert!(!admission.has_line());
    }

    #[tokio::test]
    async fn who_leaves_holds_nobody_up() {
        let admission = Arc::new(Admission::default());
        let (tell, mut told) = mpsc::unbounded_channel();
        let busy = admission.enter(1).unwrap();
        let leaving = admission.stand_in_line(9).unwrap();
        let first = tokio::spawn(served(leaving, Arc::clone(&admission), 1, tell.clone(), 1));
        let place = admission.stand_in_line(9).unwrap();
        tokio::spawn(served(place, Arc::clone(&admission), 1, tell, 2));
        yield_now().await;
        drop(busy);
        // It was woken, and goes before it has looked.
        first.abort();
        assert_eq!(told.recv().await.unwrap().0, 2);
    }

    #[tokio::test]
    async fn several_places_that_become_free_at_once_are_all_taken() {
        let admission = Arc::new(Admission::default());
        let (tell, mut told) = mpsc::unbounded_channel();
        let busy: Vec<_> = (0..3).map(|_| admission.enter(3).unwrap()).collect();
        for number in 0..3 {
            let place = admission.stand_in_line(9).unwrap();
            tokio::spawn(served(place, Arc::clone(&admission), 3, tell.clone(), number));
        }
        yield_now().await;
        drop(busy);
        let mut kept = Vec::new();
        for expected in 0..3 {
            let (number, admitted) = told.recv().await.unwrap();
            assert_eq!(number, expected);
            kept.push(admitted);
        }
    }

    #[test]
    fn no_wake_is_lost_between_threads() {
        let admission = Arc::new(Admission::default());
        let each = |_| {
            let admission = Arc::clone(&admission);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for _ in 0..2000 {
                    let place = admission.stand_in_line(9).unwrap();
                    drop(runtime.block_on(poll_fn(|cx| place.poll_turn(cx, || admission.enter(1)))));
                }
            })
        };
        let threads: Vec<_> = (0..4).map(each).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(!admission.has_line());
    }
}
