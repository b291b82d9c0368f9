//! Decide, and commit: the batch's messages and decisions, one sync, then the index.
//!
//! After this a message is ours. Nothing is moved on the server, and nothing is sent to the portal,
//! before it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use async_channel::Receiver;
use sha2::{Digest as _, Sha256};

use super::compose::{facts, outgoing, shown};
use super::decide::{already, look_up, question, rules, Answered};
use super::news::Event;
use super::reader::Answer;
use super::state::Outgoing;
use super::understand::{Raw, Understood, UnderstoodBatch};
use super::writer::{self, Decided};
use super::{give_way, held, storm, Engine, StoreFault};
use crate::mail::Message;
use crate::passage::record::{Alias, Decision};
use crate::passage::{Entry, Outcome, Record, Stage};
use crate::settings::{ArchiveWhen, Mailbox};
use crate::ticket::{
    self, answers, bears_sign, compose, decide, is_ours, Belongs, Clue, Key, Known, Led,
    RawOriginal,
};
use crate::ticket::{
    Groups, Letter, MessageId, Met, Omission, Origin, Reason, Rules, Signs, Storms, Surge, Thread,
};

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
    /// Message-IDs that messages of this batch answer.
    answered: BTreeSet<MessageId>,
    /// Where those of them lead that are of this batch: the index has not learned it.
    led: BTreeMap<MessageId, Led>,
    /// What came before, as far as the storm guard goes; none where there is none.
    storms: Option<Storms>,
}

/// By what a batch is decided, beside what is known of each message.
struct By<'a> {
    mailbox: &'a Mailbox,
    rules: Rules,
    signs: &'a Signs,
    now: i64,
}

