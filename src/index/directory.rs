//! The portal's directory, cached: who has which address, and which company has which domain.
//!
//! It is the portal's own and comes from nowhere else, so its cursor lies beside it and not in the
//! journal. A whole reading fills a new generation beside the old one, which serves until the new
//! one is complete; then the old rows go, page by page.
//!
//! ```text
//!   d!                 state
//!   d <gen> a address  -> user id, company id, whether a technician
//!   d <gen> u id       -> page of the book; user: name, addresses, company
//!   d <gen> c id       -> page of the book; company: name, domains
//!   d <gen> n domain   -> company id
//!   d <gen> h company  -> how many users it has
//!   d <gen> b page     -> the book: users and companies as they were told, see `book`
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::book::Told;
use super::{decode, encode, Fault, Index};
use crate::mail::Address;
use crate::ticket::directory::address_form;
use crate::ticket::{Company, User};

const STATE: &[u8] = b"d!";

/// What the directory is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// The URL of the portal whose it is.
    pub of: String,
    /// The generation that serves; none before the first whole reading.
    pub(super) serving: Option<u8>,
    /// The generation that changes are written to.
    pub(super) filling: u8,
    /// Where the next page begins; none for the beginning.
    pub cursor: Option<String>,
    /// Users in the generation that serves or, before the first, fills.
    pub users: u64,
    /// Companies likewise.
    pub companies: u64,
    /// When it was last known to be up to date, Unix milliseconds.
    pub read_at: Option<i64>,
    /// When a reading from the beginning was last complete, Unix milliseconds.
    pub whole_at: Option<i64>,
    /// Pages and entries of the book that is filled.
    pub(super) pages: u32,
    pub(super) written: u64,
}

impl Directory {
    /// Whether it was read whole at least once.
    pub fn is_complete(&self) -> bool {
        self.serving.is_some()
    }

    /// Whether the book holds far more than what is true now, so that the directory should be read
    /// from the beginning.
    pub fn is_worn(&self) -> bool {
        self.written > 10_000 + 4 * (self.users + self.companies)
    }
}

/// A change of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A user is there, as told.
    User(User),
    /// A company is there, as told.
    Company(Company),
    /// A user is gone.
    UserGone(String),
    /// A company is gone.
    CompanyGone(String),
}

impl Change {
    fn id(&self) -> (bool, &str) {
        match self {
            Change::User(user) => (true, &user.id),
            Change::UserGone(id) => (true, id),
            Change::Company(company) => (false, &company.id),
            Change::CompanyGone(id) => (false, id),
        }
    }
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// This user.
    User {
        /// The user's id.
        id: String,
        /// The company's id; none where the directory does not have the company (any more).
        company: Option<String>,
        /// Works for the portal's operator.
        technician: bool,
    },
    /// Nobody; perhaps the domain is a company's.
    Nobody {
        /// The company's id.
        company: Option<String>,
    },
    /// The directory was never read whole.
    NotRead,
}

/// What a page of changes will write.
#[derive(Default)]
pub(super) struct Page {
    pub(super) batch: sled::Batch,
    /// Addresses and domains that something in this page has: who had them before, and loses them
    /// further on in the same page, must not take them along.
    claimed: BTreeSet<Vec<u8>>,
    /// How many users each company gains or loses.
    heads: BTreeMap<String, i64>,
    /// What goes into the book, in order.
    pub(super) told: Vec<Told>,
}

impl Page {
    fn claim(&mut self, row: Vec<u8>, owner: Vec<u8>) {
        self.claimed.insert(row.clone());
        self.batch.insert(row, owner);
    }

    /// A user who had the company `old` has `new` now.
    fn moves(&mut self, old: Option<&str>, new: Option<&str>) {
        if old != new {
            for (company, heads) in old.map(|c| (c, -1)).into_iter().chain(new.map(|c| (c, 1))) {
                *self.heads.entry(company.to_owned()).or_default() += heads;
            }
        }
    }
}

