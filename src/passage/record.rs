//! What the journal's records say. Octets in, octets out (postcard), each with a version in front.
//!
//! A record's key (the delivery key) and kind stand in the journal's own framing; the payload here
//! repeats neither. A message record is a short head and then the raw message, untouched, so that a
//! part of it can be read without the rest.
//!
//!   message | version u8 | head length u16 LE | head (postcard) | raw message ... |
//!   others  | version u8 | postcard |
//!
//! Structs that were once released are frozen: a changed one gets a new version beside the old.

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::place::{MailboxId, Place};
use crate::ticket::{About, Key, Marks, Omission, Origin, Reason, Seal, Surge, Thread};

mod version_1;
mod version_2;

use version_1::{DecisionOf1, EntryOf1, ReceiptOf1};
use version_2::DecisionOf2;

/// The newest version of a payload that this code writes.
pub const VERSION: u8 = 3;

/// What a record is about; the number stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The raw message and where it was.
    Message = 2,
    /// Places whose messages are about to be understood: found after a crash, they are suspects.
    Trying = 3,
    /// What was decided about a message.
    Decision = 4,
    /// The portal's ticket.
    Receipt = 5,
    /// The portal's refusal, in its own words.
    Refused = 6,
    /// The message was moved on the server.
    Archived = 7,
    /// The octets may go.
    Retired = 8,
    /// An act of the operator, or of a changed setting or directory.
    Act = 9,
    /// A message that was known has another place too.
    Alias = 10,
    /// Where a message stands, in full: written when older records of it are given up.
    Snapshot = 11,
    /// A decision that was copied to a younger segment; the snapshot behind it points to it.
    Copied = 12,
    /// What a refusal or an act says, copied likewise.
    Words = 13,
}

impl Kind {
    /// The kind with this number.
    pub fn of(number: u8) -> Option<Self> {
        Some(match number {
            2 => Kind::Message,
            3 => Kind::Trying,
            4 => Kind::Decision,
            5 => Kind::Receipt,
            6 => Kind::Refused,
            7 => Kind::Archived,
            8 => Kind::Retired,
            9 => Kind::Act,
            10 => Kind::Alias,
            11 => Kind::Snapshot,
            12 => Kind::Copied,
            13 => Kind::Words,
            _ => return None,
        })
    }
}

/// A record in the journal: segment, offset, and octets of payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stored {
    /// The segment's number.
    pub segment: u64,
    /// Octets from the segment's start.
    pub offset: u64,
    /// Octets of payload.
    pub length: u64,
}

/// The head of a message record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageHead {
    /// The mailbox of the settings that it came by.
    pub mailbox: MailboxId,
    /// Where it lay.
    pub place: Place,
    /// The server's received time, Unix milliseconds.
    pub received_at: i64,
    /// Octets of the raw message.
    pub octets: u64,
    /// Where the raw message lies when it has a segment of its own; behind this head otherwise.
    pub large: Option<Stored>,
}

/// What was decided about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It becomes a ticket.
    Ticket {
        /// The sender's user at the portal.
        user: Option<String>,
        /// The sender's company at the portal.
        company: Option<String>,
    },
    /// It waits.
    Held(Reason),
    /// It is archived without a ticket.
    Ignored(Reason),
}

/// A decision, with all that composing the ticket needs besides the message itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The how-manieth decision of this store it is: queues are walked in this order, and a rebuild
    /// finds the same.
    pub sequence: u64,
    /// The mailbox of the settings that it came by.
    pub mailbox: MailboxId,
    /// Where the message lies.
    pub place: Place,
    /// The server's received time, Unix milliseconds.
    pub received_at: i64,
    /// Octets of the raw message.
    pub octets: u64,
    /// When it was decided, Unix milliseconds, by this box's clock.
    pub decided_at: i64,
    /// The message record; none for what is held or ignored.
    pub message: Option<Stored>,
    /// The segment of its own that the octets have, if they have one.
    pub large: Option<u64>,
    /// What was decided.
    pub outcome: Outcome,
    /// The mailbox's address as the ticket will name it.
    pub address: String,
    /// The lane in which tickets keep their order: a digest of the sender's address.
    pub lane: u32,
    /// The sender's address, for lists.
    pub sender: String,
    /// The subject, shortened, for lists.
    pub subject: String,
    /// SHA-256 of the ticket as composed then; a later attempt that composes another (after an
    /// update of this program) looks the key up before it sends.
    pub composed: Option<[u8; 32]>,
    /// Whether it is archived once this is durable, without waiting for the portal.
    pub archive_early: bool,
    /// What answers to it are known by; nothing of what is held or ignored.
    pub thread: Thread,
    /// The ticket that it belongs to.
    pub about: Option<About>,
    /// What makes the reply token of its ticket ours.
    pub token: Option<Seal>,
    /// Whose request it is, and what was trusted.
    pub origin: Origin,
    /// Of a storm: of what becomes a ticket, that it is the last of its group that passes.
    pub storm: Option<Surge>,
    /// Files that the settings leave out of its ticket.
    pub omitted: Vec<Omission>,
    /// What the operator's rules say of it.
    pub marks: Option<Box<Marks>>,
    /// The digest of the rules by which it is held: by others it may be decided otherwise. 0 where none holds it.
    pub held_by: u64,
}

