//! Reading the index from any thread: single rows, and pages of the lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use sled::IVec;

use super::book::{Searched, Shelf};
use super::directory::{self, Directory, Found};
use super::rows::Name;
use super::table::Table;
use super::{
    archive_row, decode, entries_from, list_row, messages_of, place_row, queue_row, reply_row,
    span_of, Fault, Meta,
};
use crate::index::PlaceValue;
use crate::passage::{Counters, Entry, MailboxId, Place, Position, Stage};
use crate::ticket::{Company, Key, Led, MessageId, Sign, User};

/// Decisions that a way back through a list looks at first, and rows of it that are read at once.
const WINDOW: u64 = 512;
const WINDOW_ROWS: usize = 1024;
/// Messages of one Message-ID that are looked at.
const SAME_ID: usize = 16;

/// A place that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The delivery key of what lies there.
    pub key: Key,
    /// The mailbox that it was learned for.
    pub mailbox: MailboxId,
    /// The server's received time when it was learned, Unix milliseconds.
    pub received_at: i64,
    /// Octets when it was learned.
    pub octets: u64,
    /// Known, and to be fetched again all the same.
    pub again: bool,
}

/// One row of the queue to the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The order of its decision.
    pub sequence: u64,
    /// The delivery key.
    pub key: Key,
    /// The lane in which order is kept.
    pub lane: u32,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The delivery key.
    pub key: Key,
    /// What is known of it.
    pub entry: Entry,
}

/// A handle for reading; cloning shares it.
#[derive(Clone)]
pub struct View {
    table: Arc<Table>,
}

impl View {
    pub(super) fn new(table: Arc<Table>) -> Self {
        Self { table }
    }

    /// What is known of a message.
    pub fn entry(&self, key: &Key) -> Result<Option<Entry>, Fault> {
        self.table.entry(key)
    }

    /// Keys that begin with `prefix` (as octets), `limit` at most: for what people type.
    pub fn keys(&self, prefix: &[u8], limit: usize) -> Result<Vec<Key>, Fault> {
        let Some(last) = 32_usize.checked_sub(prefix.len()) else {
            return Ok(Vec::new());
        };
        let from = [b"m".as_slice(), prefix].concat();
        // One octet more than any key that begins so, and behind all of them.
        let to = [from.as_slice(), &vec![0xff; last], &[0]].concat();
        let mut keys = Vec::new();
        for (row, _) in self.table.range(&from, &to, limit)? {
            if let Ok(octets) = <[u8; 32]>::try_from(&row[1..]) {
                keys.push(Key(octets));
            }
        }
        Ok(keys)
    }

    /// The ticket that a message in `mailbox` says it belongs to, where a message of it is known here.
    pub fn led(&self, sign: &Sign, mailbox: MailboxId) -> Result<Option<Led>, Fault> {
        let met = match sign {
            Sign::Message(id) => self.message(id, mailbox)?,
            Sign::Key(begin) => match self.keys(begin, 1)?.pop() {
                Some(key) => self.entry(&key)?.map(|entry| (key, entry)),
                None => None,
            },
            // Under that name only the portal knows it.
            Sign::Ticket(_) => None,
        };
        let Some((key, entry)) = met else {
            return Ok(None);
        };
        let root = match entry.root {
            Some(root) => self.entry(&root)?.map(|first| (root, first)),
            None => None,
        };
        let mut parties = entry.thread.parties;
        Ok(Some(match root {
            Some((root, first)) => {
                parties.extend(first.thread.parties);
                Led {
                    root,
                    lane: first.lane,
                    parties,
                }
            }
            // Its first message is forgotten, as far as it has another: it stands for the ticket now.
            None => Led {
                root: key,
                lane: entry.lane,
                parties,
            },
        }))
    }

    /// A message with this Message-ID: that of the mailbox, where several have a copy of it, else the newest.
    fn message(&self, id: &MessageId, mailbox: MailboxId) -> Result<Option<(Key, Entry)>, Fault> {
        let Some((oldest, newest)) = self.spans()? else {
            return Ok(None);
        };
        let mut other = None;
        self.table.spans.forget_before(oldest);
        for span in (oldest..=newest).rev() {
            if !self.table.spans.may_have(&self.table, span, newest, id)? {
                continue;
            }
            let from = messages_of(span, id);
            let to = [from.as_slice(), &[0xff; 32], &[0]].concat();
            for (row, _) in self.table.range(&from, &to, SAME_ID)? {
                let Some(Ok(octets)) = row.get(from.len()..).map(<[u8; 32]>::try_from) else {
                    continue;
                };
                let key = Key(octets);
                let entry = self.entry(&key)?.filter(|e| e.thread.id == Some(*id));
                match entry {
                    Some(entry) if entry.mailbox == mailbox => return Ok(Some((key, entry))),
                    entry => other = other.or(entry.map(|entry| (key, entry))),
                }
            }
        }
        Ok(other)
    }

