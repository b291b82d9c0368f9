//! The rows: sled, and in front of it what sled has not been told yet.
//!
//! A message passes through the index in a second or less when all goes well, and each of its rows
//! is then written, rewritten and removed within that second. sled copies a node for every one of
//! those steps (measured: four tenths of a drain's processor time). So changes gather here, in a
//! sorted map, and go to sled together: what came and went in between never reaches it. Which of
//! them go, and when, is `Index`'s decision.
//!
//! One thread writes, any may read. Who reads sees both as one, and waits while sled is closed and opened
//! again (`open_again`), which lets go of what it keeps in memory.
//!
//! Of the messages that are in somebody's hands the numbers are remembered: looking for one by its key
//! is a node of sled's read for nothing else.

use std::collections::btree_map::{BTreeMap, Entry};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use sled::IVec;

use super::pages::{self, Below, Changed};
use super::rows::{entry_row, number_row, Name};
use super::spans::Spans;
use super::{decode, Fault, META};
use crate::passage::Entry as Known;
use crate::ticket::Key;
use crate::world::{memory, worker};

/// How long sled's own threads may have its lock after it was closed.
const LET_GO: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 5 });

/// Rows that gather before sled is told.
pub(super) const ROWS: usize = 4096;
/// What they may weigh; a row's own cost in memory included.
const OCTETS: usize = 1 << 20;
/// What the map costs for each row, beside its octets.
const ROW_COST: usize = 128;

/// Numbers that are remembered, at 48 octets each.
const REMEMBERED: usize = 1024;

/// A row that sled has not been told yet.
struct Fresh {
    /// What it holds now; `None` when it was removed.
    value: Option<IVec>,
    /// Whether sled may have a row of that name.
    below: bool,
    /// The message that it was changed for last.
    owner: Key,
}

impl Fresh {
    fn weight(&self) -> usize {
        self.value.as_ref().map_or(0, |v| v.len())
    }
}

#[derive(Default)]
struct Gathered {
    rows: BTreeMap<Name, Fresh>,
    /// How things stand, for whoever reads: sled's own may say less.
    meta: Option<IVec>,
    octets: usize,
}

/// Changes that belong together.
#[derive(Default)]
pub(super) struct Batch {
    removed: Vec<(Key, Name)>,
    written: Vec<(Key, Name, IVec, bool)>,
}

impl Batch {
    /// A row goes. All removals of a batch come before what it writes: what one message leaves may
    /// be another's place by now.
    pub(super) fn remove(&mut self, owner: Key, row: Name) {
        self.removed.push((owner, row));
    }

    /// A row is written; `new` where surely none of that name was there.
    pub(super) fn insert(&mut self, owner: Key, row: Name, value: impl Into<IVec>, new: bool) {
        self.written.push((owner, row, value.into(), new));
    }
}

/// All rows of the index.
pub(super) struct Table {
    /// Nothing where it could not be opened again: the store is at its end then. Whoever looks into it holds
    /// no second look at the same time, which a writer in between would block for ever.
    sled: RwLock<Option<sled::Db>>,
    /// Rows that gather.
    most: usize,
    gathered: RwLock<Gathered>,
    /// Numbers of messages, each where the beginning of its key says. An old one does no harm.
    remembered: Mutex<Vec<Option<(Key, u64)>>>,
    /// Which spans may have a Message-ID.
    pub(super) spans: Spans,
    /// How often rows were looked for by a range, in tests.
    #[cfg(test)]
    pub(super) ranges: std::sync::atomic::AtomicUsize,
    /// Batches until the process dies, in tests.
    #[cfg(test)]
    left: std::sync::atomic::AtomicUsize,
}

impl Table {
    /// Rows of `db`, of which about `most` gather before sled is told.
    pub(super) fn new(db: sled::Db, most: usize) -> Self {
        Self {
            sled: RwLock::new(Some(db)),
            most,
            gathered: RwLock::default(),
            remembered: Mutex::new(vec![None; REMEMBERED]),
            spans: Spans::default(),
            #[cfg(test)]
            ranges: 0.into(),
            #[cfg(test)]
            left: usize::MAX.into(),
        }
    }

    /// How things stand: position, counters.
    pub(super) fn meta(&self) -> Result<Option<IVec>, Fault> {
        match &self.gathered().meta {
            Some(meta) => Ok(Some(meta.clone())),
            None => self.sled(|db| Ok(db.get(META)?)),
        }
    }

