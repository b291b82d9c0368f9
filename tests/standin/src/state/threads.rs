//! Conversations: which ticket a message leads to, whether that takes replies, and who takes part.
//!
//! A ticket is found by its token, by the Message-IDs that came with it and its replies, by those of the
//! mail that this portal sent about it, and by its id. One that was merged stands for the one that it was
//! merged into.

use super::{now, Event, Kind, State};
use crate::contract::{Message, Person};
use crate::conversation::Signs;
use crate::notice::{Notice, Wish};
use crate::problem::Problem;
use serde_json::{json, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

/// Participants that are told.
const PARTICIPANTS: usize = 1000;
/// Characters of an address that is told.
const ADDRESS: usize = 320;

/// What a message has to do with others.
#[derive(Default)]
pub struct Thread {
    message_id: Option<String>,
    token: Option<String>,
    user: Option<String>,
    company: Option<String>,
    /// Whoever is named in it, but for the desk.
    people: Vec<String>,
}

impl Thread {
    /// What is in a message.
    pub fn of(message: &Message) -> Self {
        let people = message.from.iter().chain(&message.sender);
        let people = people.chain(&message.reply_to).chain(&message.to);
        let people = people.chain(&message.cc).map(|p: &Person| &p.address);
        let others = people
            .filter(|a| (1..=ADDRESS).contains(&a.chars().count()) && !is_of(a, &message.mailbox));
        Thread {
            message_id: message.message_id.clone(),
            token: message.token.clone(),
            user: message.user.clone(),
            company: message.company.clone(),
            people: others.cloned().collect(),
        }
    }
}

/// Whether an address is the mailbox's own, with or without a part behind a plus.
fn is_of(address: &str, mailbox: &str) -> bool {
    let plain = match address.rsplit_once('@') {
        Some((local, domain)) => {
            let local = local.split_once('+').map_or(local, |(local, _)| local);
            format!("{local}@{domain}")
        }
        None => address.to_owned(),
    };
    let mailbox = mailbox.to_lowercase();
    address.to_lowercase() == mailbox || plain.to_lowercase() == mailbox
}

/// A mail that this portal sent.
#[derive(Clone)]
pub struct Sent {
    /// Its Message-ID.
    pub message_id: String,
    /// When.
    pub at: String,
}

/// What leads where.
#[derive(Default)]
pub struct Threads {
    /// Entries by token and by Message-ID, oldest first.
    by_token: HashMap<String, Vec<usize>>,
    by_message_id: HashMap<String, Vec<usize>>,
    /// Tickets by the Message-IDs of our own mail.
    by_own_id: HashMap<String, String>,
    sent: BTreeMap<String, Vec<Sent>>,
    /// Closed tickets, and whether they take replies all the same.
    closed: BTreeMap<String, bool>,
    /// Merged ones: into which, and whether replies to them go there.
    merged: BTreeMap<String, (String, bool)>,
    /// How many mails were ever sent.
    count: u64,
}

impl Threads {
    /// Learns of the entry with this number.
    pub fn learn(&mut self, n: usize, thread: &Thread) {
        if let Some(token) = &thread.token {
            self.by_token.entry(token.clone()).or_default().push(n);
        }
        if let Some(id) = &thread.message_id {
            self.by_message_id.entry(id.clone()).or_default().push(n);
        }
    }

    /// A ticket is closed.
    pub fn close(&mut self, id: String, takes: bool) {
        self.closed.insert(id, takes);
    }

    /// A ticket is open again.
    pub fn reopen(&mut self, id: &str) {
        self.closed.remove(id);
    }

    /// A ticket is part of another.
    pub fn merge(&mut self, id: String, into: String, takes: bool) {
        self.merged.insert(id, (into, takes));
    }

    /// A mail was sent about a ticket.
    pub fn sent(&mut self, ticket: String, message_id: String, at: String) {
        self.count += 1;
        if !message_id.is_empty() {
            self.by_own_id.insert(message_id.clone(), ticket.clone());
        }
        let sent = self.sent.entry(ticket).or_default();
        sent.push(Sent { message_id, at });
    }

    /// The ticket that this one is part of by now; itself where it is none's. There are no rings.
    fn now<'a>(&'a self, mut id: &'a str) -> &'a str {
        while let Some((into, _)) = self.merged.get(id) {
            id = into;
        }
        id
    }
}

/// How a ticket stands.
#[derive(Default)]
pub struct Standing {
    /// Whether it is closed.
    pub closed: bool,
    /// The ticket that it was merged into.
    pub merged_into: Option<String>,
    /// The tickets that were merged into it.
    pub merged: Vec<String>,
    /// What was sent about it.
    pub sent: Vec<Sent>,
}

impl State {
    fn is_ticket(&self, id: &str) -> bool {
        let entry = self.by_id.get(id).map(|&n| &self.entries[n]);
        entry.is_some_and(|e| e.kind == Kind::Ticket && !e.gone)
    }

    /// The ticket that a reply on this one goes into.
    pub fn takes_replies(&self, id: &str) -> Result<String, Problem> {
        let now = self.threads.now(id);
        if !self.is_ticket(id) || !self.is_ticket(now) {
            return Err(Problem::new("ticket-unknown", 404, id));
        }
        let merged = self.threads.merged.get(id).is_none_or(|(_, takes)| *takes);
        let closed = self.threads.closed.get(now).is_none_or(|takes| *takes);
        match merged && closed {
            true => Ok(now.to_owned()),
            false => Err(Problem::new("ticket-closed", 410, id)),
        }
    }

    /// The first ticket that one of these leads to.
    pub fn conversation(&self, signs: &Signs) -> Option<Value> {
        let live = |all: Option<&Vec<usize>>| {
            let entries = all.into_iter().flatten().rev().map(|&n| &self.entries[n]);
            let tickets = entries.filter(|e| !e.gone).map(|e| e.ticket.as_str());
            tickets
                .map(|id| self.threads.now(id))
                .find(|id| self.is_ticket(id))
        };
        let threads = &self.threads;
        let by_token = signs
            .tokens
            .iter()
            .find_map(|t| live(threads.by_token.get(t)));
        let by_message_id = || {
            signs.message_ids.iter().find_map(|id| {
                let own = threads.by_own_id.get(id).map(|id| threads.now(id));
                live(threads.by_message_id.get(id)).or(own.filter(|id| self.is_ticket(id)))
            })
        };
        let by_id = || {
            signs.tickets.iter().find_map(|wanted| {
                // Ours are `T-` and a number.
                let id = wanted.to_ascii_uppercase();
                let (id, _) = self.by_id.get_key_value(&id)?;
                Some(threads.now(id)).filter(|now| self.is_ticket(id) && self.is_ticket(now))
            })
        };
        let id = by_token.or_else(by_message_id).or_else(by_id)?;
        let first = &self.entries[*self.by_id.get(id)?].gist.thread;
        Some(json!({
            "ticket": id,
            "open": !threads.closed.contains_key(id),
            "user": first.user,
            "company": first.company,
            "participants": self.participants(id),
        }))
    }

    /// How a ticket stands.
    pub fn standing(&self, id: &str) -> Standing {
        let threads = &self.threads;
        Standing {
            closed: threads.closed.contains_key(id),
            merged_into: threads.merged.get(id).map(|(into, _)| into.clone()),
            merged: threads
                .merged
                .iter()
                .filter(|(_, (into, _))| into == id)
                .map(|(merged, _)| merged.clone())
                .collect(),
            sent: threads.sent.get(id).cloned().unwrap_or_default(),
        }
    }

    /// Whoever takes part in a ticket, and in those that were merged into it.
    pub fn participants(&self, id: &str) -> Vec<String> {
        let of_it = |ticket: &str| ticket == id || self.threads.now(ticket) == id;
        let entries = self.entries.iter().filter(|e| !e.gone && of_it(&e.ticket));
        let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
        for address in entries.flat_map(|e| &e.gist.thread.people) {
            if all.len() < PARTICIPANTS && seen.insert(address.to_lowercase()) {
                all.push(address.clone());
            }
        }
        all
    }

    /// Closes a ticket, as a person at the portal would; `takes`: replies are accepted all the same.
    pub fn close(&mut self, id: &str, takes: bool) -> io::Result<bool> {
        let id = id.to_owned();
        let known = self.is_ticket(&id);
        if known {
            self.write(Event::Closed { id, takes })?;
        }
        Ok(known)
    }

    /// Opens it again.
    pub fn reopen(&mut self, id: &str) -> io::Result<bool> {
        let id = id.to_owned();
        let known = self.is_ticket(&id);
        if known {
            self.write(Event::Reopened { id })?;
        }
        Ok(known)
    }

    /// Merges a ticket into another; `takes`: replies to it go there.
    pub fn merge(&mut self, id: &str, into: &str, takes: bool) -> io::Result<bool> {
        if !self.is_ticket(id) || !self.is_ticket(into) {
            return Ok(false);
        }
        if self.threads.now(into) == id || self.threads.merged.contains_key(id) {
            return Err(io::Error::other(
                "it is merged already, or would be into itself",
            ));
        }
        let (id, into) = (id.to_owned(), into.to_owned());
        self.write(Event::Merged { id, into, takes })?;
        Ok(true)
    }

    /// The mail that the portal sends about a ticket, whose Message-ID it remembers unless it is told not to.
    pub fn notify(&mut self, id: &str, wish: &Wish) -> io::Result<Option<Notice>> {
        if !self.is_ticket(id) {
            return Ok(None);
        }
        let number = self.threads.count + 1;
        let mut entries = self.entries.iter().filter(|e| e.ticket == id && !e.gone);
        let last = entries.next_back().map(|e| e.id.clone());
        let read = |id: &str| -> io::Result<Option<Message>> {
            Ok(self.body(id)?.map(serde_json::from_value).transpose()?)
        };
        let (Some(first), Some(last)) = (read(id)?, read(&last.unwrap_or_default())?) else {
            return Ok(None);
        };
        let notice = Notice::new(wish, id, number, &first, &last);
        let remembered = if wish.own_id {
            notice.message_id.clone()
        } else {
            String::new()
        };
        self.write(Event::Sent {
            ticket: id.to_owned(),
            message_id: remembered,
            at: now(),
        })?;
        Ok(Some(notice))
    }
}
