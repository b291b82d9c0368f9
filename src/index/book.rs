//! The book: every user and company as the portal told it, many to a row, in the order in which
//! they came. And the directory as people look at it.
//!
//! A look-up by a part of a name has to read all names. As rows of the index that costs about 100
//! octets of memory for each, which never come back (measured: 50,000 users listed by the words of
//! their names took 8 MiB more); a book of 4 KiB pages is read from front to back in the same
//! memory each time.
//!
//! What changed is written again on a later page, and the row of a user or company says on which
//! page it was written last: elsewhere it stands crossed out. A whole reading begins a new book.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::directory::{row, state, Directory, Page};
use super::{decode, encode, Fault};
use crate::ticket::directory::address_form;
use crate::ticket::{Company, User};

/// Octets of a page, after which another begins.
const PAGE_OCTETS: usize = 4096;

/// An entry of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// A user.
    User(User),
    /// A company.
    Company(Company),
}

impl Told {
    /// Its row among users or companies, and what that holds.
    fn kept(&self, generation: u8, page: u32) -> (Vec<u8>, Vec<u8>) {
        match self {
            Told::User(user) => (row(generation, b'u', &user.id), encode(&(page, user))),
            Told::Company(company) => {
                (row(generation, b'c', &company.id), encode(&(page, company)))
            }
        }
    }

    /// Whether all of these words (in lower case) occur in its name, addresses, domains or ids.
    fn has(&self, words: &[String]) -> bool {
        let (id, name, known_by, company) = match self {
            Told::User(u) => (&u.id, &u.name, &u.addresses, u.company.as_deref()),
            Told::Company(c) => (&c.id, &c.name, &c.domains, None),
        };
        let (id, name) = (id.to_lowercase(), name.to_lowercase());
        let company = company.unwrap_or_default().to_lowercase();
        words.iter().all(|word| {
            name.contains(word)
                || known_by.iter().any(|k| address_form(k).contains(word))
                || id == *word
                || company == *word
        })
    }
}

impl Page {
    /// Enters what was told into the book, and where it stands there into the rows of users and
    /// companies.
    pub(super) fn enter(&mut self, state: &mut Directory, generation: u8) {
        let told = std::mem::take(&mut self.told);
        let mut rest = told.as_slice();
        while !rest.is_empty() {
            let mut octets = 0;
            let fit = rest.iter().take_while(|entry| {
                let begins = octets == 0;
                octets += encode(entry).len();
                begins || octets <= PAGE_OCTETS
            });
            let (page, more) = rest.split_at(fit.count());
            for entry in page {
                let (row, value) = entry.kept(generation, state.pages);
                self.batch.insert(row, value);
            }
            self.batch
                .insert(page_row(generation, state.pages), encode(&page));
            state.pages = state.pages.saturating_add(1);
            state.written += page.len() as u64;
            rest = more;
        }
    }
}

fn page_row(generation: u8, page: u32) -> Vec<u8> {
    [[b'd', generation, b'b'].as_slice(), &page.to_be_bytes()].concat()
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Entries that stand so in the directory now.
    pub found: Vec<Told>,
    /// Where it goes on: page and entry; none where the book ends.
    pub next: Option<(u32, u32)>,
}

/// The directory as people look at it: the generation that serves or, before the first, fills.
pub(super) struct Shelf<'d> {
    db: &'d sled::Db,
    generation: u8,
}

impl<'d> Shelf<'d> {
    pub(super) fn open(db: &'d sled::Db) -> Result<Self, Fault> {
        let state = state(db)?;
        Ok(Self {
            db,
            generation: state.serving.unwrap_or(state.filling),
        })
    }

    fn one<T: DeserializeOwned>(&self, table: u8, name: &str) -> Result<Option<T>, Fault> {
        let value = self.db.get(row(self.generation, table, name))?;
        value.map(|v| decode(&v)).transpose()
    }

    pub(super) fn user(&self, id: &str) -> Result<Option<User>, Fault> {
        Ok(self.one::<(u32, User)>(b'u', id)?.map(|(_, user)| user))
    }

    pub(super) fn company(&self, id: &str) -> Result<Option<Company>, Fault> {
        let kept = self.one::<(u32, Company)>(b'c', id)?;
        Ok(kept.map(|(_, company)| company))
    }

    pub(super) fn heads(&self, company: &str) -> Result<u64, Fault> {
        Ok(self.one(b'h', company)?.unwrap_or(0))
    }

    pub(super) fn users(&self, after: &str, limit: usize) -> Result<Vec<User>, Fault> {
        self.behind(b'u', after, limit)
    }

    pub(super) fn companies(&self, after: &str, limit: usize) -> Result<Vec<Company>, Fault> {
        self.behind(b'c', after, limit)
    }

    fn behind<T: DeserializeOwned>(
        &self,
        table: u8,
        after: &str,
        limit: usize,
    ) -> Result<Vec<T>, Fault> {
        let mut from = row(self.generation, table, after);
        from.push(0);
        let to = row(self.generation, table + 1, "");
        let mut page = Vec::new();
        for item in self.db.range(from..to).take(limit) {
            let (_, value) = item?;
            let (_, kept): (u32, T) = decode(&value)?;
            page.push(kept);
        }
        Ok(page)
    }

    pub(super) fn search(
        &self,
        words: &[String],
        from: (u32, u32),
        pages: usize,
        most: usize,
    ) -> Result<Searched, Fault> {
        let mut searched = Searched::default();
        let begin = page_row(self.generation, from.0);
        let end = row(self.generation, b'b' + 1, "");
        for (read, item) in self.db.range(begin..end).enumerate() {
            let (key, value) = item?;
            let number = key.get(3..).and_then(|o| <[u8; 4]>::try_from(o).ok());
            let number = number
                .map(u32::from_be_bytes)
                .ok_or_else(|| Fault::Damaged {
                    said: "a page of the directory's book has no number".to_owned(),
                })?;
            if read >= pages {
                searched.next = Some((number, 0));
                return Ok(searched);
            }
            let told: Vec<Told> = decode(&value)?;
            for (at, entry) in (0_u32..).zip(told) {
                if (number, at) < from || !entry.has(words) {
                    continue;
                }
                if searched.found.len() >= most {
                    searched.next = Some((number, at));
                    return Ok(searched);
                }
                if self.stands(&entry, number)? {
                    searched.found.push(entry);
                }
            }
        }
        Ok(searched)
    }

    /// Whether an entry on this page is not crossed out.
    fn stands(&self, entry: &Told, number: u32) -> Result<bool, Fault> {
        let (row, _) = entry.kept(self.generation, number);
        let Some(value) = self.db.get(row)? else {
            return Ok(false);
        };
        // The number stands in front of both.
        let (page, _) = postcard::take_from_bytes::<u32>(&value).map_err(|e| Fault::Damaged {
            said: format!("a row of the directory can't be read ({e})"),
        })?;
        Ok(page == number)
    }
}
