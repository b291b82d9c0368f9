//! The writer: the thread that owns journal and index, and the order of every durable write.
//!
//! Everything goes the same way: records are appended to the journal, one sync makes them durable,
//! then the index learns them in one batch together with the position. Never the other way round:
//! an index that knew more than the journal could point at what a power cut took.
//!
//! A start opens the journal and then the index, which `replay` brings up to it.
//!
//! Decides nothing about mail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::reader::Reader;
use super::reclaim::NotYet;
use super::replay::{open_index, Opening};
use super::StoreFault;
use crate::index::{self, Applied, Durable, Index};
use crate::passage::record::{Act, ActKind, Decision, MessageHead};
use crate::passage::{Counters, Entry, Kind, Position, Record, Stage, Stored};
use crate::spool::{self, Journal, Large};
use crate::ticket::Key;
use crate::world::clock::hold_up;
use crate::world::disk::Lock;
use crate::world::switches::Switch;
use crate::world::{memory, worker, Disk, Wall, World};

/// A checkpoint is due once this much was appended since the last.
const CHECKPOINT_OCTETS: u64 = 16 << 20;
/// Room without which the index stays open: sled can't be opened on a full disk.
const REST_ROOM: u64 = 32 << 20;

/// Sizes of the store's parts, in octets.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// One segment of the journal.
    pub segment: u64,
    /// sled's cache.
    pub cache: u64,
    /// The ballast file: room that a full disk gives back.
    pub ballast: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            segment: 4 << 20,
            cache: 512 << 10,
            ballast: 8 << 20,
        }
    }
}

/// The raw octets of a message that is to be committed.
pub enum Raw {
    /// Octets that go into the journal beside the decision.
    Inline(Bytes),
    /// A segment of its own, finished.
    Large(Stored),
    /// None are kept: the message is held or ignored.
    Left,
    /// Those of this message, which the decision names: they get a record of its own, so that they
    /// live as long as it. A segment of its own changes hands.
    Kept(Key),
}

/// One decided message.
pub struct Decided {
    /// The delivery key.
    pub key: Key,
    /// The raw octets.
    pub raw: Raw,
    /// The decision; `message` is filled in here.
    pub decision: Decision,
}

/// What a commit made durable.
pub struct Committed {
    /// Which sync it was: two callers may hear of theirs in another order than they were made.
    pub number: u64,
    /// What the index learned, in order.
    pub applied: Applied,
    /// How many messages stand where now.
    pub counters: Counters,
    /// Octets of the journal on the disk.
    pub journal_octets: u64,
    /// Octets free on the disk.
    pub free_octets: u64,
}

/// The writer's value: see the file's head.
pub struct Writer {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    journal: Journal,
    index: Index,
    /// Appended and not yet learned.
    pending: Vec<Durable>,
    large: BTreeMap<u64, Large>,
    next_large: u64,
    /// Segments that are finished and not referred to yet.
    finished: BTreeSet<u64>,
    pub(super) not_yet: NotYet,
    next_sequence: u64,
    appended: u64,
    syncs: u64,
    _lock: Lock,
}

impl Writer {
    /// Opens the store in `dir`, creating it where it is absent, and replays the journal.
    pub fn open(
        world: &World,
        dir: &Path,
        sizes: Sizes,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Self, (Opening, Reader, Counters)), StoreFault> {
        worker::doze_timers();
        let disk = Arc::clone(&world.disk);
        let doing = |what: &str| {
            let what = format!("{what} {}", dir.display());
            move |source: std::io::Error| StoreFault::Broken {
                said: format!("{what}: {source}"),
            }
        };
        disk.make_dir(dir).map_err(doing("creating the store"))?;
        // Before the first file: what root made here would be closed to its service for ever.
        if let Some(owner) = disk
            .other_owner(dir)
            .map_err(doing("looking at the store"))?
        {
            return Err(StoreFault::Foreign {
                dir: dir.display().to_string(),
                owner,
            });
        }
        let lock = disk
            .lock(&dir.join("lock"))
            .map_err(doing("locking the store"))?
            .ok_or_else(|| StoreFault::Locked {
                dir: dir.display().to_string(),
            })?;
        let journal_dir = dir.join("journal");
        disk.make_dir(&journal_dir)
            .map_err(doing("creating the journal in"))?;
        let mut journal = Journal::open(
            Arc::clone(&disk),
            &*world.entropy,
            &journal_dir,
            spool::Options {
                segment_octets: sizes.segment,
                spares: 1,
            },
        )?;
        // sled can't open on a full disk: the ballast is there to make room for exactly that.
        journal.ballast(0)?;
        let (index, mut opening) = open_index(&*disk, dir, sizes, &journal, progress)?;
        opening.next_sequence = index.next_sequence();
        opening.directory_of = index.view().directory()?.of;
        // Each start takes a segment: those in which nothing was written are given back.
        let empty: Vec<u64> = journal
            .segments()
            .iter()
            .filter(|s| s.records == Some(0) && !s.large && !s.current)
            .filter(|s| !opening.damaged.contains(&s.number))
            .map(|s| s.number)
            .collect();
        let mut writer = Self {
            disk,
            dir: dir.to_owned(),
            journal,
            next_sequence: index.next_sequence(),
            index,
            pending: Vec::new(),
            large: BTreeMap::new(),
            next_large: 0,
            finished: BTreeSet::new(),
            not_yet: NotYet::default(),
            appended: 0,
            syncs: 0,
            _lock: lock,
        };
        writer.refetch(&mut opening, world.clock.wall())?;
        writer.checkpoint()?;
        for segment in empty {
            writer.journal.release(segment)?;
        }
        writer.release_orphans()?;
        if let Err(spool::Fault::Full { .. }) = writer.journal.ballast(sizes.ballast) {
            log::warn!("the disk has no room for the store's ballast; fetching will stop early");
        }
        // To open the index, and to replay, takes much that is not used again.
        memory::rest();
        let reader = Reader::new(writer.journal.reader(), writer.index.view());
        let counters = writer.index.counters().clone();
        Ok((writer, (opening, reader, counters)))
    }

