//! One attempt to hand one ticket to the portal: attachments first, then the ticket.
//!
//! An attachment that the portal does not take, by its own limits or by its answer, is left out: the ticket is
//! composed again and says so (`files`).
//!
//! What is sent is made from the committed decision alone. A ticket that is not at hand any more is
//! composed again from the journal, by the same pure code, and gives the same octets; should an
//! update of this program compose others, the key is looked up before they are sent.
//!
//! A ticket in doubt is one that may have been sent and whose answer is not known. After an attempt
//! of this run its key is looked up: that costs one request, and holds whatever the portal's own
//! memory of keys is worth by now. After a start thousands may be in doubt: those are trusted to the
//! portal's keys while they last, unless the portal was restored since. Where it finds nothing by
//! key its keys must do, and behind them only a person can settle it.
//!
//! A portal that keeps no keys can be asked too early: it may still be at work on the attempt whose
//! answer is missing. There the look-up has its time (`doubt`), whoever hurries.

use std::rc::Rc;
use std::time::Duration;

use super::compose::{compose_again, mib};
use super::conversation::{self, To};
use super::doubt::{is_asked, Doubt};
use super::state::Outgoing;
use super::{held, Engine, StoreFault};
use crate::index::Queued;
use crate::passage::record::ActKind;
use crate::portal::{self, Contract, Portal};
use crate::ticket::{self, Key};
use crate::world::Tick;

mod files;
mod refused;

pub use refused::Refused;

/// How an attempt ended.
pub enum Outcome {
    /// The portal has it.
    Done {
        /// Its receipt.
        receipt: ticket::Receipt,
        /// The epoch of the portal that was asked.
        epoch: String,
        /// Subject and sender, for the log.
        shown: String,
    },
    /// This ticket, later.
    Later {
        /// What happened.
        said: String,
        /// When the portal asked to be tried again.
        after: Option<Duration>,
        /// This attempt may have arrived all the same.
        doubt: bool,
    },
    /// This ticket, never by itself.
    Never {
        /// Why, in the words of whoever says so.
        said: String,
        /// Who says so.
        by: By,
    },
    /// No ticket can be sent now.
    Link {
        /// What happened.
        said: String,
        /// When the portal asked to be tried again.
        after: Option<Duration>,
        /// This attempt may have arrived all the same.
        doubt: bool,
    },
    /// Nothing was asked yet: the portal may still be at work on an earlier attempt until then.
    Early {
        /// When it can be looked up.
        until: Tick,
    },
    /// Nothing was sent: the ticket that it goes into comes first.
    Behind {
        /// The number of that one's decision.
        first: u64,
    },
    /// It is not in the queue any more.
    Gone,
    /// Its octets can't be read here any more.
    Torn {
        /// What happened.
        said: String,
    },
    /// The store can't go on.
    Store(StoreFault),
}

/// Who won't have a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The portal.
    Portal,
    /// We, before anything was sent.
    Us,
}

/// Tries one ticket.
pub async fn run(
    engine: &Rc<Engine>,
    portal: &Contract,
    row: Queued,
    at_hand: Option<Outgoing>,
    doubt: Option<Doubt>,
) -> Outcome {
    ended(attempt(engine, portal, row, at_hand, doubt).await)
}

fn ended(attempt: Result<Outcome, StoreFault>) -> Outcome {
    match attempt {
        Ok(outcome) => outcome,
        Err(StoreFault::Torn { said }) => Outcome::Torn { said },
        // Before anything is sent a word is used up: that waits for room, and the ticket with it.
        Err(StoreFault::Full { said }) => Outcome::Later {
            said,
            after: None,
            doubt: false,
        },
        Err(fault) => Outcome::Store(fault),
    }
}

