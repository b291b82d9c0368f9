//! What is known of one message, and how each record changes it.
//!
//! `apply` is the only place where a record turns into knowledge: the running engine and a replay
//! after a crash both go through it. A record that was seen before changes nothing: an entry says
//! up to where in the journal it knows, since a replay may begin well before that point.

use serde::{Deserialize, Serialize};

use super::place::{MailboxId, Place, Position};
use super::record::{Act, ActKind, Decision, Outcome, Record, Stored};
use super::stage::{step, Event, Stage};
use crate::ticket::{Key, Reason, Thread};

/// A place where the message lies until it is archived from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// The mailbox of the settings.
    pub mailbox: MailboxId,
    /// The place.
    pub place: Place,
    /// The server's received time, Unix milliseconds.
    pub received_at: i64,
    /// Octets, as the server counts them.
    pub octets: u64,
}

/// The places of a message that are kept. Where it lies at more, the others stay unknown: the mailbox is
/// looked through again once these are archived.
pub const SPOTS_MAX: usize = 16;

/// What is known of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands.
    pub stage: Stage,
    /// Order of the decisions on this box: queues are walked by it.
    pub sequence: u64,
    /// The mailbox of the settings that it came by.
    pub mailbox: MailboxId,
    /// The server's received time, Unix milliseconds.
    pub received_at: i64,
    /// Octets of the raw message.
    pub octets: u64,
    /// Where it still lies on the server.
    pub spots: Vec<Spot>,
    /// The message record, while its octets are kept.
    pub message: Option<Stored>,
    /// The segment of its own that the octets have, if they have one.
    pub large: Option<u64>,
    /// The decision record.
    pub decision: Option<Stored>,
    /// The refusal record, where the portal refused it, or it was set aside here. On what is committed
    /// again it stands for the operator's word to send it, until that is used up. Of what was
    /// dismissed it is the act, which says why.
    pub refusal: Option<Stored>,
    /// The lane in which tickets keep their order.
    pub lane: u32,
    /// Why it is held, ignored, dismissed or closed.
    pub reason: Option<Reason>,
    /// The portal's ticket.
    pub ticket: Option<String>,
    /// When the stage was last changed, Unix milliseconds, by this box's clock.
    pub changed_at: i64,
    /// Archived at the commit, without waiting for the portal.
    pub archive_early: bool,
    /// Moved on the server at least once.
    pub archived: bool,
    /// Its octets may go.
    pub retired: bool,
    /// The operator wants a ticket of it, whoever wrote it.
    pub convert: bool,
    /// The record that changed it last: those up to it are in here already.
    pub known_to: Position,
    /// What answers to it are known by.
    pub thread: Thread,
    /// Of what goes into another message's ticket: that message. Where the portal has that ticket no more
    /// it becomes one of its own, and this stays.
    pub root: Option<Key>,
}

#[cfg(test)]
impl Entry {
    /// A message of which only this is known.
    pub(crate) fn plain(stage: Stage) -> Self {
        Self {
            stage,
            sequence: 1,
            mailbox: MailboxId(1),
            received_at: 0,
            octets: 0,
            spots: Vec::new(),
            message: None,
            large: None,
            decision: None,
            refusal: None,
            lane: 0,
            reason: None,
            ticket: None,
            changed_at: 0,
            archive_early: false,
            archived: false,
            retired: false,
            convert: false,
            known_to: Position::default(),
            thread: Thread::default(),
            root: None,
        }
    }
}

impl Entry {
    /// Whether its places on the server are to be archived now.
    pub fn wants_archive(&self) -> bool {
        !self.spots.is_empty()
            && match self.stage {
                Stage::Forwarded | Stage::Ignored | Stage::Dismissed => true,
                // A refused one stays at its place, unread: its ticket does not exist.
                Stage::Committed => self.archive_early,
                Stage::Refused | Stage::Held | Stage::Released | Stage::Closed => false,
            }
    }

