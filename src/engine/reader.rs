//! The reader: the thread that serves bodies, entries and pages, so that the executor never waits
//! for a disk.
//!
//! Reads only what the journal holds (synced or not) and what the index has learned.

use std::ops::ControlFlow;

use crate::index::{self, Found, Known, Listed, Queued, View};
use crate::mail;
use crate::passage::record::{raw_start, ActKind, Decision, Refusal};
use crate::passage::{Counters, Entry, Kind, MailboxId, Place, Position, Record, Stage, Stored};
use crate::spool;
use crate::ticket::{Claim, Clue, Key, Led};

use super::StoreFault;

/// Octets of a message record that surely hold its head.
const HEAD_OCTETS: usize = 4096;
/// Octets read at once for a digest.
const DIGEST_OCTETS: usize = 256 * 1024;

/// The reader's value: see the file's head.
#[derive(Clone)]
pub struct Reader {
    journal: spool::Reader,
    view: View,
}

/// Where a message's raw octets lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAt {
    stored: Stored,
    start: u64,
    /// How many they are.
    pub octets: u64,
}

/// What is asked before a message is decided.
pub struct Question {
    /// Its delivery key, where it is asked whether it has been here before.
    pub key: Option<Key>,
    /// The mailbox that it came into.
    pub mailbox: MailboxId,
    /// Whose request it could be.
    pub claims: Vec<Claim>,
    /// What it says of the ticket that it belongs to.
    pub clues: Vec<Clue>,
}

/// What is known of it; by default nothing.
#[derive(Default)]
pub struct Answer {
    /// By its key.
    pub entry: Option<Entry>,
    /// Whose request it could be.
    pub claims: Vec<Claim>,
    /// Who has each address of these.
    pub found: Vec<Found>,
    /// What it says of its ticket, and where each of that leads.
    pub led: Vec<(Clue, Option<Led>)>,
}

/// Receipts of one segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Whose they are.
    pub keys: Vec<Key>,
    /// Whether one as young as was asked for has been met.
    pub young: bool,
    /// The next segment; none behind the last.
    pub next: Option<u64>,
}

impl Reader {
    pub(super) fn new(journal: spool::Reader, view: View) -> Self {
        Self { journal, view }
    }

    /// A record's payload, whole: for small records.
    pub fn payload(&self, stored: Stored) -> Result<Vec<u8>, StoreFault> {
        Ok(self.journal.read(at(stored))?)
    }

    /// A decision.
    pub fn decision(&self, stored: Stored) -> Result<Decision, StoreFault> {
        let payload = self.payload(stored)?;
        // A copied decision reads like the first one.
        match Record::decode(Kind::Decision as u8, &payload)? {
            Record::Decision(decision) => Ok(*decision),
            _ => Err(StoreFault::Broken {
                said: "a decision's record holds something else".to_owned(),
            }),
        }
    }

    /// Who dismissed a message, and why; none where the record is of before that was kept.
    pub fn dismissal(&self, stored: Stored) -> Result<Option<String>, StoreFault> {
        let record = Record::decode(Kind::Act as u8, &self.payload(stored)?);
        Ok(match record {
            Ok(Record::Act(act)) if act.what == ActKind::Dismiss => Some(act.by),
            _ => None,
        })
    }

    /// A refusal.
    pub fn refusal(&self, stored: Stored) -> Result<Refusal, StoreFault> {
        match Record::decode(Kind::Refused as u8, &self.payload(stored)?)? {
            Record::Refused(refusal) => Ok(refusal),
            _ => Err(StoreFault::Broken {
                said: "a refusal's record holds something else".to_owned(),
            }),
        }
    }

    /// Where the raw octets of the message record `stored` lie.
    pub fn raw_at(&self, stored: Stored) -> Result<RawAt, StoreFault> {
        let length = HEAD_OCTETS.min(usize::try_from(stored.length).unwrap_or(HEAD_OCTETS));
        let head = self.journal.read_slice(at(stored), 0, length)?;
        let broken = || StoreFault::Broken {
            said: "a message's record has no head".to_owned(),
        };
        let start = raw_start(&head).ok_or_else(broken)?;
        match Record::decode(Kind::Message as u8, &head)? {
            Record::Message(message) => Ok(match message.large {
                Some(large) => RawAt {
                    stored: large,
                    start: 0,
                    octets: large.length,
                },
                None => RawAt {
                    stored,
                    start,
                    octets: stored.length.saturating_sub(start),
                },
            }),
            _ => Err(broken()),
        }
    }

    /// A slice of a message's raw octets; shorter at the end.
    pub fn raw(&self, raw: RawAt, offset: u64, length: usize) -> Result<Vec<u8>, StoreFault> {
        let left = raw.octets.saturating_sub(offset);
        let length = usize::try_from(left).map_or(length, |left| left.min(length));
        if length == 0 {
            return Ok(Vec::new());
        }
        Ok(self
            .journal
            .read_slice(at(raw.stored), raw.start + offset, length)?)
    }

    /// How a large message begins.
    pub fn beginning(&self, stored: Stored, length: usize) -> Result<Vec<u8>, StoreFault> {
        let raw = RawAt {
            stored,
            start: 0,
            octets: stored.length,
        };
        self.raw(raw, 0, length)
    }