async fn attempt(
    engine: &Rc<Engine>,
    portal: &Contract,
    row: Queued,
    at_hand: Option<Outgoing>,
    doubt: Option<Doubt>,
) -> Result<Outcome, StoreFault> {
    let mut outgoing = match at_hand {
        Some(outgoing) => outgoing,
        None => match engine
            .reader
            .ask(move |r| compose_again(r, row.key))
            .await?
        {
            Ok(Some(again)) => again.outgoing(&engine.signs()),
            Ok(None) => return Ok(Outcome::Gone),
            Err(StoreFault::Torn { said }) => return torn(engine, portal, row, doubt, said).await,
            Err(fault) => return Err(fault),
        },
    };
    let key = row.key;
    let sent_key = key.to_string();
    let ping = engine.link.ping.borrow().clone();
    let finds = ping.as_ref().is_none_or(|p| p.finds_keys);
    let earlier = row.sequence <= engine.link.earlier;
    let unprotected = !keeps_key(engine, ping.as_ref(), outgoing.decided_at, row);
    let in_doubt = outgoing.doubt
        || match finds {
            true => doubt.is_some() || (earlier && unprotected),
            false => (doubt.is_some() || earlier) && unprotected,
        };
    if finds && in_doubt {
        let shown = outgoing.shown();
        if let Some(ended) = look_up(engine, portal, key, ping.as_ref(), doubt, shown).await {
            return Ok(ended);
        }
    }
    if !finds && (in_doubt || unprotected) {
        // The word was given before this run sent it and heard nothing.
        let word = doubt.is_none() && has_word(engine, key).await?;
        if in_doubt && !word {
            return Ok(aside(unsettled(&outgoing, &key)));
        }
    }
    if let Some(said) = ping.as_ref().and_then(|p| too_large(p, &outgoing)) {
        return Ok(aside(said));
    }
    match files::send(engine, portal, key, ping.as_ref(), &mut outgoing).await? {
        Ok(refused) if refused.is_empty() => {}
        Ok(refused) => match files::without(engine, key, refused).await? {
            Some(body) => outgoing.body = body,
            None => return Ok(Outcome::Gone),
        },
        Err(outcome) => return Ok(outcome),
    }
    let to = match conversation::to(engine, portal, &outgoing, row).await {
        Ok(to) => to,
        Err(conversation::Unknown::Portal(fault)) => return Ok(verdict(fault, false)),
        Err(conversation::Unknown::Store(fault)) => return Err(fault),
        Err(conversation::Unknown::Behind(first)) => return Ok(Outcome::Behind { first }),
    };
    Ok(match send(portal, to, &sent_key, &outgoing).await {
        Ok(receipt) => done(receipt, ping.as_ref(), outgoing.shown()),
        Err(portal::Fault::AlreadyThere) if !finds => aside(unsettled(&outgoing, &key)),
        Err(portal::Fault::AlreadyThere) => match first(portal.find(&sent_key).await) {
            Ok(Some(receipt)) => done(receipt, ping.as_ref(), outgoing.shown()),
            Ok(None) => Outcome::Later {
                said: "the portal says that the key was used, and finds nothing under it"
                    .to_owned(),
                after: None,
                doubt: true,
            },
            Err(fault) => verdict(fault, true),
        },
        Err(fault) => verdict(fault, false),
    })
}

/// Sends it there; where that ticket is gone, or takes no more, as one of its own: it says itself what it
/// answers, and nothing of it was accepted.
async fn send(
    portal: &Contract,
    to: To,
    key: &str,
    outgoing: &Outgoing,
) -> Result<portal::Receipt, portal::Fault> {
    if let To::Ticket(ticket) = to {
        match portal.reply(&ticket, key, outgoing.body.clone()).await {
            Err(portal::Fault::TicketGone { said }) => {
                log::warn!(
                    "{said}; \"{}\" becomes a ticket of its own",
                    outgoing.subject
                );
            }
            answered => return answered,
        }
    }
    portal.create(key, outgoing.body.clone()).await
}

/// Whether the portal still keeps the key under which this may have been sent: not past its time,
/// and not from before a restore.
fn keeps_key(engine: &Engine, ping: Option<&portal::Ping>, decided_at: i64, row: Queued) -> bool {
    let Some(kept) = ping.and_then(|p| p.keeps_keys) else {
        return false;
    };
    let now = engine.world.clock.wall().0;
    let age = now.saturating_sub(decided_at);
    age < i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)
        && !engine.link.is_of_before(row.sequence)
}

/// Whether the operator has looked and wants this sent. The word serves for one sending: it is used
/// up durably before, since after a crash nobody could tell whether it had served.
async fn has_word(engine: &Rc<Engine>, key: Key) -> Result<bool, StoreFault> {
    if engine.link.is_wanted(&key) {
        return Ok(true);
    }
    let entry = engine.reader.ask(move |r| r.entry(&key)).await??;
    if !entry.is_some_and(|e| e.has_word()) {
        return Ok(false);
    }
    let used = held::act(engine, ActKind::Retry, "portal");
    engine.act(vec![(key, used)]).await?;
    engine.link.want(key);
    Ok(true)
}

fn aside(said: String) -> Outcome {
    Outcome::Never { said, by: By::Us }
}

/// What a person has to settle.
fn unsettled(outgoing: &Outgoing, key: &Key) -> String {
    let key = key.short();
    format!(
        "it may be at the portal already, which can't be asked: it finds nothing by key. Look there for \"{}\" from {}: if it is there, `postern held dismiss {key}`; if not, `postern queue retry {key}` sends it",
        outgoing.subject, outgoing.sender
    )
}

