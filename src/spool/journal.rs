//! The writing end: open, append, sync, the next segment, release, ballast.
//!
//! One thread owns it. Order is the whole point here; each pair of durable acts says why it stands
//! in its order.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::format::{self, Frame, SegmentHeader, FRAME, HEAD, STEP};
use super::large::{self, Large};
use super::opening::{begin, make_spare, remove, salt, settle, survey, sync_dir};
use super::replay::{self, Record, Replayed};
use super::store::{verdict, Name, Opened, Store};
use super::{At, Fault, Options, Position, Reader, SegmentInfo};
use crate::world::{Disk, Entropy};

/// Appended octets are held back until this many can be written at once.
const BUFFER: usize = 256 << 10;
/// Bounds of a segment's length: offsets are 32 bits wide in a record.
const SEGMENT_OCTETS: std::ops::RangeInclusive<u64> = (16 << 10)..=(1 << 30);
const BALLAST: &str = "ballast";

/// The journal's writing end.
pub struct Journal {
    store: Arc<Store>,
    options: Options,
    /// Salts are drawn from this: unpredictable outside, and no second call for entropy.
    seed: [u8; 32],
    life: [u8; 8],
    current: Arc<Opened>,
    sequence: u32,
    /// The next segment's number.
    next: u64,
    /// The longest waiting first: else the recycled ones would lie behind fresh ones for ever.
    spares: VecDeque<u64>,
    may_use_reserve: bool,
    /// Whether octets were written since the last sync.
    dirty: bool,
}

impl Journal {
    /// Opens the journal in `dir`, made when absent, and begins a new segment.
    pub fn open(
        disk: Arc<dyn Disk>,
        entropy: &dyn Entropy,
        dir: &Path,
        options: Options,
    ) -> Result<Self, Fault> {
        let options = Options {
            segment_octets: options
                .segment_octets
                .clamp(*SEGMENT_OCTETS.start(), *SEGMENT_OCTETS.end())
                .next_multiple_of(HEAD),
            spares: options.spares.max(1),
        };
        let store = Arc::new(Store::new(disk, dir.to_owned()));
        // Everything is looked at before anything is changed: a folder written by newer code is
        // left as it was.
        let found = survey(&store, options)?;
        if let Some(last) = found.last {
            settle(&store, last)?;
        }
        let mut removed = false;
        for name in found.unfinished.iter().chain(&found.useless) {
            remove(&store, *name)?;
            removed = true;
        }
        if removed {
            // Not left to the next segment's sync of the folder: a name that came back would be
            // deleted again, but its number might by then be another's.
            sync_dir(&store)?;
        }
        let mut life = [0; 8];
        let mut seed = [0; 32];
        match found.life {
            Some((_, earlier)) => life = earlier,
            None => entropy.fill(&mut life),
        }
        entropy.fill(&mut seed);
        let mut spares = VecDeque::from(found.spares);
        let mut next = found.highest + 1;
        if spares.is_empty() {
            spares.push_back(make_spare(&store, options, &mut next)?);
        }
        let before = Position {
            segment: found.last.unwrap_or(0),
            offset: 0,
        };
        let spare = spares.pop_front().unwrap_or(next);
        let number = next;
        next += 1;
        let current = begin(&store, options, &seed, life, spare, number, before)?;
        for name in found.gone {
            // The new segment's number is higher, and durable: the mark has done its work. Should
            // it come back, it is removed at the next start.
            remove(&store, name)?;
        }
        let mut journal = Self {
            store,
            options,
            seed,
            life,
            current,
            sequence: 0,
            next,
            spares,
            may_use_reserve: false,
            dirty: false,
        };
        match journal.fill_spares(options.spares) {
            // A full disk must not keep the box from draining.
            Ok(()) | Err(Fault::Full { .. }) => Ok(journal),
            Err(fault) => Err(fault),
        }
    }

    /// Whether a write or a sync has failed: the journal must be opened again.
    pub fn is_broken(&self) -> bool {
        self.store.whole().is_err()
    }

    /// Which journal this is: 8 octets drawn when its first segment was made. A position that was
    /// kept elsewhere means something only together with it.
    pub fn life(&self) -> [u8; 8] {
        self.life
    }