    /// The oldest and the newest span of numbers that may have Message-IDs.
    fn spans(&self) -> Result<Option<(u32, u32)>, Fault> {
        let first = self.table.range(b"i", b"j", 1)?.pop();
        let oldest =
            first.and_then(|(row, _)| Some(u32::from_be_bytes(row.get(1..5)?.try_into().ok()?)));
        let Some(oldest) = oldest else {
            return Ok(None);
        };
        Ok(Some((oldest, span_of(self.next_number()?))))
    }

    /// The replies to the ticket of which `root` was the first message, in the order of their decisions,
    /// `limit` at most.
    pub fn replies(&self, root: &Key, limit: usize) -> Result<Vec<Listed>, Fault> {
        self.page(reply_row(root, 0), reply_row(root, u64::MAX), limit)
    }

    /// Whose message has this segment of its own.
    pub fn large(&self, segment: u64) -> Result<Option<Key>, Fault> {
        let row = self.table.get(&super::large_row(segment))?;
        row.map(|v| decode(&v)).transpose()
    }

    /// What is known of a place.
    pub fn place(&self, place: &Place) -> Result<Option<Known>, Fault> {
        let Some(octets) = self.table.get(&place_row(place))? else {
            return Ok(None);
        };
        let value: PlaceValue = decode(&octets)?;
        Ok(Some(Known {
            key: value.key,
            mailbox: value.mailbox,
            received_at: value.received_at,
            octets: value.octets,
            again: value.again,
        }))
    }

    /// The queue behind `after`, in order.
    pub fn queue(&self, after: u64, limit: usize) -> Result<Vec<Queued>, Fault> {
        let from = queue_row(after.saturating_add(1));
        let mut page = Vec::with_capacity(limit.min(1024));
        for (row, value) in self.table.range(&from, b"r", limit)? {
            let (key, lane) = decode(&value)?;
            let sequence = sequence_of(&row)?;
            // Whoever walks the queue asks for each of them next, and what it brings changes it.
            self.table.remember(key, sequence);
            page.push(Queued {
                sequence,
                key,
                lane,
            });
        }
        Ok(page)
    }

    /// What is to be archived from `mailbox` behind `after`, oldest decision first.
    pub fn to_archive(&self, mailbox: u32, after: u64, limit: usize) -> Result<Vec<Listed>, Fault> {
        self.page(
            archive_row(mailbox, after.saturating_add(1)),
            archive_row(mailbox, u64::MAX),
            limit,
        )
    }

    /// What stands in `stage` behind `after`, oldest decision first.
    pub fn list(&self, stage: Stage, after: u64, limit: usize) -> Result<Vec<Listed>, Fault> {
        self.page(
            list_row(stage, after.saturating_add(1)),
            list_row(stage, u64::MAX),
            limit,
        )
    }

    /// What stands in `stage` before the decision of number `before`, newest decision first.
    ///
    /// By windows of numbers, each read forward, and by a narrower one where that shows too much: sled's own way back brings a constant of a MiB into the
    /// program. A window without many rows makes the next one wider.
    pub fn list_back(&self, stage: Stage, before: u64, limit: usize) -> Result<Vec<Listed>, Fault> {
        self.listed(self.back(|number| list_row(stage, number), before, limit)?)
    }

    /// The newest decisions of all, whatever became of them, newest first.
    pub fn newest(&self, limit: usize) -> Result<Vec<Listed>, Fault> {
        let rows = self.back(entries_from, u64::MAX, limit)?;
        let listed = rows.into_iter().filter_map(|(row, value)| {
            let key = Key(row.get(9..)?.try_into().ok()?);
            Some(decode(&value).map(|entry| Listed { key, entry }))
        });
        listed.collect()
    }

    fn back(
        &self,
        row: impl Fn(u64) -> Name,
        before: u64,
        limit: usize,
    ) -> Result<Vec<(IVec, IVec)>, Fault> {
        let next = self.next_number()?;
        let (mut behind, mut width) = (before.min(next), WINDOW);
        let mut rows = Vec::new();
        while behind > 0 && rows.len() < limit {
            let first = behind.saturating_sub(width);
            let (from, to) = (row(first), row(behind));
            let some = self.table.range(&from, &to, WINDOW_ROWS)?;
            if some.len() >= WINDOW_ROWS {
                width /= 2;
                continue;
            }
            if some.len() < WINDOW_ROWS / 4 {
                width = width.saturating_mul(2);
            }
            rows.extend(some.into_iter().rev().take(limit - rows.len()));
            behind = first;
        }
        Ok(rows)
    }

