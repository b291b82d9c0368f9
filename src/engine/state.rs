//! What the link to the portal has in hand: the active window over the queue in the index.
//!
//! Pure bookkeeping, bounded: the window holds some hundreds of rows and at most a few MiB of
//! composed tickets. Rows of a lane that must wait are let go, and found again in the index when
//! the lane moves on. Knows neither portal nor disk.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::attempt::Refused;
use super::conversation::Asks;
use super::doubt::Doubt;
use crate::http::Bytes;
use crate::index::Queued;
use crate::mail::File;
use crate::ticket::{Key, Omission, Source};
use crate::world::Tick;

/// Rows held at most.
pub const WINDOW: usize = 512;
/// Octets of composed tickets held at most, with their attachments; what
/// exceeds it is read, or composed, again from the journal.
pub const COMPOSED_OCTETS: usize = 768 << 10;

/// A composed ticket.
pub struct Outgoing {
    /// The lane in which order is kept.
    pub lane: u32,
    /// The first message of the ticket that it goes into.
    pub root: Option<Key>,
    /// What the portal is asked of the ticket that it may go into.
    pub asks: Option<Rc<Asks>>,
    /// The request's body.
    pub body: Bytes,
    /// Where its attachments lie in the message.
    pub sources: Rc<Vec<Source>>,
    /// Attachments that are at hand.
    pub files: Vec<File>,
    /// For the log.
    pub subject: String,
    /// For the log.
    pub sender: String,
    /// When it was decided, Unix milliseconds.
    pub decided_at: i64,
    /// It must be looked up before it is sent, whatever else is known: what was composed now is not
    /// what was composed when it was decided.
    pub doubt: bool,
}

impl Outgoing {
    /// Subject and sender, for the log.
    pub fn shown(&self) -> String {
        format!("\"{}\" from {}", self.subject, self.sender)
    }

    fn octets(&self) -> usize {
        let files = self.files.iter().map(|file| file.octets.len());
        self.body.len() + files.sum::<usize>()
    }
}

/// A ticket that waits for another attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// Its row.
    pub row: Queued,
    /// When it may be tried again.
    pub due: Tick,
    /// Attempts so far.
    pub attempts: u32,
    /// How the last one ended.
    pub said: String,
    /// Whether one of them was sent and had no answer.
    pub doubt: Option<Doubt>,
}

/// The active window.
#[derive(Default)]
pub struct Window {
    /// Rows that may be sent, by sequence.
    ready: BTreeMap<u64, Queued>,
    /// Rows under way.
    flying: BTreeMap<u64, Queued>,
    /// Rows that wait for another attempt.
    deferred: BTreeMap<u64, Deferred>,
    /// Rows whose receipt or refusal the index has not learned yet, and whether one was heard of again
    /// since.
    settled: BTreeMap<u64, bool>,
    /// Lanes under way or deferred, with the row that holds each.
    lanes: BTreeMap<u32, u64>,
    /// Lanes of which rows were let go, with the first of those.
    skipped: BTreeMap<u32, u64>,
    /// The last row that was read from the index.
    cursor: u64,
    /// Whether the index may have rows behind the cursor that no page on its way shows.
    more: bool,
    /// Whether a page is on its way.
    asked: bool,
    /// Behind this something appeared since it was asked for.
    back: u64,
    /// Rows that left the queue since it was asked for: it may still show them.
    left: BTreeSet<u64>,
    composed: BTreeMap<u64, Outgoing>,
    composed_octets: usize,
    /// What the portal does not take of rows that are still tried.
    pub refused: Refused,
}

impl Window {
    /// An empty one that has read nothing.
    pub fn new() -> Self {
        Self {
            more: true,
            ..Self::default()
        }
    }

    /// Keeps a composed ticket if there is room for it.
    pub fn offer(&mut self, sequence: u64, mut outgoing: Outgoing) {
        if self.composed_octets + outgoing.octets() > COMPOSED_OCTETS {
            outgoing.files = Vec::new();
        }
        let octets = outgoing.octets();
        if self.composed_octets + octets <= COMPOSED_OCTETS {
            self.composed_octets += octets;
            self.composed.insert(sequence, outgoing);
        }
    }

