//! The start: the index brought up to the journal, or made again from it.
//!
//! The index says up to where it knows the journal; what follows is replayed into it. One that is
//! damaged, missing, of another version or another journal's, or ahead of this one is removed first,
//! and everything is replayed. What was damaged on the way is told and never mended here.
//!
//! A power cut can leave a record on the disk and not the one before it that it points to: no sync
//! held either. A decision whose octets are missing so is told apart (`unread`), since nothing may be
//! archived by it; a copy without them points to what it was made from, which is there.

use std::ops::ControlFlow;
use std::path::Path;

use super::reader::at;
use super::writer::{position_of, stored, Sizes};
use super::StoreFault;
use crate::index::{self, Durable, Index};
use crate::passage::{Entry, Kind, Position, Record, Stored};
use crate::spool::{self, Journal};
use crate::ticket::Key;
use crate::world::Disk;

/// Records handed to the index in one batch while replaying.
const REPLAY_BATCH: usize = 512;

/// What a start found and did, for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The number that the next decision gets.
    pub next_sequence: u64,
    /// The URL of the portal whose directory is known.
    pub directory_of: String,
    /// Records that were replayed.
    pub replayed: u64,
    /// Gaps in what should have been durable, each as a sentence.
    pub damage: Vec<String>,
    /// Ends that a crash left torn: nothing that had been promised was in them.
    pub torn_tails: u64,
    /// Segments in which something is missing: they are kept.
    pub damaged: Vec<u64>,
    /// Why the index was made again, if it was.
    pub rebuilt: Option<String>,
    /// Records that did not fit, each as a sentence.
    pub misfits: Vec<String>,
    /// Messages of which the decision was found, and not the octets, and where these should be.
    pub unread: Vec<(Key, Stored)>,
    /// How many of them are to be fetched again.
    pub refetched: u64,
}

impl Opening {
    /// The whole as one sentence.
    pub fn sentence(&self) -> String {
        let mut said = format!("{} records replayed", self.replayed);
        match self.torn_tails {
            0 => {}
            1 => said.push_str(", a torn end left where it was"),
            n => said.push_str(&format!(", {n} torn ends left where they were")),
        }
        if let Some(why) = &self.rebuilt {
            said.push_str(&format!(", the index made again from the journal ({why})"));
        }
        if !self.damage.is_empty() {
            said.push_str(&format!(", {} places damaged", self.damage.len()));
        }
        match self.refetched {
            0 => {}
            1 => said.push_str(", a message is to be fetched again"),
            n => said.push_str(&format!(", {n} messages are to be fetched again")),
        }
        said
    }
}

/// What of a copy is missing is where it was before: its segment is given back only once the copy is durable.
/// Where the message stands is what the copy says all the same: after a damage of its octets nothing else
/// may tell it.
fn lead_back(copy: &mut Entry, older: &Entry, is_missing: impl Fn(&Stored) -> bool) {
    let parts = [
        (&mut copy.message, older.message),
        (&mut copy.decision, older.decision),
        (&mut copy.refusal, older.refusal),
    ];
    for (part, before) in parts {
        if part.is_some_and(|stored| is_missing(&stored)) && before.is_some() {
            *part = before;
        }
    }
}

/// Opens the index in the store's `dir` and replays into it what it doesn't know.
pub(super) fn open_index(
    disk: &dyn Disk,
    dir: &Path,
    sizes: Sizes,
    journal: &Journal,
    progress: &mut dyn FnMut(u64),
) -> Result<(Index, Opening), StoreFault> {
    let index_dir = dir.join("index");
    let why = match Index::open(&index_dir, sizes.cache, journal.life()) {
        Ok((mut index, Some(position))) if position <= position_of(journal.end()) => {
            let end = position_of(journal.end());
            match replay(&mut index, &journal.reader(), end, Some(position), progress) {
                Ok(opening) => return Ok((index, opening)),
                Err(Replay::Index(said)) => said,
                Err(Replay::Store(fault)) => return Err(fault),
            }
        }
        Ok((_, Some(_))) => "it knows more than the journal holds".to_owned(),
        Ok((mut index, None)) => {
            // A fresh one: nothing to make again when the journal is fresh too.
            let end = position_of(journal.end());
            let mut opening = replay(&mut index, &journal.reader(), end, None, progress)
                .map_err(Replay::into_store)?;
            opening.rebuilt = (opening.replayed > 0).then(|| "it was missing".to_owned());
            return Ok((index, opening));
        }
        Err(index::Fault::Damaged { said }) => said,
        Err(index::Fault::Taken { .. }) => {
            return Err(StoreFault::Locked {
                dir: dir.display().to_string(),
            })
        }
        Err(fault @ index::Fault::Disk { .. }) => return Err(fault.into()),
    };
    remove_tree(disk, &index_dir)?;
    let (mut index, _) = Index::open(&index_dir, sizes.cache, journal.life())?;
    let end = position_of(journal.end());
    let mut opening =
        replay(&mut index, &journal.reader(), end, None, progress).map_err(Replay::into_store)?;
    opening.rebuilt = Some(why);
    Ok((index, opening))
}

