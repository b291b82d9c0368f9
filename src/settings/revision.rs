//! Revisions: every change with its number, time and author, and which one counts.
//!
//!   file  | `{"postern-settings":2,"sha256":"..."}` | newline | the revision as JSON |
//!
//! What an earlier format does not know is read as its default.
//!
//! A change with a time limit counts until its deadline unless confirmed; found unconfirmed at a
//! start it no longer counts, whatever the clock says (a box may wake up years back). Ten are kept,
//! and always the newest confirmed one: it is what undoing goes back to.
//!
//! Keeps nothing itself: the caller writes, removes, and tells the time.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::model::Settings;
use super::Fault;
use crate::world::Wall;

/// How many revisions are kept.
pub const REVISIONS_KEPT: usize = 10;

const FORMAT: u32 = 6;

/// Whether a revision is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirmed {
    /// It stays.
    Yes,
    /// It is undone at this time unless confirmed before.
    Until(Wall),
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Counts up from 1, never used again.
    pub number: u64,
    /// When it was made.
    pub at: Wall,
    /// Who made it.
    pub author: String,
    /// What was done, in a few words.
    pub note: String,
    /// Whether it is to stay.
    pub confirmed: Confirmed,
    /// The settings as a whole.
    pub settings: Settings,
}

#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(rename = "postern-settings")]
    format: u32,
    sha256: String,
}

impl Revision {
    /// The octets to keep.
    pub fn encode(&self) -> Vec<u8> {
        let body = serde_json::to_vec_pretty(self)
            .expect("a revision has only strings for map keys, which is all that JSON asks");
        let head = Head {
            format: FORMAT,
            sha256: digest(FORMAT, &body),
        };
        let mut octets = serde_json::to_vec(&head).expect("a number and a string are JSON");
        octets.push(b'\n');
        octets.extend_from_slice(&body);
        octets
    }

    /// Reads what `encode` gave.
    pub fn decode(octets: &[u8]) -> Result<Self, Fault> {
        let corrupt = |said: &str| Fault::Corrupt(said.to_owned());
        let at = octets
            .iter()
            .position(|octet| *octet == b'\n')
            .ok_or_else(|| corrupt("its first line is missing"))?;
        let (head, rest) = octets.split_at(at);
        let head: Head =
            serde_json::from_slice(head).map_err(|_| corrupt("its first line is no heading"))?;
        // Before the digest: what a newer version digests is its own affair.
        if head.format > FORMAT {
            return Err(Fault::Newer {
                found: head.format,
                known: FORMAT,
            });
        }
        if head.format == 0 {
            return Err(corrupt("its format is none that there ever was"));
        }
        let body = rest.get(1..).unwrap_or_default();
        if digest(head.format, body) != head.sha256 {
            return Err(corrupt(
                "its digest differs: the file is damaged or was edited",
            ));
        }
        serde_json::from_slice(body).map_err(|e| Fault::Corrupt(e.to_string()))
    }
}

/// Since format 3 the number of the format counts too: in an earlier one it would be read otherwise.
fn digest(format: u32, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    if format > 2 {
        digest.update(format.to_be_bytes());
    }
    digest.update(body);
    HEXLOWER.encode(&digest.finalize())
}

/// Where a revision stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is in force, for good.
    Current,
    /// It is in force until its deadline.
    Waiting,
    /// It was in force once.
    Past,
    /// It was not confirmed in time.
    Undone,
}

/// The revisions that are kept, and which of them counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    revisions: Vec<Revision>,
    /// The number of the unconfirmed one that is in force.
    waiting: Option<u64>,
}

impl History {
    /// The history that a start finds; none of the unconfirmed ones counts any more. The number is
    /// that of the newest, where it was undone by this.
    pub fn found(mut revisions: Vec<Revision>) -> (Self, Option<u64>) {
        revisions.sort_by_key(|revision| revision.number);
        revisions.dedup_by_key(|revision| revision.number);
        let undone = revisions
            .last()
            .filter(|newest| newest.confirmed != Confirmed::Yes)
            .map(|newest| newest.number);
        let history = Self {
            revisions,
            waiting: None,
        };
        (history, undone)
    }

    /// All that are kept, oldest first.
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// The revision in force; `None` before the first.
    pub fn current(&self) -> Option<&Revision> {
        match self.waiting {
            Some(number) => self.revision(number).ok(),
            None => self.newest_confirmed(),
        }
    }

    /// The number of the revision in force; 0 before the first.
    pub fn number(&self) -> u64 {
        self.current().map_or(0, |revision| revision.number)
    }

    /// The settings that a change starts from: those in force, with an id for the next mailbox that
    /// no revision has given away.
    pub fn base(&self) -> Settings {
        let settings = self.current().map(|revision| revision.settings.clone());
        self.raised(settings.unwrap_or_default())
    }

    /// The revision of that number.
    pub fn revision(&self, number: u64) -> Result<&Revision, Fault> {
        self.revisions
            .iter()
            .find(|revision| revision.number == number)
            .ok_or_else(|| match (self.revisions.first(), self.revisions.last()) {
                (Some(first), Some(last)) => Fault::Refused(format!(
                    "there is no revision {number}: those from {} to {} are kept",
                    first.number, last.number
                )),
                _ => Fault::Refused("nothing has been set yet".to_owned()),
            })
    }

