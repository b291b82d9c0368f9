//! The stages of a message and the legal edges between them, as one table.
//!
//!   (new) --decided--> Committed --receipt--> Forwarded
//!     |                 |     ^
//!     |              refused  retried
//!     |                 v     |
//!     |                Refused ----dismissed--> Dismissed
//!     |--decided--> Held --released--> Released --decided--> ...
//!     |               |--dismissed--> Dismissed
//!     |               '--closed----> Closed --decided--> ...
//!     '--decided--> Ignored --released--> Released
//!
//!   Committed, Refused --refetched--> Released (their octets can't be read here any more)
//!   Forwarded --lost--> Committed, or Closed where its octets are gone (the portal lost its ticket)
//!
//! Archived and retired are marks beside the stage: with `archive_when = "committed"` a message is
//! archived before it is forwarded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ticket::Reason;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// A ticket was decided; message and decision are durable; the portal has no part in it yet.
    Committed,
    /// The portal's receipt is durable.
    Forwarded,
    /// The portal refused it for good; kept with the portal's words.
    Refused,
    /// Waits at its place on the server, unread, with a reason.
    Held,
    /// Was held or ignored and shall be fetched and decided again.
    Released,
    /// Archived without a ticket, with a reason.
    Ignored,
    /// Archived without a ticket because the operator said so.
    Dismissed,
    /// Held, and then gone or read on the server.
    Closed,
}

impl Stage {
    /// Every stage, in the order in which they are shown.
    pub const ALL: [Stage; 8] = [
        Stage::Committed,
        Stage::Forwarded,
        Stage::Refused,
        Stage::Held,
        Stage::Released,
        Stage::Ignored,
        Stage::Dismissed,
        Stage::Closed,
    ];

    /// The stage's word, as people and machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Committed => "committed",
            Stage::Forwarded => "forwarded",
            Stage::Refused => "refused",
            Stage::Held => "held",
            Stage::Released => "released",
            Stage::Ignored => "ignored",
            Stage::Dismissed => "dismissed",
            Stage::Closed => "closed",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Decided: a ticket.
    Ticket,
    /// Decided: held.
    Hold,
    /// Decided: ignored.
    Ignore,
    /// The portal has it.
    Receipt,
    /// The portal refused it for good.
    Refuse,
    /// The operator lets the portal see it again; or it is about to, and that word is used up.
    Retry,
    /// It shall be fetched and decided again.
    Release,
    /// The operator wants no ticket of it.
    Dismiss,
    /// It is no longer unread at its place.
    Close,
    /// Its octets can't be read here any more.
    Refetch,
    /// The portal lost its ticket, and its octets are still kept here.
    Lost,
    /// The portal lost its ticket, and its octets are not kept here any more.
    LostForGood,
}

/// The stage after `event`; `None` where there is no such edge. `from` is `None` for a message
/// that nothing is known of.
pub fn step(from: Option<Stage>, event: Event) -> Option<Stage> {
    use Stage::{Closed, Committed, Dismissed, Forwarded, Held, Ignored, Refused, Released};
    match (from, event) {
        (None | Some(Held | Released | Closed), Event::Ticket) => Some(Committed),
        (None | Some(Held | Released | Closed), Event::Hold) => Some(Held),
        (None | Some(Held | Released | Closed), Event::Ignore) => Some(Ignored),
        // A ticket that was found by its key after a refusal is at the portal all the same.
        (Some(Committed | Refused), Event::Receipt) => Some(Forwarded),
        (Some(Committed), Event::Refuse) => Some(Refused),
        // On what is committed already: the word to send it is used up.
        (Some(Refused | Committed), Event::Retry) => Some(Committed),
        (Some(Held | Ignored | Dismissed | Closed), Event::Release) => Some(Released),
        (Some(Held | Refused | Released), Event::Dismiss) => Some(Dismissed),
        (Some(Held | Released), Event::Close) => Some(Closed),
        // Its place on the server still has it: nothing is archived before the receipt.
        (Some(Committed | Refused), Event::Refetch) => Some(Released),
        (Some(Forwarded), Event::Lost) => Some(Committed),
        (Some(Forwarded), Event::LostForGood) => Some(Closed),
        _ => None,
    }
}

/// How many messages stand where. Kept with the index, so that nothing is ever counted by a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Messages by stage, in the order of `Stage::ALL`.
    pub by_stage: [u64; 8],
    /// Messages that wait to be archived.
    pub to_archive: u64,
    /// Messages that were archived.
    pub archived: u64,
    /// Octets of committed and refused messages, which must be kept.
    pub owed_octets: u64,
    /// Octets of other messages that are still kept.
    pub kept_octets: u64,
    /// Messages whose octets are kept, owed or not.
    pub kept: u64,
    /// Messages by the reason for which they are no ticket, in the order of `Reason::ALL`.
    pub by_reason: [u64; Reason::ALL.len()],
}

impl Counters {
    /// How many stand in `stage`.
    pub fn of(&self, stage: Stage) -> u64 {
        self.by_stage[stage as usize]
    }

    /// Counts a change from one stage to another.
    pub fn moved(&mut self, from: Option<Stage>, to: Stage) {
        if let Some(from) = from {
            let count = &mut self.by_stage[from as usize];
            *count = count.saturating_sub(1);
        }
        self.by_stage[to as usize] += 1;
    }

    /// Counts that a message is forgotten.
    pub fn left(&mut self, from: Stage) {
        let count = &mut self.by_stage[from as usize];
        *count = count.saturating_sub(1);
    }

    /// How many are no ticket for `reason`.
    pub fn of_reason(&self, reason: Reason) -> u64 {
        self.by_reason[reason as usize]
    }

    /// Counts a change from one reason to another.
    pub fn reasoned(&mut self, from: Option<Reason>, to: Option<Reason>) {
        if from == to {
            return;
        }
        if let Some(from) = from {
            let count = &mut self.by_reason[from as usize];
            *count = count.saturating_sub(1);
        }
        if let Some(to) = to {
            self.by_reason[to as usize] += 1;
        }
    }

    /// All messages that anything is known of.
    pub fn total(&self) -> u64 {
        self.by_stage.iter().sum()
    }
}

#[cfg(test)]
mod tests;
