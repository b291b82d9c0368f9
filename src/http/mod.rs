//! HTTP/1.1 to one origin: a few kept connections, deadlines, bounded answers.
//!
//! 1. `Origin::parse` turns an address into who is dialled and what path stands in front.
//! 2. `Client::new` holds the connections to it; nothing is dialled before the first request.
//! 3. `Client::ask` sends one request and gives the answer, whatever its status, or a `Fault` that
//!    says how far the request came: that, not the error's text, is what a caller decides by.
//! 4. `Tokens` gets bearer tokens by OAuth 2.0 client credentials, keeps one and renews it in time.
//!
//! Redirects are answers, never followed. No timer but the clock's is used, nothing is spawned: a
//! connection moves only while a request on it is awaited, so a silent client costs no wake-ups
//! and runs in simulation.
//!
//! Knows nothing of tickets, and nothing of what a status means.

mod body;
mod client;
mod line;
pub mod oauth;
pub mod origin;
pub mod proxy;
pub mod retry_after;

pub use body::Payload;
pub use client::{Answer, Client, Patience, Request};
pub use hyper::body::Bytes;
pub use hyper::Method;
pub use oauth::{bearer, Tokens};
pub use origin::Origin;
pub use retry_after::retry_after;

use crate::world::{DialFault, TlsFault};
use std::io;
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection: nothing was sent.
    #[error(transparent)]
    Dial(#[from] DialFault),
    /// No connection to the proxy: nothing was sent.
    #[error("the proxy {proxy}: {source}")]
    Proxy {
        /// Which.
        proxy: String,
        /// Why not.
        source: DialFault,
    },
    /// No trusted connection: nothing was sent.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The connection did not stand in time: nothing was sent.
    #[error("connecting to {host}: no answer within {} s", after.as_secs_f32())]
    Slow {
        /// Who was dialled.
        host: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection ended before an octet of the request was sent.
    #[error("sending to {host}: {said}")]
    NotSent {
        /// Whom it was for.
        host: String,
        /// What happened.
        said: String,
    },
    /// The request was sent, at least in part, and no status came back.
    #[error("waiting for the answer of {host}: {said}")]
    Unanswered {
        /// Whom it was for.
        host: String,
        /// What happened.
        said: String,
    },
    /// The proxy opens no way there: nothing was sent to the origin.
    #[error("the proxy {proxy} opens no way to {host}: it answered {status}")]
    NoWay {
        /// Who was asked for the way.
        proxy: String,
        /// Where to.
        host: String,
        /// The proxy's status.
        status: u16,
    },
    /// The request can't be put into words of HTTP.
    #[error("asking {host}: {said}")]
    Unspeakable {
        /// Whom it was for.
        host: String,
        /// What is wrong with it.
        said: String,
    },
    /// The request's own body could not be read; what was sent of it is no whole request.
    #[error("reading what is to be sent: {0}")]
    Source(io::Error),
}

// Decisions
//
// A connection is polled by the request that uses it, not by a task of its own. A task would need
// an executor handed in and would wake for every idle connection; the price is that a close by the
// peer is seen only at the next use, so each use polls once before it sends, and a connection that
// was idle for long is not used again. An answer in parallel to a request (HTTP/2) would change
// our mind.