    /// A row.
    pub(super) fn get(&self, row: &[u8]) -> Result<Option<IVec>, Fault> {
        self.get_behind(&self.gathered(), row)
    }

    /// A row, where it is known what has gathered.
    fn get_behind(&self, gathered: &Gathered, row: &[u8]) -> Result<Option<IVec>, Fault> {
        match gathered.rows.get(row) {
            Some(fresh) => Ok(fresh.value.clone()),
            None => self.below(row),
        }
    }

    /// A row, as sled has it.
    fn below(&self, row: &[u8]) -> Result<Option<IVec>, Fault> {
        let page = self.sled(|db| Ok(db.get(pages::below(row))?))?;
        page.map_or(Ok(None), |value| pages::row_of(row, value))
    }

    /// What is known of a message.
    pub(super) fn entry(&self, key: &Key) -> Result<Option<Known>, Fault> {
        // Held over all looks: a message that is decided anew meanwhile has another number, and its entry
        // would be found under neither.
        let gathered = self.gathered();
        let entry = |number| self.get_behind(&gathered, &entry_row(number, key));
        if let Some(number) = self.remembered(key) {
            if let Some(row) = entry(number)? {
                return decode(&row).map(Some);
            }
        }
        // An old number, or none.
        let Some(row) = self.get_behind(&gathered, &number_row(key))? else {
            return Ok(None);
        };
        let number = decode(&row)?;
        let row = entry(number)?.ok_or_else(|| Fault::Damaged {
            said: format!("{} has a number and no entry", key.short()),
        })?;
        self.remember(*key, number);
        decode(&row).map(Some)
    }

    /// Keeps the number of a message at hand, in the place of some other.
    pub(super) fn remember(&self, key: Key, number: u64) {
        if let Some(slot) = self.slots().get_mut(slot(&key)) {
            *slot = Some((key, number));
        }
    }