    /// The reason for which it is no ticket, as it is counted and found by; none while it is under way
    /// (again), or is one.
    pub fn no_ticket_for(&self) -> Option<Reason> {
        match self.stage {
            Stage::Held | Stage::Ignored | Stage::Dismissed | Stage::Closed => self.reason,
            Stage::Refused => Some(Reason::Refused),
            Stage::Committed | Stage::Forwarded | Stage::Released => None,
        }
    }

    /// Whether no further place of it is kept.
    pub fn is_full(&self) -> bool {
        self.spots.len() >= SPOTS_MAX
    }

    /// Whether the operator has looked and wants it sent, whatever became of an earlier attempt.
    pub fn has_word(&self) -> bool {
        self.stage == Stage::Committed && self.refusal.is_some()
    }

    /// Octets that must be kept for it here.
    pub fn owed_octets(&self) -> u64 {
        match self.stage {
            Stage::Committed | Stage::Refused => self.octets,
            _ => 0,
        }
    }

    /// Octets that are kept for the operator only.
    pub fn kept_octets(&self) -> u64 {
        match (self.owed_octets(), &self.message) {
            (0, Some(_)) => self.octets,
            _ => 0,
        }
    }

    /// Whether its places are to be fetched although they are known.
    pub fn wants_fetch(&self) -> bool {
        self.stage == Stage::Released
    }
}

/// A record that doesn't fit what is known: a gap before it in the journal, or a bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} does not follow {from:?}")]
pub struct Illegal {
    /// Where the message stood.
    pub from: Option<Stage>,
    /// What the record says happened.
    pub event: Event,
}

/// The entry after `record`, which lies at `stored`.
/// `Ok(None)` where the record changes nothing.
pub fn apply(
    before: Option<&Entry>,
    record: &Record,
    stored: Stored,
) -> Result<Option<Entry>, Illegal> {
    let at = Position {
        segment: stored.segment,
        offset: stored.offset,
    };
    if before.is_some_and(|e| at <= e.known_to) {
        return Ok(None);
    }
    let after = changed(before, record, stored)?;
    Ok(after.map(|e| Entry { known_to: at, ..e }))
}

fn changed(
    before: Option<&Entry>,
    record: &Record,
    stored: Stored,
) -> Result<Option<Entry>, Illegal> {
    let from = before.map(|e| e.stage);
    let illegal = |event| Illegal { from, event };
    let next = |event| step(from, event).ok_or(illegal(event));
    match record {
        // These tell nothing that another record doesn't.
        Record::Message(_) | Record::Trying(_) | Record::Copied(_) | Record::Words(_) => Ok(None),
        Record::Snapshot(entry) => Ok(Some((**entry).clone())),
        Record::Decision(decision) => {
            let event = match decision.outcome {
                Outcome::Ticket { .. } => Event::Ticket,
                Outcome::Held(_) => Event::Hold,
                Outcome::Ignored(_) => Event::Ignore,
            };
            let stage = next(event)?;
            Ok(Some(decided(before, decision, stage, stored)))
        }
        Record::Receipt(receipt) => {
            let before = before.ok_or(illegal(Event::Receipt))?;
            if before.stage == Stage::Forwarded {
                return Ok(None);
            }
            Ok(Some(Entry {
                stage: next(Event::Receipt)?,
                ticket: Some(receipt.ticket.clone()),
                refusal: None,
                changed_at: receipt.at,
                ..before.clone()
            }))
        }
        Record::Refused(refusal) => {
            let before = before.ok_or(illegal(Event::Refuse))?;
            Ok(Some(Entry {
                stage: next(Event::Refuse)?,
                refusal: Some(stored),
                changed_at: refusal.at,
                ..before.clone()
            }))
        }
        Record::Archived(archived) => {
            let Some(before) = before else {
                return Ok(None);
            };
            let mut after = before.clone();
            after.spots.retain(|s| s.place != archived.place);
            after.archived |= !archived.folder.is_empty();
            Ok((after != *before).then_some(after))
        }
        Record::Retired => {
            let Some(before) = before else {
                return Ok(None);
            };
            Ok((!before.retired).then(|| Entry {
                retired: true,
                message: None,
                large: None,
                ..before.clone()
            }))
        }
        Record::Alias(alias) => {
            let Some(before) = before else {
                return Ok(None);
            };
            let mut after = before.clone();
            // Its mailbox was removed, and the account is another mailbox's now.
            after
                .spots
                .retain(|s| s.place != alias.place || s.mailbox == alias.mailbox);
            let known = after.spots.iter().any(|s| s.place == alias.place);
            if known || after.is_full() {
                return Ok(None);
            }
            after.spots.push(Spot {
                mailbox: alias.mailbox,
                place: alias.place.clone(),
                received_at: alias.received_at,
                octets: alias.octets,
            });
            Ok(Some(after))
        }
        Record::Act(act) => acted(before, act, stored),
    }
}

