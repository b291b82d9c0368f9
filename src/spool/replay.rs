//! Reading the journal from a position to its end, whatever was done to it.
//!
//! Every record whose checks hold is handed over, wherever it stands: behind damage the next one is
//! searched for at every eighth octet. Memory is one window, whatever the journal's size. Decides
//! what is damage and what a torn tail; what to do about either is the caller's.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::format::{self, Frame, Opening, FRAME, HEAD, STEP};
use super::store::{verdict, Name, Opened, Store};
use super::{reader, At, Fault, Position};

/// Octets read at once.
const WINDOW: usize = 256 << 10;
/// A payload up to this is handed over from the window.
const IN_WINDOW: u64 = 64 << 10;
/// Unreadable octets are stepped over by blocks of this.
const BLOCK: usize = 4096;

/// A record, as replay hands it over; both its checks hold.
pub struct Record<'a> {
    /// Where it stands.
    pub at: At,
    /// The kind that the caller gave.
    pub kind: u8,
    /// The how-manieth record of its segment, from 0.
    pub sequence: u64,
    /// The key that the caller gave.
    pub key: [u8; 32],
    /// Its octets.
    pub payload: Payload<'a>,
    /// The gaps of earlier segments, and of its own, that the replay has met.
    gaps: [&'a [Gap]; 2],
}

impl Record<'_> {
    /// Whether no sound record stands at `at`, as far as the replay has come.
    pub fn is_missing(&self, at: At) -> bool {
        let mut gaps = self.gaps.iter().copied().flatten();
        gaps.any(|gap| gap.segment == at.segment && (gap.from..gap.to).contains(&at.offset))
    }
}

/// A record's octets, read again only when asked for where they are many.
pub struct Payload<'a> {
    store: &'a Store,
    opened: &'a Opened,
    at: At,
    ready: Option<&'a [u8]>,
}

impl Payload<'_> {
    /// How many octets there are.
    pub fn length(&self) -> u64 {
        self.at.length
    }

    /// All of them.
    pub fn octets(&self) -> Result<Cow<'_, [u8]>, Fault> {
        match self.ready {
            Some(octets) => Ok(Cow::Borrowed(octets)),
            None => reader::read(self.store, self.opened, self.at, 0, usize::MAX).map(Cow::Owned),
        }
    }

    /// The first `length` of them, or all if there are fewer, without a second check.
    pub fn first(&self, length: usize) -> Result<Cow<'_, [u8]>, Fault> {
        let length = length.min(usize::try_from(self.at.length).unwrap_or(usize::MAX));
        match self.ready {
            Some(octets) => Ok(Cow::Borrowed(octets.get(..length).unwrap_or(octets))),
            None => {
                let mut octets = vec![0; length];
                let from = self.at.offset + FRAME as u64;
                let read = self
                    .store
                    .read(self.opened, &mut octets, from)
                    .map_err(|e| verdict("replaying the journal", e))?;
                octets.truncate(read);
                Ok(Cow::Owned(octets))
            }
        }
    }
}

/// A stretch of a segment in which no sound record stands though there should be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The segment's number.
    pub segment: u64,
    /// Where it begins.
    pub from: u64,
    /// Where it ends; the segment's end where nothing follows.
    pub to: u64,
    /// True when what stood here had been synced, which something behind it proves: damage. False
    /// for the torn tail of a crash, of which nothing was ever acknowledged.
    pub damage: bool,
    /// Records missing here, where the count can be told.
    pub records: Option<u64>,
    /// Kind and key of the one record here whose header is sound though its payload is not.
    pub header: Option<(u8, [u8; 32])>,
}

/// What a replay met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Sound records.
    pub records: u64,
    /// Octets of their payloads.
    pub octets: u64,
    /// Damage and torn tails, in the journal's order.
    pub gaps: Vec<Gap>,
    /// How many of the gaps are torn tails.
    pub torn_tails: u64,
    /// Where the next replay goes on: the journal's end, or behind the record at which `each` broke
    /// off.
    pub end: Position,
}

impl Replayed {
    /// The gaps that are damage.
    pub fn damage(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(|gap| gap.damage)
    }

    fn gap(&mut self, gap: Gap) {
        self.torn_tails += u64::from(!gap.damage);
        self.gaps.push(gap);
    }
}

/// The part of a segment that is in memory.
struct Window<'a> {
    store: &'a Store,
    opened: &'a Opened,
    limit: u64,
    start: u64,
    octets: Vec<u8>,
}

