//! Octets to meaning, batch by batch, between fetching and deciding.
//!
//! The pure rooms do the work, on the reader's thread: of all that happens to a message, this takes
//! the processor longest. A few messages at a time, so that others who ask the reader wait briefly.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use bytes::Bytes;

use super::large::Finished;
use super::reader::Reader;
use super::Engine;
use crate::mail::{self, Message};
use crate::passage::{Place, Stored};
use crate::settings::Mailbox;
use crate::ticket::{Key, KeyHasher, Ruleset};

/// Messages understood in one turn of the reader's thread, and octets, of which one message may have more:
/// whoever else asks that thread waits for it, a millisecond. By less at a turn the executor's own turns
/// between them held a drain up.
const TURN: usize = 64;
const TURN_OCTETS: usize = 512 * 1024;
/// Octets of attachments that are kept of a message, decoded, until it is sent: they were decoded for their
/// digests, and would have to be once more. More than a message has that comes whole, but where its server
/// announced far too little.
const FILES_OCTETS: usize = 512 * 1024;

/// A fetched message's octets.
pub enum Octets {
    /// All of them.
    Inline(Bytes),
    /// In a segment of their own, understood on the way there.
    Large {
        /// The segment.
        stored: Finished,
        /// The delivery key.
        key: Key,
        /// What they mean.
        message: Box<Message>,
        /// Their digest, when they can't be understood.
        digest: Option<mail::Digest>,
    },
}

/// A fetched message.
pub struct Fetched {
    /// Where it lies.
    pub place: Place,
    /// The server's received time, Unix milliseconds.
    pub received_at: i64,
    /// Octets as the server counts them.
    pub size: u64,
    /// The operator wants a ticket of it, whoever wrote it.
    pub wanted: bool,
    /// The octets.
    pub octets: Octets,
}

/// What is fetched together.
pub struct Batch {
    /// The mailbox's settings when it was fetched.
    pub mailbox: Rc<Mailbox>,
    /// The messages.
    pub messages: Vec<Fetched>,
    /// Dropped when the batch is durable, or given up.
    pub done: Option<Sender<()>>,
}

/// An understood message.
pub struct Understood {
    /// Where it lies.
    pub place: Place,
    /// The server's received time, Unix milliseconds.
    pub received_at: i64,
    /// Octets as the server counts them.
    pub size: u64,
    /// The operator wants a ticket of it, whoever wrote it.
    pub wanted: bool,
    /// The delivery key.
    pub key: Key,
    /// What it means.
    pub message: Message,
    /// What is attached, as far as it is at hand.
    pub files: Vec<mail::File>,
    /// Its octets.
    pub raw: Raw,
}

/// Where an understood message's octets are.
pub enum Raw {
    /// All of them.
    Inline(Bytes),
    /// In a segment of their own; their digest, when they can't be understood.
    Large(Stored, Option<mail::Digest>),
}

impl Raw {
    /// Size and digest of the whole, of a message that can't be understood.
    pub fn digest(&self) -> Option<mail::Digest> {
        match self {
            Raw::Inline(octets) => Some(mail::Digest::of(octets)),
            Raw::Large(_, digest) => *digest,
        }
    }
}

/// An understood batch.
pub struct UnderstoodBatch {
    /// The mailbox's settings when it was fetched.
    pub mailbox: Rc<Mailbox>,
    /// The operator's rules then, by which it is decided: what they ask of the header is at hand.
    pub ruleset: Ruleset,
    /// The messages.
    pub messages: Vec<Understood>,
    /// Dropped when the batch is durable, or given up.
    pub done: Option<Sender<()>>,
}

/// What a message means, read from octets that are all at hand.
pub fn read(octets: &[u8]) -> Message {
    skim(octets, mail::Limits::default()).0
}

fn skim(octets: &[u8], limits: mail::Limits) -> (Message, Vec<mail::File>) {
    let mut skim = mail::Skim::new(limits);
    skim.feed(octets);
    let skimmed = skim.finish();
    (mail::understand(&skimmed), skimmed.files)
}