async fn commit(engine: &Rc<Engine>, batch: UnderstoodBatch) -> Result<(), StoreFault> {
    let mailbox = batch.mailbox;
    let looks = engine.looks.begun();
    let signs = engine.signs();
    let by = By {
        mailbox: &mailbox,
        rules: rules(&mailbox, &engine.settings().mailboxes, batch.ruleset),
        signs: &signs,
        now: engine.world.clock.wall().0,
    };
    let own = by.rules.own.clone();
    let senders = &by.rules.senders;
    let messages = batch.messages.iter();
    let questions =
        messages.map(|m| question(&m.message, mailbox.id, Some(m.key), senders, &signs));
    let answers = look_up(engine, questions.collect()).await?;
    let (taken, storms) = storm::take(engine).await?.unzip();
    let clues = answers.iter().flat_map(|answer| &answer.led);
    let mut plan = Plan {
        answered: clues.filter_map(|(clue, _)| clue.sign.message()).collect(),
        storms,
        ..Plan::default()
    };
    let mut here = BTreeMap::new();
    for (understood, answer) in batch.messages.into_iter().zip(answers) {
        engine.news.tell(&Event::Fetched {
            key: understood.key,
            mailbox: mailbox.id,
            octets: understood.size,
        });
        let twin = here.insert(understood.key, ()).is_some();
        plan_one(&mut plan, &by, understood, answer, twin);
    }
    let Plan {
        decided,
        others,
        mut composed,
        abandoned,
        storms,
        ..
    } = plan;
    let aside: BTreeMap<Key, String> = decided
        .iter()
        .filter(|d| !matches!(d.decision.outcome, Outcome::Ticket { .. }))
        .map(|d| {
            let Decision {
                subject,
                sender,
                marks,
                ..
            } = &d.decision;
            let by = marks.as_ref().and_then(|marks| marks.said());
            let by = by.map_or_else(String::new, |by| format!(", by {by}"));
            (d.key, format!(" \"{subject}\" from {sender}{by}"))
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
    // Of a batch that failed nothing was counted.
    if let (Some(taken), Some(storms)) = (taken, storms) {
        engine.lately.give_back(taken, storms);
    }
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
    let held = |(_, entry): &(Key, Arc<Entry>)| entry.stage == Stage::Held;
    if committed.applied.changed.iter().any(held) {
        held::catch_up(engine, &mailbox, &own, looks).await?;
    }
    give_way::let_catch_up(engine).await;
    Ok(())
}

fn plan_one(plan: &mut Plan, by: &By<'_>, understood: Understood, answer: Answer, twin: bool) {
    let (key, mailbox) = (understood.key, by.mailbox);
    let already = already(answer.entry.as_ref(), understood.wanted);
    let before = answer.entry.is_some();
    if twin || already == Known::Elsewhere {
        return again(plan, mailbox, understood);
    }
    let message = &understood.message;
    let Answered { requester, led, .. } = Answered::of(answer, message, &by.rules.senders);
    let led = led.into_iter().map(|(clue, led)| {
        let here = clue
            .sign
            .message()
            .and_then(|id| plan.led.get(&id).cloned());
        (clue, here.or(led))
    });
    let led: Vec<(Clue, Option<Led>)> = led.collect();
    let answered = answers(message, &requester, &led);
    let decision = decide(
        message,
        understood.received_at,
        &requester,
        &by.rules,
        already,
        Belongs {
            about: answered.map(|(about, _)| about),
            ours: is_ours(message, by.signs),
        },
    );
    let letter = Letter {
        message,
        sender: requester.address(message),
        octets: understood.size,
        answers: !by.rules.own.is_empty() && bears_sign(message, by.signs),
    };
    let wanted = already == Known::Wanted;
    let (decision, marks) = by.rules.own.judge(decision, &letter, wanted, |_| ());
    let sender = shown(requester.address(message).map(|a| a.address.as_str()));
    let subject = shown(message.subject.as_deref());
    let met = Met {
        key,
        received_at: understood.received_at,
        groups: counted(&decision, by, &requester.origin, &sender, &subject),
        again: before,
    };
    let (decision, storm) = plan.guard(by, met, already, decision);
    if let Some(surge) = storm.filter(|_| !matches!(decision, ticket::Decision::Held(_))) {
        log::warn!(
            "{} mailbox {}: message {} of one {} within {} minutes, \"{subject}\" from {sender}: more of them \
             are held",
            key.short(),
            mailbox.name,
            surge.count,
            surge.alike.word(),
            surge.minutes
        );
    }
    let address = mailbox
        .mail_address()
        .unwrap_or(&mailbox.username)
        .to_owned();
    let held_by = match decision {
        ticket::Decision::Held(Reason::HeldByRule) => by.rules.own.digest(),
        _ => 0,
    };
    let (outcome, about) = match decision {
        ticket::Decision::Ticket {
            user,
            company,
            about,
        } => (Outcome::Ticket { user, company }, about),
        ticket::Decision::Held(reason) => (Outcome::Held(reason), None),
        ticket::Decision::Ignored(reason) => (Outcome::Ignored(reason), None),
    };
    // A reply comes behind what it answers.
    let lane = match answered {
        Some((_, lane)) if about.is_some_and(|about| about.append) => lane,
        _ => lane(message),
    };
    let mut decision = Decision {
        sequence: 0,
        mailbox: mailbox.id,
        place: understood.place,
        received_at: understood.received_at,
        octets: understood.size,
        decided_at: by.now,
        message: None,
        large: None,
        outcome,
        address,
        lane,
        sender,
        subject,
        composed: None,
        archive_early: mailbox.archive_when == ArchiveWhen::Committed,
        thread: Thread::default(),
        about,
        token: None,
        // Of what waits too: whoever looks at it again asks whether its address may be forged.
        origin: requester.origin,
        storm,
        omitted: Vec::new(),
        marks,
        held_by,
    };
    let original = message.needs_original();
    let original = original.then(|| understood.raw.digest().map(RawOriginal::whole));
    let original = original.flatten();
    if let Outcome::Ticket { user, company } = &decision.outcome {
        let root = decision.root();
        let (user, company) = (user.as_deref(), company.as_deref());
        let asked_by = decision.origin.requester.as_ref();
        decision.thread = Thread::of(message, asked_by, user, company, &by.rules.senders);
        let ours = by.signs.keys.first();
        decision.token = ours.map(|ours| ours.seal(&root.unwrap_or(key)));
        plan.answer(key, &decision, led);
        let whole = original.as_ref().map(|raw| raw.size);
        decision.omitted = by.rules.files.leave_out(message, whole);
        for Omission { file, why } in &decision.omitted {
            log::info!(
                "{} file {}: left out: {}",
                key.short(),
                file + 1,
                why.said()
            );
        }
    }
    if let Some(facts) = facts(&decision, key, original) {
        let ticket = compose(message, &facts);
        let body = crate::portal::document::encode(&ticket);
        decision.composed = Some(Sha256::digest(&body).into());
        let outgoing = Outgoing {
            files: understood.files,
            ..outgoing(&ticket, body, message, &facts, &decision, by.signs)
        };
        plan.composed.insert(key, outgoing);
    }
    let raw = match (&decision.outcome, understood.raw) {
        (Outcome::Ticket { .. }, Raw::Inline(octets)) => writer::Raw::Inline(octets),
        (Outcome::Ticket { .. }, Raw::Large(stored, _)) => writer::Raw::Large(stored),
        (_, Raw::Inline(_)) => writer::Raw::Left,
        (_, Raw::Large(stored, _)) => {
            plan.abandoned.push(stored.segment);
            writer::Raw::Left
        }
    };
    plan.decided.push(Decided { key, raw, decision });
}

/// The groups in which a message counts by what was decided about it.
fn counted(
    decision: &ticket::Decision,
    by: &By<'_>,
    origin: &Origin,
    sender: &str,
    subject: &str,
) -> Groups {
    match decision {
        ticket::Decision::Ticket { about, .. } if by.rules.storm.is_on() => {
            let reply = about.is_some_and(|about| about.append);
            let mailbox = by.mailbox.id.0;
            let doubtful = origin.doubtful;
            Groups::of(mailbox, sender, subject, reply, doubtful, &by.rules.storm)
        }
        _ => Groups::default(),
    }
}

impl Plan {
    /// The decision once the storm guard has counted it; what it says where the message is the last that passes,
    /// or one too many. The operator's word stands above it.
    fn guard(
        &mut self,
        by: &By<'_>,
        met: Met,
        already: Known,
        decision: ticket::Decision,
    ) -> (ticket::Decision, Option<Surge>) {
        let guard = &by.rules.storm;
        let surge = self.storms.as_mut().and_then(|s| s.step(met, guard));
        match surge.filter(|_| already == Known::New) {
            Some(surge) if u64::from(surge.count) > guard.limit => {
                (ticket::Decision::Held(Reason::Storm), Some(surge))
            }
            surge => (decision, surge),
        }
    }

    /// Where answers of the same batch to a decided message lead, if there are any.
    fn answer(&mut self, key: Key, decision: &Decision, led: Vec<(Clue, Option<Led>)>) {
        let id = decision.thread.id.filter(|id| self.answered.contains(id));
        let (Some(id), root) = (id, decision.root()) else {
            return;
        };
        let of_it = led.into_iter().filter_map(|(_, led)| led);
        let of_it = of_it.filter(|led| Some(led.root) == root);
        let mut parties = decision.thread.parties.clone();
        parties.extend(of_it.flat_map(|led| led.parties));
        let (root, lane) = (root.unwrap_or(key), decision.lane);
        self.led.entry(id).or_insert(Led {
            root,
            lane,
            parties,
        });
    }
}

/// It has its ticket, or its reason: this is one more place to archive it from, once the first one's turn comes.
fn again(plan: &mut Plan, mailbox: &Mailbox, understood: Understood) {
    let key = understood.key;
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
}

/// The lane of a message that begins a ticket: its sender's.
fn lane(message: &Message) -> u32 {
    let address = message.author().map(|a| a.folded()).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(address.as_bytes()).into();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}