#[cfg(test)]
impl Decision {
    /// The first one of a store, about a message of which nothing else matters.
    pub(crate) fn plain(outcome: Outcome) -> Self {
        Self {
            sequence: 1,
            mailbox: MailboxId(1),
            place: Place::Item {
                origin: super::Origin([1; 8]),
                id: "1".to_owned(),
            },
            received_at: 0,
            octets: 1,
            decided_at: 0,
            message: None,
            large: None,
            outcome,
            address: String::new(),
            lane: 0,
            sender: String::new(),
            subject: String::new(),
            composed: None,
            archive_early: false,
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

impl Decision {
    /// The first message of the ticket that it goes into, where that is another's.
    pub fn root(&self) -> Option<Key> {
        let about = self.about.filter(|about| about.append);
        about.map(|about| about.root)
    }
}

/// The portal has the ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The portal's id of it.
    pub ticket: String,
    /// Its number, where the portal has such for people.
    pub number: Option<String>,
    /// When the receipt came, Unix milliseconds.
    pub at: i64,
    /// The portal's epoch then.
    pub epoch: String,
    /// Files that it went without because the portal does not take them.
    pub omitted: Vec<Omission>,
}

/// The portal refused it for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The portal's own words.
    pub said: String,
    /// When, Unix milliseconds.
    pub at: i64,
}

/// It was moved on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Where it had lain.
    pub place: Place,
    /// Folder on the server; empty where the place was given up: it belongs to another account, or
    /// to an earlier life of the UIDs, and cannot be reached any more.
    pub folder: String,
    /// UIDVALIDITY and UID there, where the server told (COPYUID, RFC 4315 §3); none where the
    /// message was no longer at its place.
    pub moved_to: Option<(u32, u32)>,
}

impl Archived {
    /// The record of a place that is given up.
    pub fn given_up(place: Place) -> Record {
        Record::Archived(Self {
            place,
            folder: String::new(),
            moved_to: None,
        })
    }
}

/// Something that was done by the operator, or follows from a changed setting or directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// What.
    pub what: ActKind,
    /// By whom: `operator`, `directory`, `settings`, `server`, `portal`; of what was dismissed the
    /// user's name, with the reason behind a colon where one was given.
    pub by: String,
    /// When, Unix milliseconds.
    pub at: i64,
}

/// The acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActKind {
    /// Fetch it and decide again by the rules.
    Release,
    /// Fetch it and make a ticket of it, whoever wrote it.
    Convert,
    /// Archive it without a ticket.
    Dismiss,
    /// Try the portal again; of what is committed already: this is done now, once.
    Retry,
    /// It is no longer unread at its place, for this reason.
    Close(Reason),
    /// Fetch it again: its octets can't be read here any more.
    Refetch,
    /// The portal lost the ticket that it had given a receipt for.
    Lost,
}

/// A known message lies at a further place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The mailbox of the settings.
    pub mailbox: MailboxId,
    /// The further place.
    pub place: Place,
    /// The server's received time there, Unix milliseconds.
    pub received_at: i64,
    /// Octets there.
    pub octets: u64,
}

/// A record's payload as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// See `MessageHead`; the raw message is left where it is.
    Message(MessageHead),
    /// Places about to be understood.
    Trying(Vec<Place>),
    /// See `Decision`.
    Decision(Box<Decision>),
    /// See `Receipt`.
    Receipt(Receipt),
    /// See `Refusal`.
    Refused(Refusal),
    /// See `Archived`.
    Archived(Archived),
    /// The octets may go.
    Retired,
    /// See `Act`.
    Act(Act),
    /// See `Alias`.
    Alias(Alias),
    /// See `Entry`.
    Snapshot(Box<Entry>),
    /// See `Decision`.
    Copied(Box<Decision>),
    /// The octets of a refusal or an act that were copied, for whoever the snapshot leads there.
    Words(Vec<u8>),
}

/// A payload that this code can't read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unreadable {
    /// Written by newer code.
    #[error(
        "a record of kind {kind} has version {version}, and this program reads up to {VERSION}"
    )]
    Newer {
        /// The record's kind.
        kind: u8,
        /// Its version.
        version: u8,
    },
    /// No kind of ours, or not what its kind should be.
    #[error("a record of kind {kind} can't be read")]
    Malformed {
        /// The record's kind.
        kind: u8,
    },
}

impl Kind {
    /// The version of payload that is written. The second of a decision tells of conversations, the third of storms,
    /// of files that are left out, and of what the operator's rules say; the second of a receipt of such files.
    fn version(self) -> u8 {
        match self {
            Kind::Decision | Kind::Copied => 3,
            Kind::Snapshot | Kind::Receipt => 2,
            _ => 1,
        }
    }

    /// Whether a record of this kind may give its message a place: see `Record::claims`.
    pub fn may_claim(self) -> bool {
        matches!(self, Kind::Decision | Kind::Alias | Kind::Snapshot)
    }
}

