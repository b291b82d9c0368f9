//! Where a message goes at the portal: into a ticket that is there, or into one of its own.
//!
//! What was decided says which message the ticket began with. Whether there is such a ticket by now is known
//! only here: it came before this one in the same lane, and has its receipt, or was refused, dismissed or
//! lost. In its place stands the last reply that has a receipt, since that one may have become a ticket of its own.
//! Where there is none, this message becomes one, and says itself what it answers.
//!
//! What leads to no message that is known here may lead to a ticket at the portal: one that it made itself, or that
//! another box made. A portal that can find it is asked, and who may write there is judged by what it says.

use std::collections::BTreeMap;

use super::reader::Reader;
use super::state::Outgoing;
use super::{Engine, StoreFault};
use crate::index::Queued;
use crate::mail::{Address, Message};
use crate::passage::{Entry, Stage};
use crate::portal::{self, Contract, Portal};
use crate::ticket::{written, Facts, Key, Origin, Party, Sender, Signs, Writer};

/// Replies of a ticket that are looked at for one that has a receipt.
const REPLIES: usize = 512;

/// What the portal is asked of a message's ticket.
pub struct Asks {
    signs: portal::Signs,
    author: Option<Address>,
    user: Option<String>,
    company: Option<String>,
    origin: Origin,
}

impl Asks {
    /// What there is to ask; nothing of what belongs to a ticket that is known here.
    pub(super) fn of(message: &Message, facts: &Facts, signs: &Signs) -> Option<Self> {
        if facts.about.is_some() {
            return None;
        }
        let (tokens, message_ids, tickets) = written(message, signs);
        let signs = portal::Signs {
            tokens,
            message_ids,
            tickets,
        };
        (!signs.is_empty()).then(|| Self {
            signs,
            author: message.author().cloned(),
            user: facts.user.clone(),
            company: facts.company.clone(),
            origin: facts.origin.clone(),
        })
    }

    /// Whether the author, who may be a `technician`, may write into a ticket of the portal's.
    fn may_write(&self, there: &portal::Conversation, technician: bool) -> bool {
        let sender = match &self.user {
            Some(user) => Sender::Known {
                user: user.clone(),
                company: self.company.clone(),
                technician,
            },
            // The company is that of the domain then, which makes nobody known.
            None => Sender::Unknown { company_hint: None },
        };
        let writer = Writer::new(self.author.as_ref(), &sender, &self.origin);
        let known = there.user.as_deref().map(Party::user).into_iter();
        let known = known.chain(there.company.as_deref().map(Party::company));
        let others = there.participants.iter().filter(|a| a.contains('@'));
        writer.may_write(known.chain(others.map(|a| Party::address(a))))
    }
}

/// Where a message goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Into a ticket of its own.
    New,
    /// Into the portal's ticket with this id.
    Ticket(String),
}

/// Why that can't be told now.
pub(super) enum Unknown {
    /// The portal's answer.
    Portal(portal::Fault),
    /// The ticket that it goes into, of this number, comes first.
    Behind(u64),
    /// The store's.
    Store(StoreFault),
}

impl From<StoreFault> for Unknown {
    fn from(fault: StoreFault) -> Self {
        Unknown::Store(fault)
    }
}

/// Tickets whose receipt or refusal the index has not learned yet: a reply may be sent at once behind what it
/// answers, and asks for its ticket's id.
#[derive(Default)]
pub struct Fresh(BTreeMap<Key, Option<String>>);

impl Fresh {
    /// The portal answered: with a ticket, or that it won't have it.
    pub(super) fn settled(&mut self, key: Key, ticket: Option<String>) {
        self.0.insert(key, ticket);
    }

    /// The index has learned of it.
    pub(super) fn learned(&mut self, key: &Key) {
        self.0.remove(key);
    }
}

/// Where a message goes now.
pub(super) async fn to(
    engine: &Engine,
    portal: &Contract,
    outgoing: &Outgoing,
    row: Queued,
) -> Result<To, Unknown> {
    if let Some(root) = outgoing.root {
        let members = engine.reader.ask(move |r| members(r, root, row)).await;
        let members = members.map_err(StoreFault::from)??;
        return into(&members, &engine.link.fresh.borrow());
    }
    let ping = &engine.link.ping;
    let finds = || {
        ping.borrow()
            .as_ref()
            .is_some_and(|p| p.finds_conversations)
    };
    let Some(asks) = outgoing.asks.as_ref().filter(|_| finds()) else {
        return Ok(To::New);
    };
    let found = match portal.conversation(&asks.signs).await {
        // It is the question that is refused, not the message.
        Err(portal::Fault::Never { said, .. }) => {
            log::warn!(
                "{said}; \"{}\" becomes a ticket of its own",
                outgoing.subject
            );
            None
        }
        found => found.map_err(Unknown::Portal)?,
    };
    let Some(there) = found.filter(|there| there.open) else {
        return Ok(To::New);
    };
    let technician = match asks.user.clone() {
        Some(user) => {
            let user = engine.reader.ask(move |r| r.view().user(&user)).await;
            let user = user.map_err(StoreFault::from)?.map_err(StoreFault::from)?;
            user.is_some_and(|user| user.technician)
        }
        None => false,
    };
    Ok(match asks.may_write(&there, technician) {
        true => To::Ticket(there.ticket),
        false => To::New,
    })
}

/// A message of a ticket, as far as it matters for what comes behind it.
#[derive(Debug)]
struct Member {
    key: Key,
    /// Where its receipt says that it went.
    ticket: Option<String>,
    /// Its number, where it is the first and its own turn comes before.
    first: Option<u64>,
}

/// The messages of a ticket before this one, the first of them first.
fn members(reader: &Reader, root: Key, row: Queued) -> Result<Vec<Member>, StoreFault> {
    let member = |key: Key, entry: Entry| Member {
        key,
        first: (key == root && entry.stage == Stage::Committed && entry.sequence < row.sequence)
            .then_some(entry.sequence),
        ticket: entry.ticket.filter(|_| entry.stage == Stage::Forwarded),
    };
    let first = reader.entry(&root)?.map(|entry| member(root, entry));
    let replies = reader.replies(&root, REPLIES)?.into_iter();
    let replies = replies.filter(|r| r.key != row.key);
    let replies = replies.map(|r| member(r.key, r.entry));
    Ok(first.into_iter().chain(replies).collect())
}

/// By what is known here, and what the index has not learned yet.
fn into(members: &[Member], fresh: &Fresh) -> Result<To, Unknown> {
    let settled = |m: &Member| fresh.0.contains_key(&m.key);
    let waits = members.iter().find(|m| !settled(m)).and_then(|m| m.first);
    if let Some(first) = waits {
        return Err(Unknown::Behind(first));
    }
    let ticket = |m: &Member| {
        let fresh = fresh.0.get(&m.key).cloned().flatten();
        fresh.or_else(|| m.ticket.clone())
    };
    Ok(members
        .iter()
        .rev()
        .find_map(ticket)
        .map_or(To::New, To::Ticket))
}

#[cfg(test)]
mod tests;
