//! One session for two: where the server gives a mailbox no second one, who watches lends its own to
//! who archives, between two batches.
//!
//! Remembers for how long that is so, and why. What is lent, and what is done with it, is not its
//! concern: who lost it gives none back, and the lender connects again.

use std::cell::RefCell;
use std::time::Duration;

use async_channel::Sender;

use super::bell::Bell;
use crate::world::Tick;

/// How long no second session is tried where the server said that it allows none.
pub const ALONE: Duration = Duration::from_secs(6 * 3600);

/// What was lent, and the way back.
pub struct Lent<T> {
    /// The thing.
    pub thing: T,
    /// Whom to give it back to.
    pub back: Back<T>,
}

/// The way back; dropped without the thing, it says that there is none any more.
pub struct Back<T>(Sender<T>);

impl<T> Back<T> {
    /// Gives it back.
    pub fn give(self, thing: T) {
        // Whoever lent it may have been ended by a change of settings meanwhile.
        let _ = self.0.try_send(thing);
    }
}

/// Why there is one session only.
struct Only {
    until: Tick,
    said: String,
}

/// See the file's head.
pub struct Loan<T> {
    only: RefCell<Option<Only>>,
    asked: RefCell<Option<Sender<Lent<T>>>>,
    bell: Bell,
}

impl<T> Loan<T> {
    /// Nothing is known against a second session yet.
    pub fn new() -> Self {
        Self {
            only: RefCell::default(),
            asked: RefCell::default(),
            bell: Bell::new(),
        }
    }

    /// No second session is tried before `until`.
    pub fn share(&self, until: Tick, said: String) {
        self.only.replace(Some(Only { until, said }));
    }

    /// A second session may be tried.
    pub fn forget(&self) {
        self.only.replace(None);
    }

    /// Until when there is one session only, if there is.
    pub fn shared(&self, now: Tick) -> Option<Tick> {
        let only = self.only.borrow();
        only.as_ref().map(|o| o.until).filter(|until| *until > now)
    }

    /// Why there was one session only when a second one was last tried.
    pub fn said(&self) -> Option<String> {
        self.only.borrow().as_ref().map(|o| o.said.clone())
    }

    /// Asks for the session and waits until it is lent.
    pub async fn ask(&self) -> Option<Lent<T>> {
        let (give, take) = async_channel::bounded(1);
        self.asked.replace(Some(give));
        self.bell.ring();
        take.recv().await.ok()
    }

    /// Waits until somebody asks.
    pub async fn wanted(&self) {
        self.bell.wait().await;
    }

    /// Lends it if somebody asked, and waits until it is back; `None` when it was lost.
    pub async fn lend(&self, thing: T) -> Option<T> {
        let Some(asked) = self.asked.take() else {
            return Some(thing);
        };
        self.bell.hush();
        let (back, returned) = async_channel::bounded(1);
        let lent = Lent {
            thing,
            back: Back(back),
        };
        let sent = asked.try_send(lent);
        // What lies in a channel is dropped with its last end: were this one kept, who asked could
        // go away with the thing on its way, and this would wait for ever.
        drop(asked);
        match sent {
            Ok(()) => returned.recv().await.ok(),
            // Who asked has gone meanwhile.
            Err(unsent) => Some(unsent.into_inner().thing),
        }
    }
}

impl<T> Default for Loan<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