    /// Hands every sound record from `from` on (from the beginning: `None`) to `each`, in the order
    /// in which they were appended, and says what is damaged. Memory is bounded.
    pub fn replay(
        &self,
        from: Option<Position>,
        each: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<Replayed, Fault> {
        replay::replay(&self.store, from, each)
    }

    /// The longest payload that [`append`](Self::append) takes.
    pub fn longest(&self) -> u64 {
        self.options.segment_octets / 2
    }

    /// Appends a record of which `payload` are the octets, in pieces. It can be read at once, and
    /// is durable once [`sync`](Self::sync) has returned.
    pub fn append(&mut self, kind: u8, key: &[u8; 32], payload: &[&[u8]]) -> Result<At, Fault> {
        self.store.whole()?;
        let octets: u64 = payload.iter().map(|piece| piece.len() as u64).sum();
        let limit = self.longest();
        let Some(length) = u32::try_from(octets).ok().filter(|_| octets <= limit) else {
            return Err(Fault::TooLong { octets, limit });
        };
        let span = format::span(octets);
        if self.end().offset + span > self.options.segment_octets {
            self.next_segment()?;
        }
        let at = self.end().offset;
        let synced = self.store.tail().synced;
        let frame = Frame {
            kind,
            length,
            sequence: self.sequence,
            synced: if synced.segment == self.current.number {
                synced.offset as u32
            } else {
                0
            },
            key: *key,
        };
        let mut check = self.current.seals.body(at);
        self.put(&frame.encode(&self.current.seals, at))?;
        for piece in payload {
            check = crc32c::crc32c_append(check, piece);
            self.put(piece)?;
        }
        self.put(&check.to_le_bytes())?;
        let padding = span - octets - (FRAME as u64 + 4);
        self.put([0; STEP as usize].get(..padding as usize).unwrap_or(&[]))?;
        self.sequence += 1;
        self.store.tail().end = at + span;
        Ok(At {
            segment: self.current.number,
            offset: at,
            length: octets,
        })
    }

    /// Makes everything appended so far durable, and returns the position up to which it is.
    pub fn sync(&mut self) -> Result<Position, Fault> {
        self.store.whole()?;
        self.write_out()?;
        if self.dirty {
            self.store
                .or_break("syncing the journal", self.current.file.sync())?;
            self.dirty = false;
        }
        let mut tail = self.store.tail();
        tail.synced = Position {
            segment: tail.segment,
            offset: tail.end,
        };
        Ok(tail.synced)
    }

    /// Up to where everything is durable.
    pub fn synced(&self) -> Position {
        self.store.tail().synced
    }

    /// Where the next record will be.
    pub fn end(&self) -> Position {
        let tail = self.store.tail();
        Position {
            segment: tail.segment,
            offset: tail.end,
        }
    }

    /// Begins a large message, in a segment of its own.
    pub fn begin_large(&mut self) -> Result<Large, Fault> {
        self.store.whole()?;
        let header = SegmentHeader {
            number: self.next,
            salt: salt(&self.seed, self.next),
            life: self.life,
            before: Position::default(),
            large: true,
        };
        self.next += 1;
        Large::begin(self.store.clone(), header)
    }

    /// A reading end, for any thread.
    pub fn reader(&self) -> Reader {
        Reader::new(self.store.clone())
    }

    /// The segments, by number.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let end = self.end();
        let sequence = u64::from(self.sequence);
        self.store
            .segments()
            .iter()
            .map(|(number, known)| {
                let current = *number == end.segment;
                SegmentInfo {
                    number: *number,
                    octets_used: if current { end.offset } else { known.used },
                    octets: known.octets,
                    records: if current {
                        Some(sequence)
                    } else {
                        known.records
                    },
                    large: known.large,
                    current,
                }
            })
            .collect()
    }

    /// Gives a segment back: nothing in it is wanted any more, and whatever says so is durable.
    pub fn release(&mut self, segment: u64) -> Result<(), Fault> {
        self.store.whole()?;
        if segment == self.current.number {
            return Err(Fault::InUse { segment });
        }
        let Some(known) = self.store.segments().get(&segment).copied() else {
            return Err(Fault::Gone { segment });
        };
        self.store.forget(segment);
        if known.large {
            if segment > self.current.number {
                // Durable before the name goes: numbers are counted from the highest that is there,
                // and a place kept somewhere must never mean another message.
                let path = Name::Gone(segment).path(&self.store.dir);
                let made = self.store.disk.create(&path, 0);
                self.store.or_break("marking a segment's number", made)?;
                sync_dir(&self.store)?;
            }
            remove(&self.store, Name::Large(segment))?;
            return sync_dir(&self.store);
        }
        if self.spares.len() <= self.options.spares && known.octets == self.options.segment_octets {
            // Durable before the spare is used: else its old name could come back over a new
            // header.
            let renamed = self.store.disk.rename(
                &Name::Ordinary(segment).path(&self.store.dir),
                &Name::Spare(segment).path(&self.store.dir),
            );
            self.store.or_break("recycling a segment", renamed)?;
            sync_dir(&self.store)?;
            self.spares.push_back(segment);
            return Ok(());
        }
        remove(&self.store, Name::Ordinary(segment))?;
        sync_dir(&self.store)
    }