impl Window<'_> {
    /// Up to `length` octets at `at`, at most `WINDOW`; fewer only at the limit.
    fn get(&mut self, at: u64, length: usize) -> Result<&[u8], Fault> {
        let length = length
            .min(WINDOW)
            .min(usize::try_from(self.limit.saturating_sub(at)).unwrap_or(usize::MAX));
        let end = self.start + self.octets.len() as u64;
        if at < self.start || at + length as u64 > end {
            self.fill(at)?;
        }
        let skip = (at - self.start) as usize;
        let there = self.octets.get(skip..).unwrap_or_default();
        Ok(there.get(..length).unwrap_or(there))
    }

    fn fill(&mut self, at: u64) -> Result<(), Fault> {
        let length = WINDOW.min(self.limit.saturating_sub(at) as usize);
        self.start = at;
        self.octets.resize(length, 0);
        match self.store.read(self.opened, &mut self.octets, at) {
            Ok(read) => self.octets.truncate(read),
            // A bad spot on the medium: its blocks count as zeros, which no check takes for a
            // record, and the rest is still read. A disk that is dead fails at the next header.
            Err(_) => {
                let mut from = at;
                for block in self.octets.chunks_mut(BLOCK) {
                    if self.store.read(self.opened, block, from).is_err() {
                        block.fill(0);
                    }
                    from += block.len() as u64;
                }
            }
        }
        Ok(())
    }

    fn frame(&mut self, at: u64) -> Result<Option<Frame>, Fault> {
        let (opened, limit) = (self.opened, self.limit);
        let frame = Frame::decode(&opened.seals, at, self.get(at, FRAME)?);
        Ok(frame.filter(|f| at.saturating_add(format::span(u64::from(f.length))) <= limit))
    }

    /// Whether the payload of the record at `at` fits its check.
    fn sound(&mut self, at: u64, length: u64) -> Result<bool, Fault> {
        let mut check = self.opened.seals.body(at);
        let mut from = at + FRAME as u64;
        let end = from + length;
        while from < end {
            let wanted = (end - from).min(IN_WINDOW) as usize;
            let octets = self.get(from, wanted)?;
            if octets.is_empty() {
                return Ok(false);
            }
            check = crc32c::crc32c_append(check, octets);
            from += octets.len() as u64;
        }
        Ok(self.get(end, 4)? == check.to_le_bytes())
    }
}

