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
use crate::passage::record::Decision;
use crate::passage::{Entry, Outcome, Stage, Stored};
use crate::portal;
use crate::ticket::{self, compose, Facts, Key, Omission, RawOriginal, Signs, Ticket, Token};
use crate::world::clock::hold_up;
use crate::world::switches::Switch;

/// Octets of a message read at once.
const SLICE: usize = 256 * 1024;
/// Octets of subject and sender that are kept for lists.
const SHOWN_MAX: usize = 160;

/// What composing needs of a decision besides the message, with the original where that is to be attached; none
/// of what makes no ticket.
pub(super) fn facts(decision: &Decision, key: Key, raw: Option<RawOriginal>) -> Option<Facts> {
    let Outcome::Ticket { user, company } = &decision.outcome else {
        return None;
    };
    let of = decision.root().unwrap_or(key);
    Some(Facts {
        key,
        mailbox: decision.address.clone(),
        received_at: decision.received_at,
        user: user.clone(),
        company: company.clone(),
        origin: decision.origin.clone(),
        marks: decision.marks.clone(),
        raw,
        about: decision.about.map(|about| about.root),
        token: decision.token.map(|seal| Token::new(&of, seal)),
        storm: decision.storm,
        omitted: decision.omitted.clone(),
    })
}

/// A composed ticket as it waits for the portal.
pub(super) fn outgoing(
    ticket: &Ticket,
    body: Bytes,
    message: &Message,
    facts: &Facts,
    decision: &Decision,
    signs: &Signs,
) -> Outgoing {
    Outgoing {
        lane: decision.lane,
        body,
        root: decision.root(),
        asks: Asks::of(message, facts, signs).map(Rc::new),
        files: Vec::new(),
        sources: Rc::new(ticket::sources(message, facts.raw.as_ref(), &facts.omitted)),
        subject: shown(Some(&ticket.subject)),
        sender: shown(message.author().map(|a| a.address.as_str())),
        decided_at: decision.decided_at,
        doubt: false,
    }
}

/// A ticket composed again, on the reader's thread.
pub(super) struct Again {
    ticket: ticket::Ticket,
    message: mail::Message,
    facts: Facts,
    decision: Decision,
}

impl Again {
    /// The document without these files too.
    pub(super) fn without(mut self, refused: Vec<Omission>) -> Bytes {
        self.facts.omitted.extend(refused);
        self.facts.omitted.sort_by_key(|omission| omission.file);
        portal::document::encode(&compose(&self.message, &self.facts))
    }

    pub(super) fn outgoing(self, signs: &Signs) -> Outgoing {
        let body = portal::document::encode(&self.ticket);
        let digest = <[u8; 32]>::from(Sha256::digest(&body));
        let (ticket, message) = (&self.ticket, &self.message);
        Outgoing {
            doubt: self.decision.composed.is_some_and(|of| of != digest),
            ..outgoing(ticket, body, message, &self.facts, &self.decision, signs)
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
    if !matches!(decision.outcome, Outcome::Ticket { .. }) {
        return Ok(None);
    }
    let (message, digest) = understood(reader, stored)?;
    let original = message.needs_original().then(|| RawOriginal::whole(digest));
    let Some(facts) = facts(&decision, key, original) else {
        return Ok(None);
    };
    Ok(Some(Again {
        ticket: compose(&message, &facts),
        message,
        facts,
        decision,
    }))
}

/// What a message means whose octets are kept, and their digest.
pub(super) fn understood(
    reader: &Reader,
    stored: Stored,
) -> Result<(Message, mail::Digest), StoreFault> {
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
    Ok((mail::understand(&skim.finish()), digester.finish()))
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
