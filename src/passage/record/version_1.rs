//! Structs as version 1 had them: what was known before conversations were. Frozen.

use serde::Deserialize;

use super::{Decision, Outcome, Receipt, Stored};
use crate::passage::entry::{Entry, Spot};
use crate::passage::place::{MailboxId, Place, Position};
use crate::passage::Stage;
use crate::ticket::{Origin, Reason, Thread};

#[derive(Deserialize)]
pub(super) struct DecisionOf1 {
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
}

impl From<DecisionOf1> for Decision {
    fn from(of_1: DecisionOf1) -> Self {
        Self {
            sequence: of_1.sequence,
            mailbox: of_1.mailbox,
            place: of_1.place,
            received_at: of_1.received_at,
            octets: of_1.octets,
            decided_at: of_1.decided_at,
            message: of_1.message,
            large: of_1.large,
            outcome: of_1.outcome,
            address: of_1.address,
            lane: of_1.lane,
            sender: of_1.sender,
            subject: of_1.subject,
            composed: of_1.composed,
            archive_early: of_1.archive_early,
            thread: Thread::default(),
            about: None,
            token: None,
            origin: Origin::default(),
            storm: None,
            omitted: Vec::new(),
            marks: None,
            held_by: 0,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ReceiptOf1 {
    ticket: String,
    number: Option<String>,
    at: i64,
    epoch: String,
}

impl From<ReceiptOf1> for Receipt {
    fn from(of_1: ReceiptOf1) -> Self {
        Self {
            ticket: of_1.ticket,
            number: of_1.number,
            at: of_1.at,
            epoch: of_1.epoch,
            omitted: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct EntryOf1 {
    stage: Stage,
    sequence: u64,
    mailbox: MailboxId,
    received_at: i64,
    octets: u64,
    spots: Vec<Spot>,
    message: Option<Stored>,
    large: Option<u64>,
    decision: Option<Stored>,
    refusal: Option<Stored>,
    lane: u32,
    reason: Option<Reason>,
    ticket: Option<String>,
    changed_at: i64,
    archive_early: bool,
    archived: bool,
    retired: bool,
    convert: bool,
    known_to: Position,
}

impl From<EntryOf1> for Entry {
    fn from(of_1: EntryOf1) -> Self {
        Self {
            stage: of_1.stage,
            sequence: of_1.sequence,
            mailbox: of_1.mailbox,
            received_at: of_1.received_at,
            octets: of_1.octets,
            spots: of_1.spots,
            message: of_1.message,
            large: of_1.large,
            decision: of_1.decision,
            refusal: of_1.refusal,
            lane: of_1.lane,
            reason: of_1.reason,
            ticket: of_1.ticket,
            changed_at: of_1.changed_at,
            archive_early: of_1.archive_early,
            archived: of_1.archived,
            retired: of_1.retired,
            convert: of_1.convert,
            known_to: of_1.known_to,
            thread: Thread::default(),
            root: None,
        }
    }
}