    /// What was decided, and has no octets here, is to be fetched again before it is archived by the decision
    /// alone: it lies where it lay, since no sync held it. What is archived behind its receipt only is left
    /// to who sends it, and looks first whether it was sent: it may be a damage of what was synced.
    fn refetch(&mut self, opening: &mut Opening, now: Wall) -> Result<(), StoreFault> {
        // Told once for the decision, and perhaps once more for a copy of it.
        let unread: BTreeSet<_> = std::mem::take(&mut opening.unread).into_iter().collect();
        for (key, message) in unread {
            let entry = self.index.view().entry(&key)?;
            let wanted = entry.is_some_and(|e| {
                e.message == Some(message) && e.stage == Stage::Committed && e.wants_archive()
            });
            if wanted {
                opening.refetched += 1;
                let act = Act {
                    what: ActKind::Refetch,
                    by: "journal".to_owned(),
                    at: now.0,
                };
                self.append(key, Record::Act(act))?;
            }
        }
        match opening.refetched {
            0 => Ok(()),
            _ => self.sync().map(|_| ()),
        }
    }

    /// Appends the decided messages and `others`, makes all durable with one sync, and lets the
    /// index learn them: the one place where a message becomes ours.
    pub fn commit(
        &mut self,
        batch: Vec<Decided>,
        others: &[(Key, Record)],
    ) -> Result<Committed, StoreFault> {
        // What empties the store must find room where what fills it finds none.
        let drains = batch.is_empty();
        self.journal.use_reserve(drains);
        if drains {
            hold_up(Switch::LateAnswer);
        }
        let committed = match self.write_batch(batch, others) {
            Err(StoreFault::Full { said }) if drains => {
                log::error!("{said}: the ballast is let go");
                self.journal.ballast(0)?;
                self.write_batch(Vec::new(), others)
            }
            written => written,
        };
        self.journal.use_reserve(false);
        if !drains {
            hold_up(Switch::LateAnswer);
        }
        committed
    }

    fn write_batch(
        &mut self,
        batch: Vec<Decided>,
        others: &[(Key, Record)],
    ) -> Result<Committed, StoreFault> {
        // What an earlier, failed batch left behind was told to nobody: it must not be learned.
        let before = self.pending.len();
        let written = self.append_batch(batch, others);
        if written.is_err() {
            self.pending.truncate(before);
        }
        written?;
        self.sync()
    }

