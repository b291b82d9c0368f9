//! Looking through the journal piece by piece: for whoever checks the whole of it, in turns so short
//! that nobody else waits long, and also where no journal is open and nothing may be changed.
//!
//! Says where something is damaged; what that means is the caller's.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::format::{self, END, END_COPY, HEAD, SLICE, SLICE_PAYLOAD, SLICE_TRAILER};
use super::opening::survey;
use super::replay::{self, Gap, Record, Replayed};
use super::store::{verdict, Name, Opened, Store};
use super::{large, Fault, Options, Position, Reader};
use crate::world::untouched::Untouched;
use crate::world::Disk;

/// Slices of a large message that are looked at in one turn.
const SLICES: u64 = 32;

/// A journal that is only looked at.
pub struct Looked {
    /// Its reading end.
    pub reader: Reader,
    /// Which journal it is; none where no segment can tell.
    pub life: Option<[u8; 8]>,
    /// Large messages without an end: the next start deletes them, and nothing was promised of them.
    pub unfinished: usize,
}

/// A segment, as it is looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its number.
    pub number: u64,
    /// Whether it holds one large message.
    pub large: bool,
    /// Octets on the disk.
    pub octets: u64,
    /// Octets up to the end of its last record, once it was looked through.
    pub used: u64,
}

/// What one turn found in a large message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LargeTurn {
    /// Octets of the message that were looked at.
    pub octets: u64,
    /// The slice to go on with; none at the end.
    pub next: Option<u64>,
    /// What is damaged.
    pub gaps: Vec<Gap>,
    /// An end record that is damaged while its other copy serves.
    pub spared: Option<Gap>,
}

impl Looked {
    /// Looks at the journal in `dir`, to which nobody may write meanwhile. Changes nothing.
    pub fn at(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, Fault> {
        let store = Store::new(Arc::new(Untouched(disk)), dir.to_owned());
        let found = survey(&store, Options::default())?;
        {
            // No segment is appended to: each ends where its last record does.
            let mut tail = store.tail();
            tail.segment = u64::MAX;
            tail.synced = Position {
                segment: u64::MAX,
                offset: 0,
            };
        }
        Ok(Self {
            reader: Reader::new(Arc::new(store)),
            life: found.life.map(|(_, life)| life),
            unfinished: found.unfinished.len(),
        })
    }
}

impl Reader {
    /// The segments, by number.
    pub fn pieces(&self) -> Vec<Piece> {
        let segments = self.store.segments();
        let pieces = segments.iter().map(|(number, known)| Piece {
            number: *number,
            large: known.large,
            octets: known.octets,
            used: known.used,
        });
        pieces.collect()
    }

    /// Looks through one segment of records; `each` gets what is sound in it. `fresh` reads what the
    /// medium has, and not what the page cache remembers of it.
    pub fn inspect(
        &self,
        number: u64,
        fresh: bool,
        each: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<Replayed, Fault> {
        if fresh {
            self.uncache(number);
        }
        replay::segment(&self.store, number, each)
    }

    fn uncache(&self, number: u64) {
        // What can't be dropped is read from the cache, which is no less true of what was written.
        if let Ok(opened) = self.store.opened(number) {
            if let Err(e) = opened.file.uncache() {
                log::debug!("dropping segment {number} from the page cache: {e}");
            }
        }
    }

    /// Looks through a part of the large message in segment `number`, from this slice on.
    pub fn inspect_large(&self, number: u64, slice: u64) -> Result<LargeTurn, Fault> {
        let gap = |from, to| Gap {
            segment: number,
            from,
            to,
            damage: true,
            records: None,
            header: None,
        };
        let opened = match self.store.opened(number) {
            Ok(opened) => opened,
            Err(Fault::Torn { .. }) => {
                return Ok(LargeTurn {
                    gaps: vec![gap(0, HEAD)],
                    ..LargeTurn::default()
                })
            }
            Err(fault) => return Err(fault),
        };
        let told = |e| verdict("reading a large message", e);
        if slice == 0 {
            self.uncache(number);
        }
        let length = opened.file.length().map_err(told)?;
        let mut turn = LargeTurn::default();
        let Some(total) = self.total(&opened, length, slice == 0, &mut turn)? else {
            return Ok(turn);
        };
        let slices = total.div_ceil(SLICE_PAYLOAD);
        let end = slices.min(slice.saturating_add(SLICES));
        let mut octets = Vec::new();
        for index in slice..end {
            let from = index * SLICE_PAYLOAD;
            let wanted = SLICE_PAYLOAD.min(total - from);
            octets.resize(usize::try_from(wanted).unwrap_or(0), 0);
            turn.octets += wanted;
            // An unreadable block is damage like any other.
            if large::read(&self.store, &opened, total, from, &mut octets).is_err() {
                let at = HEAD + index * SLICE;
                turn.gaps.push(gap(at, at + wanted + SLICE_TRAILER));
            }
        }
        turn.next = (end < slices).then_some(end);
        Ok(turn)
    }

    /// The message's length, as its two end records tell it; what is wrong with them goes into `turn`
    /// where that is `wanted`.
    fn total(
        &self,
        opened: &Opened,
        length: u64,
        wanted: bool,
        turn: &mut LargeTurn,
    ) -> Result<Option<u64>, Fault> {
        let behind = length.saturating_sub(END as u64);
        let mut totals = Vec::new();
        let mut torn = Vec::new();
        for at in [END_COPY, behind] {
            let mut octets = vec![0; END];
            let read = opened.file.read_at(&mut octets, at).unwrap_or(0);
            octets.truncate(read);
            match format::decode_end(&opened.seals, at, &octets) {
                Some((total, _)) => totals.push(total),
                None => torn.push((at, at + END as u64)),
            }
        }
        let mut gaps = torn.into_iter().map(|(from, to)| Gap {
            segment: opened.number,
            from,
            to,
            damage: true,
            records: None,
            header: None,
        });
        match (wanted, totals.is_empty()) {
            (true, true) => turn.gaps.extend(gaps),
            (true, false) => turn.spared = gaps.next_back(),
            (false, _) => {}
        }
        Ok(totals.first().copied())
    }
}

/// The name of a segment's file, as the operator finds it.
pub fn file_name(number: u64, large: bool) -> String {
    match large {
        true => Name::Large(number).to_string(),
        false => Name::Ordinary(number).to_string(),
    }
}
