//! The storm guard: too many messages of one sender, or of one subject, within a while.
//!
//! What it is for is a loop of two programs of which neither says that it is one, and an alarm that rings all night.
//! It counts what becomes a ticket or a reply, and what it holds itself: what is ignored or held for another
//! reason makes no work. Of the messages of a group that lie within the window of each other the first pass, the
//! last that passes says so in its ticket, and the others are held until the operator decides. While they keep
//! coming they are held, since those that are held count too; a while after the last one mail passes again.
//!
//! Time is when the mail server received a message, not when it is decided: a backlog of years is no storm,
//! however fast it is fetched. Order may be any: what lies within the window before a message counts, or what lies
//! within the window behind it, where that is more.
//!
//! - A *sender* is the address whose request it is, as lists show it. Replies count: a responder that answers in a
//!   ticket is the loop that there is most often.
//! - A *subject* is what is left of it without prefixes such as `Re:`, without case, and with each word that has a
//!   digit in it taken for any other: numbers, times, hosts and identifiers of alarms count up. Where not three
//!   letters are left there is no subject to compare. Words of letters alone that change each time are other
//!   subjects. What goes into a ticket has none, nor has an answer to anything: of one conversation all have the same.
//!
//! [`Storms`] is what is remembered: of the last [`REACH`] decisions. It is a value that follows from
//! those decisions alone, so that a restart reads them again and goes on as if there had been none. A message that
//! is decided again, as after a release, counts once.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::directory::{address_form, domain_form};
use super::key::Key;

/// How many decisions are remembered: more than any desk has within a window, and some 200 KiB.
pub const REACH: u64 = 2048;

/// Letters that a subject must have left to be compared.
const LETTERS_MIN: usize = 3;

/// The longest of the prefixes that programs put before a subject they answer, without its colon.
const PREFIX_MAX: usize = 4;

/// What programs put before a subject that they answer.
const ANSWERS: &[&str] = &[
    "re", "aw", "antw", "antwort", "sv", "vs", "odp", "ynt", "rif", "res", "ref", "bls", "hl",
    "atb", "vá", "απ",
];

/// What the messages of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alike {
    /// The sender.
    Sender,
    /// The subject.
    Subject,
}

impl Alike {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Alike::Sender => "sender",
            Alike::Subject => "subject",
        }
    }
}

/// What the settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// So many of one group pass within the window; none are counted where it is 0.
    pub limit: u64,
    /// The window.
    pub minutes: u64,
    /// Senders who may write as many as they like: addresses, or domains.
    pub exempt: Vec<String>,
}

impl Guard {
    /// Whether anything is counted.
    pub fn is_on(&self) -> bool {
        self.limit > 0
    }

    /// Whether this sender may write as many as they like.
    pub fn exempts(&self, sender: &str) -> bool {
        if self.exempt.is_empty() {
            return false;
        }
        let (sender, domain) = (address_form(sender), domain_form(sender));
        self.exempt.iter().any(|exempt| match exempt.contains('@') {
            true => *exempt == sender,
            false => domain.as_ref() == Some(exempt),
        })
    }
}

/// A message at the limit, or above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surge {
    /// What the messages of its group have in common.
    pub alike: Alike,
    /// The how-manieth within the window it is.
    pub count: u32,
    /// The window.
    pub minutes: u32,
    /// Its subject does not count: it goes into a ticket, or has too little of one.
    pub sender_only: bool,
}

/// A group, by a digest: of mailbox, sort and value.
type Group = NonZeroU64;

/// The groups of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    sender: Option<Group>,
    subject: Option<Group>,
}

impl Groups {
    /// Those of a message in a mailbox, by sender and subject as lists show them; `reply` where it goes into a
    /// ticket. What may be forged counts by itself, or whoever forges an address could shut its owner out.
    pub fn of(
        mailbox: u32,
        sender: &str,
        subject: &str,
        reply: bool,
        doubtful: bool,
        guard: &Guard,
    ) -> Self {
        if !guard.is_on() || guard.exempts(sender) {
            return Self::default();
        }
        let group = |alike, value: String| {
            let mut digest = Sha256::new();
            digest.update(mailbox.to_be_bytes());
            digest.update([alike as u8, doubtful.into()]);
            digest.update(value);
            let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest.finalize());
            let digest = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            NonZeroU64::new(digest).unwrap_or(NonZeroU64::MIN)
        };
        let of = |alike, value: Option<String>| value.map(|value| group(alike, value));
        Self {
            sender: of(Alike::Sender, value(Alike::Sender, sender)),
            subject: match reply || is_answer(subject) {
                true => None,
                false => of(Alike::Subject, value(Alike::Subject, subject)),
            },
        }
    }

    fn each(self) -> impl Iterator<Item = (Alike, Group)> {
        let sender = self.sender.map(|group| (Alike::Sender, group));
        let subject = self.subject.map(|group| (Alike::Subject, group));
        sender.into_iter().chain(subject)
    }
}

/// Whether a subject is that of an answer: one to a ticket that only the portal knows is none of a group either, and
/// what many answer is no storm.
fn is_answer(subject: &str) -> bool {
    let word = subject.split_once(':').map(|(word, _)| word.trim());
    let word = word.map(|word| word.split('[').next().unwrap_or_default());
    word.is_some_and(|word| {
        word.len() <= 16 && ANSWERS.contains(&word.trim().to_lowercase().as_str())
    })
}