    fn append_batch(
        &mut self,
        batch: Vec<Decided>,
        others: &[(Key, Record)],
    ) -> Result<(), StoreFault> {
        for Decided {
            key,
            raw,
            mut decision,
        } in batch
        {
            let head = |large| {
                Record::Message(MessageHead {
                    mailbox: decision.mailbox,
                    place: decision.place.clone(),
                    received_at: decision.received_at,
                    octets: decision.octets,
                    large,
                })
            };
            let mut large = decision.large;
            let (record, octets) = match raw {
                Raw::Inline(octets) => (Some(head(None)), Some(octets)),
                Raw::Large(stored) => {
                    large = Some(stored.segment);
                    self.finished.remove(&stored.segment);
                    (Some(head(Some(stored))), None)
                }
                Raw::Left => (None, None),
                Raw::Kept(of) => {
                    // Since whoever asks for it looked, reclaim may have moved them, or parted them from
                    // it.
                    let kept = self.index.view().entry(&of)?;
                    let kept = kept.filter(|e| e.stage == Stage::Forwarded && e.message.is_some());
                    let Some(kept) = kept else {
                        let said = "its octets are no longer kept here".to_owned();
                        return Err(StoreFault::Torn { said });
                    };
                    decision.message = self.copy_message(key, kept.message)?;
                    if large.is_some() {
                        self.append(of, Record::Retired)?;
                    }
                    (None, None)
                }
            };
            if let Some(record) = record {
                let raw = octets.as_deref().unwrap_or_default();
                decision.message = Some(self.put(key, &record, raw)?);
            }
            decision.large = large;
            decision.sequence = self.next_sequence;
            self.next_sequence += 1;
            self.append(key, Record::Decision(Box::new(decision)))?;
        }
        for (key, record) in others {
            self.append(*key, record.clone())?;
        }
        Ok(())
    }

    /// Writes a message's record again, for `key`.
    fn copy_message(
        &mut self,
        key: Key,
        message: Option<Stored>,
    ) -> Result<Option<Stored>, StoreFault> {
        let Some(message) = message else {
            return Ok(None);
        };
        // What is read must be written first.
        self.journal.sync()?;
        let reader = Reader::new(self.journal.reader(), self.index.view());
        let payload = reader.payload(message)?;
        self.appended += payload.len() as u64;
        let kind = Kind::Message as u8;
        let at = self.journal.append(kind, &key.0, &[&payload])?;
        Ok(Some(stored(at)))
    }

    /// Appends a record; it is durable, and known to the index, after the next `sync`.
    pub fn append(&mut self, key: Key, record: Record) -> Result<Stored, StoreFault> {
        let stored = self.put(key, &record, &[])?;
        self.pending.push(Durable {
            key,
            stored,
            record,
        });
        Ok(stored)
    }

    fn put(&mut self, key: Key, record: &Record, raw: &[u8]) -> Result<Stored, StoreFault> {
        let payload = record.encode();
        self.appended += (payload.len() + raw.len()) as u64;
        let at = self
            .journal
            .append(record.kind() as u8, &key.0, &[&payload, raw])?;
        Ok(stored(at))
    }

    /// Makes everything appended durable and lets the index learn it.
    pub fn sync(&mut self) -> Result<Committed, StoreFault> {
        let position = self.journal.sync()?;
        // Only now: the index must never know what a power cut could still take.
        let pending = std::mem::take(&mut self.pending);
        // What a failed batch left behind has numbers too, and a rebuild will learn of it.
        self.index.number_from(self.next_sequence);
        let applied = self.index.learn_all(&pending, position_of(position))?;
        if self.appended >= CHECKPOINT_OCTETS {
            self.index.flush_settled()?;
            self.sync_index()?;
        }
        self.syncs += 1;
        Ok(Committed {
            number: self.syncs,
            applied,
            counters: self.index.counters().clone(),
            journal_octets: self.journal.octets_on_disk(),
            free_octets: self.free_octets(),
        })
    }

    /// Makes the index durable: its own flush, and then the file system's sync. In that order, and
    /// both: the flush alone only hands the octets to the kernel.
    pub fn checkpoint(&mut self) -> Result<(), StoreFault> {
        self.index.flush()?;
        self.sync_index()
    }

    /// Lets go of what a rush left in memory, some milliseconds' work: for when it is quiet. The checkpoint
    /// comes first, and the index is closed and opened behind it: a crash in between finds what a crash
    /// behind any checkpoint does.
    pub fn rest(&mut self) -> Result<(), StoreFault> {
        if self.free_octets() >= REST_ROOM {
            self.checkpoint()?;
            self.index.rest()?;
        }
        self.journal.rest();
        memory::give_back();
        Ok(())
    }

    fn sync_index(&mut self) -> Result<(), StoreFault> {
        self.disk
            .sync_all(&self.dir)
            .map_err(|source| StoreFault::Broken {
                said: format!(
                    "syncing the file system of {}: {source}",
                    self.dir.display()
                ),
            })?;
        self.appended = 0;
        Ok(())
    }

    /// Begins a message that gets a segment of its own.
    pub fn begin_large(&mut self) -> Result<u64, StoreFault> {
        let large = self.journal.begin_large()?;
        self.next_large += 1;
        self.large.insert(self.next_large, large);
        Ok(self.next_large)
    }

