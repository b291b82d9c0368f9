//! The view that the engine works on: entries by key, places, queues, counters, the directory.
//! The only file group that names sled.
//!
//! It is made from the journal and can be made again: `apply` takes records that a sync holds,
//! with the position up to which they are known, in one sled batch. After a crash sled gives back a
//! prefix of those batches, and replay starts at the position found there. One tree with prefixes,
//! since several trees don't recover together.
//!
//!   !          meta: version, position, next sequence, counters
//!   m key      the number of its decision
//!   e seq key  entry
//!   p place    known place -> key, received time, octets
//!   q seq      the queue to the portal -> key, lane
//!   a box seq  to be archived, by mailbox -> key
//!   l stage seq   what people list: held, refused, ignored, released, dismissed, closed -> key
//!   g segment  a segment of its own that some message has -> key
//!   i span id key   Message-ID (half of its digest) of what became a ticket, or a reply to one
//!   r key seq  the replies to a ticket, which is known by its first message -> key
//!   d ...      the directory, see `directory`
//!
//! What a message's rows go through within a moment is gathered in front of sled (`table`), since
//! sled's price is by the change; and neighbours go to it together (`pages`), since it is by the row too.
//!
//! Never walks a table and never calls `len`: pages are key ranges, counts are kept.
//! Knows nothing of the disk's state: durability is `checkpoint`'s, called by the writer.

mod applied;
mod book;
mod by_key;
mod count;
mod directory;
mod pages;
mod rest;
mod rows;
mod spans;
mod table;
mod tally;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::passage::{apply, Counters, Entry, MailboxId, Place, Position, Record, Stored};
use crate::ticket::Key;

pub use applied::Applied;
pub use book::{Searched, Told};
use by_key::ByKey;
use count::count;
pub use directory::{Change, Directory, Found};
use rows::{
    archive_row, entries_from, is_of_one, is_settled, large_row, list_row, messages_of, place_row,
    queue_row, reply_row, rows, span_of, value_of, Name,
};
use table::{Batch, Table};
pub use tally::Tally;
pub use view::{Known, Listed, Queued, View};

/// Version of the tables; an older one is rebuilt from the journal.
const VERSION: u8 = 9;
/// sled's unit of writing; a quarter of its default.
const SEGMENT_OCTETS: usize = 128 << 10;
const META: &[u8] = b"!";
/// Messages that sled is told of at once. What a batch of sled's replaces is kept until its end, so
/// larger ones cost memory.
const SHARE: usize = 384;

/// How sled begins what it says of a lock that it does not get, the only sign there is.
const TAKEN: &str = "could not acquire lock";

/// Why the index can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It must be removed and made again from the journal.
    #[error("the index is damaged: {said}")]
    Damaged {
        /// What was found.
        said: String,
    },
    /// Somebody has it. Where it was closed just before in this process, sled's own threads have it for a
    /// moment longer.
    #[error("the index is in use: {said}")]
    Taken {
        /// sled's words.
        said: String,
    },
    /// The disk failed under it.
    #[error("the index can't be written: {said}")]
    Disk {
        /// sled's words.
        said: String,
    },
}