    /// The composed ticket of a row, if it is still at hand.
    pub fn composed(&mut self, sequence: u64) -> Option<Outgoing> {
        let outgoing = self.composed.remove(&sequence)?;
        self.composed_octets -= outgoing.octets();
        Some(outgoing)
    }

    /// Whether composed tickets fill more than half of their room.
    pub fn is_ahead(&self) -> bool {
        self.composed_octets > COMPOSED_OCTETS / 2
    }

    /// Whether tickets lie here that nobody has taken yet.
    pub fn has_more(&self) -> bool {
        !self.ready.is_empty()
    }

    /// From where the index must be read next, if it must: the caller reads a page there and hands
    /// it to `take_page`. What appears from here on may not be on that page, and asks for another.
    pub fn ask_page(&mut self) -> Option<u64> {
        if self.asked || !self.more || self.ready.len() >= WINDOW / 2 {
            return None;
        }
        self.more = false;
        self.asked = true;
        self.back = u64::MAX;
        self.left.clear();
        Some(self.cursor)
    }

    /// Takes the page that was read behind `after`; a short one was the last, unless something
    /// appeared since it was asked for.
    pub fn take_page(&mut self, after: u64, page: &[Queued], limit: usize) {
        self.asked = false;
        if self.back <= after {
            // A lane moved on meanwhile, or a row appeared that the page may lack: read again from
            // there.
            return;
        }
        self.more |= page.len() >= limit;
        for row in page {
            self.cursor = self.cursor.max(row.sequence);
            let known = self.flying.contains_key(&row.sequence)
                || self.deferred.contains_key(&row.sequence)
                || self.settled.contains_key(&row.sequence)
                || self.left.contains(&row.sequence);
            if known {
                continue;
            }
            // Behind one that was let go every later one of its lane is, or it would go first.
            let holder = self.lanes.get(&row.lane);
            let waits = holder.is_some_and(|h| self.deferred.contains_key(h))
                || self.skipped.contains_key(&row.lane);
            match waits {
                true => self.skip(*row),
                false => {
                    self.ready.insert(row.sequence, *row);
                }
            }
        }
        self.cursor = self.cursor.min(self.back);
        // What was composed for a row that has come and gone by now is nobody's.
        let nobodys: Vec<u64> = (self.composed.range(..=self.cursor))
            .map(|(sequence, _)| *sequence)
            .filter(|sequence| !self.ready.contains_key(sequence))
            .collect();
        for sequence in nobodys {
            self.composed(sequence);
        }
    }

    /// Rows from `first` on must be looked for in the index.
    fn go_back(&mut self, first: u64) {
        self.back = self.back.min(first.saturating_sub(1));
        self.cursor = self.cursor.min(self.back);
        self.more = true;
    }

    fn skip(&mut self, row: Queued) {
        let first = self.skipped.entry(row.lane).or_insert(row.sequence);
        *first = (*first).min(row.sequence);
        self.composed(row.sequence);
    }

    /// The next row that may be sent now, which is under way from here on. Those up to `held` are kept
    /// back, and with each its lane.
    pub fn next(&mut self, now: Tick, held: u64) -> Option<(Queued, Option<Deferred>)> {
        let due = self
            .deferred
            .values()
            .find(|d| d.due <= now)
            .map(|d| d.row.sequence);
        let kept_back: BTreeSet<u32> = self.ready.range(..=held).map(|(_, row)| row.lane).collect();
        // Fresh ones first: a ticket in trouble takes its turn when no other waits.
        let fresh = self
            .ready
            .values()
            .find(|row| !self.lanes.contains_key(&row.lane) && !kept_back.contains(&row.lane))
            .copied();
        if let Some(row) = fresh {
            self.ready.remove(&row.sequence);
            self.lanes.insert(row.lane, row.sequence);
            self.flying.insert(row.sequence, row);
            return Some((row, None));
        }
        let deferred = self.deferred.remove(&due?)?;
        self.flying.insert(deferred.row.sequence, deferred.row);
        Some((deferred.row, Some(deferred)))
    }