impl Index {
    /// Learns a page of changes; `cursor` is where the next begins, `last` says that none follows
    /// now, `at` is the time of the reading.
    pub fn learn_directory(
        &mut self,
        changes: &[Change],
        cursor: Option<String>,
        last: bool,
        at: i64,
    ) -> Result<Directory, Fault> {
        let mut state = self.table.sled(state)?;
        let generation = state.filling;
        let mut page = Page::default();
        let mut touched = BTreeSet::new();
        for change in changes {
            // A second change of the same thing must see what the first one wrote. The cursor is
            // still the old one: a crash behind this reads the page again, and counts nobody twice.
            if !touched.insert(change.id()) {
                self.write(std::mem::take(&mut page), &mut state, generation)?;
                touched.clear();
                touched.insert(change.id());
            }
            self.learn(&mut page, &mut state, generation, change)?;
        }
        state.cursor = cursor;
        if last {
            state.read_at = Some(at);
        }
        let old = match state.serving {
            Some(serving) if last && serving != generation => Some(serving),
            _ => None,
        };
        if last && state.serving != Some(generation) {
            state.serving = Some(generation);
            state.whole_at = Some(at);
        }
        self.write(page, &mut state, generation)?;
        if let Some(old) = old {
            self.forget_generation(old)?;
        }
        Ok(state)
    }

    fn write(&self, mut page: Page, state: &mut Directory, generation: u8) -> Result<(), Fault> {
        for (company, change) in std::mem::take(&mut page.heads) {
            let row = row(generation, b'h', &company);
            let before: u64 = match self.db()?.get(&row)? {
                Some(value) => decode(&value)?,
                None => 0,
            };
            match before.saturating_add_signed(change) {
                0 => page.batch.remove(row),
                heads => page.batch.insert(row, encode(&heads)),
            }
        }
        page.enter(state, generation);
        page.batch.insert(STATE, encode(state));
        self.db()?.apply_batch(page.batch)?;
        Ok(())
    }

    /// Begins a whole reading beside what serves now: the portal lost our cursor.
    pub fn restart_directory(&mut self) -> Result<(), Fault> {
        let mut state = self.table.sled(state)?;
        // Two generations take turns: what is left of an abandoned filling goes first.
        if let Some(serving) = state.serving {
            state.filling = serving ^ 1;
        }
        self.forget_generation(state.filling)?;
        state.cursor = None;
        state.users = 0;
        state.companies = 0;
        state.pages = 0;
        state.written = 0;
        self.db()?.insert(STATE, encode(&state))?;
        Ok(())
    }

    /// Forgets it wholly: the portal is another, at this URL, whose ids may mean others.
    pub fn forget_directory(&mut self, of: &str) -> Result<(), Fault> {
        // First what makes it serve: a crash behind this leaves rows that a whole reading removes.
        let old = self.table.sled(state)?;
        let empty = Directory {
            of: of.to_owned(),
            filling: old.filling,
            ..Directory::default()
        };
        self.db()?.insert(STATE, encode(&empty))?;
        self.forget_generation(0)?;
        self.forget_generation(1)
    }

