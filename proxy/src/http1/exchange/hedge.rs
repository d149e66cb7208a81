//! A second endpoint asked beside one that is slow to answer: the first head wins, the other connection is closed.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::request::Parts;
use http::{Method, StatusCode};

use super::super::connection::Connection;
use super::super::pool::Pool;
use super::super::response::ResponseHead;
use super::{Broken, Exchange, MOST_INTERIM, Stop};
use crate::config::model::EndpointAddress;
use crate::gate::Alarm;
use crate::observe::metrics::TryFailure;
use crate::request_context::SecondTry;
use crate::route::timeouts::Timeouts;
use crate::snapshot::Route;

/// When and how another endpoint is asked.
#[derive(Clone, Copy, Debug)]
pub(in crate::http1) struct Hedge<'a> {
    /// How long the first one is given alone.
    pub(in crate::http1) after: Duration,
    /// Where connections are.
    pub(in crate::http1) pool: &'a Pool,
    /// How the second one is reached, and how long it is given.
    pub(in crate::http1) route: &'a Route,
}

/// The two endpoints of a request.
struct Race<'a> {
    hedge: Hedge<'a>,
    alarm: Alarm,
    has_begun: bool,
    second: Option<Second<'a>>,
    /// How the first one failed, while the second may still answer.
    lost: Option<Broken>,
}

struct Second<'a> {
    tried: SecondTry,
    answer: Pin<Box<dyn Future<Output = Result<Answered, Lost>> + Send + 'a>>,
}

type Answered = (Connection, ResponseHead);

/// How the second failed, and whether it says something of its endpoint.
struct Lost {
    failure: TryFailure,
    is_stale: bool,
}

impl Exchange<'_> {
    /// The same as [`final_head`](Self::final_head), where another endpoint may be asked besides.
    pub(in crate::http1) async fn first_head(&mut self, hedge: Hedge<'_>) -> Result<ResponseHead, Stop> {
        let mut race = Race { hedge, alarm: Alarm::default(), has_begun: false, second: None, lost: None };
        for _ in 0..MOST_INTERIM {
            let head = poll_fn(|cx| self.poll_race(cx, &mut race)).await?;
            if let Some(head) = self.unless_interim(head).await? {
                return Ok(head);
            }
        }
        Err(self.garbage())
    }

    fn poll_race(&mut self, cx: &mut Context<'_>, race: &mut Race<'_>) -> Poll<Result<ResponseHead, Stop>> {
        let first = match race.lost {
            Some(_) => self.client.poll_gone(cx).map(|()| Err(Stop::ClientGone)),
            None => self.poll_head(cx),
        };
        match first {
            Poll::Ready(Err(Stop::Endpoint(broken))) if race.second.is_some() => race.lost = Some(broken),
            done @ Poll::Ready(_) => return done,
            Poll::Pending => {}
        }
        if !race.has_begun {
            ready!(race.alarm.poll(cx, race.hedge.after));
            race.has_begun = true;
            race.second = self.ask_second(race.hedge);
        }
        self.poll_second(cx, race)
    }

    fn poll_second(&mut self, cx: &mut Context<'_>, race: &mut Race<'_>) -> Poll<Result<ResponseHead, Stop>> {
        let Some(second) = &mut race.second else { return Poll::Pending };
        let answer = ready!(second.answer.as_mut().poll(cx));
        let Some(Second { tried, .. }) = race.second.take() else { return Poll::Pending };
        match answer {
            Ok((connection, head)) => {
                self.context.adopt(tried, race.lost.map(|broken| broken.failure));
                self.endpoint = connection;
                Poll::Ready(Ok(head))
            }
            Err(lost) => {
                tried.failed(lost.failure, lost.is_stale);
                race.lost.map_or(Poll::Pending, |broken| Poll::Ready(Err(Stop::Endpoint(broken))))
            }
        }
    }

    fn ask_second<'a>(&mut self, hedge: Hedge<'a>) -> Option<Second<'a>> {
        let tried = self.context.second(self.request)?;
        let mut head = self.request.clone();
        self.context.seal_for(&mut head, self.request.version, tried.label()).ok()?;
        let answer = Box::pin(ask(hedge, tried.address().clone(), head));
        Some(Second { tried, answer })
    }
}

/// Asks an endpoint for the answer to a request without a body; interim answers are nobody's.
async fn ask(hedge: Hedge<'_>, address: EndpointAddress, head: Parts) -> Result<Answered, Lost> {
    let Route { upstream, timeouts, .. } = hedge.route;
    let destination = upstream.transport.destination(&address);
    let kept = hedge.pool.take(&destination, &upstream.transport);
    let is_kept = kept.is_some();
    let mut connection = match kept {
        Some(kept) => kept,
        None => {
            let opening = hedge.pool.open(&destination, &upstream.transport, timeouts.connect, timeouts.unused);
            opening.await.map_err(Lost::of)?
        }
    };
    let method = head.method.clone();
    connection.begin(head, false).map_err(|_| Lost::of(TryFailure::Garbage))?;
    for _ in 0..MOST_INTERIM {
        let answer = poll_fn(|cx| poll_answer(&mut connection, &method, timeouts, cx)).await;
        let answer = answer.map_err(|failure| {
            if failure == TryFailure::Timeout {
                connection.doubt();
            }
            Lost { failure, is_stale: is_kept && !connection.has_said && failure == TryFailure::Reset }
        })?;
        if !answer.parts.status.is_informational() {
            return Ok((connection, answer));
        }
        if answer.parts.status == StatusCode::SWITCHING_PROTOCOLS {
            break;
        }
    }
    Err(Lost::of(TryFailure::Garbage))
}

impl Lost {
    fn of(failure: TryFailure) -> Self {
        Self { failure, is_stale: false }
    }
}

fn poll_answer(
    endpoint: &mut Connection,
    method: &Method,
    timeouts: &Timeouts,
    cx: &mut Context<'_>,
) -> Poll<Result<ResponseHead, TryFailure>> {
    while !endpoint.is_sent() {
        match endpoint.poll_send(cx) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => return endpoint.alarm.poll(cx, timeouts.write).map(|()| Err(TryFailure::Timeout)),
        }
    }
    match endpoint.poll_head(cx, method) {
        Poll::Ready(head) => Poll::Ready(head),
        Poll::Pending => endpoint.alarm.poll(cx, timeouts.first_byte).map(|()| Err(TryFailure::Timeout)),
    }
}