    fn remembered(&self, key: &Key) -> Option<u64> {
        let known = *self.slots().get(slot(key))?;
        known.filter(|(of, _)| of == key).map(|(_, number)| number)
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Option<(Key, u64)>>> {
        // Each is whole by itself.
        let slots = self.remembered.lock();
        slots.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a row is gone that sled may still have.
    pub(super) fn hides(&self, row: &[u8]) -> bool {
        let gathered = self.gathered();
        gathered.rows.get(row).is_some_and(|f| f.value.is_none())
    }

    /// The rows from `from` on that lie before `to`, in order, `limit` at most.
    pub(super) fn range(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<(IVec, IVec)>, Fault> {
        if from >= to {
            return Ok(Vec::new());
        }
        #[cfg(test)]
        self.ranges
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // Held to the end: a row that moved to sled meanwhile would be seen twice, or not at all.
        let gathered = self.gathered();
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        let mut fresh = gathered.rows.range::<[u8], _>(bounds).peekable();
        self.sled(|db| {
            let mut below = Below::new(db, from, to).peekable();
            let mut page = Vec::new();
            while page.len() < limit {
                match first(&mut fresh, &mut below)? {
                    Some((row, Some(value))) => page.push((row, value)),
                    Some((_, None)) => {}
                    None => break,
                }
            }
            Ok(page)
        })
    }

    /// Takes changes over, and how things stand behind them.
    pub(super) fn apply(&self, batch: Batch, meta: Vec<u8>) {
        let mut gathered = self
            .gathered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (owner, row) in batch.removed {
            gathered.put(owner, row, None, true);
        }
        for (owner, row, value, new) in batch.written {
            gathered.put(owner, row, Some(value), !new);
        }
        gathered.meta = Some(meta.into());
    }

    /// Whether so much has gathered that sled should be told.
    pub(super) fn is_full(&self) -> bool {
        let gathered = self.gathered();
        gathered.rows.len() >= self.most || gathered.octets >= OCTETS
    }

    /// Tells sled the rows of those messages that have a share, as one batch for each of `metas`, which
    /// goes with its share.
    pub(super) fn spill(
        &self,
        metas: Vec<Vec<u8>>,
        share: impl Fn(&Key) -> Option<usize>,
    ) -> Result<(), Fault> {
        let mut shares: Vec<Vec<(Name, Option<IVec>)>> = vec![Vec::new(); metas.len()];
        for (row, fresh) in &self.gathered().rows {
            let of_it = share(&fresh.owner).and_then(|at| shares.get_mut(at));
            if let Some(of_it) = of_it {
                of_it.push((row.clone(), fresh.value.clone()));
            }
        }
        for (rows, meta) in shares.into_iter().zip(metas) {
            // Of each share only now: pages may hold rows of an earlier one.
            self.sled(|db| {
                let mut changed = Changed::default();
                for (row, value) in rows {
                    changed.change(&row, value.as_ref(), |name| Ok(db.get(name)?))?;
                }
                let mut batch = changed.into_batch();
                batch.insert(META, meta);
                #[cfg(test)]
                self.live_on()?;
                // Readers go on with what is gathered until sled has all of it: both say the same.
                Ok(db.apply_batch(batch)?)
            })?;
        }
        let mut gathered = self
            .gathered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut left = 0;
        gathered.rows.retain(|row, fresh| {
            let stays = share(&fresh.owner).is_none();
            if stays {
                left += row.len() + ROW_COST + fresh.weight();
            }
            stays
        });
        gathered.octets = left;
        Ok(())
    }

    /// Looks into sled, or tells it something.
    pub(super) fn sled<T>(
        &self,
        look: impl FnOnce(&sled::Db) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        // A panic while it was held has ended a worker; sled itself is whole.
        let sled = self.sled.read().unwrap_or_else(PoisonError::into_inner);
        let closed = || Fault::Disk {
            said: "it was closed and could not be opened again".to_owned(),
        };
        look(sled.as_ref().ok_or_else(closed)?)
    }

    /// Closes sled, which writes what it has not written yet, and opens it again by `config`.
    pub(super) fn open_again(&self, config: &sled::Config) -> Result<(), Fault> {
        let mut sled = self.sled.write().unwrap_or_else(PoisonError::into_inner);
        *sled = None;
        self.spans.rest();
        // Before it is opened: its table of pages is six MiB that stay untouched where they come from the
        // system, and are overwritten where they are what was just freed (measured: 4 MiB more at rest).
        memory::give_back();
        let opened = worker::insist(LET_GO, || match config.open().map_err(Fault::from) {
            Err(Fault::Taken { .. }) => None,
            opened => Some(opened),
        });
        *sled = Some(opened.unwrap_or_else(|| Ok(config.open()?))?);
        Ok(())
    }

    fn gathered(&self) -> RwLockReadGuard<'_, Gathered> {
        // A panic while it was held has ended the writer; nothing here is half changed.
        self.gathered.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    fn put(&mut self, owner: Key, row: Name, value: Option<IVec>, below: bool) {
        match self.rows.entry(row) {
            Entry::Occupied(mut known) => {
                self.octets -= known.get().weight();
                if value.is_none() && !known.get().below {
                    // It came and went, and sled never heard of it.
                    let (row, _) = known.remove_entry();
                    self.octets -= row.len() + ROW_COST;
                    return;
                }
                let fresh = known.get_mut();
                fresh.value = value;
                fresh.owner = owner;
                self.octets += fresh.weight();
            }
            Entry::Vacant(free) => {
                self.octets += free.key().len() + ROW_COST;
                let fresh = free.insert(Fresh {
                    value,
                    below,
                    owner,
                });
                self.octets += fresh.weight();
            }
        }
    }
}

/// Keys are digests: any part of one is as good as random.
fn slot(key: &Key) -> usize {
    usize::from(u16::from_le_bytes([key.0[0], key.0[1]])) % REMEMBERED
}

/// The first row of both sides; what is gathered hides sled's row of the same name.
fn first<'g>(
    fresh: &mut Peekable<impl Iterator<Item = (&'g Name, &'g Fresh)>>,
    below: &mut Peekable<Below<'_>>,
) -> Result<Option<(IVec, Option<IVec>)>, Fault> {
    let Some((row, _)) = fresh.peek() else {
        let next = below.next().transpose()?;
        return Ok(next.map(|(row, value)| (row, Some(value))));
    };
    match below.peek() {
        Some(Ok((other, _))) if other.as_ref() < row.as_slice() => {
            let next = below.next().transpose()?;
            return Ok(next.map(|(row, value)| (row, Some(value))));
        }
        Some(Ok((other, _))) if other.as_ref() == row.as_slice() => {
            below.next();
        }
        Some(Err(_)) => {
            below.next().transpose()?;
        }
        _ => {}
    }
    Ok(fresh
        .next()
        .map(|(row, f)| (IVec::from(row.as_slice()), f.value.clone())))
}

#[cfg(test)]
mod tests;