/// What messages must have in common to be of one group, in the form in which it is compared.
pub fn value(alike: Alike, of: &str) -> Option<String> {
    let form = match alike {
        Alike::Sender => address_form(of),
        Alike::Subject => subject_form(of),
    };
    (!form.is_empty()).then_some(form)
}

/// A subject as it is compared; empty where too little is left of it.
fn subject_form(subject: &str) -> String {
    let is_prefix = |word: &&str| {
        let word = word.trim_end_matches(|c: char| !c.is_alphabetic() && c != ':');
        let name = word.strip_suffix(':').unwrap_or_default();
        // `Re[2]:` too.
        let name = name.split('[').next().unwrap_or_default();
        (1..=PREFIX_MAX).contains(&name.chars().count()) && name.chars().all(char::is_alphabetic)
    };
    let mut form = String::with_capacity(subject.len());
    let mut letters = 0;
    for word in subject.split_whitespace().skip_while(is_prefix) {
        if word.chars().any(char::is_numeric) {
            if !form.ends_with('#') {
                form.push_str(" #");
            }
            continue;
        }
        form.push(' ');
        form.extend(word.chars().flat_map(char::to_lowercase));
        letters += word.chars().filter(|c| c.is_alphabetic()).count();
    }
    match letters < LETTERS_MIN {
        true => String::new(),
        false => form.trim_start().to_owned(),
    }
}

/// A decision as the guard sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// The message.
    pub key: Key,
    /// When the server received it, in milliseconds since 1970.
    pub received_at: i64,
    /// Its groups; none of what makes no work.
    pub groups: Groups,
    /// It was decided before.
    pub again: bool,
}

/// One of the decisions that are remembered; of its key the beginning, as what is counted twice for two keys that
/// begin so would be one message more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    number: u64,
    key: u64,
    received_at: i64,
    groups: Groups,
}

/// How the key begins.
fn beginning(key: &Key) -> u64 {
    key.0
        .first_chunk()
        .map_or(0, |octets| u64::from_be_bytes(*octets))
}

/// The last decisions, and when those of each group that are among them were received, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storms {
    number: u64,
    seen: VecDeque<Seen>,
    of: BTreeMap<Group, Vec<i64>>,
}

impl Storms {
    /// Takes the decision of this number; greater than that of each before.
    pub fn learn(&mut self, number: u64, met: Met) {
        if met.again {
            self.forget(met.key);
        }
        self.number = number;
        while let Some(oldest) = self.seen.front() {
            if oldest.number.saturating_add(REACH) > number {
                break;
            }
            let oldest = *oldest;
            self.seen.pop_front();
            self.less(oldest);
        }
        if met.groups == Groups::default() {
            return;
        }
        for (_, group) in met.groups.each() {
            let times = self.of.entry(group).or_default();
            times.insert(
                times.partition_point(|at| *at <= met.received_at),
                met.received_at,
            );
        }
        self.seen.push_back(Seen {
            number,
            key: beginning(&met.key),
            received_at: met.received_at,
            groups: met.groups,
        });
    }

    /// Takes the next decision, and says whether it is the last of its group that passes, or one too many.
    pub fn step(&mut self, met: Met, guard: &Guard) -> Option<Surge> {
        self.learn(self.number.saturating_add(1), met);
        if !guard.is_on() {
            return None;
        }
        let surge = |(alike, group)| {
            let count = self.within(group, met.received_at, guard)?;
            (count >= guard.limit).then(|| Surge {
                alike,
                count: u32::try_from(count).unwrap_or(u32::MAX),
                minutes: u32::try_from(guard.minutes).unwrap_or(u32::MAX),
                sender_only: met.groups.subject.is_none(),
            })
        };
        // Of two groups the one that holds it tells.
        met.groups.each().filter_map(surge).max_by_key(|surge| {
            let holds = u64::from(surge.count) > guard.limit;
            (holds, surge.alike == Alike::Sender)
        })
    }

    /// How many of a group lie within the window of a message among them; none where there can't be too many.
    fn within(&self, group: Group, received_at: i64, guard: &Guard) -> Option<u64> {
        let all = self.of.get(&group)?;
        if (all.len() as u64) < guard.limit {
            return None;
        }
        let window = i64::try_from(guard.minutes.saturating_mul(60_000)).unwrap_or(i64::MAX);
        let (from, to) = (
            received_at.saturating_sub(window),
            received_at.saturating_add(window),
        );
        let up_to = |past: i64| all.partition_point(|at| *at < past) as u64;
        let before = up_to(received_at.saturating_add(1)) - up_to(from.saturating_add(1));
        let behind = up_to(to) - up_to(received_at);
        Some(before.max(behind))
    }

    fn forget(&mut self, key: Key) {
        if let Some(at) = self
            .seen
            .iter()
            .position(|seen| seen.key == beginning(&key))
        {
            let seen = self.seen.remove(at);
            seen.into_iter().for_each(|seen| self.less(seen));
        }
    }

    fn less(&mut self, seen: Seen) {
        for (_, group) in seen.groups.each() {
            let Some(times) = self.of.get_mut(&group) else {
                continue;
            };
            if let Ok(at) = times.binary_search(&seen.received_at) {
                times.remove(at);
            }
            if times.is_empty() {
                self.of.remove(&group);
            }
        }
    }
}

#[cfg(test)]
mod tests;
