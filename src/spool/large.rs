//! A large message on its way into a segment of its own, in slices.
//!
//! It exists once its end record is there; a crash before leaves a file that the next start
//! deletes. The end stands twice (behind the last slice and in the opening block), since a flipped
//! bit in the only one would delete an accepted message.

use std::sync::Arc;

use super::format::{
    self, Opening, Seals, SegmentHeader, END, END_COPY, HEAD, SLICE, SLICE_PAYLOAD,
};
use super::store::{held, twice, verdict, Known, Name, Opened, Store};
use super::{At, Fault};
use crate::world::File;

/// Room is reserved in steps of this, so that the file lies in one piece and a full disk is met
/// early.
const RESERVE: u64 = 4 << 20;

/// A large message that is being written. Dropping it unfinished unlinks it.
pub struct Large {
    store: Arc<Store>,
    opened: Arc<Opened>,
    slice: Vec<u8>,
    total: u64,
    written: u64,
    reserved: u64,
    failed: bool,
    finished: bool,
}

impl Large {
    pub(super) fn begin(store: Arc<Store>, header: SegmentHeader) -> Result<Self, Fault> {
        let doing = "beginning a large message";
        let path = Name::Large(header.number).path(&store.dir);
        let file = store.disk.create(&path, 0).map_err(|e| verdict(doing, e))?;
        let block = header.encode();
        let mut large = Self {
            opened: Arc::new(Opened::new(file, header)),
            store,
            slice: Vec::new(),
            total: 0,
            written: 0,
            reserved: 0,
            failed: false,
            finished: false,
        };
        large.write(&block)?;
        Ok(large)
    }

    /// Its segment's number.
    pub fn segment(&self) -> u64 {
        self.opened.number
    }

    /// Octets of the message taken so far.
    pub fn octets(&self) -> u64 {
        self.total
    }

    /// Takes the next octets of the message.
    pub fn append_slice(&mut self, octets: &[u8]) -> Result<(), Fault> {
        let mut rest = octets;
        while !rest.is_empty() {
            let room = SLICE_PAYLOAD as usize - self.slice.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.slice.extend_from_slice(now);
            self.total += now.len() as u64;
            rest = later;
            if self.slice.len() as u64 == SLICE_PAYLOAD {
                self.write_slice()?;
            }
        }
        Ok(())
    }

    /// Writes the end record. The message can be read at once; it is durable, with its name, before
    /// any record that is appended from now on.
    pub fn finish(mut self, key: &[u8; 32]) -> Result<At, Fault> {
        if !self.slice.is_empty() {
            self.write_slice()?;
        }
        let seals = self.opened.seals;
        let end = format::encode_end(&seals, self.written, self.total, key);
        self.write(&end)?;
        let copy = format::encode_end(&seals, END_COPY, self.total, key);
        let written = self
            .opened
            .file
            .write_at(&copy, END_COPY)
            .and_then(|()| self.opened.file.trim());
        self.told(written)?;
        let number = self.opened.number;
        held(&self.store.unsynced).push(self.opened.clone());
        self.store.keep(self.opened.clone());
        self.store.segments().insert(
            number,
            Known {
                large: true,
                octets: self.written,
                used: self.written,
                records: None,
            },
        );
        self.finished = true;
        Ok(At {
            segment: number,
            offset: HEAD,
            length: self.total,
        })
    }

    /// Gives it up: the file is unlinked.
    pub fn abandon(self) {}

    fn write_slice(&mut self) -> Result<(), Fault> {
        let trailer = format::slice_trailer(&self.opened.seals, self.written, &self.slice);
        let mut slice = std::mem::take(&mut self.slice);
        slice.extend_from_slice(&trailer);
        let written = self.write(&slice);
        slice.clear();
        self.slice = slice;
        written
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.store.whole()?;
        if self.failed {
            return Err(Fault::Disk {
                doing: "going on with a large message after one of its writes failed",
                source: std::io::Error::other("it must be abandoned"),
            });
        }
        let end = self.written + octets.len() as u64;
        if end > self.reserved && self.written > 0 {
            let reserve = end.next_multiple_of(RESERVE);
            let reserved = self.opened.file.reserve(reserve);
            self.told(reserved)?;
            self.reserved = reserve;
        }
        let written = self.opened.file.write_at(octets, self.written);
        self.told(written)?;
        self.written = end;
        Ok(())
    }

