//! Decide, and commit: the batch's messages and decisions, one sync, then the index.
//!
//! After this a message is ours. Nothing is moved on the server, and nothing is sent to the portal,
//! before it.

use std::collections::BTreeMap;
use std::rc::Rc;

use async_channel::Receiver;
use sha2::{Digest as _, Sha256};

use super::decide::{already, look_up, rules, sender};
use super::news::Event;
use super::state::Outgoing;
use super::understand::{Raw, Understood, UnderstoodBatch};
use super::writer::{self, Decided};
use super::{give_way, held, Engine, StoreFault};
use crate::http::Bytes;
use crate::index::Found;
use crate::mail::{clean, Message};
use crate::passage::record::{Alias, Decision};
use crate::passage::{Entry, Outcome, Record, Stage};
use crate::settings::{ArchiveWhen, Mailbox};
use crate::ticket::{self, compose, decide, Facts, Known, RawOriginal, Rules};
use crate::ticket::{Key, Ticket};

/// Octets of subject and sender that a decision keeps for lists.
const SHOWN_MAX: usize = 160;

/// The stage: takes understood batches, makes them durable.
pub async fn run(engine: Rc<Engine>, batches: Receiver<UnderstoodBatch>) {
    while let Ok(batch) = batches.recv().await {
        let done = batch.done.clone();
        let mailbox = batch.mailbox.id;
        match commit(&engine, batch).await {
            Ok(()) => engine.full.replace(None).map_or((), |_| {
                log::info!("the disk has room again");
            }),
            Err(StoreFault::Full { said }) => {
                // Nothing of the batch counts; the messages are still unread on their server.
                log::error!("{said}; fetching waits for room");
                *engine.full.borrow_mut() = Some(said);
                if let Some(post) = engine.posts.borrow().get(&mailbox) {
                    post.look_bell.ring();
                }
            }
            Err(fault) => {
                engine.broke(fault);
                return;
            }
        }
        drop(done);
    }
}

/// What is to be appended for one batch.
#[derive(Default)]
struct Plan {
    decided: Vec<Decided>,
    others: Vec<(Key, Record)>,
    composed: BTreeMap<Key, Outgoing>,
    abandoned: Vec<u64>,
}

async fn commit(engine: &Rc<Engine>, batch: UnderstoodBatch) -> Result<(), StoreFault> {
    let mailbox = batch.mailbox;
    let looks = engine.looks.begun();
    let keys: Vec<Key> = batch.messages.iter().map(|m| m.key).collect();
    let addresses: Vec<String> = batch
        .messages
        .iter()
        .map(|m| m.message.author().map(|a| a.folded()).unwrap_or_default())
        .collect();
    let (entries, found) = look_up(engine, keys, addresses).await?;
    let rules = rules(&mailbox);
    let mut plan = Plan::default();
    let now = engine.world.clock.wall().0;
    let mut here = BTreeMap::new();
    for ((understood, entry), found) in batch.messages.into_iter().zip(entries).zip(found) {
        engine.news.tell(&Event::Fetched {
            key: understood.key,
            mailbox: mailbox.id,
            octets: understood.size,
        });
        let twin = here.insert(understood.key, ()).is_some();
        plan_one(
            &mut plan,
            &mailbox,
            understood,
            entry.as_ref(),
            twin,
            found,
            &rules,
            now,
        );
    }
    let Plan {
        decided,
        others,
        mut composed,
        abandoned,
    } = plan;
    let aside: BTreeMap<Key, String> = decided
        .iter()
        .filter(|d| !matches!(d.decision.outcome, Outcome::Ticket { .. }))
        .map(|d| {
            let Decision {
                subject, sender, ..
            } = &d.decision;
            (d.key, format!(" \"{subject}\" from {sender}"))
        })
        .collect();
    let write = |records: Vec<_>| {
        engine.writer.ask(move |w| {
            let dropped = abandoned.into_iter().try_for_each(|s| w.drop_large(s));
            (dropped.and_then(|()| w.commit(decided, &records)), records)
        })
    };
    let again: Vec<Key> = others.iter().map(|(key, _)| *key).collect();
    let committed = engine.receipts.carry(others, write).await?;
    for (key, entry) in &committed.applied.changed {
        let reason = match entry.stage {
            Stage::Committed => None,
            Stage::Held | Stage::Ignored => entry.reason,
            _ => continue,
        };
        engine.news.tell(&Event::Committed { key: *key, reason });
        match reason {
            None => {
                if let Some(outgoing) = composed.remove(key) {
                    engine.link.offer(entry.sequence, outgoing);
                }
            }
            Some(reason) => {
                let what = aside.get(key).map(String::as_str).unwrap_or_default();
                log::info!("{} {}: {reason}{what}", key.short(), entry.stage);
            }
        }
    }
    // Behind the commits: of two copies that came together, one has become the ticket.
    for key in again {
        engine.news.tell(&Event::Again { key });
    }
    engine.learned(&committed);
    let held = |(_, entry): &(Key, Entry)| entry.stage == Stage::Held;
    if committed.applied.changed.iter().any(held) {
        held::catch_up(engine, &mailbox, looks).await?;
    }
    give_way::let_catch_up(engine).await;
    Ok(())
}

