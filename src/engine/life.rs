//! What the journal says of one message, and which messages have a Message-ID.
//!
//! There is no index of either, so the segments of records are gone through, the oldest first and one at
//! a turn: nobody waits long for the thread that does it. Memory follows neither the journal's size nor
//! the number of messages: what is found is bounded, and what goes beyond is counted.
//!
//! Changes nothing. Says what stands there, and leaves it to others what it means.

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;

use memchr::memmem::{find, Finder};

use super::check::Progress;
use super::reader::at;
use super::understand;
use super::writer::stored;
use super::StoreFault;
use crate::passage::record::raw_start;
use crate::passage::{Kind, Record, Stored};
use crate::spool;
use crate::ticket::Key;

/// Records of one message that are told: the newest. A message has a handful, but for one that is
/// decided again and again.
const RECORDS: usize = 500;
/// Messages with one Message-ID that are named.
const NAMED: usize = 100;
/// Octets of a message record that surely hold its head.
const HEAD_OCTETS: usize = 4096;
/// Octets of a raw message in which its Message-ID is looked for.
const HEADER_OCTETS: usize = 64 << 10;

/// The way through the journal.
#[derive(Default)]
struct Course {
    /// The segment that was looked through last.
    behind: Option<u64>,
    /// Where it ends, as there is one: what comes later is not waited for.
    until: Option<u64>,
    /// The end was reached once. What was copied meanwhile, and its segment given back before its turn
    /// came, lies behind it: so there is one more round.
    again: bool,
    /// Places that can't be read.
    damaged: u64,
}

impl Course {
    /// Looks through one segment; none when there is none left.
    fn turn(
        &mut self,
        journal: &spool::Reader,
        each: &mut dyn FnMut(spool::Record<'_>) -> ControlFlow<()>,
    ) -> Result<Option<Progress>, StoreFault> {
        let mut pieces = journal.pieces();
        pieces.retain(|p| !p.large);
        let last = pieces.last().map(|p| p.number);
        let until = *self.until.get_or_insert(last.unwrap_or_default());
        let mut next = pieces
            .iter()
            .find(|p| self.behind.is_none_or(|b| p.number > b));
        if next.is_none_or(|p| p.number > until) && !self.again {
            self.again = true;
            self.until = last;
        }
        next = next.filter(|p| self.until.is_some_and(|until| p.number <= until));
        let Some(piece) = next else { return Ok(None) };
        match journal.inspect(piece.number, false, each) {
            Ok(replayed) => self.damaged += replayed.damage().count() as u64,
            // Given back meanwhile: what was wanted of it lies further on.
            Err(spool::Fault::Gone { .. }) => {}
            Err(fault @ spool::Fault::Disk { .. }) => {
                log::error!("looking through the journal: {fault}");
                self.damaged += 1;
            }
            Err(fault) => return Err(fault.into()),
        }
        self.behind = Some(piece.number);
        let octets = |done: bool| {
            let of_them = pieces.iter().filter(|p| !done || p.number <= piece.number);
            of_them.map(|p| p.octets).sum()
        };
        Ok(Some(Progress {
            part: "journal",
            done: octets(true),
            of: octets(false),
        }))
    }
}

/// What the journal says of one message.
#[derive(Debug, Default)]
pub struct Told {
    /// Its records and where they stand, the oldest first.
    pub records: Vec<(Stored, Record)>,
    /// Older records that are left out, since they are very many.
    pub left_out: u64,
    /// Places of the journal that can't be read: something of it may have stood there.
    pub damaged: u64,
}

/// Gathers the records of one message.
pub struct Life {
    key: Key,
    course: Course,
    records: VecDeque<(Stored, Record)>,
    left_out: u64,
}

impl Life {
    /// Begins.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            course: Course::default(),
            records: VecDeque::new(),
            left_out: 0,
        }
    }

    /// Does a turn; none when nothing is left to do.
    pub fn turn(&mut self, journal: &spool::Reader) -> Result<Option<Progress>, StoreFault> {
        let (records, left_out, key) = (&mut self.records, &mut self.left_out, self.key);
        let mut unread = 0;
        let progress = self.course.turn(journal, &mut |record| {
            if record.key != key.0 {
                return ControlFlow::Continue(());
            }
            let payload = match Kind::of(record.kind) {
                // A mark of the journal's own, or a kind of newer code.
                None => return ControlFlow::Continue(()),
                Some(Kind::Message) => record.payload.first(HEAD_OCTETS),
                Some(_) => record.payload.octets(),
            };
            match payload.map(|payload| Record::decode(record.kind, &payload)) {
                Ok(Ok(told)) => records.push_back((stored(record.at), told)),
                Ok(Err(_)) | Err(_) => unread += 1,
            }
            if records.len() > RECORDS {
                records.pop_front();
                *left_out += 1;
            }
            ControlFlow::Continue(())
        })?;
        self.course.damaged += unread;
        Ok(progress)
    }

    /// What was found.
    pub fn end(self) -> Told {
        Told {
            records: self.records.into(),
            left_out: self.left_out,
            damaged: self.course.damaged,
        }
    }
}

