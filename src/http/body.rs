//! What a request carries: nothing, octets, or a stream whose length is known.

use crate::world::body::{Body as Stream, Slices};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Context, Poll};

/// The body of a request.
pub enum Payload {
    /// None at all.
    Nothing,
    /// Octets of a media type.
    Octets(&'static str, Bytes),
    /// A stream, sent as octets without meaning.
    Stream(Stream),
}

impl Payload {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Octets(_, octets) => octets.len() as u64,
            Self::Stream(stream) => stream.length,
        }
    }

    pub(super) fn media_type(&self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Octets(media_type, _) => Some(media_type),
            Self::Stream(_) => Some("application/octet-stream"),
        }
    }
}

/// How the sending of a body went, told to who sent it.
#[derive(Default)]
pub(super) struct Told {
    /// The last octet was handed over.
    pub whole: Cell<bool>,
    /// Reading it failed.
    pub fault: RefCell<Option<io::Error>>,
}

/// A body on its way.
pub(super) struct Outgoing {
    rest: Rest,
    left: u64,
    told: Rc<Told>,
}

enum Rest {
    Octets(Bytes),
    Slices(Slices),
}

impl Outgoing {
    /// Begins to send; the other half tells how it went.
    pub fn new(payload: Payload) -> (Self, Rc<Told>) {
        let left = payload.length();
        let rest = match payload {
            Payload::Nothing => Rest::Octets(Bytes::new()),
            Payload::Octets(_, octets) => Rest::Octets(octets),
            Payload::Stream(stream) => Rest::Slices(stream.slices),
        };
        let told = Rc::new(Told::default());
        told.whole.set(left == 0);
        let outgoing = Self {
            rest,
            left,
            told: told.clone(),
        };
        (outgoing, told)
    }

    /// Keeps the cause for the caller, and gives hyper a reason to end the connection.
    fn fail(&self, error: io::Error) -> io::Error {
        let reason = io::Error::new(error.kind(), "the body could not be read");
        *self.told.fault.borrow_mut() = Some(error);
        reason
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let slice = match &mut this.rest {
            Rest::Octets(octets) => std::mem::take(octets),
            Rest::Slices(slices) => match ready!(slices.as_mut().poll_next(cx)) {
                Some(Ok(slice)) => Bytes::from(slice),
                Some(Err(error)) => return Poll::Ready(Some(Err(this.fail(error)))),
                None => Bytes::new(),
            },
        };
        let length = slice.len() as u64;
        // Announced is announced: neither end may guess where the next request begins.
        if length > this.left || length == 0 {
            let said = format!(
                "{} octets are missing or too many",
                this.left.abs_diff(length)
            );
            return Poll::Ready(Some(Err(this.fail(io::Error::other(said)))));
        }
        this.left -= length;
        this.told.whole.set(this.left == 0);
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