#[allow(clippy::too_many_arguments)]
fn plan_one(
    plan: &mut Plan,
    mailbox: &Mailbox,
    understood: Understood,
    entry: Option<&Entry>,
    twin: bool,
    found: Found,
    rules: &Rules,
    now: i64,
) {
    let key = understood.key;
    let already = already(entry, understood.wanted);
    if twin || already == Known::Elsewhere {
        // It has its ticket, or its reason: this is one more place to archive it from, once the
        // first one's turn comes.
        log::info!(
            "{} the same message again, in mailbox {} ({} octets): no second ticket",
            key.short(),
            mailbox.name,
            understood.size
        );
        plan.others.push((
            key,
            Record::Alias(Alias {
                mailbox: mailbox.id,
                place: understood.place,
                received_at: understood.received_at,
                octets: understood.size,
            }),
        ));
        if let Raw::Large(stored, _) = understood.raw {
            plan.abandoned.push(stored.segment);
        }
        return;
    }
    let sender = sender(found);
    let decision = decide(
        &understood.message,
        understood.received_at,
        &sender,
        rules,
        already,
    );
    let address = mailbox
        .mail_address()
        .unwrap_or(&mailbox.username)
        .to_owned();
    let (outcome, composed) = match decision {
        ticket::Decision::Ticket { user, company } => {
            let facts = facts(&understood, &address, user.clone(), company.clone());
            let ticket = compose(&understood.message, &facts);
            (Outcome::Ticket { user, company }, Some((ticket, facts)))
        }
        ticket::Decision::Held(reason) => (Outcome::Held(reason), None),
        ticket::Decision::Ignored(reason) => (Outcome::Ignored(reason), None),
    };
    let lane = lane(&understood.message);
    let mut digest = None;
    if let Some((ticket, facts)) = composed {
        let body = crate::portal::document::encode(&ticket);
        digest = Some(Sha256::digest(&body).into());
        let mut outgoing = outgoing(
            &ticket,
            body,
            &understood.message,
            facts.raw.as_ref(),
            lane,
            now,
        );
        outgoing.files = understood.files;
        plan.composed.insert(key, outgoing);
    }
    let raw = match (&outcome, understood.raw) {
        (Outcome::Ticket { .. }, Raw::Inline(octets)) => writer::Raw::Inline(octets),
        (Outcome::Ticket { .. }, Raw::Large(stored, _)) => writer::Raw::Large(stored),
        (_, Raw::Inline(_)) => writer::Raw::Left,
        (_, Raw::Large(stored, _)) => {
            plan.abandoned.push(stored.segment);
            writer::Raw::Left
        }
    };
    plan.decided.push(Decided {
        key,
        raw,
        decision: Decision {
            sequence: 0,
            mailbox: mailbox.id,
            place: understood.place,
            received_at: understood.received_at,
            octets: understood.size,
            decided_at: now,
            message: None,
            large: None,
            outcome,
            address,
            lane,
            sender: shown(understood.message.author().map(|a| a.address.as_str())),
            subject: shown(understood.message.subject.as_deref()),
            composed: digest,
            archive_early: mailbox.archive_when == ArchiveWhen::Committed,
        },
    });
}

fn facts(
    understood: &Understood,
    address: &str,
    user: Option<String>,
    company: Option<String>,
) -> Facts {
    Facts {
        key: understood.key,
        mailbox: address.to_owned(),
        received_at: understood.received_at,
        user,
        company,
        raw: match understood.message.needs_original() {
            true => understood.raw.digest().map(RawOriginal::whole),
            false => None,
        },
    }
}

/// A composed ticket as it waits for the portal.
pub(super) fn outgoing(
    ticket: &Ticket,
    body: Bytes,
    message: &Message,
    raw: Option<&RawOriginal>,
    lane: u32,
    decided_at: i64,
) -> Outgoing {
    Outgoing {
        lane,
        body,
        files: Vec::new(),
        sources: Rc::new(ticket::sources(message, raw)),
        subject: shown(Some(&ticket.subject)),
        sender: shown(message.author().map(|a| a.address.as_str())),
        decided_at,
        doubt: false,
    }
}

/// The lane of a message: its sender's, until conversations exist.
fn lane(message: &Message) -> u32 {
    let address = message.author().map(|a| a.folded()).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(address.as_bytes()).into();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

fn shown(text: Option<&str>) -> String {
    let text = clean::for_line(text.unwrap_or_default());
    let end = (0..=SHOWN_MAX.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}