    /// Whether the last spare may be used when no further one can be made. Reclaim says yes while
    /// it copies forward, so that a full disk can be emptied; all else must not, and meets
    /// [`Fault::Full`].
    pub fn use_reserve(&mut self, allowed: bool) {
        self.may_use_reserve = allowed;
    }

    /// Octets that segments and spares take on the disk; without the ballast.
    pub fn octets_on_disk(&self) -> u64 {
        let segments: u64 = self.store.segments().values().map(|k| k.octets).sum();
        segments + self.spares.len() as u64 * self.options.segment_octets
    }

    /// Keeps `octets` of the disk occupied, to be let go when the box must drain on a full disk;
    /// zero lets them go.
    pub fn ballast(&mut self, octets: u64) -> Result<(), Fault> {
        let (disk, dir) = (&*self.store.disk, &self.store.dir);
        let path = dir.join(BALLAST);
        let entries = disk
            .list(dir)
            .map_err(|e| verdict("looking for the ballast", e))?;
        let there = entries.iter().find(|e| e.name == BALLAST).map(|e| e.length);
        if there == (octets > 0).then_some(octets) {
            return Ok(());
        }
        if there.is_some() {
            release_ballast(disk, dir)?;
        }
        if octets > 0 {
            disk.create(&path, octets)
                .map_err(|e| verdict("making the ballast", e))?;
            disk.sync_dir(dir)
                .map_err(|e| verdict("making the ballast", e))?;
        }
        Ok(())
    }

    /// Takes octets into the buffer; writes it out when there is enough.
    fn put(&mut self, octets: &[u8]) -> Result<(), Fault> {
        let mut rest = octets;
        while !rest.is_empty() {
            let full = {
                let mut tail = self.store.tail();
                let room = BUFFER.saturating_sub(tail.octets.len());
                let (now, later) = rest.split_at(room.min(rest.len()));
                tail.octets.extend_from_slice(now);
                rest = later;
                tail.octets.len() >= BUFFER
            };
            if full {
                self.write_out()?;
            }
        }
        Ok(())
    }

    /// Lets go of the buffer, where nothing is in it: as large as a rush made it, it is needed by the next.
    pub fn rest(&self) {
        let mut tail = self.store.tail();
        if tail.octets.is_empty() {
            tail.octets = Vec::new();
        }
    }

    /// Writes the buffer to the file.
    fn write_out(&mut self) -> Result<(), Fault> {
        // First the large segments: once a record that refers to one is in the page cache, the
        // kernel may write it to the disk at any time.
        large::settle(&self.store)?;
        let mut tail = self.store.tail();
        if tail.octets.is_empty() {
            return Ok(());
        }
        let length = tail.octets.len();
        let at = tail.written;
        if at + length as u64 + STEP <= self.options.segment_octets {
            tail.octets.resize(length + STEP as usize, 0);
        }
        let written = self.current.file.write_at(&tail.octets, at);
        self.store.or_break("writing the journal", written)?;
        self.dirty = true;
        tail.written += length as u64;
        tail.octets.clear();
        Ok(())
    }

    /// Goes on in a new segment. Without room it changes nothing.
    fn next_segment(&mut self) -> Result<(), Fault> {
        match self.fill_spares(self.options.spares + 1) {
            Err(Fault::Full { .. }) if self.may_use_reserve && !self.spares.is_empty() => {}
            other => other?,
        }
        // Before the next one exists: its header states that this one is durable to its end, and a
        // record there must not outlive one here.
        let before = self.sync()?;
        let spare = self.spares.pop_front().unwrap_or_default();
        let number = self.next;
        self.next += 1;
        {
            let records = u64::from(self.sequence);
            let mut segments = self.store.segments();
            if let Some(known) = segments.get_mut(&before.segment) {
                known.used = before.offset;
                known.records = Some(records);
            }
        }
        self.current = begin(
            &self.store,
            self.options,
            &self.seed,
            self.life,
            spare,
            number,
            before,
        )?;
        self.sequence = 0;
        Ok(())
    }

    fn fill_spares(&mut self, wanted: usize) -> Result<(), Fault> {
        while self.spares.len() < wanted {
            let spare = make_spare(&self.store, self.options, &mut self.next)?;
            self.spares.push_back(spare);
        }
        Ok(())
    }
}

/// Lets the ballast in `dir` go, also before a journal can be opened there.
pub fn release_ballast(disk: &dyn Disk, dir: &Path) -> Result<(), Fault> {
    let told = |e| verdict("releasing the ballast", e);
    match disk.remove(&dir.join(BALLAST)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(told(e)),
        Ok(()) => disk.sync_dir(dir).map_err(told),
    }
}

#[cfg(test)]
mod tests;