fn decided(before: Option<&Entry>, decision: &Decision, stage: Stage, stored: Stored) -> Entry {
    let spot = Spot {
        mailbox: decision.mailbox,
        place: decision.place.clone(),
        received_at: decision.received_at,
        octets: decision.octets,
    };
    let mut spots = before.map(|e| e.spots.clone()).unwrap_or_default();
    spots.retain(|s| s.place != spot.place);
    spots.insert(0, spot);
    Entry {
        stage,
        sequence: decision.sequence,
        mailbox: decision.mailbox,
        received_at: decision.received_at,
        octets: decision.octets,
        spots,
        message: decision.message,
        large: decision.large,
        decision: Some(stored),
        refusal: None,
        lane: decision.lane,
        reason: match decision.outcome {
            Outcome::Ticket { .. } => None,
            Outcome::Held(reason) | Outcome::Ignored(reason) => Some(reason),
        },
        ticket: None,
        changed_at: decision.decided_at,
        archive_early: decision.archive_early,
        archived: before.is_some_and(|e| e.archived),
        retired: false,
        convert: false,
        known_to: Position::default(),
        thread: decision.thread.clone(),
        root: decision.root(),
    }
}

fn acted(before: Option<&Entry>, act: &Act, stored: Stored) -> Result<Option<Entry>, Illegal> {
    let from = before.map(|e| e.stage);
    let kept = before.is_some_and(|e| e.message.is_some());
    let event = match act.what {
        ActKind::Lost if kept => Event::Lost,
        ActKind::Lost => Event::LostForGood,
        ActKind::Release | ActKind::Convert => Event::Release,
        ActKind::Dismiss => Event::Dismiss,
        ActKind::Retry => Event::Retry,
        ActKind::Close(_) => Event::Close,
        ActKind::Refetch => Event::Refetch,
    };
    let before = before.ok_or(Illegal { from, event })?;
    let stage = step(from, event).ok_or(Illegal { from, event })?;
    let mut after = Entry {
        stage,
        changed_at: act.at,
        ..before.clone()
    };
    match act.what {
        ActKind::Convert => after.convert = true,
        ActKind::Dismiss => {
            after.reason = Some(Reason::Dismissed);
            after.refusal = Some(stored);
        }
        ActKind::Close(reason) => {
            after.reason = Some(reason);
            // Unread again one day, it is a message like any other.
            after.spots.clear();
        }
        ActKind::Refetch => {
            after.message = None;
            after.large = None;
        }
        ActKind::Lost => {
            after.ticket = None;
            if !kept {
                after.reason = Some(Reason::LostAtPortal);
                // Unread again one day, it is a message like any other.
                after.spots.clear();
            }
        }
        // The first gives the word, the second uses it up.
        ActKind::Retry if before.stage == Stage::Committed => after.refusal = None,
        ActKind::Release | ActKind::Retry => {}
    }
    Ok(Some(after))
}

#[cfg(test)]
mod tests;