impl From<sled::Error> for Fault {
    fn from(fault: sled::Error) -> Self {
        match fault {
            sled::Error::Io(e) if e.to_string().starts_with(TAKEN) => Fault::Taken {
                said: e.to_string(),
            },
            sled::Error::Io(e) => Fault::Disk {
                said: e.to_string(),
            },
            other => Fault::Damaged {
                said: other.to_string(),
            },
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(e: std::io::Error) -> Self {
        Fault::Disk {
            said: e.to_string(),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Meta {
    version: u8,
    life: [u8; 8],
    position: Position,
    sequence: u64,
    counters: Counters,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PlaceValue {
    key: Key,
    mailbox: MailboxId,
    received_at: i64,
    octets: u64,
    again: bool,
}

/// The index, owned by the writer thread.
pub struct Index {
    /// How sled is opened again; none where somebody else opened it.
    config: Option<sled::Config>,
    table: Arc<Table>,
    meta: Meta,
    /// Messages with rows that sled has not been told yet.
    gathered: ByKey<Gathered>,
    /// Counters of what sled has been told.
    told: Counters,
    /// Messages that sled is told of at once.
    share: usize,
    /// A message has lost its place to another since sled was told: it must hear of both at once,
    /// since a replay takes a place away only from where it gives it to somebody.
    crossed: bool,
}

/// A message with rows that sled has not been told yet.
struct Gathered {
    /// The position before the first of those changes: a replay must begin there.
    since: Position,
    /// The number of its decision, by which its rows lie.
    number: u64,
    /// What sled knows of the message.
    below: Option<Arc<Entry>>,
    /// What is known of it by now: what changes it next is asked for it.
    now: Option<Arc<Entry>>,
    /// All that was to be done with it is done: its rows will hardly change again soon.
    settled: bool,
}

/// A record that the journal durably holds.
pub struct Durable {
    /// The delivery key.
    pub key: Key,
    /// Where it lies.
    pub stored: Stored,
    /// What it says.
    pub record: Record,
}

/// What a batch of records changes.
#[derive(Default)]
struct Changes {
    /// Each message that a record is about.
    entries: Vec<Touched>,
    /// Where each is among them.
    at: ByKey<usize>,
    /// Places that a record of the batch gives to a message.
    claims: BTreeMap<Place, Key>,
    /// Those of them that no row knew before.
    unknown: BTreeSet<Name>,
    /// Whether one of them was another's.
    crossed: bool,
}

/// A message before the batch, and by now.
struct Touched {
    key: Key,
    before: Option<Arc<Entry>>,
    now: Option<Arc<Entry>>,
}

impl Index {
    /// Opens the index in `dir`, which must have been made from the journal with this `life`. The
    /// position is `None` where there was nothing: then the caller replays the whole journal.
    ///
    /// The thread that calls this first lends its timer slack to sled's own threads.
    pub fn open(
        dir: &Path,
        cache_octets: u64,
        life: [u8; 8],
    ) -> Result<(Self, Option<Position>), Fault> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_octets)
            // Several of sled's buffers of this size are under way at once.
            .segment_size(SEGMENT_OCTETS)
            .flush_every_ms(None);
        let (mut index, position) = Self::over(config.open()?, life, table::ROWS, SHARE)?;
        index.config = Some(config);
        Ok((index, position))
    }

    /// The index in `db`, in front of which about `most` rows gather, and which is told of `share`
    /// messages at once.
    fn over(
        db: sled::Db,
        life: [u8; 8],
        most: usize,
        share: usize,
    ) -> Result<(Self, Option<Position>), Fault> {
        let meta = match db.get(META)? {
            Some(octets) => {
                // First, and alone: of another version the rest may not even be read.
                match octets.first() {
                    Some(&VERSION) | None => {}
                    Some(other) => {
                        return Err(Fault::Damaged {
                            said: format!("its tables have version {other}"),
                        })
                    }
                }
                let meta: Meta = decode(&octets)?;
                if meta.life != life {
                    return Err(Fault::Damaged {
                        said: "it belongs to another journal".to_owned(),
                    });
                }
                Some(meta)
            }
            None => None,
        };
        let position = meta.as_ref().map(|m| m.position);
        let meta = meta.unwrap_or(Meta {
            version: VERSION,
            life,
            position: Position::default(),
            sequence: 1,
            counters: Counters::default(),
        });
        let table = Arc::new(Table::new(db, most));
        let index = Self {
            config: None,
            table,
            told: meta.counters.clone(),
            meta,
            gathered: ByKey::default(),
            share,
            crossed: false,
        };
        Ok((index, position))
    }

    /// A handle for reading from other threads.
    pub fn view(&self) -> View {
        View::new(Arc::clone(&self.table))
    }

    /// How many messages stand where.
    pub fn counters(&self) -> &Counters {
        &self.meta.counters
    }

    /// The number that the next decision gets.
    pub fn next_sequence(&self) -> u64 {
        self.meta.sequence
    }

    /// Numbers below this one are given already, whether or not what has them was learned.
    pub fn number_from(&mut self, next: u64) {
        self.meta.sequence = self.meta.sequence.max(next);
    }

    /// The position up to which the journal is known.
    pub fn position(&self) -> Position {
        self.meta.position
    }

    /// Learns `records`, and that everything before `position` is known, as one batch.
    pub fn apply(&mut self, records: &[Durable], position: Position) -> Result<Applied, Fault> {
        let mut meta = self.meta.clone();
        meta.position = position;
        let mut changes = Changes::default();
        let mut order = Vec::new();
        let mut applied = Applied::default();
        for Durable {
            key,
            stored,
            record,
        } in records
        {
            let now = self.now(&mut changes, *key)?;
            match apply(now.as_deref(), record, *stored) {
                Ok(Some(after)) => {
                    meta.sequence = meta.sequence.max(after.sequence.saturating_add(1));
                    *now = Some(Arc::new(after));
                    order.push(*key);
                    for place in record.claims() {
                        self.claim(&mut changes, place, *key)?;
                    }
                }
                Ok(None) => {}
                Err(illegal) => applied.misfits.push(format!("{}: {illegal}", key.short())),
            }
        }
        let mut batch = Batch::default();
        for Touched {
            key,
            before,
            now: after,
        } in &changes.entries
        {
            if before == after {
                continue;
            }
            // What the old entry stood in and the new one doesn't goes; the rest is written over.
            let old = before.as_ref().map(|e| rows(*key, e)).unwrap_or_default();
            let new = after.as_ref().map(|e| rows(*key, e)).unwrap_or_default();
            for (row, _) in old.iter().filter(|(row, _)| value_of(&new, row).is_none()) {
                batch.remove(*key, row.clone());
            }
            for (row, value) in new {
                let before = value_of(&old, &row);
                if before != Some(&value) {
                    let named = is_of_one(&row) || changes.unknown.contains(&row);
                    batch.insert(*key, row, value, before.is_none() && named);
                }
            }
            count(&mut meta.counters, before.as_deref(), after.as_deref());
            let is_full = |e: &Option<Arc<Entry>>| e.as_deref().is_some_and(Entry::is_full);
            applied.freed |= is_full(before) && !is_full(after);
            let gathered = self.gather(*key, before.as_ref());
            gathered.settled = after.as_deref().is_some_and(is_settled);
            gathered.number = after.as_ref().map_or(0, |e| e.sequence);
            gathered.now = after.clone();
        }
        self.table.apply(batch, encode(&meta));
        self.meta = meta;
        self.crossed |= changes.crossed;
        while self.table.is_full() && !self.gathered.is_empty() {
            self.tell_some()?;
        }
        // As each was changed last.
        order.reverse();
        for key in order {
            let change = changes.at.remove(&key);
            let change = change.and_then(|at| changes.entries.get_mut(at));
            if let Some(after) = change.and_then(|change| change.now.take()) {
                applied.changed.push((key, after));
            }
        }
        applied.changed.reverse();
        Ok(applied)
    }

    /// Nobody but `key` lies at `place` from now on: a server that counts its UIDs anew gives the
    /// numbers of old mail to new mail, and what the old one still had to do there would be done to
    /// the new one.
    fn claim(&self, changes: &mut Changes, place: &Place, key: Key) -> Result<(), Fault> {
        let owner = match changes.claims.insert(place.clone(), key) {
            Some(owner) => Some(owner),
            None => {
                let row = place_row(place);
                match self.table.get(&row)? {
                    Some(value) => Some(decode::<PlaceValue>(&value)?.key),
                    None => {
                        // Who left it has not told sled so: a replay would take the row away again.
                        changes.crossed |= self.table.hides(&row);
                        changes.unknown.insert(row);
                        None
                    }
                }
            }
        };
        let Some(owner) = owner.filter(|o| *o != key) else {
            return Ok(());
        };
        changes.crossed = true;
        if let Some(entry) = self.now(changes, owner)? {
            Arc::make_mut(entry).spots.retain(|s| s.place != *place);
        }
        Ok(())
    }

    /// What is known of `key`, with these changes.
    fn now<'c>(
        &self,
        changes: &'c mut Changes,
        key: Key,
    ) -> Result<&'c mut Option<Arc<Entry>>, Fault> {
        let at = match changes.at.get(&key) {
            Some(at) => *at,
            None => {
                let before = self.entry(&key)?;
                let now = before.clone();
                changes.entries.push(Touched { key, before, now });
                changes.at.insert(key, changes.entries.len() - 1);
                changes.entries.len() - 1
            }
        };
        Ok(&mut changes.entries[at].now)
    }

    /// Forgets these messages wholly: nothing of them is in the journal any more, or will be before
    /// the next `apply`.
    pub fn forget(&mut self, keys: &[Key]) -> Result<(), Fault> {
        let mut batch = Batch::default();
        let mut meta = self.meta.clone();
        for key in keys {
            if let Some(entry) = self.entry(key)? {
                for (row, _) in rows(*key, &entry) {
                    batch.remove(*key, row);
                }
                count(&mut meta.counters, Some(&entry), None);
                let gathered = self.gather(*key, Some(&entry));
                gathered.settled = true;
                gathered.now = None;
            }
        }
        self.table.apply(batch, encode(&meta));
        self.meta = meta;
        // The journal has nothing left that a replay could forget them by.
        self.tell_all()
    }

    /// What is kept of a message whose rows change now; `before` is how it was before that.
    fn gather(&mut self, key: Key, before: Option<&Arc<Entry>>) -> &mut Gathered {
        let since = self.meta.position;
        self.gathered.entry(key).or_insert_with(|| Gathered {
            since,
            number: before.map_or(0, |e| e.sequence),
            now: None,
            below: before.cloned(),
            settled: false,
        })
    }

    /// Makes some room in front of sled: it is told of a share of the messages that all is done for, or
    /// of the others where those are few. What is told while it still changes is written again and
    /// again; and whoever waits for this batch should not wait for all that has gathered.
    fn tell_some(&mut self) -> Result<(), Fault> {
        let settled = self.gathered.values().filter(|g| g.settled).count();
        let any = settled == 0 || settled < self.gathered.len() / 4;
        let wanted = self.gathered.iter().filter(|(_, g)| any || g.settled);
        // The oldest, which lie beside each other below.
        let mut share: Vec<(u64, Key)> = wanted.map(|(key, g)| (g.number, *key)).collect();
        share.sort_unstable();
        share.truncate(self.share);
        let share: ByKey<()> = share.into_iter().map(|(_, key)| (key, ())).collect();
        self.tell(|key, _| share.contains_key(key))
    }

    /// Tells sled of the messages that all is done for.
    fn tell_settled(&mut self) -> Result<(), Fault> {
        self.tell(|_, g| g.settled)
    }

    /// Tells sled of everything.
    fn tell_all(&mut self) -> Result<(), Fault> {
        self.tell(|_, _| true)
    }

    /// Tells sled of the messages that are `wanted`, share by share, in the order of their numbers.
    fn tell(&mut self, wanted: impl Fn(&Key, &Gathered) -> bool) -> Result<(), Fault> {
        let crossed = self.crossed;
        let mut told = self.told.clone();
        let mut keys = Vec::new();
        let mut position = self.meta.position;
        for (key, gathered) in &self.gathered {
            match crossed || wanted(key, gathered) {
                true => keys.push((gathered.number, *key)),
                false => position = position.min(gathered.since),
            }
        }
        keys.sort_unstable();
        let keys: Vec<Key> = keys.into_iter().map(|(_, key)| key).collect();
        let share = if crossed {
            keys.len().max(1)
        } else {
            self.share
        };
        let mut shares: Vec<&[Key]> = keys.chunks(share).collect();
        if shares.is_empty() {
            shares.push(&[]);
        }
        let mut metas = Vec::with_capacity(shares.len());
        for share in &shares {
            // sled gets ahead of the position here: what a replay from there tells again of these
            // messages changes nothing, as each entry says up to where it knows. So they are counted
            // now, and not then.
            for key in *share {
                if let Some(gathered) = self.gathered.get(key) {
                    count(
                        &mut told,
                        gathered.below.as_deref(),
                        gathered.now.as_deref(),
                    );
                }
            }
            metas.push(Meta {
                counters: told.clone(),
                ..self.meta.clone()
            });
        }
        // A share's position is the one before the first change of what is not told by then.
        for (share, meta) in shares.iter().zip(&mut metas).rev() {
            meta.position = position;
            let since = share.iter().filter_map(|k| self.gathered.get(k));
            position = since.fold(position, |p, g| p.min(g.since));
        }
        let metas = metas.iter().map(encode).collect();
        let keyed = keys.iter().enumerate();
        let shares: ByKey<usize> = keyed.map(|(at, key)| (*key, at / share)).collect();
        self.table
            .spill(metas, |owner| shares.get(owner).copied())?;
        // Only now: what sled did not take must not count as told.
        self.told = told;
        self.crossed = false;
        for key in &keys {
            self.gathered.remove(key);
        }
        Ok(())
    }

    fn entry(&self, key: &Key) -> Result<Option<Arc<Entry>>, Fault> {
        match self.gathered.get(key) {
            Some(gathered) => Ok(gathered.now.clone()),
            None => Ok(self.table.entry(key)?.map(Arc::new)),
        }
    }

    /// Hands everything to the file system. Alone it makes nothing durable: the caller syncs the
    /// file system behind it (measured: without that, acknowledged records were lost in 30 of 30
    /// cuts).
    pub fn flush(&mut self) -> Result<(), Fault> {
        self.tell_all()?;
        self.db()?.flush()?;
        Ok(())
    }

    /// The same for what is settled, while work goes on: what is under way is left to a replay, which
    /// begins before the oldest of it. To write it now, and again in a moment, costs memory and
    /// octets.
    pub fn flush_settled(&mut self) -> Result<(), Fault> {
        self.tell_settled()?;
        self.db()?.flush()?;
        Ok(())
    }

    /// sled, for the thread that writes. Not to be kept: `rest` closes it.
    fn db(&self) -> Result<sled::Db, Fault> {
        self.table.sled(|db| Ok(db.clone()))
    }
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Enough for most rows: growing is what costs.
    postcard::to_extend(value, Vec::with_capacity(256))
        .expect("these structs have no part that postcard refuses")
}

fn decode<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, Fault> {
    postcard::from_bytes(octets).map_err(|e| Fault::Damaged {
        said: format!("a row can't be read ({e})"),
    })
}

#[cfg(test)]
mod tests;