    /// The number of the revision that was in force before that one: what was not confirmed in time was
    /// a trial, and is passed over. 0 before the first.
    pub fn before(&self, number: u64) -> Result<u64, Fault> {
        let mut newest_first = self.revisions.iter().rev();
        let stayed = |r: &&Revision| r.number < number && r.confirmed == Confirmed::Yes;
        match (newest_first.find(stayed), self.revisions.first()) {
            (Some(before), _) => Ok(before.number),
            (None, Some(first)) if first.number > 1 => Err(Fault::Refused(format!(
                "what was in force before revision {number} is not kept any more: name the two \
                 revisions that are to be compared"
            ))),
            (None, _) => Ok(0),
        }
    }

    /// Where `revision` stands.
    pub fn standing(&self, revision: &Revision) -> Standing {
        if self.waiting == Some(revision.number) {
            Standing::Waiting
        } else if self.current().map(|r| r.number) == Some(revision.number) {
            Standing::Current
        } else if revision.confirmed == Confirmed::Yes {
            Standing::Past
        } else {
            Standing::Undone
        }
    }

    /// The revision that `settings` would be, not yet added: to be made durable first.
    pub fn next(
        &self,
        settings: Settings,
        at: Wall,
        author: &str,
        note: &str,
        limit_ms: Option<u64>,
    ) -> Result<Revision, Fault> {
        let confirmed = match limit_ms {
            Some(limit) => {
                let after = i64::try_from(limit).unwrap_or(i64::MAX);
                Confirmed::Until(Wall(at.0.saturating_add(after)))
            }
            None => Confirmed::Yes,
        };
        if let (Some(waiting), Confirmed::Yes) = (self.waiting, confirmed) {
            // Taking this one for good would take the waiting one for good with it.
            return Err(Fault::Refused(format!(
                "revision {waiting} waits to be confirmed: confirm it with `postern settings \
                 confirm`, or take it back with `postern settings rollback`, first"
            )));
        }
        let last = self.revisions.last().map_or(0, |r| r.number);
        Ok(Revision {
            number: last.saturating_add(1),
            at,
            author: author.to_owned(),
            note: note.to_owned(),
            confirmed,
            settings: self.raised(settings),
        })
    }

    /// Adds a revision that is durable, and puts it in force. Gives the numbers of those that are
    /// kept no longer.
    pub fn add(&mut self, revision: Revision) -> Vec<u64> {
        self.waiting = match revision.confirmed {
            Confirmed::Yes => None,
            Confirmed::Until(_) => Some(revision.number),
        };
        self.revisions.push(revision);
        let keep = self.newest_confirmed().map(|r| r.number);
        let mut surplus = self.revisions.len().saturating_sub(REVISIONS_KEPT);
        let mut dropped = Vec::new();
        self.revisions.retain(|revision| {
            if surplus == 0 || Some(revision.number) == keep {
                return true;
            }
            surplus -= 1;
            dropped.push(revision.number);
            false
        });
        dropped
    }

    /// The waiting revision as it will be once confirmed: to be made durable, then `confirmed`.
    pub fn confirming(&self) -> Result<Revision, Fault> {
        let waiting = self.waiting.and_then(|number| self.revision(number).ok());
        match waiting {
            Some(revision) => Ok(Revision {
                confirmed: Confirmed::Yes,
                ..revision.clone()
            }),
            None => Err(Fault::Refused("no change waits to be confirmed".to_owned())),
        }
    }

    /// Takes note that the revision of that number was made durable as confirmed.
    pub fn confirmed(&mut self, number: u64) {
        for revision in &mut self.revisions {
            if revision.number == number {
                revision.confirmed = Confirmed::Yes;
            }
        }
        if self.waiting == Some(number) {
            self.waiting = None;
        }
    }

    /// When the waiting revision is undone; by the wall clock at its making, so a caller that knows
    /// how long ago that was should go by its monotonic clock.
    pub fn waits_until(&self) -> Option<Wall> {
        let waiting = self.waiting.and_then(|number| self.revision(number).ok())?;
        match waiting.confirmed {
            Confirmed::Until(at) => Some(at),
            Confirmed::Yes => None,
        }
    }

    /// Undoes the waiting revision: the newest confirmed one is in force again. Gives the number
    /// of what was undone.
    pub fn undo(&mut self) -> Option<u64> {
        self.waiting.take()
    }

    /// The settings of an older revision, ready to be made a new one.
    pub fn rollback(&self, number: u64) -> Result<Settings, Fault> {
        let settings = self.revision(number)?.settings.clone();
        Ok(self.raised(settings))
    }

    fn newest_confirmed(&self) -> Option<&Revision> {
        let mut newest_first = self.revisions.iter().rev();
        newest_first.find(|revision| revision.confirmed == Confirmed::Yes)
    }

    /// With what never goes back: the numbers that were given, and identities that were fixed. Under
    /// another identity the same message would have another key, and become another ticket.
    fn raised(&self, mut settings: Settings) -> Settings {
        for mailbox in &mut settings.mailboxes {
            let newest_first = self.revisions.iter().rev();
            let mut fixed = newest_first.filter_map(|r| {
                let then = r.settings.mailbox_by_id(mailbox.id)?;
                then.identity.clone()
            });
            mailbox.identity = fixed.next().or(mailbox.identity.take());
        }
        let given = self.revisions.iter().map(|r| r.settings.next_mailbox);
        settings.next_mailbox = given.max().unwrap_or(0).max(settings.next_mailbox);
        settings
    }
}

#[cfg(test)]
mod tests;