impl Record {
    /// The places at which nobody but its message lies from here on. A snapshot stands for decisions that
    /// may be in segments that are gone.
    pub fn claims(&self) -> Vec<&Place> {
        match self {
            Record::Decision(d) => vec![&d.place],
            Record::Alias(a) => vec![&a.place],
            Record::Snapshot(entry) => entry.spots.iter().map(|s| &s.place).collect(),
            _ => Vec::new(),
        }
    }

    /// The kind that the journal must be told.
    pub fn kind(&self) -> Kind {
        match self {
            Record::Message(_) => Kind::Message,
            Record::Trying(_) => Kind::Trying,
            Record::Decision(_) => Kind::Decision,
            Record::Receipt(_) => Kind::Receipt,
            Record::Refused(_) => Kind::Refused,
            Record::Archived(_) => Kind::Archived,
            Record::Retired => Kind::Retired,
            Record::Act(_) => Kind::Act,
            Record::Alias(_) => Kind::Alias,
            Record::Snapshot(_) => Kind::Snapshot,
            Record::Copied(_) => Kind::Copied,
            Record::Words(_) => Kind::Words,
        }
    }

    /// The payload; for a message all that stands before the raw octets.
    pub fn encode(&self) -> Vec<u8> {
        let body = match self {
            Record::Message(r) => encoded(r),
            Record::Trying(r) => encoded(r),
            Record::Decision(r) => encoded(r),
            Record::Receipt(r) => encoded(r),
            Record::Refused(r) => encoded(r),
            Record::Archived(r) => encoded(r),
            Record::Retired => Vec::new(),
            Record::Act(r) => encoded(r),
            Record::Alias(r) => encoded(r),
            Record::Snapshot(r) => encoded(r),
            Record::Copied(r) => encoded(r),
            Record::Words(r) => r.clone(),
        };
        let mut payload = Vec::with_capacity(body.len() + 3);
        payload.push(self.kind().version());
        if let Record::Message(_) = self {
            let length = u16::try_from(body.len()).expect("a place is bounded well under 64 KiB");
            payload.extend_from_slice(&length.to_le_bytes());
        }
        payload.extend_from_slice(&body);
        payload
    }

    /// Reads a payload of `kind`; of a message the octets up to `raw_start` are enough.
    pub fn decode(kind: u8, payload: &[u8]) -> Result<Record, Unreadable> {
        let malformed = Unreadable::Malformed { kind };
        let known = Kind::of(kind).ok_or(Unreadable::Malformed { kind })?;
        let (&version, body) = payload
            .split_first()
            .ok_or(Unreadable::Malformed { kind })?;
        if version > known.version() {
            return Err(Unreadable::Newer { kind, version });
        }
        let record = match known {
            Kind::Message => {
                let length = head_length(body).ok_or(Unreadable::Malformed { kind })?;
                body.get(2..2 + length)
                    .and_then(decoded)
                    .map(Record::Message)
            }
            Kind::Trying => decoded(body).map(Record::Trying),
            Kind::Decision => decision(version, body).map(Record::Decision),
            Kind::Receipt => receipt(version, body).map(Record::Receipt),
            Kind::Refused => decoded(body).map(Record::Refused),
            Kind::Archived => decoded(body).map(Record::Archived),
            Kind::Retired => Some(Record::Retired),
            Kind::Act => decoded(body).map(Record::Act),
            Kind::Alias => decoded(body).map(Record::Alias),
            Kind::Snapshot => snapshot(version, body).map(Record::Snapshot),
            Kind::Copied => decision(version, body).map(Record::Copied),
            Kind::Words => Some(Record::Words(body.to_vec())),
        };
        record.ok_or(malformed)
    }
}

fn decision(version: u8, body: &[u8]) -> Option<Box<Decision>> {
    match version {
        1 => decoded::<DecisionOf1>(body).map(|d| Box::new(d.into())),
        2 => decoded::<DecisionOf2>(body).map(|d| Box::new(d.into())),
        _ => decoded(body),
    }
}

fn receipt(version: u8, body: &[u8]) -> Option<Receipt> {
    match version {
        1 => decoded::<ReceiptOf1>(body).map(Receipt::from),
        _ => decoded(body),
    }
}

fn snapshot(version: u8, body: &[u8]) -> Option<Box<Entry>> {
    match version {
        1 => decoded::<EntryOf1>(body).map(|e| Box::new(e.into())),
        _ => decoded(body),
    }
}

fn head_length(body: &[u8]) -> Option<usize> {
    let length: [u8; 2] = body.get(..2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(length)))
}

/// Where the raw message begins in a message record's payload, told by its first octets.
pub fn raw_start(payload: &[u8]) -> Option<u64> {
    let length = head_length(payload.get(1..)?)?;
    Some(3 + length as u64)
}

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("these structs have no part that postcard refuses")
}

fn decoded<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Option<T> {
    postcard::from_bytes(octets).ok()
}

#[cfg(test)]
mod tests;