pub(super) enum Replay {
    Index(String),
    Store(StoreFault),
}

impl Replay {
    fn into_store(self) -> StoreFault {
        match self {
            Replay::Index(said) => StoreFault::Broken { said },
            Replay::Store(fault) => fault,
        }
    }
}

/// Replays the journal into `index`, from `from` to `end`.
pub(super) fn replay(
    index: &mut Index,
    journal: &spool::Reader,
    end: Position,
    from: Option<Position>,
    progress: &mut dyn FnMut(u64),
) -> Result<Opening, Replay> {
    let mut opening = Opening::default();
    let mut batch = Vec::new();
    let mut fault = None;
    let mut done = 0_u64;
    let start = from.map(|p| spool::Position {
        segment: p.segment,
        offset: p.offset,
    });
    let mut learned = from.unwrap_or_default();
    let replayed = journal.replay(start, &mut |record: spool::Record<'_>| {
        let Some(kind) = Kind::of(record.kind) else {
            // A mark of the journal's own, or a kind of newer code: nothing for the index.
            return ControlFlow::Continue(());
        };
        let key = Key(record.key);
        let stored = stored(record.at);
        if matches!(
            kind,
            Kind::Message | Kind::Copied | Kind::Words | Kind::Trying
        ) {
            return ControlFlow::Continue(());
        }
        let decoded = record
            .payload
            .octets()
            .map_err(StoreFault::from)
            .and_then(|payload| Record::decode(record.kind, &payload).map_err(StoreFault::from));
        let is_missing = |stored: &Stored| record.is_missing(at(*stored));
        let mut decoded = decoded;
        let message = match &mut decoded {
            Ok(Record::Decision(decision)) => decision.message,
            Ok(Record::Snapshot(copy)) => {
                let mut parts = [copy.message, copy.decision, copy.refusal].into_iter();
                if parts.any(|part| part.as_ref().is_some_and(is_missing)) {
                    let older = index.apply(&batch, learned).and_then(|applied| {
                        opening.misfits.extend(applied.misfits);
                        batch.clear();
                        index.view().entry(&key)
                    });
                    match older {
                        Ok(Some(older)) => lead_back(copy, &older, is_missing),
                        Ok(None) => {}
                        Err(e) => {
                            fault = Some(Replay::Index(e.to_string()));
                            return ControlFlow::Break(());
                        }
                    }
                }
                copy.message
            }
            _ => None,
        };
        let unread = message.filter(is_missing);
        opening.unread.extend(unread.map(|message| (key, message)));
        match decoded {
            Ok(record) => batch.push(Durable {
                key,
                stored,
                record,
            }),
            Err(StoreFault::Newer { said }) => {
                fault = Some(Replay::Store(StoreFault::Newer { said }));
                return ControlFlow::Break(());
            }
            Err(other) => opening.misfits.push(other.to_string()),
        }
        done += 1;
        if batch.len() >= REPLAY_BATCH {
            // The position is told at the end only: a crash in here replays the same again.
            match index.apply(&batch, learned) {
                Ok(applied) => opening.misfits.extend(applied.misfits),
                Err(e) => {
                    fault = Some(Replay::Index(e.to_string()));
                    return ControlFlow::Break(());
                }
            }
            batch.clear();
            progress(done);
        }
        ControlFlow::Continue(())
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    let replayed = replayed.map_err(|e| Replay::Store(e.into()))?;
    learned = end;
    let applied = index
        .apply(&batch, learned)
        .map_err(|e| Replay::Index(e.to_string()))?;
    opening.misfits.extend(applied.misfits);
    opening.replayed = done;
    opening.torn_tails = replayed.torn_tails;
    opening.damaged = replayed.damage().map(|gap| gap.segment).collect();
    opening.damage = replayed
        .damage()
        .map(|gap| {
            format!(
                "segment {}, octets {} to {}, {} records",
                gap.segment,
                gap.from,
                gap.to,
                gap.records.map_or("some".to_owned(), |n| n.to_string())
            )
        })
        .collect();
    Ok(opening)
}

fn remove_tree(disk: &dyn Disk, dir: &Path) -> Result<(), StoreFault> {
    disk.remove_tree(dir).map_err(|source| StoreFault::Broken {
        said: format!("removing the damaged index {}: {source}", dir.display()),
    })
}