/// The stage: takes fetched batches, hands understood ones on.
pub async fn run(engine: Rc<Engine>, batches: Receiver<Batch>, next: Sender<UnderstoodBatch>) {
    while let Ok(batch) = batches.recv().await {
        let identity: Arc<str> = batch.mailbox.key_identity().unwrap_or_default().into();
        let ruleset = engine.ruleset(batch.mailbox.id);
        let mut messages = Vec::with_capacity(batch.messages.len());
        let mut rest = VecDeque::from(batch.messages);
        while !rest.is_empty() {
            let some: Vec<Fetched> = rest.drain(..turn(&rest)).collect();
            let (identity, ruleset) = (identity.clone(), ruleset.clone());
            let understood = engine.reader.ask(move |reader| -> Vec<Understood> {
                let messages = some.into_iter();
                messages
                    .map(|f| one(reader, f, &identity, &ruleset))
                    .collect()
            });
            match understood.await {
                Ok(understood) => messages.extend(understood),
                Err(stopped) => return engine.broke(stopped.into()),
            }
        }
        let batch = UnderstoodBatch {
            mailbox: batch.mailbox,
            ruleset,
            messages,
            done: batch.done,
        };
        if next.send(batch).await.is_err() {
            return;
        }
    }
}

/// How many of these are understood in one turn.
fn turn(messages: &VecDeque<Fetched>) -> usize {
    let mut octets = 0;
    let fit = messages.iter().take(TURN).take_while(|fetched| {
        octets += match &fetched.octets {
            Octets::Inline(octets) => octets.len(),
            Octets::Large { .. } => 0,
        };
        octets <= TURN_OCTETS
    });
    fit.count().max(1)
}

fn one(reader: &Reader, fetched: Fetched, identity: &str, ruleset: &Ruleset) -> Understood {
    let (key, mut message, files, raw) = match fetched.octets {
        Octets::Inline(octets) => {
            let mut hasher = KeyHasher::new(identity);
            hasher.update(&octets);
            let limits = mail::Limits {
                files: FILES_OCTETS,
                ..mail::Limits::default()
            };
            let (message, files) = skim(&octets, limits);
            (hasher.finish(), message, files, Raw::Inline(octets))
        }
        Octets::Large {
            stored,
            key,
            message,
            digest,
        } => {
            let raw = Raw::Large(stored.taken(), digest);
            (key, *message, Vec::new(), raw)
        }
    };
    if !ruleset.fields().is_empty() {
        message.fields = match &raw {
            Raw::Inline(octets) => asked_fields(octets, ruleset),
            // It is damaged, or the disk is: whoever reads it next says so.
            Raw::Large(stored, _) => reader
                .beginning(*stored, mail::SECTION_MAX)
                .map_or_else(|_| Vec::new(), |octets| asked_fields(&octets, ruleset)),
        };
    }
    Understood {
        place: fetched.place,
        received_at: fetched.received_at,
        size: fetched.size,
        wanted: fetched.wanted,
        key,
        message,
        files,
        raw,
    }
}

/// The fields of a message's header that rules ask about.
pub(super) fn asked_fields(octets: &[u8], ruleset: &Ruleset) -> Vec<mail::Field> {
    let asked = ruleset.fields();
    mail::fields(octets, |name| asked.iter().any(|field| field == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::place;

    fn fetched(octets: &[usize]) -> VecDeque<Fetched> {
        let one = |octets: &usize| Fetched {
            place: place(1),
            received_at: 0,
            size: *octets as u64,
            wanted: false,
            octets: Octets::Inline(vec![0; *octets].into()),
        };
        octets.iter().map(one).collect()
    }

    /// Goes red where who asks the reader for an attachment waits behind a whole batch of large messages.
    #[test]
    fn a_turn_is_bounded_by_messages_and_by_octets() {
        assert_eq!(turn(&fetched(&[1000; 100])), 64);
        assert_eq!(turn(&fetched(&[200 << 10; 5])), 2);
        // One that is larger than a turn has its own.
        assert_eq!(turn(&fetched(&[600 << 10, 1000])), 1);
    }
}