    /// A full disk ends this message alone; anything else ends the journal's use.
    fn told(&mut self, result: std::io::Result<()>) -> Result<(), Fault> {
        let doing = "writing a large message";
        match result.map_err(|e| verdict(doing, e)) {
            Err(Fault::Disk { source, .. }) => {
                self.failed = true;
                self.store.or_break(doing, Err(source))
            }
            Err(fault) => {
                self.failed = true;
                Err(fault)
            }
            Ok(()) => Ok(()),
        }
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        if !self.finished {
            // Should it fail, the next start deletes the file: it has no end.
            let path = Name::Large(self.opened.number).path(&self.store.dir);
            let _ = self.store.disk.remove(&path);
        }
    }
}

/// Makes finished large segments durable, first their octets, then their names.
pub(super) fn settle(store: &Store) -> Result<(), Fault> {
    let waiting = std::mem::take(&mut *held(&store.unsynced));
    if waiting.is_empty() {
        return Ok(());
    }
    for large in &waiting {
        store.or_break("syncing a large message", large.file.sync())?;
    }
    store.or_break(
        "syncing the journal's folder",
        store.disk.sync_dir(&store.dir),
    )
}

/// Whether a large segment has its end record, or is damaged so that it can't be told: what is
/// damaged is kept.
pub(super) fn finished(
    file: &dyn File,
    opening: &Opening,
    block: &[u8],
    length: u64,
) -> Result<bool, Fault> {
    let header = match opening {
        Opening::Sound(header) => header,
        Opening::Blank => return Ok(false),
        Opening::Newer(_) | Opening::Damaged => return Ok(true),
    };
    let seals = Seals::new(header.number, &header.salt);
    let copy = block.get(END_COPY as usize..).unwrap_or_default();
    let mut tail = vec![0; END];
    let at = length.saturating_sub(END as u64);
    // What can't be read may well be whole.
    let Ok(read) = twice(|| file.read_at(&mut tail, at)) else {
        return Ok(true);
    };
    tail.truncate(read);
    Ok(format::decode_end(&seals, END_COPY, copy).is_some()
        || format::decode_end(&seals, at, &tail).is_some())
}

/// Reads `octets.len()` octets of a large message of `total` octets, from `offset` on.
pub(super) fn read(
    store: &Store,
    opened: &Opened,
    total: u64,
    offset: u64,
    octets: &mut [u8],
) -> Result<(), Fault> {
    let mut slice = vec![0; SLICE as usize];
    let mut offset = offset;
    let mut rest = octets;
    while !rest.is_empty() {
        let index = offset / SLICE_PAYLOAD;
        let at = HEAD + index * SLICE;
        let length = SLICE_PAYLOAD.min(total.saturating_sub(index * SLICE_PAYLOAD)) as usize;
        let torn = || Fault::Torn {
            segment: opened.number,
            offset: at,
        };
        let whole = length + format::SLICE_TRAILER as usize;
        let buffer = slice.get_mut(..whole).ok_or_else(torn)?;
        // A sector that can't be read any more is this message's damage, and not the disk's as a whole.
        let read = store.read_twice(opened, buffer, at).ok_or_else(torn)?;
        let (message, trailer) = buffer.split_at(length);
        if read != whole || trailer != format::slice_trailer(&opened.seals, at, message) {
            return Err(torn());
        }
        let skip = (offset - index * SLICE_PAYLOAD) as usize;
        let there = message
            .get(skip..)
            .filter(|m| !m.is_empty())
            .ok_or_else(torn)?;
        let count = there.len().min(rest.len());
        let (now, later) = rest.split_at_mut(count);
        now.copy_from_slice(there.get(..count).ok_or_else(torn)?);
        rest = later;
        offset += count as u64;
    }
    Ok(())
}
