//! The documents that answers carry: how things are, messages, people, settings, revisions.
//!
//! Part of `wire`, whose rules hold here: names are kept, times are RFC 3339 in UTC, text from
//! outside is as it came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::group::GroupLine;

/// What one mailbox is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxStatus {
    /// Its name.
    pub name: String,
    /// Whether it is to be watched.
    pub active: bool,
    /// One word: off, connecting, watching, checking, fetching, paused, failing.
    pub state: String,
    /// What there is to say about it, with the mend where something fails.
    pub said: Option<String>,
    /// Unread messages in the folder when they were last counted; none while nobody has yet.
    pub unread: Option<u64>,
    /// When that was.
    pub unread_at: Option<String>,
    /// Unread messages that the date leaves out.
    pub left_out: Option<u64>,
    /// Messages that were read before they were processed.
    pub already_read: Option<u64>,
    /// When the server was last heard of.
    pub heard_at: Option<String>,
}

/// How the portal is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalStatus {
    /// Its address.
    pub url: String,
    /// One word: unset, unknown, up, away, paused.
    pub state: String,
    /// What there is to say about it.
    pub said: Option<String>,
    /// How it is signed in to, and until when that holds.
    #[serde(default)]
    pub sign_in: Option<String>,
    /// When it last answered.
    pub heard_at: Option<String>,
    /// People in the directory.
    pub people: u64,
    /// Companies in the directory.
    pub companies: u64,
    /// Whether the directory was read whole once.
    pub directory_read: bool,
    /// The last time that it was restored from a backup, and what became of the tickets since.
    pub restored: Option<String>,
}

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Where it lies.
    pub path: String,
    /// What the journal takes.
    pub used_bytes: u64,
    /// What it may take.
    pub quota_bytes: u64,
    /// What is free on the disk.
    pub free_bytes: u64,
    /// What the last start replayed and mended.
    pub start: Option<String>,
}

/// How many messages became no ticket for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The reason's code.
    pub reason: String,
    /// What they are: held, ignored, closed or refused.
    pub is: String,
    /// How many.
    pub count: u64,
    /// What happened, a sentence.
    pub said: String,
    /// What can be done, a sentence.
    pub mend: String,
}

/// How everything is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The version that answers.
    pub version: String,
    /// Whether the service answers, or a command that opened the store itself.
    pub running: bool,
    /// The time here.
    pub at: String,
    /// Seconds since the start.
    pub up_s: u64,
    /// Each mailbox.
    pub mailboxes: Vec<MailboxStatus>,
    /// The portal.
    pub portal: PortalStatus,
    /// The store.
    pub store: StoreStatus,
    /// Counts by name, such as committed, forwarded, held, refused.
    pub counts: BTreeMap<String, u64>,
    /// How many messages are held, ignored, closed or refused for each reason; reasons without any are
    /// left out.
    #[serde(default)]
    pub reasons: Vec<ReasonCount>,
    /// The revision in force.
    pub revision: u64,
    /// When a change that waits is undone.
    pub waits_until: Option<String>,
    /// What needs somebody's attention.
    pub alarms: Vec<String>,
}

/// One message in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLine {
    /// Its key, short.
    pub key: String,
    /// The mailbox that it came from.
    pub mailbox: String,
    /// The stage that it is at.
    pub stage: String,
    /// The reason's code, of what is held, ignored or refused.
    pub reason: Option<String>,
    /// When the server received it.
    pub received_at: Option<String>,
    /// Its sender.
    pub from: String,
    /// Its subject.
    pub subject: String,
    /// How often forwarding was tried.
    pub attempts: u32,
    /// Seconds until the next attempt.
    pub next_s: Option<u64>,
    /// The portal's words, or what else there is to say.
    pub said: Option<String>,
    /// Of a row that stands for all messages of a group: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupLine>,
}

/// Something that happened to a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub at: Option<String>,
    /// Which stage.
    pub stage: String,
    /// What.
    pub said: String,
}

/// The life of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The line that lists show.
    #[serde(flatten)]
    pub line: MessageLine,
    /// The whole key.
    pub whole_key: String,
    /// Where it lies on its server.
    pub place: String,
    /// Its octets.
    pub size: Option<u64>,
    /// The portal's number.
    pub ticket: Option<String>,
    /// What happened to it, oldest first.
    pub happenings: Vec<Happening>,
}

/// One of the directory's people or companies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryLine {
    /// `person` or `company`.
    pub kind: String,
    /// The portal's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// A person's company, by its id.
    pub company: Option<String>,
    /// That company's name.
    pub company_name: Option<String>,
    /// A person's addresses, a company's domains.
    pub known_by: Vec<String>,
    /// How many people a company has.
    pub people: Option<u64>,
    /// Of a person: works for the portal's operator.
    #[serde(default)]
    pub technician: bool,
}

/// A page of the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryPage {
    /// People in all.
    pub people: u64,
    /// Companies in all.
    pub companies: u64,
    /// Whether it was read whole once.
    pub whole: bool,
    /// When a reading from the beginning was last complete.
    pub whole_at: Option<String>,
    /// When it was last known to be up to date.
    pub read_at: Option<String>,
    /// What the last reading had trouble with.
    pub trouble: Option<String>,
    /// Of an address that was asked for: who a sender with it would be.
    pub said: Option<String>,
    /// Companies, and behind them people.
    #[serde(flatten)]
    pub listed: Listed<DirectoryLine>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
    /// How many there are in all.
    pub total: Option<u64>,
}

/// One setting with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingLine {
    /// The key.
    pub key: String,
    /// The label.
    pub label: String,
    /// The value; null when unset.
    pub value: serde_json::Value,
    /// The value for people.
    pub text: String,
}

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionLine {
    /// Its number.
    pub number: u64,
    /// When it was made.
    pub at: String,
    /// Who made it.
    pub author: String,
    /// What was done.
    pub note: String,
    /// One word: current, waiting, past, undone.
    pub standing: String,
    /// When it is undone unless confirmed.
    pub waits_until: Option<String>,
}

/// What turning a mailbox on, or having it take more, would do now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The mailbox.
    pub mailbox: String,
    /// Its address.
    pub address: String,
    /// Unread messages that would be fetched now: as many tickets at most, since nobody has looked
    /// into them yet.
    pub converts: u64,
    /// The same of read messages, where those are taken (`convert_read`).
    #[serde(default)]
    pub converts_read: u64,
    /// Messages that the date leaves out of both.
    pub left_out: u64,
    /// Whether the server can move.
    pub moves: bool,
    /// What else there is to say.
    pub notes: Vec<String>,
}
