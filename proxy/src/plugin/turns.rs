//! Calls that run in turns: each on a stack of its own, while its thread serves others in between.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::budget::meter::{Meter, Turn};
use super::scope::{self, CallScope};
use super::turnstile::{Passage, Turnstile};

/// The turns of one call.
pub(super) struct Turns {
    turnstile: Arc<Turnstile>,
    /// Held while the guest is at work, where it is known as a slow one.
    passage: Option<Passage>,
}

impl Turns {
    /// Of a call that is made on the thread of this turnstile.
    pub(super) fn new(turnstile: Arc<Turnstile>) -> Self {
        Self { turnstile, passage: None }
    }

    /// Waits for the next turn among the slow guests of this thread.
    pub(super) async fn wait(&mut self) {
        self.passage = None;
        self.passage = self.turnstile.pass().await;
    }

    /// Runs a guest turn by turn, counted by `meter`. Host functions see what is lent whenever the guest runs, and only then.
    pub(super) async fn run<F: Future>(&mut self, meter: &Meter, lent: Option<CallScope<'_>>, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        loop {
            let turn = poll_fn(|context| {
                let mut poll = || guest.as_mut().poll(context);
                let turn = self.turnstile.let_work(|| {
                    meter.turn(|| match lent {
                        Some(scope) => scope::lend(scope, poll),
                        None => poll(),
                    })
                });
                match turn {
                    Turn::Last(output) => Poll::Ready(Some(output)),
                    Turn::Suspended => Poll::Ready(None),
                    Turn::Waiting => {
                        // Others need not wait for its answer.
                        self.passage = None;
                        Poll::Pending
                    }
                }
            });
            match turn.await {
                Some(output) => return output,
                None => self.wait().await,
            }
        }
    }
}
