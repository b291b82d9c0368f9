//! What happens, told to whoever watches: the log of `run`, `test --wait`, later the console.
//!
//! Watchers are slow or gone; news is dropped for them rather than awaited.

use std::cell::RefCell;

use async_channel::{Receiver, Sender};

use crate::passage::MailboxId;
use crate::ticket::{Key, Reason};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message was fetched.
    Fetched {
        /// The delivery key.
        key: Key,
        /// The mailbox.
        mailbox: MailboxId,
        /// Octets.
        octets: u64,
    },
    /// Message and decision are durable.
    Committed {
        /// The delivery key.
        key: Key,
        /// Why it is no ticket, if it is none.
        reason: Option<Reason>,
    },
    /// The same message was decided before: no second ticket.
    Again {
        /// The delivery key.
        key: Key,
    },
    /// The portal has the ticket.
    Forwarded {
        /// The delivery key.
        key: Key,
        /// The portal's id.
        ticket: String,
    },
    /// The portal refused it for good.
    Refused {
        /// The delivery key.
        key: Key,
        /// The portal's words.
        said: String,
    },
    /// It was moved on the server.
    Archived {
        /// The delivery key.
        key: Key,
        /// To which folder.
        folder: String,
    },
    /// It can't be archived: its place is not in the watched folder any more.
    LeftThere {
        /// The delivery key.
        key: Key,
    },
    /// The counters changed.
    Counted,
    /// A pass over a mailbox has ended.
    PassEnded {
        /// The mailbox.
        mailbox: MailboxId,
    },
}

/// The watchers.
#[derive(Default)]
pub struct News {
    watchers: RefCell<Vec<Sender<Event>>>,
}

impl News {
    /// Nobody watches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether anybody watches.
    pub fn watched(&self) -> bool {
        !self.watchers.borrow().is_empty()
    }

    /// Tells all watchers.
    pub fn tell(&self, event: &Event) {
        self.watchers
            .borrow_mut()
            .retain(|w| match w.try_send(event.clone()) {
                Ok(()) | Err(async_channel::TrySendError::Full(_)) => true,
                Err(async_channel::TrySendError::Closed(_)) => false,
            });
    }

    /// Watches from now on, the last `depth` events at most being kept.
    pub fn watch(&self, depth: usize) -> Receiver<Event> {
        let (sender, receiver) = async_channel::bounded(depth);
        self.watchers.borrow_mut().push(sender);
        receiver
    }
}