    /// When the next deferred row is due.
    pub fn due(&self) -> Option<Tick> {
        self.deferred.values().map(|d| d.due).min()
    }

    /// Makes every deferred row due at `now`: what was in its way may be mended.
    pub fn hurry(&mut self, now: Tick) {
        self.refused.clear();
        for deferred in self.deferred.values_mut() {
            deferred.due = deferred.due.min(now);
        }
    }

    /// A row has its receipt or refusal: its lane moves on. Returns what the portal did not take of it.
    pub fn settle(&mut self, row: Queued) -> Vec<Omission> {
        self.flying.remove(&row.sequence);
        self.settled.insert(row.sequence, false);
        self.composed(row.sequence);
        self.free(row.lane);
        self.refused.forget(&row.key)
    }

    /// A row was not in the queue any more when its turn came: the index will learn nothing of it.
    pub fn gone(&mut self, row: Queued) {
        self.settle(row);
        self.learned(row.sequence);
    }

    /// The index has learned of this row's receipt or refusal.
    pub fn learned(&mut self, sequence: u64) {
        if self.asked {
            self.left.insert(sequence);
        }
        if self.settled.remove(&sequence) == Some(true) {
            self.go_back(sequence);
        }
    }

    /// A row stands in the index that may lie before what was read of it: a refused ticket that is
    /// to be tried again. It may have been read, sent and settled before this was heard; or this may
    /// be heard before its refusal is.
    pub fn appeared(&mut self, sequence: u64) {
        if let Some(again) = self.settled.get_mut(&sequence) {
            *again = true;
            return;
        }
        let known = self.ready.contains_key(&sequence)
            || self.flying.contains_key(&sequence)
            || self.deferred.contains_key(&sequence);
        if !known {
            self.go_back(sequence);
        }
    }

    /// A row is put back as if it had not been tried.
    pub fn put_back(&mut self, row: Queued) {
        self.flying.remove(&row.sequence);
        self.ready.insert(row.sequence, row);
        self.lanes.remove(&row.lane);
    }

    /// A row must wait, and its lane with it.
    pub fn defer(&mut self, deferred: Deferred) {
        let row = deferred.row;
        self.flying.remove(&row.sequence);
        self.composed(row.sequence);
        self.deferred.insert(row.sequence, deferred);
        let behind: Vec<Queued> = self
            .ready
            .values()
            .filter(|r| r.lane == row.lane)
            .copied()
            .collect();
        for row in behind {
            self.ready.remove(&row.sequence);
            self.skip(row);
        }
    }

    fn free(&mut self, lane: u32) {
        self.lanes.remove(&lane);
        if let Some(first) = self.skipped.remove(&lane) {
            self.go_back(first);
        }
    }

    /// How many rows are under way.
    pub fn flying(&self) -> usize {
        self.flying.len()
    }

    /// Whether nothing is under way, to the portal or from the index, and nothing could be sent now.
    pub fn is_idle(&self, now: Tick) -> bool {
        self.flying.is_empty()
            && self.settled.is_empty()
            && !self.more
            && !self.asked
            && self.ready.is_empty()
            && self.due().is_none_or(|due| due > now)
    }

    /// Whether a first doubt waits for its time: it is settled by itself soon.
    pub fn settles(&self, now: Tick) -> bool {
        let mut doubts = self.deferred.values().filter_map(|d| d.doubt);
        doubts.any(|doubt| doubt.attempts == 1 && doubt.until > now)
    }

    /// The deferred row of a key.
    pub fn deferred(&self, key: &Key) -> Option<&Deferred> {
        self.deferred.values().find(|d| d.row.key == *key)
    }
}

#[cfg(test)]
mod tests;