    /// Size and digest of a large message.
    pub fn digest(&self, stored: Stored) -> Result<mail::Digest, StoreFault> {
        let raw = RawAt {
            stored,
            start: 0,
            octets: stored.length,
        };
        let mut digester = mail::Digester::default();
        let mut at = 0;
        loop {
            let octets = self.raw(raw, at, DIGEST_OCTETS)?;
            if octets.is_empty() {
                return Ok(digester.finish());
            }
            at += octets.len() as u64;
            digester.update(&octets);
        }
    }

    /// Receipts in the first segment from `segment` on that came at `since` or later and not in
    /// `epoch`. Behind the first of them, told by `young`, every one counts: a clock may have been
    /// wrong for a while, the journal's order is not.
    pub fn receipts(
        &self,
        segment: u64,
        since: i64,
        epoch: &str,
        young: bool,
    ) -> Result<Receipts, StoreFault> {
        let mut found = Receipts {
            young,
            ..Receipts::default()
        };
        let mut here = None;
        let start = spool::Position { segment, offset: 0 };
        self.journal.replay(Some(start), &mut |record| {
            if *here.get_or_insert(record.at.segment) != record.at.segment {
                found.next = Some(record.at.segment);
                return ControlFlow::Break(());
            }
            let wanted = [Some(Kind::Receipt), Some(Kind::Snapshot)];
            if !wanted.contains(&Kind::of(record.kind)) {
                return ControlFlow::Continue(());
            }
            // What can't be read was said at the start; its message is not known here either.
            let Ok(payload) = record.payload.octets() else {
                return ControlFlow::Continue(());
            };
            match Record::decode(record.kind, &payload) {
                Ok(Record::Receipt(receipt)) if receipt.epoch != epoch => {
                    found.young |= receipt.at >= since;
                    if found.young {
                        found.keys.push(Key(record.key));
                    }
                }
                Ok(Record::Snapshot(entry))
                    if entry.stage == Stage::Forwarded && entry.changed_at >= since =>
                {
                    found.keys.push(Key(record.key));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// What is known of a message.
    pub fn entry(&self, key: &Key) -> Result<Option<Entry>, StoreFault> {
        Ok(self.view.entry(key)?)
    }

    /// Keys that begin with these octets.
    pub fn keys(&self, prefix: &[u8], limit: usize) -> Result<Vec<Key>, StoreFault> {
        Ok(self.view.keys(prefix, limit)?)
    }

    /// What is known of each of these places.
    pub fn places(&self, places: &[Place]) -> Result<Vec<Option<Known>>, StoreFault> {
        places.iter().map(|p| Ok(self.view.place(p)?)).collect()
    }

    /// What is known of each of these messages.
    pub fn look_up(&self, questions: Vec<Question>) -> Result<Vec<Answer>, StoreFault> {
        let claims = questions.iter().flat_map(|question| &question.claims);
        let forms = claims.flat_map(|claim| &claim.forms);
        let people = self.view.find_addresses(forms.map(String::as_str))?;
        let answers = questions.into_iter().map(|question| {
            let Question {
                key,
                mailbox,
                claims,
                clues,
            } = question;
            let entry = key.map(|key| self.view.entry(&key)).transpose()?;
            let forms = claims.iter().flat_map(|claim| &claim.forms);
            let found = forms.map(|form| people.get(form).cloned());
            let found = found.map(|found| found.unwrap_or(Found::NotRead));
            let led = clues.into_iter().map(|clue| {
                let led = self.view.led(&clue.sign, mailbox)?;
                Ok((clue, led))
            });
            Ok(Answer {
                entry: entry.flatten(),
                led: led.collect::<Result<_, index::Fault>>()?,
                found: found.collect(),
                claims,
            })
        });
        answers.collect()
    }

    /// The replies to a ticket, by the first message of it.
    pub fn replies(&self, root: &Key, limit: usize) -> Result<Vec<Listed>, StoreFault> {
        Ok(self.view.replies(root, limit)?)
    }

    /// A page of the queue to the portal.
    pub fn queue(&self, after: u64, limit: usize) -> Result<Vec<Queued>, StoreFault> {
        Ok(self.view.queue(after, limit)?)
    }

    /// A page of what is to be archived.
    pub fn to_archive(
        &self,
        mailbox: u32,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreFault> {
        Ok(self.view.to_archive(mailbox, after, limit)?)
    }

    /// A page of one stage's list.
    pub fn list(&self, stage: Stage, after: u64, limit: usize) -> Result<Vec<Listed>, StoreFault> {
        Ok(self.view.list(stage, after, limit)?)
    }

    /// A page of one stage's list, the newest decisions first.
    pub fn list_back(
        &self,
        stage: Stage,
        before: u64,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreFault> {
        Ok(self.view.list_back(stage, before, limit)?)
    }

    /// The newest decisions of all, newest first.
    pub fn newest(&self, limit: usize) -> Result<Vec<Listed>, StoreFault> {
        Ok(self.view.newest(limit)?)
    }

    /// Counters and position.
    pub fn counters(&self) -> Result<(Counters, Position), StoreFault> {
        Ok(self.view.counters()?)
    }

    /// The journal, for whoever looks through the whole of it.
    pub fn journal(&self) -> &spool::Reader {
        &self.journal
    }

    /// The view, for the directory's questions.
    pub fn view(&self) -> &View {
        &self.view
    }
}

pub(super) fn at(stored: Stored) -> spool::At {
    spool::At {
        segment: stored.segment,
        offset: stored.offset,
        length: stored.length,
    }
}

#[cfg(test)]
mod tests;
