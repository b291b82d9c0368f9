//! `store check`: reads the whole store and says what is whole, and what is not and what that means.
//!
//! In turns so short that nobody waits long for the thread that does them: a segment of the journal,
//! or a few slices of a large message. Two passes over the journal. The first (`sift`) holds every
//! record against its check. The second (`count`) makes the index's counters anew from the records,
//! by the same code as the index itself, and looks whose octets lie where something is damaged; it
//! reads the records several times where messages are many, a part of all keys each time, so that
//! memory follows neither the journal's size nor the messages' number.
//!
//! Changes nothing, cuts nothing and mends nothing. Where no service runs, `alone` looks at the store
//! under its lock, and at a copy of the index, since sled can't open one without writing.

pub mod alone;
mod beside;
mod count;
mod sift;

use std::collections::BTreeMap;

use crate::passage::{Entry, Position, Stage, Stored};
use crate::spool::{Gap, Piece};
use crate::ticket::Key;

pub use beside::beside;
pub use count::{Count, Counted};
pub use sift::Sift;

/// Places and messages that are named one by one; of what is more, the number is told.
const NAMED: usize = 100;

/// How a part of the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Whole.
    Whole,
    /// Whole, but.
    Odd,
    /// Damaged.
    Damaged,
    /// It could not be looked at.
    Skipped,
}

/// What was found of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The part of the store.
    pub part: &'static str,
    /// How it is.
    pub outcome: Outcome,
    /// What was found, a sentence.
    pub said: String,
    /// What it means, and what to do.
    pub mend: Option<String>,
}

impl Line {
    fn whole(part: &'static str, said: impl Into<String>) -> Self {
        Self::new(part, Outcome::Whole, said, None)
    }

    fn new(
        part: &'static str,
        outcome: Outcome,
        said: impl Into<String>,
        mend: Option<&str>,
    ) -> Self {
        Self {
            part,
            outcome,
            said: said.into(),
            mend: mend.map(str::to_owned),
        }
    }
}

/// How far long work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The part of the store.
    pub part: &'static str,
    /// Octets that are done.
    pub done: u64,
    /// Octets in all.
    pub of: u64,
}

/// Where the journal is damaged, and which segments there are.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    gaps: Vec<Gap>,
    /// Gaps beyond those that are kept here.
    more: u64,
    /// Ends that a crash left torn, as far as the journal can tell: of its very last records nothing
    /// behind them proves that they were durable. The index does, where it knows them.
    torn: Vec<Gap>,
    /// End records of large messages that are damaged, and whose other copy serves.
    spared: Vec<Gap>,
    /// Records whose check holds and whose words can't be read.
    unreadable: u64,
    segments: Vec<u64>,
}

impl Damage {
    fn is_none(&self) -> bool {
        self.gaps.is_empty() && self.spared.is_empty() && self.more == 0 && self.unreadable == 0
    }

    /// Whether nothing is missing anywhere, not even at a torn end.
    fn is_clean(&self) -> bool {
        self.is_none() && self.torn.is_empty()
    }

    fn add(&mut self, gaps: impl IntoIterator<Item = Gap>) {
        for gap in gaps {
            let list = match gap.damage {
                true => &mut self.gaps,
                false => &mut self.torn,
            };
            match list.len() < 10 * NAMED {
                true => list.push(gap),
                false => self.more += 1,
            }
        }
    }

    /// What the index knows up to this position was durable: where a part of it is missing, that is no
    /// torn end. Of earlier segments it says nothing: a start steps over what a crash left there.
    fn proven(&mut self, position: Position) {
        let durable = |gap: &Gap| gap.segment == position.segment && gap.from < position.offset;
        let (damaged, torn) = std::mem::take(&mut self.torn)
            .into_iter()
            .partition(durable);
        self.torn = torn;
        self.gaps.extend::<Vec<Gap>>(damaged);
    }

    /// Whether what stands there can't be read: damaged, or its file is gone.
    fn hits(&self, stored: Stored) -> bool {
        self.is_absent(stored.segment)
            || self.gaps.iter().chain(&self.torn).any(|gap| {
                gap.segment == stored.segment && (gap.from..gap.to).contains(&stored.offset)
            })
    }

    /// Whether the octets of a message can't be read.
    fn hits_message(&self, entry: &Entry) -> bool {
        let large = |segment: u64| {
            self.is_absent(segment) || self.gaps.iter().any(|gap| gap.segment == segment)
        };
        entry.message.is_some_and(|m| self.hits(m))
            || (entry.message.is_some() && entry.large.is_some_and(large))
    }

    fn is_absent(&self, segment: u64) -> bool {
        self.segments.binary_search(&segment).is_err()
    }
}

/// What became of a message whose octets or decision can't be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It still lies at its place on the server, and is fetched again.
    Again,
    /// It owes a ticket, and lies at no place that is known.
    Gone,
    /// The portal has its ticket, or nobody wants one: only a copy is gone.
    Copy,
}

fn fate(entry: &Entry) -> Fate {
    match entry.stage {
        Stage::Committed | Stage::Refused if entry.spots.is_empty() => Fate::Gone,
        Stage::Committed | Stage::Refused => Fate::Again,
        _ => Fate::Copy,
    }
}

/// Messages that damage has hit.
#[derive(Default)]
struct Hits {
    named: BTreeMap<Key, Fate>,
    more: u64,
    copies: u64,
}

impl Hits {
    fn is_none(&self) -> bool {
        self.named.is_empty() && self.copies == 0
    }

    fn add(&mut self, key: Key, fate: Fate) {
        match fate {
            Fate::Copy => self.copies += 1,
            _ if self.named.contains_key(&key) => {}
            _ if self.named.len() < NAMED => {
                self.named.insert(key, fate);
            }
            _ => self.more += 1,
        }
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self
            .named
            .iter()
            .map(|(key, fate)| {
                let said = format!("{}: what is kept of it can't be read", key.short());
                let mend = match fate {
                    Fate::Again => "nothing need be done: it still lies unread in the mailbox, and is fetched again when its ticket is due",
                    _ => "it is lost here, and its ticket is not at the portal: move the mail from the archive folder back into the watched folder and mark it as unread",
                };
                Line::new("message", Outcome::Damaged, said, Some(mend))
            })
            .collect();
        if self.more > 0 {
            let said = format!("{} more can't be read", self.more);
            let mend = "compare `postern queue list` with the mailbox and its archive folder";
            lines.push(Line::new("message", Outcome::Damaged, said, Some(mend)));
        }
        if self.copies > 0 {
            let said = format!(
                "the copies of {} that the portal has, or that no ticket was made of, can't be read",
                counted(self.copies, "message")
            );
            let mend = "nothing need be done: they are in the archive folder on the server";
            lines.push(Line::new("message", Outcome::Odd, said, Some(mend)));
        }
        lines
    }
}

pub(super) fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn octets_of(pieces: &[Piece]) -> u64 {
    pieces.iter().map(|p| p.octets).sum()
}

#[cfg(test)]
mod tests;
