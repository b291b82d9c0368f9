//! The reading end: what a place holds, its checks verified.
//!
//! Sees everything that was appended, written out or not. Decides nothing about damage: it says
//! `Torn`, and the caller knows where else the message may be.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::format::{self, Frame, FRAME, HEAD};
use super::replay::{self, Record, Replayed};
use super::store::{verdict, Opened, Store};
use super::{large, At, Fault, Position};

/// Reads the journal from any thread; cloning shares it.
#[derive(Clone)]
pub struct Reader {
    pub(super) store: Arc<Store>,
}

impl Reader {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// A record's payload, or a large message, whole.
    pub fn read(&self, at: At) -> Result<Vec<u8>, Fault> {
        self.read_slice(at, 0, usize::try_from(at.length).unwrap_or(usize::MAX))
    }

    /// Up to `length` octets of a payload from `offset` on; fewer only at its end. Of a large
    /// message only the slices concerned are read.
    pub fn read_slice(&self, at: At, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        let opened = self.store.opened(at.segment)?;
        read(&self.store, &opened, at, offset, length).map_err(|fault| match fault {
            // It may have been released while we read.
            Fault::Torn { segment, .. } if !self.store.segments().contains_key(&segment) => {
                Fault::Gone { segment }
            }
            fault => fault,
        })
    }

    /// As [`Journal::replay`](super::Journal::replay), beside a journal that is written to.
    pub fn replay(
        &self,
        from: Option<Position>,
        each: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<Replayed, Fault> {
        replay::replay(&self.store, from, each)
    }
}

/// Reads and verifies.
pub(super) fn read(
    store: &Store,
    opened: &Opened,
    at: At,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, Fault> {
    let torn = Fault::Torn {
        segment: at.segment,
        offset: at.offset,
    };
    let told = |e| verdict("reading the journal", e);
    // Before anything is allocated: a place may come from a damaged table.
    let on_disk = opened.file.length().map_err(told)?;
    let octets = length.min(usize::try_from(at.length.saturating_sub(offset)).unwrap_or(0));
    if opened.header.large {
        if at.offset != HEAD || format::large_octets(at.length) > on_disk {
            return Err(torn);
        }
        let mut message = vec![0; octets];
        large::read(store, opened, at.length, offset, &mut message)?;
        return Ok(message);
    }
    let span = (FRAME as u64 + 4).saturating_add(at.length);
    let appended = {
        let tail = store.tail();
        (tail.segment == at.segment).then_some(tail.end)
    };
    if at.offset.saturating_add(span) > appended.unwrap_or(on_disk) {
        return Err(torn);
    }
    // An ordinary record is short enough to be checked whole.
    let mut record = vec![0; span as usize];
    // A sector that can't be read any more is this record's damage, and not the disk's as a whole.
    let read = store.read_twice(opened, &mut record, at.offset);
    let Some(read) = read else { return Err(torn) };
    let frame = Frame::decode(&opened.seals, at.offset, &record);
    let sound = || -> Option<bool> {
        let payload = record.get(FRAME..FRAME + at.length as usize)?;
        let check: [u8; 4] = record.get(FRAME + at.length as usize..)?.try_into().ok()?;
        Some(
            read == record.len()
                && u64::from(frame?.length) == at.length
                && crc32c::crc32c_append(opened.seals.body(at.offset), payload)
                    == u32::from_le_bytes(check),
        )
    };
    if sound() != Some(true) {
        return Err(torn);
    }
    record.truncate(FRAME + at.length as usize);
    let from = FRAME.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX));
    record.drain(..from.min(record.len()));
    record.truncate(octets);
    Ok(record)
}
