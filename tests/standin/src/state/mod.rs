//! What the stand-in remembers: tickets, replies, keys, attachments and the epoch.
//!
//!   events.jsonl        one line for each thing that happened, only ever appended to
//!   attachments/DIGEST  content, renamed into place once its digest was verified
//!   directory.json      see `directory`
//!
//! A line that a crash cut short was never answered for, and is cut off at the next start. A
//! restore from a backup cuts the lines after the backup off: that is what a restore does.
//! Bodies stay on the disk; in memory there is a summary of each.

mod outside;
mod threads;

pub use outside::Shown;

use crate::contract::Message;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use threads::{Thread, Threads};

/// How the portal behaves.
#[derive(Clone)]
pub struct Manners {
    /// Keys are kept and replayed; without, each post makes a new ticket.
    pub keeps_keys: bool,
    /// For how long.
    pub keys_kept_seconds: u64,
    /// Tickets are found by their key.
    pub finds: bool,
    /// Tickets are found by what was sent and answered in them.
    pub finds_conversations: bool,
    /// Largest ticket.
    pub ticket_bytes: u64,
    /// Largest attachment.
    pub attachment_bytes: u64,
    /// Digests of attachments that are not taken.
    pub refuses: Vec<String>,
    /// Each accepted write is synced before it is answered.
    pub sync: bool,
}

/// A line of `events.jsonl`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Event {
    Accepted {
        kind: Kind,
        id: String,
        ticket: String,
        key: String,
        at: String,
        print: String,
        body: Value,
    },
    Replayed {
        key: String,
    },
    Gone {
        id: String,
    },
    /// A person closed a ticket.
    Closed {
        id: String,
        takes: bool,
    },
    Reopened {
        id: String,
    },
    /// A person merged a ticket into another.
    Merged {
        id: String,
        into: String,
        takes: bool,
    },
    /// The portal sent a mail about a ticket.
    Sent {
        ticket: String,
        message_id: String,
        at: String,
    },
    Attachment {
        sha256: String,
        size: u64,
    },
    Epoch {
        epoch: u64,
        restored_to: Option<String>,
    },
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Ticket,
    Reply,
}

struct Entry {
    kind: Kind,
    id: String,
    ticket: String,
    key: String,
    at: String,
    gist: Gist,
    line: (u64, usize),
    posted: u64,
    gone: bool,
}

/// What is remembered of a body.
struct Gist {
    summary: Value,
    thread: Thread,
}

struct Kept {
    print: String,
    entry: usize,
    at: jiff::Timestamp,
}

/// How a write with a key stands.
pub enum Begin {
    /// It is new: go on, and call `accept`.
    Go,
    /// It was accepted before: this is the answer.
    Replay(Value),
    /// It can't be done.
    Refused(Problem),
}

/// Everything remembered.
pub struct State {
    dir: PathBuf,
    manners: Manners,
    log: File,
    length: u64,
    entries: Vec<Entry>,
    by_key: HashMap<String, Vec<usize>>,
    by_id: HashMap<String, usize>,
    threads: Threads,
    kept: HashMap<String, Kept>,
    running: BTreeSet<String>,
    attachments: BTreeMap<String, u64>,
    epoch: u64,
    restored_to: Option<String>,
    tickets: u64,
    replies: u64,
    incoming: u64,
}

