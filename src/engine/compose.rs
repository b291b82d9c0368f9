//! Composing: a ticket as it waits for the portal, and the same again from the journal.
//!
//! What is sent is made from the committed decision and the message alone, by pure code: a ticket that is not
//! at hand any more gives the same octets when it is composed again.

use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::conversation::Asks;
use super::reader::{RawAt, Reader};
use super::state::Outgoing;
use super::StoreFault;
use crate::http::Bytes;
use crate::mail::{self, clean, Message};
use crate::passage::{Entry, Outcome, Stage};
use crate::portal;
use crate::ticket::{self, compose, Facts, Key, RawOriginal, Signs, Ticket, Token};
use crate::world::clock::hold_up;
use crate::world::switches::Switch;

/// Octets of a message read at once.
const SLICE: usize = 256 * 1024;
/// Octets of subject and sender that are kept for lists.
const SHOWN_MAX: usize = 160;

/// A composed ticket as it waits for the portal, in its lane, decided then.
pub(super) fn outgoing(
    ticket: &Ticket,
    body: Bytes,
    message: &Message,
    facts: &Facts,
    signs: &Signs,
    (lane, decided_at): (u32, i64),
) -> Outgoing {
    Outgoing {
        lane,
        body,
        root: None,
        asks: Asks::of(message, facts, signs).map(Rc::new),
        files: Vec::new(),
        sources: Rc::new(ticket::sources(message, facts.raw.as_ref())),
        subject: shown(Some(&ticket.subject)),
        sender: shown(message.author().map(|a| a.address.as_str())),
        decided_at,
        doubt: false,
    }
}

/// A ticket composed again, on the reader's thread.
pub(super) struct Again {
    ticket: ticket::Ticket,
    message: mail::Message,
    facts: Facts,
    root: Option<Key>,
    lane: u32,
    decided_at: i64,
    digest: Option<[u8; 32]>,
}

impl Again {
    pub(super) fn outgoing(self, signs: &Signs) -> Outgoing {
        let body = portal::document::encode(&self.ticket);
        let same = self
            .digest
            .is_none_or(|d| d == <[u8; 32]>::from(Sha256::digest(&body)));
        Outgoing {
            root: self.root,
            doubt: !same,
            ..outgoing(
                &self.ticket,
                body,
                &self.message,
                &self.facts,
                signs,
                (self.lane, self.decided_at),
            )
        }
    }
}

pub(super) fn compose_again(reader: &Reader, key: Key) -> Result<Option<Again>, StoreFault> {
    let Some(entry) = reader.entry(&key)? else {
        return Ok(None);
    };
    hold_up(Switch::LateRead);
    match entry.stage {
        Stage::Committed => match composed_of(reader, key, &entry)? {
            Some(again) => Ok(Some(again)),
            // After a damage of what said that it was done with.
            None => Err(StoreFault::Torn {
                said: "its octets are no longer kept here".to_owned(),
            }),
        },
        _ => Ok(None),
    }
}

/// The document that the portal is sent of a message (or was, or would be after a refusal), and where
/// its octets lie; none where no ticket was made of it, or its octets are not kept here.
pub(crate) fn document(
    reader: &Reader,
    key: Key,
    entry: &Entry,
) -> Result<Option<(Bytes, RawAt)>, StoreFault> {
    let (Some(again), Some(stored)) = (composed_of(reader, key, entry)?, entry.message) else {
        return Ok(None);
    };
    let document = portal::document::encode(&again.ticket);
    Ok(Some((document, reader.raw_at(stored)?)))
}

pub(super) fn composed_of(
    reader: &Reader,
    key: Key,
    entry: &Entry,
) -> Result<Option<Again>, StoreFault> {
    let (Some(stored), Some(decision)) = (entry.message, entry.decision) else {
        return Ok(None);
    };
    let decision = reader.decision(decision)?;
    let Outcome::Ticket { user, company } = decision.outcome else {
        return Ok(None);
    };
    let raw = reader.raw_at(stored)?;
    let mut skim = mail::Skim::new(mail::Limits::default());
    let mut digester = mail::Digester::default();
    let mut at = 0;
    loop {
        let octets = reader.raw(raw, at, SLICE)?;
        if octets.is_empty() {
            break;
        }
        at += octets.len() as u64;
        digester.update(&octets);
        skim.feed(&octets);
    }
    let message = mail::understand(&skim.finish());
    let original = message
        .needs_original()
        .then(|| RawOriginal::whole(digester.finish()));
    let root = decision
        .about
        .filter(|about| about.append)
        .map(|about| about.root);
    let of = root.unwrap_or(key);
    let facts = Facts {
        key,
        mailbox: decision.address,
        received_at: decision.received_at,
        user,
        company,
        origin: decision.origin,
        raw: original,
        about: decision.about.map(|about| about.root),
        token: decision.token.map(|seal| Token::new(&of, seal)),
    };
    Ok(Some(Again {
        ticket: compose(&message, &facts),
        message,
        facts,
        root,
        lane: decision.lane,
        decided_at: decision.decided_at,
        digest: decision.composed,
    }))
}

pub(super) fn shown(text: Option<&str>) -> String {
    let text = clean::for_line(text.unwrap_or_default());
    let end = (0..=SHOWN_MAX.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// Octets for people.
pub(super) fn mib(octets: u64) -> String {
    format!(
        "{}.{} MiB",
        octets >> 20,
        ((octets >> 10) & 1023) * 10 / 1024
    )
}
