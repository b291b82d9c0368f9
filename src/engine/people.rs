//! What the directory knows, for people: pages of companies and users, and who a sender would be.
//!
//! Lists are key ranges, addresses are looked up, and words are searched for in the directory's book:
//! memory stays the same however many users a portal has. One step looks at a bounded part of the
//! book, since bodies wait for the same thread. Decides nothing about mail.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use super::decide;
use super::reader::Reader;
use super::StoreFault;
use crate::index::{Directory, Found, Told};
use crate::ticket::directory::address_form;
use crate::ticket::{Company, Sender, User};

/// Pages of the book (4 KiB each) that one step reads.
const BOOK_PAGES: usize = 128;

/// A user or a company, as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A company.
    Company {
        /// As the portal told it.
        company: Company,
        /// How many users it has.
        users: u64,
    },
    /// A user.
    User {
        /// As the portal told it.
        user: User,
        /// The company's name; none where the portal did not tell of the company (yet).
        company: Option<String>,
    },
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Behind the company with this id; empty for the beginning.
    Company(String),
    /// Behind the user with this id.
    User(String),
    /// At this page and entry of the book.
    Book(u32, u32),
}

/// A letter for the kind; ids in hexadecimal, since they may hold anything.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cursor::Company(id) => write!(f, "c{}", HEXLOWER.encode(id.as_bytes())),
            Cursor::User(id) => write!(f, "u{}", HEXLOWER.encode(id.as_bytes())),
            Cursor::Book(page, entry) => write!(f, "b{page}-{entry}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, rest) = text.split_at_checked(1).ok_or(())?;
        match kind {
            "c" => unhex(rest).map(Cursor::Company),
            "u" => unhex(rest).map(Cursor::User),
            "b" => rest
                .split_once('-')
                .and_then(|(page, entry)| Some((page.parse().ok()?, entry.parse().ok()?)))
                .map(|(page, entry)| Cursor::Book(page, entry)),
            _ => None,
        }
        .ok_or(())
    }
}

fn unhex(digits: &str) -> Option<String> {
    let octets = HEXLOWER.decode(digits.as_bytes());
    String::from_utf8(octets.ok()?).ok()
}

/// What the directory is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Everything.
    All,
    /// Who has this address, in the directory's form.
    Address(String),
    /// Whoever has all of these words, in lower case, in name, addresses or domains; or one of them
    /// as the id, or as the company's.
    Words(Vec<String>),
}

impl Wanted {
    /// What somebody means who types this.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let address = text.split_once('@').is_some_and(|(user, domain)| {
            !user.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace)
        });
        match address {
            true => Wanted::Address(address_form(text)),
            false if text.is_empty() => Wanted::All,
            false => Wanted::Words(
                text.to_lowercase()
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect(),
            ),
        }
    }
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// How the directory stands.
    pub state: Directory,
    /// What was found.
    pub lines: Vec<Line>,
    /// Where the next step begins, also where this one found less than was wanted; none on the last.
    pub next: Option<Cursor>,
    /// Of an address: who a sender with it would be.
    pub sender: Option<Sender>,
}

/// One step through what is `wanted`, from `after` on, with at most `limit` lines.
pub fn step(
    reader: &Reader,
    wanted: &Wanted,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page, StoreFault> {
    let state = reader.view().directory()?;
    let page = Page {
        state,
        ..Page::default()
    };
    let asked = Asked { reader, limit };
    match wanted {
        Wanted::All => asked.all(page, after),
        Wanted::Address(address) => asked.address(page, address),
        Wanted::Words(words) => asked.search(page, words, after),
    }
}

struct Asked<'r> {
    reader: &'r Reader,
    limit: usize,
}

impl Asked<'_> {
    fn all(&self, mut page: Page, after: Option<Cursor>) -> Result<Page, StoreFault> {
        let view = self.reader.view();
        let after = after.unwrap_or(Cursor::Company(String::new()));
        let mut from = String::new();
        match after {
            Cursor::User(id) => from = id,
            Cursor::Company(id) => {
                let companies = view.companies(&id, self.limit + 1)?;
                if companies.len() > self.limit {
                    let last = companies.get(self.limit.saturating_sub(1));
                    page.next = last.map(|(c, _)| Cursor::Company(c.id.clone()));
                }
                let lines = companies.into_iter().take(self.limit);
                page.lines
                    .extend(lines.map(|(company, users)| Line::Company { company, users }));
            }
            Cursor::Book(..) => {}
        }
        if page.next.is_some() {
            return Ok(page);
        }
        // One more than is shown tells whether there is a next page.
        let room = self.limit.saturating_sub(page.lines.len());
        let users = view.users(&from, room + 1)?;
        if users.len() > room {
            let last = room.checked_sub(1).and_then(|at| users.get(at));
            page.next = Some(Cursor::User(last.map_or(from, |u| u.id.clone())));
        }
        for user in users.into_iter().take(room) {
            page.lines.push(self.line(user)?);
        }
        Ok(page)
    }

    fn address(&self, mut page: Page, address: &str) -> Result<Page, StoreFault> {
        let view = self.reader.view();
        let found = view.find_address(address)?;
        let company = match &found {
            Found::User { company, .. } | Found::Nobody { company } => company.clone(),
            Found::NotRead => None,
        };
        if let Some(company) = &company {
            page.lines.extend(self.company(company)?);
        }
        if let Found::User { id, .. } = &found {
            if let Some(user) = view.user(id)? {
                page.lines.push(self.line(user)?);
            }
        }
        page.sender = Some(decide::sender(found));
        Ok(page)
    }

    fn search(
        &self,
        mut page: Page,
        words: &[String],
        after: Option<Cursor>,
    ) -> Result<Page, StoreFault> {
        let from = match after {
            Some(Cursor::Book(page, entry)) => (page, entry),
            _ => (0, 0),
        };
        let view = self.reader.view();
        let searched = view.search(words, from, BOOK_PAGES, self.limit)?;
        for told in searched.found {
            match told {
                Told::User(user) => page.lines.push(self.line(user)?),
                Told::Company(company) => page.lines.extend(self.company(&company.id)?),
            }
        }
        page.next = searched.next.map(|(page, entry)| Cursor::Book(page, entry));
        Ok(page)
    }

    fn company(&self, id: &str) -> Result<Option<Line>, StoreFault> {
        let found = self.reader.view().company(id)?;
        Ok(found.map(|(company, users)| Line::Company { company, users }))
    }

    fn line(&self, user: User) -> Result<Line, StoreFault> {
        let company = match &user.company {
            Some(id) => self.reader.view().company(id)?.map(|(c, _)| c.name),
            None => None,
        };
        Ok(Line::User { user, company })
    }
}

#[cfg(test)]
mod tests;