    /// What the decisions of the numbers from `from` on are about, in their order, `limit` at most.
    pub fn decided(&self, from: u64, limit: usize) -> Result<Vec<Listed>, Fault> {
        let rows = self.table.range(&entries_from(from), b"f", limit)?;
        let listed = rows.into_iter().map(|(row, value)| {
            let key = row.get(row.len().saturating_sub(32)..).unwrap_or_default();
            let key = Key(<[u8; 32]>::try_from(key).map_err(|_| Fault::Damaged {
                said: "an entry's row has no key".to_owned(),
            })?);
            let entry = decode(&value)?;
            Ok(Listed { key, entry })
        });
        listed.collect()
    }

    /// The number of the next decision.
    pub fn next_number(&self) -> Result<u64, Fault> {
        Ok(match self.table.meta()? {
            Some(octets) => decode::<Meta>(&octets)?.sequence,
            None => 0,
        })
    }

    fn page(&self, from: Name, to: Name, limit: usize) -> Result<Vec<Listed>, Fault> {
        self.listed(self.table.range(&from, &to, limit)?)
    }

    fn listed(&self, rows: Vec<(IVec, IVec)>) -> Result<Vec<Listed>, Fault> {
        let mut page = Vec::new();
        for (row, value) in rows {
            let key: Key = decode(&value)?;
            self.table.remember(key, sequence_of(&row)?);
            let entry = self.entry(&key)?.ok_or_else(|| Fault::Damaged {
                said: format!("{} stands in a list and has no entry", key.short()),
            })?;
            page.push(Listed { key, entry });
        }
        Ok(page)
    }

    /// How many messages stand where, and the position known.
    pub fn counters(&self) -> Result<(Counters, Position), Fault> {
        match self.table.meta()? {
            Some(octets) => {
                let meta: Meta = decode(&octets)?;
                Ok((meta.counters, meta.position))
            }
            None => Ok((Counters::default(), Position::default())),
        }
    }

    /// What the directory is: cursor, completeness.
    pub fn directory(&self) -> Result<Directory, Fault> {
        self.table.sled(directory::state)
    }

    /// Who has this address, in lower case.
    pub fn find_address(&self, address: &str) -> Result<Found, Fault> {
        let mut found = self.find_addresses([address].into_iter())?;
        Ok(found.remove(address).unwrap_or(Found::NotRead))
    }

    /// Who has each of these addresses, all by one look: of many messages that are decided together most
    /// are from few people.
    pub fn find_addresses<'a>(
        &self,
        addresses: impl Iterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, Found>, Fault> {
        self.table.sled(|db| directory::find(db, addresses))
    }

    /// A user by id.
    pub fn user(&self, id: &str) -> Result<Option<User>, Fault> {
        self.table.sled(|db| Shelf::open(db)?.user(id))
    }

    /// A company by id, and how many users it has.
    pub fn company(&self, id: &str) -> Result<Option<(Company, u64)>, Fault> {
        self.table.sled(|db| {
            let shelf = Shelf::open(db)?;
            let Some(company) = shelf.company(id)? else {
                return Ok(None);
            };
            Ok(Some((company, shelf.heads(id)?)))
        })
    }

    /// Users in order of their ids behind `after`.
    pub fn users(&self, after: &str, limit: usize) -> Result<Vec<User>, Fault> {
        self.table.sled(|db| Shelf::open(db)?.users(after, limit))
    }

    /// Companies in order of their ids behind `after`, each with the number of its users.
    pub fn companies(&self, after: &str, limit: usize) -> Result<Vec<(Company, u64)>, Fault> {
        self.table.sled(|db| {
            let shelf = Shelf::open(db)?;
            let companies = shelf.companies(after, limit)?;
            let counted = companies.into_iter().map(|c| {
                let heads = shelf.heads(&c.id)?;
                Ok((c, heads))
            });
            counted.collect()
        })
    }

    /// Searches the book for entries with all of these words (in lower case) in them, from `from` on:
    /// at most `pages` of it, until `most` are found.
    pub fn search(
        &self,
        words: &[String],
        from: (u32, u32),
        pages: usize,
        most: usize,
    ) -> Result<Searched, Fault> {
        self.table
            .sled(|db| Shelf::open(db)?.search(words, from, pages, most))
    }
}

fn sequence_of(row: &[u8]) -> Result<u64, Fault> {
    row.get(row.len().saturating_sub(8)..)
        .and_then(|o| <[u8; 8]>::try_from(o).ok())
        .map(u64::from_be_bytes)
        .ok_or_else(|| Fault::Damaged {
            said: "a queue's row has no number".to_owned(),
        })
}
