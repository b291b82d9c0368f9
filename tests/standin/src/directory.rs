//! The directory: people and companies, each with the number of its last change.
//!
//! A cursor names a lifetime and a number: what changed after that number comes next. A new
//! lifetime (a restore, or a test's wish) makes every older cursor lost.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Every entry under (kind, id), as it was last changed.
#[derive(Serialize, Deserialize, Default)]
struct Book {
    lifetime: u64,
    last: u64,
    entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize, Clone)]
struct Entry {
    kind: Kind,
    id: String,
    changed: u64,
    /// Absent once removed.
    record: Option<Value>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Company,
    User,
}

/// The directory and the file that keeps it.
pub struct Directory {
    path: PathBuf,
    book: Book,
}

impl Directory {
    /// Opens what the state folder keeps; `first` fills it when it keeps nothing yet.
    pub fn open(dir: &Path, first: Option<&Path>) -> io::Result<Self> {
        let path = dir.join("directory.json");
        if path.exists() {
            let book = serde_json::from_slice(&fs::read(&path)?)?;
            return Ok(Directory { path, book });
        }
        let mut directory = Directory {
            path,
            book: Book {
                lifetime: 1,
                ..Book::default()
            },
        };
        if let Some(first) = first {
            let whole: Value = serde_json::from_slice(&fs::read(first)?)?;
            directory.replace(&whole)?;
        }
        Ok(directory)
    }

    /// Makes the directory equal to this document; what differs becomes changes.
    pub fn replace(&mut self, whole: &Value) -> io::Result<usize> {
        let mut wanted = BTreeMap::new();
        for (kind, list) in [
            (Kind::Company, &whole["companies"]),
            (Kind::User, &whole["users"]),
        ] {
            for record in list.as_array().into_iter().flatten() {
                let Some(id) = record["id"].as_str() else {
                    return Err(io::Error::other("an entry of the directory has no id"));
                };
                wanted.insert((kind, id.to_owned()), record.clone());
            }
        }
        let mut changed = 0;
        let last = &mut self.book.last;
        let mut touch = |entry: &mut Entry, record: Option<Value>| {
            if entry.record != record {
                *last += 1;
                changed += 1;
                entry.changed = *last;
                entry.record = record;
            }
        };
        for entry in &mut self.book.entries {
            let record = wanted.remove(&(entry.kind, entry.id.clone()));
            touch(entry, record);
        }
        for ((kind, id), record) in wanted {
            let mut entry = Entry {
                kind,
                id,
                changed: 0,
                record: None,
            };
            touch(&mut entry, Some(record));
            self.book.entries.push(entry);
        }
        self.book.entries.sort_by_key(|e| e.changed);
        self.keep()?;
        Ok(changed)
    }

    /// Forgets every cursor that was ever given.
    pub fn lose_cursors(&mut self) -> io::Result<()> {
        self.book.lifetime += 1;
        self.keep()
    }

    /// The name of a company that is there.
    pub fn company(&self, id: &str) -> Option<&str> {
        let mut entries = self.book.entries.iter();
        let entry = entries.find(|e| e.kind == Kind::Company && e.id == id)?;
        entry.record.as_ref()?["name"].as_str()
    }

    /// One page of changes, or `cursor-lost`.
    pub fn page(&self, cursor: Option<&str>, limit: usize) -> Result<Value, Problem> {
        let since = match cursor {
            None => None,
            Some(cursor) => Some(self.position(cursor)?),
        };
        let after = since.unwrap_or(0);
        // From the very beginning a removal says nothing: nobody knows the entry yet.
        let due = |e: &&Entry| e.changed > after && (since.is_some() || e.record.is_some());
        let mut rest = self.book.entries.iter().filter(due).peekable();
        let (mut users, mut companies, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = after;
        for entry in rest.by_ref().take(limit) {
            at = entry.changed;
            match (&entry.record, entry.kind) {
                (Some(record), Kind::User) => users.push(record.clone()),
                (Some(record), Kind::Company) => companies.push(record.clone()),
                (None, kind) => removed.push(json!({ "kind": kind, "id": entry.id })),
            }
        }
        let more = rest.peek().is_some();
        if !more {
            at = self.book.last;
        }
        Ok(json!({
            "companies": companies,
            "users": users,
            "removed": removed,
            "cursor": format!("{}:{at}", self.book.lifetime),
            "more": more,
        }))
    }

    fn position(&self, cursor: &str) -> Result<u64, Problem> {
        let known = cursor
            .split_once(':')
            .filter(|(lifetime, _)| *lifetime == self.book.lifetime.to_string())
            .and_then(|(_, at)| at.parse().ok())
            .filter(|at| *at <= self.book.last);
        known.ok_or_else(|| Problem::new("cursor-lost", 410, "read again from the beginning"))
    }

    fn keep(&self) -> io::Result<()> {
        let new = self.path.with_extension("new");
        fs::write(&new, serde_json::to_vec(&self.book)?)?;
        fs::rename(new, &self.path)
    }
}