/// Replays all segments from `from` on.
pub(super) fn replay(
    store: &Arc<Store>,
    from: Option<Position>,
    each: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<Replayed, Fault> {
    store.whole()?;
    let from = from.unwrap_or_default();
    // What is appended from now on is not waited for.
    let ends = ends(store);
    let end = ends.0;
    let numbers: Vec<u64> = store
        .segments()
        .range(from.segment..=end.segment.max(from.segment))
        .filter(|(_, known)| !known.large)
        .map(|(number, _)| *number)
        .collect();
    let mut replayed = Replayed {
        end,
        ..Replayed::default()
    };
    for (index, number) in numbers.iter().enumerate() {
        let start = if *number == from.segment {
            from.offset.max(HEAD).next_multiple_of(STEP)
        } else {
            HEAD
        };
        let walk = Walk::of(store, *number, numbers.get(index + 1).copied(), start, ends);
        if let ControlFlow::Break(at) = walk.run(&mut replayed, each)? {
            replayed.end = at;
            break;
        }
    }
    Ok(replayed)
}

/// One segment of records alone, as `replay` goes through it.
pub(super) fn segment(
    store: &Store,
    number: u64,
    each: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<Replayed, Fault> {
    store.whole()?;
    let ends = ends(store);
    let next = {
        let segments = store.segments();
        let mut behind = segments.range(number.saturating_add(1)..);
        behind.find(|(_, known)| !known.large).map(|(n, _)| *n)
    };
    let mut replayed = Replayed {
        end: ends.0,
        ..Replayed::default()
    };
    if let ControlFlow::Break(at) =
        Walk::of(store, number, next, HEAD, ends).run(&mut replayed, each)?
    {
        replayed.end = at;
    }
    Ok(replayed)
}

/// Where the journal ends now, and up to where it is durable.
fn ends(store: &Store) -> (Position, Position) {
    let tail = store.tail();
    let end = Position {
        segment: tail.segment,
        offset: tail.end,
    };
    (end, tail.synced)
}

/// What the next segment's header says of this one's durable end.
fn proof_behind(store: &Store, number: u64, next: Option<u64>) -> u64 {
    next.and_then(|next| store.opened(next).ok())
        .map(|next| next.header.before)
        .filter(|before| before.segment == number)
        .map_or(0, |before| before.offset)
}

/// One segment's part of a replay.
struct Walk<'a> {
    store: &'a Store,
    number: u64,
    start: u64,
    /// Where it ends, if it is the current one.
    limit: Option<u64>,
    /// Up to where it is known to have been durable.
    proof: u64,
}

impl<'s> Walk<'s> {
    /// The part of segment `number`, behind which `next` stands.
    fn of(
        store: &'s Store,
        number: u64,
        next: Option<u64>,
        start: u64,
        (end, synced): (Position, Position),
    ) -> Self {
        Self {
            store,
            number,
            start,
            limit: (number == end.segment).then_some(end.offset),
            // Up to where this one was durable, as others know it.
            proof: match number == synced.segment {
                true => synced.offset,
                false => proof_behind(store, number, next),
            },
        }
    }

    fn run(
        &self,
        replayed: &mut Replayed,
        each: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<Position>, Fault> {
        let opened = match self.store.opened(self.number) {
            Ok(opened) => opened,
            // Released meanwhile.
            Err(Fault::Gone { .. }) => return Ok(ControlFlow::Continue(())),
            Err(Fault::Torn { .. }) => {
                self.lost(replayed)?;
                return Ok(ControlFlow::Continue(()));
            }
            Err(fault) => return Err(fault),
        };
        let length = opened
            .file
            .length()
            .map_err(|e| verdict("replaying the journal", e))?;
        let mut window = Window {
            store: self.store,
            opened: &opened,
            limit: self.limit.unwrap_or(length),
            start: 0,
            octets: Vec::new(),
        };
        let mut proof = self.proof;
        let mut gaps: Vec<Gap> = Vec::new();
        let mut gap_from = None;
        let mut expected = (self.start == HEAD).then_some(0);
        let mut records = 0;
        let mut used = HEAD;
        let mut at = self.start;
        let mut broke = None;
        while at < window.limit {
            let Some(frame) = window.frame(at)? else {
                if gap_from.is_none() {
                    // Where it is known to end, and does, nothing need be searched for.
                    if self.limit.is_none() && at == self.proof {
                        break;
                    }
                    gap_from = Some(at);
                }
                at += STEP;
                continue;
            };
            let sequence = u64::from(frame.sequence);
            if let Some(from) = gap_from.take() {
                gaps.push(Gap {
                    segment: self.number,
                    from,
                    to: at,
                    damage: false,
                    records: expected.and_then(|e: u64| sequence.checked_sub(e)),
                    header: None,
                });
            }
            expected = Some(sequence + 1);
            proof = proof.max(u64::from(frame.synced));
            let length = u64::from(frame.length);
            let behind = at + format::span(length);
            if window.sound(at, length)? {
                let here = At {
                    segment: self.number,
                    offset: at,
                    length,
                };
                records += 1;
                replayed.records += 1;
                replayed.octets += length;
                let ready = if length <= IN_WINDOW {
                    Some(window.get(at + FRAME as u64, length as usize)?)
                } else {
                    None
                };
                let record = Record {
                    at: here,
                    kind: frame.kind,
                    sequence,
                    key: frame.key,
                    payload: Payload {
                        store: self.store,
                        opened: &opened,
                        at: here,
                        ready,
                    },
                    gaps: [&replayed.gaps, &gaps],
                };
                if each(record).is_break() {
                    broke = Some(here.after());
                    break;
                }
            } else {
                gaps.push(Gap {
                    segment: self.number,
                    from: at,
                    to: behind,
                    damage: false,
                    records: Some(1),
                    header: Some((frame.kind, frame.key)),
                });
            }
            used = behind;
            at = behind;
        }
        if let Some(from) = gap_from {
            let ended = window.get(from, STEP as usize)?.iter().all(|o| *o == 0);
            if from < proof || !ended {
                gaps.push(Gap {
                    segment: self.number,
                    from,
                    to: if from < proof { proof } else { window.limit },
                    damage: false,
                    records: None,
                    header: None,
                });
            }
        } else if at < proof && broke.is_none() {
            // The file is shorter than it was.
            gaps.push(Gap {
                segment: self.number,
                from: at,
                to: proof,
                damage: false,
                records: None,
                header: None,
            });
        }
        // Released meanwhile: its blocks may be another segment's by now.
        if !self.store.segments().contains_key(&self.number) {
            gaps.clear();
        }
        for gap in gaps {
            let damage = gap.from < proof;
            replayed.gap(Gap { damage, ..gap });
        }
        if self.start == HEAD && self.limit.is_none() && broke.is_none() {
            if let Some(known) = self.store.segments().get_mut(&self.number) {
                known.used = used;
                known.records = Some(records);
            }
        }
        Ok(broke.map_or(ControlFlow::Continue(()), ControlFlow::Break))
    }

    /// Reports a segment whose header is damaged in both places: nothing in it can be verified.
    fn lost(&self, replayed: &mut Replayed) -> Result<(), Fault> {
        let path = Name::Ordinary(self.number).path(&self.store.dir);
        let (file, opening, _) = self.store.opening(&path)?;
        if let Opening::Newer(version) = opening {
            return Err(Fault::Newer {
                name: Name::Ordinary(self.number).to_string(),
                version,
            });
        }
        let length = file
            .length()
            .map_err(|e| verdict("replaying the journal", e))?;
        replayed.gap(Gap {
            segment: self.number,
            from: 0,
            to: length,
            // Its header was durable before it had its name.
            damage: true,
            records: None,
            header: None,
        });
        Ok(())
    }
}