    /// Adds a slice to it.
    pub fn large_slice(&mut self, number: u64, octets: &[u8]) -> Result<(), StoreFault> {
        match self.large.get_mut(&number) {
            Some(large) => Ok(large.append_slice(octets)?),
            None => Ok(()),
        }
    }

    /// Ends it; the next `sync` makes it durable before the records that refer to it.
    pub fn finish_large(&mut self, number: u64, key: Key) -> Result<Option<Stored>, StoreFault> {
        match self.large.remove(&number) {
            Some(large) => {
                let stored = stored(large.finish(&key.0)?);
                self.finished.insert(stored.segment);
                Ok(Some(stored))
            }
            None => Ok(None),
        }
    }

    /// Gives it up; its octets go.
    pub fn abandon_large(&mut self, number: u64) -> Result<(), StoreFault> {
        if let Some(large) = self.large.remove(&number) {
            large.abandon();
        }
        Ok(())
    }

    /// Lets a finished segment go that no record will refer to.
    pub fn drop_large(&mut self, segment: u64) -> Result<(), StoreFault> {
        self.finished.remove(&segment);
        Ok(self.journal.release(segment)?)
    }

    /// Segments of large messages that no record refers to yet, rightly.
    pub(super) fn large_under_way(&self) -> BTreeSet<u64> {
        let unfinished = self.large.values().map(Large::segment);
        unfinished.chain(self.finished.iter().copied()).collect()
    }

    /// Forgets these messages.
    pub(super) fn forget(&mut self, keys: &[Key]) -> Result<(), StoreFault> {
        Ok(self.index.forget(keys)?)
    }

    /// Learns a page of the directory.
    pub fn learn_directory(
        &mut self,
        of: &str,
        changes: &[index::Change],
        cursor: Option<String>,
        last: bool,
        at: i64,
    ) -> Result<index::Directory, StoreFault> {
        let state = self.index.view().directory()?;
        if state.of != of {
            return Ok(state);
        }
        let before = state.whole_at;
        let state = self.index.learn_directory(changes, cursor, last, at)?;
        if state.whole_at != before {
            // A box that starts while the portal is away would know nobody, and hold all mail. What comes
            // by changes later is told again from the cursor that stays.
            self.checkpoint()?;
        }
        hold_up(Switch::LateLook);
        Ok(state)
    }

    /// Begins a whole reading of the directory.
    pub fn restart_directory(&mut self) -> Result<(), StoreFault> {
        Ok(self.index.restart_directory()?)
    }

    /// Forgets the directory, durably, for that of the portal at `of`: nobody is known until it was read whole again.
    pub fn forget_directory(&mut self, of: &str) -> Result<(), StoreFault> {
        self.index.forget_directory(of)?;
        self.checkpoint()
    }

    /// Octets of the journal on the disk, and octets free there.
    pub fn octets(&self) -> (u64, u64) {
        (self.journal.octets_on_disk(), self.free_octets())
    }

    fn free_octets(&self) -> u64 {
        // What can't be told is no reason to stop fetching: a full disk says so itself.
        self.disk.room(&self.dir).map_or(u64::MAX, |room| room.free)
    }

    /// The journal, for reclaim.
    pub(super) fn journal(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// The index, for reclaim.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Copies what is still wanted of one message behind everything else: its octets, its decision
    /// and, last, where it stands, pointing at both.
    pub(super) fn copy_forward(
        &mut self,
        key: Key,
        mut entry: Entry,
        reader: &Reader,
        segment: u64,
    ) -> Result<(), StoreFault> {
        if let Some(message) = entry.message.filter(|m| m.segment == segment) {
            let payload = reader.payload(message)?;
            let at = self
                .journal
                .append(Kind::Message as u8, &key.0, &[&payload])?;
            entry.message = Some(stored(at));
        }
        if let Some(at) = entry.decision.filter(|d| d.segment == segment) {
            let decision = Box::new(reader.decision(at)?);
            entry.decision = Some(self.put(key, &Record::Copied(decision), &[])?);
        }
        if let Some(at) = entry.refusal.filter(|r| r.segment == segment) {
            let payload = reader.payload(at)?;
            let at = self
                .journal
                .append(Kind::Words as u8, &key.0, &[&payload])?;
            entry.refusal = Some(stored(at));
        }
        self.append(key, Record::Snapshot(Box::new(entry)))?;
        Ok(())
    }
}

pub(super) fn stored(at: spool::At) -> Stored {
    Stored {
        segment: at.segment,
        offset: at.offset,
        length: at.length,
    }
}

pub(super) fn position_of(position: spool::Position) -> Position {
    Position {
        segment: position.segment,
        offset: position.offset,
    }
}

#[cfg(test)]
mod tests;
