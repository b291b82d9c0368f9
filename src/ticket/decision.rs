//! Ticket, held or ignored: one pure function of the message, the settings, the directory's
//! answer and what is known of its key.
//!
//! The order of the questions is the order in which an answer outranks the others: what has a
//! ticket gets no second one whatever the settings; what is too old is not asked about its
//! sender; what can't be read at all has no sender to ask about, and becomes a ticket with the
//! original attached. Automatic responses, reports and conversations are not told apart here yet.

use super::directory::Sender;
use super::reason::Reason;
use crate::mail::Message;
use serde::{Deserialize, Serialize};

/// The settings that decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Messages from nobody in the directory become tickets without user and company.
    pub process_unknown_senders: bool,
    /// What the server received before this time (milliseconds since 1970) is left alone.
    pub received_after: Option<i64>,
}

/// What is known of a message's key already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Known {
    /// Nothing: it is seen for the first time, or was only held so far.
    New,
    /// It was committed from another place: this is a second copy.
    Elsewhere,
    /// The operator asked for it by hand: settings and directory can't hold it.
    Wanted,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// A new ticket.
    Ticket {
        /// The author's id in the directory.
        user: Option<String>,
        /// The author's company's id.
        company: Option<String>,
    },
    /// It waits where it is.
    Held(Reason),
    /// It is archived without a ticket.
    Ignored(Reason),
}

/// Decide about a message that the server received at `received_at` (milliseconds since 1970).
pub fn decide(
    message: &Message,
    received_at: i64,
    sender: &Sender,
    rules: &Rules,
    already: Known,
) -> Decision {
    match already {
        Known::Elsewhere => return Decision::Ignored(Reason::Duplicate),
        Known::Wanted => return wanted(sender),
        Known::New => {}
    }
    if rules
        .received_after
        .is_some_and(|after| received_at < after)
    {
        return Decision::Held(Reason::ReceivedBefore);
    }
    if message.unparsed {
        // No sender can be read off it, so the rule about senders can't hold it: somebody looks.
        return nobody();
    }
    match sender {
        Sender::Known { user, company } => Decision::Ticket {
            user: Some(user.clone()),
            company: company.clone(),
        },
        // Also where unknown senders are welcome: a user would be taken for one, for ever.
        Sender::DirectoryNotRead => Decision::Held(Reason::DirectoryNotRead),
        Sender::Unknown { .. } if rules.process_unknown_senders => nobody(),
        Sender::Unknown { .. } => Decision::Held(Reason::UnknownSender),
    }
}

fn wanted(sender: &Sender) -> Decision {
    match sender {
        Sender::Known { user, company } => Decision::Ticket {
            user: Some(user.clone()),
            company: company.clone(),
        },
        Sender::Unknown { .. } | Sender::DirectoryNotRead => nobody(),
    }
}

fn nobody() -> Decision {
    Decision::Ticket {
        user: None,
        company: None,
    }
}

#[cfg(test)]
mod tests;
