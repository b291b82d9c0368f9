//! What tests ask of the memory, and do to it: counts, deletions, restores.

use super::threads::Standing;
use super::{now, Entry, Event, Kind, State};
use crate::contract::Message;
use serde_json::{json, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

/// A ticket or reply for a person's eyes.
#[allow(missing_docs)]
pub struct Shown {
    pub id: String,
    pub reply: bool,
    /// When it was accepted.
    pub at: String,
    /// How often it was posted.
    pub posted: u64,
    pub message: Message,
    /// The body as it was posted.
    pub document: Value,
    /// Ids of a ticket's replies.
    pub replies: Vec<String>,
    /// How a ticket stands.
    pub standing: Standing,
    /// What it is linked to: the delivery key that its message names, and the ticket with that key.
    pub about: Option<(String, Option<String>)>,
}

impl State {
    /// A summary of each ticket, with its replies.
    pub fn tickets(&self) -> Vec<Value> {
        let mut replies: HashMap<&str, Vec<Value>> = HashMap::new();
        for (n, entry) in self.entries.iter().enumerate() {
            if entry.kind == Kind::Reply {
                replies.entry(&entry.ticket).or_default().push(self.view(n));
            }
        }
        let mut tickets = Vec::new();
        for (n, entry) in self.entries.iter().enumerate() {
            if entry.kind == Kind::Ticket && !entry.gone {
                let mut view = self.view(n);
                view["replies"] = replies.remove(entry.id.as_str()).unwrap_or_default().into();
                let standing = self.standing(&entry.id);
                view["closed"] = standing.closed.into();
                view["merged_into"] = standing.merged_into.into();
                tickets.push(view);
            }
        }
        tickets
    }

    fn view(&self, n: usize) -> Value {
        let entry = &self.entries[n];
        let mut view = entry.gist.summary.clone();
        view["id"] = entry.id.clone().into();
        view["key"] = entry.key.clone().into();
        view["accepted_at"] = entry.at.clone().into();
        view["times_posted"] = entry.posted.into();
        view
    }

    /// A ticket's or reply's body as it was posted.
    pub fn body(&self, id: &str) -> io::Result<Option<Value>> {
        let Some(&n) = self.by_id.get(id) else {
            return Ok(None);
        };
        let (offset, length) = self.entries[n].line;
        let mut line = vec![0; length];
        self.log.read_exact_at(&mut line, offset)?;
        let event: Value = serde_json::from_slice(&line)?;
        Ok(event.get("body").cloned())
    }

    /// The newest tickets behind the first `skip`, newest first.
    pub fn newest(&self, skip: usize, count: usize) -> io::Result<Vec<Shown>> {
        let live = |e: &&Entry| e.kind == Kind::Ticket && !e.gone;
        let newest = self.entries.iter().rev().filter(live).skip(skip);
        let shown = newest.take(count).map(|e| self.shown(&e.id));
        shown.filter_map(io::Result::transpose).collect()
    }

    /// A ticket or reply that is there.
    pub fn shown(&self, id: &str) -> io::Result<Option<Shown>> {
        let entry = self.by_id.get(id).map(|&n| &self.entries[n]);
        let Some(entry) = entry.filter(|e| !e.gone) else {
            return Ok(None);
        };
        let Some(document) = self.body(id)? else {
            return Ok(None);
        };
        let message: Message = serde_json::from_value(document.clone())?;
        let answers = |e: &&Entry| e.kind == Kind::Reply && e.ticket == id && !e.gone;
        let replies = self.entries.iter().filter(answers);
        Ok(Some(Shown {
            id: entry.id.clone(),
            reply: entry.kind == Kind::Reply,
            at: entry.at.clone(),
            posted: entry.posted,
            replies: replies.map(|e| e.id.clone()).collect(),
            standing: self.standing(id),
            about: message.about.clone().map(|key| {
                let live = self.by_key.get(&key).into_iter().flatten();
                let live = live.map(|&n| &self.entries[n]).find(|e| !e.gone);
                (key, live.map(|e| e.ticket.clone()))
            }),
            message,
            document,
        }))
    }

    /// The octets of an attachment that is here.
    pub fn content(&self, sha256: &str) -> io::Result<Vec<u8>> {
        if self.attachment(sha256).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        fs::read(self.dir.join("attachments").join(sha256))
    }

    /// The numbers that an outside count compares.
    pub fn count(&self) -> Value {
        let here = |e: &&Entry| !e.gone;
        let live = self.entries.iter().filter(here);
        let tickets = live.clone().filter(|e| e.kind == Kind::Ticket).count();
        let keys: BTreeSet<&str> = live.clone().map(|e| e.key.as_str()).collect();
        let all = live.clone().count();
        json!({
            "tickets": tickets,
            "replies": all - tickets,
            "keys": keys.len(),
            "doubled": all - keys.len(),
            "times_posted": live.map(|e| e.posted).sum::<u64>(),
            "attachments": self.attachments.len(),
        })
    }

    /// Digests and sizes of all attachments.
    pub fn attachments(&self) -> &BTreeMap<String, u64> {
        &self.attachments
    }

    /// Deletes a ticket, as a person at the portal would.
    pub fn delete(&mut self, id: &str) -> io::Result<bool> {
        let known = self.by_id.contains_key(id);
        if known {
            self.write(Event::Gone { id: id.to_owned() })?;
        }
        Ok(known)
    }

    /// Forgets one idempotency key, or all: what happens when its time is over.
    pub fn expire_keys(&mut self) {
        self.kept.clear();
    }

    /// A backup of this moment; `restore` takes it.
    pub fn backup(&self) -> Value {
        json!({ "backup": self.length, "at": now() })
    }

    /// A backup of the moment before the last `n` tickets and replies.
    pub fn backup_before(&self, n: usize) -> Value {
        let from = self.entries.len().saturating_sub(n);
        match self.entries.get(from) {
            Some(first) => json!({ "backup": first.line.0, "at": first.at }),
            None => self.backup(),
        }
    }

    /// Puts the portal back to a backup: what came after it is forgotten, the epoch changes.
    pub fn restore(&mut self, backup: &Value) -> io::Result<()> {
        let length = backup["backup"]
            .as_u64()
            .unwrap_or(self.length)
            .min(self.length);
        let at = backup["at"].as_str().map(str::to_owned);
        let epoch = self.epoch + 1;
        self.log.set_len(length)?;
        *self = State::open(&self.dir.clone(), self.manners.clone())?;
        for file in fs::read_dir(self.dir.join("attachments"))? {
            let file = file?;
            if self
                .attachment(&file.file_name().to_string_lossy())
                .is_none()
            {
                fs::remove_file(file.path())?;
            }
        }
        self.write(Event::Epoch {
            epoch,
            restored_to: at,
        })
    }
}