    fn learn(
        &self,
        page: &mut Page,
        state: &mut Directory,
        generation: u8,
        change: &Change,
    ) -> Result<(), Fault> {
        match change {
            Change::User(user) => {
                let old = self.kept::<User>(generation, b'u', &user.id)?;
                match &old {
                    Some(old) => self.forget_addresses(page, generation, old)?,
                    None => state.users += 1,
                }
                page.moves(
                    old.as_ref().and_then(|u| u.company.as_deref()),
                    user.company.as_deref(),
                );
                for address in &user.addresses {
                    page.claim(
                        row(generation, b'a', &address_form(address)),
                        encode(&(&user.id, &user.company, user.technician)),
                    );
                }
                if old.as_ref() != Some(user) {
                    page.told.push(Told::User(user.clone()));
                }
            }
            Change::UserGone(id) => {
                if let Some(old) = self.kept::<User>(generation, b'u', id)? {
                    self.forget_addresses(page, generation, &old)?;
                    page.moves(old.company.as_deref(), None);
                    page.batch.remove(row(generation, b'u', id));
                    state.users = state.users.saturating_sub(1);
                }
            }
            Change::Company(company) => {
                let old = self.kept::<Company>(generation, b'c', &company.id)?;
                match &old {
                    Some(old) => self.forget_domains(page, generation, old)?,
                    None => state.companies += 1,
                }
                for domain in &company.domains {
                    page.claim(
                        row(generation, b'n', &Address::fold_domain(domain)),
                        encode(&company.id),
                    );
                }
                if old.as_ref() != Some(company) {
                    page.told.push(Told::Company(company.clone()));
                }
            }
            Change::CompanyGone(id) => {
                if let Some(old) = self.kept::<Company>(generation, b'c', id)? {
                    self.forget_domains(page, generation, &old)?;
                    page.batch.remove(row(generation, b'c', id));
                    state.companies = state.companies.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    fn kept<T: DeserializeOwned>(
        &self,
        generation: u8,
        table: u8,
        id: &str,
    ) -> Result<Option<T>, Fault> {
        let value = self.db()?.get(row(generation, table, id))?;
        let kept = value.map(|v| decode::<(u32, T)>(&v)).transpose()?;
        Ok(kept.map(|(_, what)| what))
    }

    /// Removes a user's addresses, but for those that another user has taken over since.
    fn forget_addresses(&self, page: &mut Page, generation: u8, user: &User) -> Result<(), Fault> {
        for address in &user.addresses {
            let row = row(generation, b'a', &address_form(address));
            if page.claimed.contains(&row) {
                continue;
            }
            if let Some(value) = self.db()?.get(&row)? {
                let (id, ..): (String, Option<String>, bool) = decode(&value)?;
                if id == user.id {
                    page.batch.remove(row);
                }
            }
        }
        Ok(())
    }

    fn forget_domains(
        &self,
        page: &mut Page,
        generation: u8,
        company: &Company,
    ) -> Result<(), Fault> {
        for domain in &company.domains {
            let row = row(generation, b'n', &Address::fold_domain(domain));
            if page.claimed.contains(&row) {
                continue;
            }
            if let Some(value) = self.db()?.get(&row)? {
                let id: String = decode(&value)?;
                if id == company.id {
                    page.batch.remove(row);
                }
            }
        }
        Ok(())
    }

    fn forget_generation(&self, generation: u8) -> Result<(), Fault> {
        loop {
            let mut batch = sled::Batch::default();
            let mut any = false;
            for key in self.db()?.scan_prefix([b'd', generation]).keys().take(500) {
                batch.remove(key?);
                any = true;
            }
            if !any {
                return Ok(());
            }
            self.db()?.apply_batch(batch)?;
        }
    }
}

pub(super) fn state(db: &sled::Db) -> Result<Directory, Fault> {
    match db.get(STATE)? {
        Some(octets) => decode(&octets),
        None => Ok(Directory::default()),
    }
}

/// Who has each of these addresses, in their form.
pub(super) fn find<'a>(
    db: &sled::Db,
    addresses: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, Found>, Fault> {
    let serving = state(db)?.serving;
    let mut found = BTreeMap::new();
    for address in addresses {
        if !found.contains_key(address) {
            let who = match serving {
                Some(generation) => find_in(db, generation, address)?,
                None => Found::NotRead,
            };
            found.insert(address.to_owned(), who);
        }
    }
    Ok(found)
}

fn find_in(db: &sled::Db, generation: u8, address: &str) -> Result<Found, Fault> {
    if let Some(value) = db.get(row(generation, b'a', address))? {
        let (id, company, technician): (String, Option<String>, bool) = decode(&value)?;
        // Who is told of a user need not be told of the company, or that it is gone: an id that means
        // nothing at the portal is none, which a portal may refuse a ticket for.
        let company = match company {
            Some(company) if db.contains_key(row(generation, b'c', &company))? => Some(company),
            _ => None,
        };
        return Ok(Found::User {
            id,
            company,
            technician,
        });
    }
    let company = match address.rsplit_once('@') {
        Some((_, domain)) => db
            .get(row(generation, b'n', domain))?
            .map(|v| decode(&v))
            .transpose()?,
        None => None,
    };
    Ok(Found::Nobody { company })
}

pub(super) fn row(generation: u8, table: u8, name: &str) -> Vec<u8> {
    [&[b'd', generation, table], name.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