impl State {
    /// Opens the folder, made when absent, and reads what happened so far.
    pub fn open(dir: &Path, manners: Manners) -> io::Result<Self> {
        fs::create_dir_all(dir.join("attachments"))?;
        let path = dir.join("events.jsonl");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&path)?;
        let mut state = State {
            dir: dir.to_owned(),
            manners,
            log,
            length: 0,
            entries: Vec::new(),
            by_key: HashMap::new(),
            by_id: HashMap::new(),
            threads: Threads::default(),
            kept: HashMap::new(),
            running: BTreeSet::new(),
            attachments: BTreeMap::new(),
            epoch: 1,
            restored_to: None,
            tickets: 0,
            replies: 0,
            incoming: 0,
        };
        state.replay(&path)?;
        Ok(state)
    }

    fn replay(&mut self, path: &Path) -> io::Result<()> {
        let mut lines = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line)?;
            let whole = line.last() == Some(&b'\n');
            let event = serde_json::from_slice(&line).ok().filter(|_| whole);
            let Some(event) = event else { break };
            self.learn(event, (self.length, read));
            self.length += read as u64;
        }
        self.log.set_len(self.length)
    }

    fn learn(&mut self, event: Event, line: (u64, usize)) {
        match event {
            Event::Accepted {
                kind,
                id,
                ticket,
                key,
                at,
                print,
                body,
            } => {
                let gist = gist(&body);
                self.remember(kind, id, ticket, key, at, print, gist, line);
            }
            Event::Replayed { key } => self.count_replay(&key),
            Event::Gone { id } => {
                if let Some(&n) = self.by_id.get(&id) {
                    self.entries[n].gone = true;
                }
            }
            Event::Closed { id, takes } => self.threads.close(id, takes),
            Event::Reopened { id } => self.threads.reopen(&id),
            Event::Merged { id, into, takes } => self.threads.merge(id, into, takes),
            Event::Sent {
                ticket,
                message_id,
                at,
            } => self.threads.sent(ticket, message_id, at),
            Event::Attachment { sha256, size } => {
                self.attachments.insert(sha256, size);
            }
            Event::Epoch { epoch, restored_to } => {
                self.epoch = epoch;
                self.restored_to = restored_to;
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn remember(
        &mut self,
        kind: Kind,
        id: String,
        ticket: String,
        key: String,
        at: String,
        print: String,
        gist: Gist,
        line: (u64, usize),
    ) {
        let n = self.entries.len();
        match kind {
            Kind::Ticket => self.tickets += 1,
            Kind::Reply => self.replies += 1,
        }
        self.by_key.entry(key.clone()).or_default().push(n);
        self.by_id.insert(id.clone(), n);
        self.threads.learn(n, &gist.thread);
        if self.manners.keeps_keys {
            let at = at.parse().unwrap_or_default();
            self.kept.insert(
                key.clone(),
                Kept {
                    print,
                    entry: n,
                    at,
                },
            );
        }
        self.entries.push(Entry {
            kind,
            id,
            ticket,
            key,
            at,
            gist,
            line,
            posted: 1,
            gone: false,
        });
    }

    fn append(&mut self, line: &[u8]) -> io::Result<(u64, usize)> {
        self.log.write_all(line)?;
        if self.manners.sync {
            self.log.sync_data()?;
        }
        let at = (self.length, line.len());
        self.length += line.len() as u64;
        Ok(at)
    }

    fn write(&mut self, event: Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        let at = self.append(&line)?;
        self.learn(event, at);
        Ok(())
    }

    /// How the portal behaves.
    pub fn manners(&self) -> &Manners {
        &self.manners
    }

    /// What the ping says.
    pub fn ping(&self) -> Value {
        let kept = if self.manners.keeps_keys {
            self.manners.keys_kept_seconds
        } else {
            0
        };
        json!({
            "api": "1.0",
            "portal": "stand-in",
            "time": now(),
            "epoch": format!("e{}", self.epoch),
            "restored_to": self.restored_to,
            "keys_kept_seconds": kept,
            "capabilities": {
                "idempotency_keys": self.manners.keeps_keys,
                "find_by_key": self.manners.finds,
                "find_conversations": self.manners.finds_conversations,
                "ticket_marks": true,
            },
            "limits": {
                "ticket_bytes": self.manners.ticket_bytes,
                "attachment_bytes": self.manners.attachment_bytes,
            },
        })
    }

    /// Looks a write's key up, before anything else about it is judged: a replay must be answered
    /// even when what it refers to has gone since.
    pub fn begin(&mut self, key: &str, print: &str) -> io::Result<Begin> {
        if !self.manners.keeps_keys {
            return Ok(Begin::Go);
        }
        if self.running.contains(key) {
            let problem = Problem::new("key-in-progress", 409, "wait, then send the same again");
            return Ok(Begin::Refused(problem));
        }
        let Some(kept) = self.kept.get(key) else {
            return Ok(Begin::Go);
        };
        let age = jiff::Timestamp::now().as_second() - kept.at.as_second();
        if age >= self.manners.keys_kept_seconds as i64 {
            self.kept.remove(key);
            return Ok(Begin::Go);
        }
        if kept.print != print {
            let problem = Problem::new("key-used", 422, "find the ticket by its key");
            return Ok(Begin::Refused(problem));
        }
        let receipt = self.receipt(kept.entry);
        self.write(Event::Replayed {
            key: key.to_owned(),
        })?;
        Ok(Begin::Replay(receipt))
    }

    /// Marks a key as in progress until `stop`.
    pub fn start(&mut self, key: &str) {
        self.running.insert(key.to_owned());
    }

    /// The end of `start`.
    pub fn stop(&mut self, key: &str) {
        self.running.remove(key);
    }

    /// Digests that the message names and that are not here, and sizes that differ.
    pub fn check_attachments(&self, message: &Message) -> Result<(), Problem> {
        let mut missing = Vec::new();
        for wanted in &message.attachments {
            match self.attachments.get(&wanted.sha256) {
                None => missing.push(wanted.sha256.clone()),
                Some(&size) if size != wanted.size => {
                    let detail = format!("attachments.size: {} has {size}", wanted.sha256);
                    return Err(Problem::new("invalid", 422, detail));
                }
                Some(_) => {}
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort();
        missing.dedup();
        let mut problem = Problem::new("attachment-missing", 422, "upload it, then send again");
        problem.missing = missing;
        Err(problem)
    }

    /// Makes the ticket, or the reply on `ticket`, and gives the receipt.
    pub fn accept(
        &mut self,
        ticket: Option<&str>,
        message: &Message,
        body: &[u8],
        print: &str,
    ) -> io::Result<Value> {
        let (kind, id) = match ticket {
            None => (Kind::Ticket, format!("T-{}", self.tickets + 1)),
            Some(_) => (Kind::Reply, format!("R-{}", self.replies + 1)),
        };
        let ticket = ticket.unwrap_or(&id).to_owned();
        let at = now();
        let head = json!({
            "what": "accepted", "kind": kind, "id": id, "ticket": ticket,
            "key": message.key, "at": at, "print": print,
        });
        // The body goes in as it came: inside valid JSON a line break can only be white space.
        let mut line = serde_json::to_vec(&head)?;
        line.pop();
        line.extend_from_slice(b",\"body\":");
        line.extend(
            body.iter()
                .map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }),
        );
        line.extend_from_slice(b"}\n");
        let place = self.append(&line)?;
        let (gist, key) = (gist_of(message), message.key.clone());
        self.remember(kind, id, ticket, key, at, print.to_owned(), gist, place);
        Ok(self.receipt(self.entries.len() - 1))
    }

    fn count_replay(&mut self, key: &str) {
        if let Some(kept) = self.kept.get(key) {
            self.entries[kept.entry].posted += 1;
        } else if let Some(&n) = self.by_key.get(key).and_then(|all| all.last()) {
            self.entries[n].posted += 1;
        }
    }

    fn receipt(&self, n: usize) -> Value {
        let entry = &self.entries[n];
        let mut url = format!("https://portal.example/tickets/{}", entry.ticket);
        if entry.kind == Kind::Reply {
            url = format!("{url}#{}", entry.id);
        }
        json!({
            "kind": entry.kind, "id": entry.id, "ticket": entry.ticket,
            "key": entry.key, "url": url, "accepted_at": entry.at,
        })
    }

    /// Everything with this key that is still there, oldest first.
    pub fn find(&self, key: &str) -> Vec<Value> {
        let all = self.by_key.get(key).into_iter().flatten();
        all.filter(|&&n| !self.entries[n].gone)
            .map(|&n| self.receipt(n))
            .collect()
    }

    /// The size of an attachment that is here.
    pub fn attachment(&self, sha256: &str) -> Option<u64> {
        self.attachments.get(sha256).copied()
    }

    /// A file for content that is on its way.
    pub fn incoming(&mut self) -> io::Result<(PathBuf, File)> {
        self.incoming += 1;
        let path = self
            .dir
            .join(format!("attachments/incoming-{}", self.incoming));
        let file = File::create(&path)?;
        Ok((path, file))
    }

    /// Takes content in whose digest was verified.
    pub fn keep(&mut self, path: &Path, file: &File, sha256: &str, size: u64) -> io::Result<()> {
        if self.manners.sync {
            file.sync_all()?;
        }
        fs::rename(path, self.dir.join("attachments").join(sha256))?;
        if self.attachment(sha256).is_none() {
            self.write(Event::Attachment {
                sha256: sha256.to_owned(),
                size,
            })?;
        }
        Ok(())
    }
}

fn gist_of(message: &Message) -> Gist {
    let attachments: Vec<Value> = message
        .attachments
        .iter()
        .map(|a| json!({ "name": a.name, "size": a.size, "sha256": a.sha256, "inline": a.inline }))
        .collect();
    let summary = json!({
        "message_id": message.message_id,
        "subject": message.subject,
        "from": message.from.as_ref().map(|p| &p.address),
        "mailbox": message.mailbox,
        "user": message.user,
        "company": message.company,
        "about": message.about,
        "token": message.token,
        "unparsed": message.unparsed,
        "attachments": attachments,
    });
    Gist {
        summary,
        thread: Thread::of(message),
    }
}

fn gist(body: &Value) -> Gist {
    match serde_json::from_value::<Message>(body.clone()) {
        Ok(message) => gist_of(&message),
        Err(_) => Gist {
            summary: json!({}),
            thread: Thread::default(),
        },
    }
}

/// What tells two requests with one key apart: method, path and body.
pub fn print(path: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"POST ");
    hash.update(path.as_bytes());
    hash.update(b"\n");
    hash.update(body);
    hex(&hash.finalize())
}

/// Lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
    text
}

/// This moment as RFC 3339.
pub fn now() -> String {
    jiff::Timestamp::now().to_string()
}
