//! Answers, and the ways in which their bodies come over the line.

use crate::problem::Problem;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde_json::Value;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Between two pieces of an endless answer.
const ENDLESS_PAUSE: Duration = Duration::from_millis(1);

/// Between the half of an answer and the end of its connection.
const HALF_PAUSE: Duration = Duration::from_millis(50);

/// An answer before it is known how it is delivered.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Fields besides type and length.
    pub fields: Vec<(String, String)>,
    /// The media type of the body.
    pub media_type: &'static str,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A document.
    pub fn json(status: u16, document: &Value) -> Self {
        Answer {
            status,
            fields: Vec::new(),
            media_type: "application/json",
            body: document.to_string().into(),
        }
    }

    /// An error.
    pub fn problem(problem: &Problem) -> Self {
        let mut answer = Answer::json(problem.status, &problem.document());
        answer.media_type = "application/problem+json";
        match problem.status {
            401 => answer.with("www-authenticate", "Bearer"),
            409 => answer.with("retry-after", "1"),
            _ => answer,
        }
    }

    /// The same with one more field.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Answer::problem(&problem)
    }
}

/// How a body comes.
pub enum Delivery {
    /// At once.
    Whole(Option<Bytes>),
    /// One octet at a time, with a pause after each.
    Slow {
        rest: Bytes,
        pause: Duration,
        timer: Option<smol::Timer>,
    },
    /// Half of it, and then the connection is gone; a pause between, so that the half is sent.
    Half {
        half: Option<Bytes>,
        whole: u64,
        timer: Option<smol::Timer>,
    },
    /// For ever.
    Endless(Option<smol::Timer>),
}

/// Why a connection ends without an answer.
#[derive(Debug)]
pub struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("reset on request")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Delivery {
    /// Half of an answer whose whole length is announced.
    pub fn half(half: Bytes, whole: u64) -> Self {
        Delivery::Half {
            half: Some(half),
            whole,
            timer: None,
        }
    }
}

impl Body for Delivery {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Delivery::Whole(body) => Poll::Ready(body.take().map(|b| Ok(Frame::data(b)))),
            Delivery::Slow { rest, pause, timer } => {
                if let Some(running) = timer {
                    if Pin::new(running).poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                if rest.is_empty() {
                    return Poll::Ready(None);
                }
                *timer = Some(smol::Timer::after(*pause));
                Poll::Ready(Some(Ok(Frame::data(rest.split_to(1)))))
            }
            Delivery::Half { half, timer, .. } => {
                if let Some(half) = half.take() {
                    return Poll::Ready(Some(Ok(Frame::data(half))));
                }
                let timer = timer.get_or_insert_with(|| smol::Timer::after(HALF_PAUSE));
                Pin::new(timer).poll(cx).map(|_| Some(Err(Cut)))
            }
            Delivery::Endless(timer) => {
                // A pause after each piece: a body that is always ready is never flushed, and
                // would starve every other connection.
                let begun = timer.is_some();
                if let Some(running) = timer {
                    if Pin::new(running).poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                *timer = Some(smol::Timer::after(ENDLESS_PAUSE));
                let piece: &'static [u8] = if begun {
                    &[b' '; 65536]
                } else {
                    b"{\"found\":["
                };
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Delivery::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Delivery::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, length)),
            Delivery::Slow { rest, .. } => SizeHint::with_exact(length(rest)),
            Delivery::Half { whole, .. } => SizeHint::with_exact(*whole),
            Delivery::Endless(_) => SizeHint::default(),
        }
    }
}

fn length(body: &Bytes) -> u64 {
    body.len() as u64
}