/// Looks for the messages that have a Message-ID.
pub struct Seek {
    id: String,
    finder: Finder<'static>,
    course: Course,
    found: BTreeSet<Key>,
    more: bool,
}

/// The messages that have a Message-ID.
#[derive(Debug, Default)]
pub struct Sought {
    /// They, in no order that means anything.
    pub keys: Vec<Key>,
    /// There are more than are named.
    pub more: bool,
    /// Places of the journal that can't be read: one that has it may have stood there.
    pub damaged: u64,
}

impl Seek {
    /// Begins; `id` without its angle brackets.
    pub fn new(id: &str) -> Self {
        Self {
            finder: Finder::new(id).into_owned(),
            id: id.to_owned(),
            course: Course::default(),
            found: BTreeSet::new(),
            more: false,
        }
    }

    /// Does a turn; none when nothing is left to do.
    pub fn turn(&mut self, journal: &spool::Reader) -> Result<Option<Progress>, StoreFault> {
        let (id, finder) = (&self.id, &self.finder);
        let (found, more) = (&mut self.found, &mut self.more);
        let mut unread = 0;
        let progress = self.course.turn(journal, &mut |record| {
            // A message that was copied stands there twice.
            let key = Key(record.key);
            if Kind::of(record.kind) != Some(Kind::Message) || found.contains(&key) {
                return ControlFlow::Continue(());
            }
            match has(journal, &record.payload, id, finder) {
                Ok(true) if found.len() >= NAMED => *more = true,
                Ok(true) => drop(found.insert(key)),
                Ok(false) => {}
                Err(_) => unread += 1,
            }
            ControlFlow::Continue(())
        })?;
        self.course.damaged += unread;
        Ok(progress)
    }

    /// What was found.
    pub fn end(self) -> Sought {
        Sought {
            keys: self.found.into_iter().collect(),
            more: self.more,
            damaged: self.course.damaged,
        }
    }
}

/// Whether the message in this record has the Message-ID `id`. Only its header section is read where it
/// lies by itself, and only where that has these octets at all is it understood.
fn has(
    journal: &spool::Reader,
    payload: &spool::Payload<'_>,
    id: &str,
    finder: &Finder<'_>,
) -> Result<bool, StoreFault> {
    let first = payload.first(HEAD_OCTETS + HEADER_OCTETS)?;
    let large = match Record::decode(Kind::Message as u8, &first)? {
        Record::Message(head) => head.large,
        _ => None,
    };
    let apart;
    let raw = match large {
        Some(large) => {
            apart = match journal.read_slice(at(large), 0, HEADER_OCTETS) {
                // It was parted from its octets.
                Err(spool::Fault::Gone { .. }) => return Ok(false),
                read => read?,
            };
            apart.as_slice()
        }
        None => {
            let start = raw_start(&first).and_then(|start| usize::try_from(start).ok());
            start
                .and_then(|start| first.get(start..))
                .unwrap_or_default()
        }
    };
    let header = header_section(raw);
    if finder.find(header).is_none() {
        return Ok(false);
    }
    let message = understand::read(header);
    Ok(message.message_id.as_deref() == Some(id))
}

/// The header section of a message, with the empty line behind it, or as much as is there.
fn header_section(raw: &[u8]) -> &[u8] {
    let ends = [b"\r\n\r\n".as_slice(), b"\n\n"].map(|end| find(raw, end).map(|at| at + end.len()));
    let end = ends.into_iter().flatten().min().unwrap_or(raw.len());
    raw.get(..end).unwrap_or(raw)
}

#[cfg(test)]
mod tests;
