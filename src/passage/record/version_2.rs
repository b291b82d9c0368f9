//! The decision as version 2 had it: what was known before storms were, files were left out of tickets, and the
//! operator had rules. Frozen.

use serde::Deserialize;

use super::{Decision, Outcome, Stored};
use crate::passage::place::{MailboxId, Place};
use crate::ticket::{About, Origin, Seal, Thread};

#[derive(Deserialize)]
pub(super) struct DecisionOf2 {
    sequence: u64,
    mailbox: MailboxId,
    place: Place,
    received_at: i64,
    octets: u64,
    decided_at: i64,
    message: Option<Stored>,
    large: Option<u64>,
    outcome: Outcome,
    address: String,
    lane: u32,
    sender: String,
    subject: String,
    composed: Option<[u8; 32]>,
    archive_early: bool,
    thread: Thread,
    about: Option<About>,
    token: Option<Seal>,
    origin: Origin,
}

impl From<DecisionOf2> for Decision {
    fn from(of_2: DecisionOf2) -> Self {
        Self {
            sequence: of_2.sequence,
            mailbox: of_2.mailbox,
            place: of_2.place,
            received_at: of_2.received_at,
            octets: of_2.octets,
            decided_at: of_2.decided_at,
            message: of_2.message,
            large: of_2.large,
            outcome: of_2.outcome,
            address: of_2.address,
            lane: of_2.lane,
            sender: of_2.sender,
            subject: of_2.subject,
            composed: of_2.composed,
            archive_early: of_2.archive_early,
            thread: of_2.thread,
            about: of_2.about,
            token: of_2.token,
            origin: of_2.origin,
            storm: None,
            omitted: Vec::new(),
            marks: None,
            held_by: 0,
        }
    }
}