/// Why the portal would refuse it by its size, known before an octet is sent.
fn too_large(ping: &portal::Ping, outgoing: &Outgoing) -> Option<String> {
    let body = outgoing.body.len() as u64;
    let most = ping.ticket_bytes.filter(|most| body > *most)?;
    let (body, most) = (mib(body), mib(most));
    Some(format!(
        "the ticket has {body}, and the portal takes {most} at most: have the limit raised there, then `postern queue retry` sends it; or make the ticket by hand, and `postern held dismiss` it"
    ))
}

fn first(
    found: Result<Vec<portal::Receipt>, portal::Fault>,
) -> Result<Option<portal::Receipt>, portal::Fault> {
    found.map(|found| found.into_iter().next())
}

/// The portal has it, as it was when the attempt began: it may be another one by the time this is heard of.
fn done(receipt: portal::Receipt, ping: Option<&portal::Ping>, shown: String) -> Outcome {
    Outcome::Done {
        receipt: ticket::Receipt {
            ticket: receipt.ticket,
            number: None,
        },
        epoch: ping.map(|p| p.epoch.clone()).unwrap_or_default(),
        shown,
    }
}

/// A ticket whose octets can't be read here any more. Where it may have been sent, that is settled first:
/// what is fetched again counts as new, and would be sent without a look.
async fn torn(
    engine: &Rc<Engine>,
    portal: &Contract,
    row: Queued,
    doubt: Option<Doubt>,
    said: String,
) -> Result<Outcome, StoreFault> {
    if doubt.is_none() && row.sequence > engine.link.earlier {
        return Ok(Outcome::Torn { said });
    }
    let (key, ping) = (row.key, engine.link.ping.borrow().clone());
    if ping.as_ref().is_some_and(|p| !p.finds_keys) {
        // Also where keys are kept: it may come back from its mailbox past their time.
        let wanted = doubt.is_none() && has_word(engine, key).await?;
        let key = key.short();
        return Ok(match wanted {
            true => Outcome::Torn { said },
            false => aside(format!(
                "{said}, and it may be at the portal already, which can't be asked: look there; if it is there, `postern held dismiss {key}`; if not, `postern queue retry {key}` has its mail fetched again where its mailbox still has it"
            )),
        });
    }
    let shown = format!("({said})");
    let ended = look_up(engine, portal, key, ping.as_ref(), doubt, shown).await;
    Ok(ended.unwrap_or(Outcome::Torn { said }))
}

/// Asks the portal for a ticket that it may have; none where it has not.
async fn look_up(
    engine: &Engine,
    portal: &Contract,
    key: Key,
    ping: Option<&portal::Ping>,
    doubt: Option<Doubt>,
    shown: String,
) -> Option<Outcome> {
    // Not found now, it would be sent again beside the one that is still at work.
    let until = doubt.filter(|_| ping.is_some_and(is_asked));
    let until = until.map(|d| d.until);
    if let Some(until) = until.filter(|until| *until > engine.world.clock.tick()) {
        return Some(Outcome::Early { until });
    }
    match first(portal.find(&key.to_string()).await) {
        Ok(Some(receipt)) => Some(done(receipt, ping, shown)),
        Ok(None) => None,
        Err(fault) => Some(verdict(fault, false)),
    }
}

/// What a fault of the portal means for this ticket and for the link; `doubt`: whether this attempt
/// may have arrived whatever the fault says.
fn verdict(fault: portal::Fault, doubt: bool) -> Outcome {
    let said = fault.to_string();
    match fault {
        portal::Fault::Later { after, .. } => Outcome::Later { said, after, doubt },
        portal::Fault::Unsure { after, .. } => Outcome::Later {
            said,
            after,
            doubt: true,
        },
        // An attachment that the portal let go between two requests is sent again next time; octets
        // that can't be read now may be readable then, and never become a refusal of the portal's.
        portal::Fault::MissingAttachment { .. }
        | portal::Fault::AttachmentRefused { .. }
        | portal::Fault::AlreadyThere
        | portal::Fault::TicketGone { .. }
        | portal::Fault::Local { .. } => Outcome::Later {
            said,
            after: None,
            doubt,
        },
        portal::Fault::Never { .. } => Outcome::Never {
            said,
            by: By::Portal,
        },
        portal::Fault::Throttled { after, .. } => Outcome::Link { said, after, doubt },
        portal::Fault::Link { .. } => Outcome::Link {
            said,
            after: None,
            doubt,
        },
    }
}

#[cfg(test)]
mod tests;
