//! Octets to meaning, batch by batch, between fetching and deciding.
//!
//! The pure rooms do the work; this file only keeps the executor alive while they do, by giving
//! way between messages.

use std::rc::Rc;
use std::sync::Arc;

use async_channel::{Receiver, Sender};

use super::Engine;
use crate::mail::{self, Message};
use crate::passage::{Place, Stored};
use crate::settings::Mailbox;
use crate::ticket::{Key, KeyHasher};

/// Messages understood before the executor's other tasks get a turn.
const TURN: usize = 8;

/// A fetched message's octets.
pub enum Octets {
    /// All of them.
    Inline(Vec<u8>),
    /// In a segment of their own, understood on the way there.
    Large {
        /// The segment's record.
        stored: Stored,
        /// The delivery key.
        key: Key,
        /// What they mean.
        message: Box<Message>,
        /// Their digest.
        digest: mail::Digest,
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
    /// Its octets.
    pub raw: Raw,
}

/// Where an understood message's octets are.
pub enum Raw {
    /// All of them.
    Inline(Arc<Vec<u8>>),
    /// In a segment of their own.
    Large(Stored, mail::Digest),
}

impl Raw {
    /// Size and digest of the whole.
    pub fn digest(&self) -> mail::Digest {
        match self {
            Raw::Inline(octets) => mail::Digest::of(octets),
            Raw::Large(_, digest) => *digest,
        }
    }
}

/// An understood batch.
pub struct UnderstoodBatch {
    /// The mailbox's settings when it was fetched.
    pub mailbox: Rc<Mailbox>,
    /// The messages.
    pub messages: Vec<Understood>,
    /// Dropped when the batch is durable, or given up.
    pub done: Option<Sender<()>>,
}

/// What a message means, read from octets that are all at hand.
pub fn read(octets: &[u8]) -> Message {
    let mut skim = mail::Skim::new(mail::Limits::default());
    skim.feed(octets);
    mail::understand(&skim.finish())
}

/// The stage: takes fetched batches, hands understood ones on.
pub async fn run(_engine: Rc<Engine>, batches: Receiver<Batch>, next: Sender<UnderstoodBatch>) {
    while let Ok(batch) = batches.recv().await {
        let identity = batch.mailbox.key_identity().unwrap_or_default();
        let mut messages = Vec::with_capacity(batch.messages.len());
        for (n, fetched) in batch.messages.into_iter().enumerate() {
            if n % TURN == TURN - 1 {
                futures_lite::future::yield_now().await;
            }
            let (key, message, raw) = match fetched.octets {
                Octets::Inline(octets) => {
                    let mut hasher = KeyHasher::new(&identity);
                    hasher.update(&octets);
                    (
                        hasher.finish(),
                        read(&octets),
                        Raw::Inline(Arc::new(octets)),
                    )
                }
                Octets::Large {
                    stored,
                    key,
                    message,
                    digest,
                } => (key, *message, Raw::Large(stored, digest)),
            };
            messages.push(Understood {
                place: fetched.place,
                received_at: fetched.received_at,
                size: fetched.size,
                wanted: fetched.wanted,
                key,
                message,
                raw,
            });
        }
        let batch = UnderstoodBatch {
            mailbox: batch.mailbox,
            messages,
            done: batch.done,
        };
        if next.send(batch).await.is_err() {
            return;
        }
    }
}
