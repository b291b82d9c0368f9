//! Tickets to the portal: several in flight, order kept within a lane, every outcome recorded.
//!
//! An attempt ends in one of five ways: done, later, never, unsure, or with trouble of the link as
//! a whole. One bad ticket never stops the others: it waits by itself. Trouble that would meet the
//! next ticket too pauses the link, and one ticket at a time probes it afterwards.
//!
//! Unsure means: the portal may have it; `attempt` settles that before it sends the same octets
//! again, under the same key. Since attempts are not written down, each ticket of an earlier start
//! is in doubt too. What the portal promised may have ended: it is asked how it is (its epoch, above
//! all) again after each failure, and every few minutes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};

use super::attempt::{self, By, Outcome};
use super::bell::Bell;
use super::conversation::Fresh;
use super::epoch::Known;
use super::news::Event;
use super::state::{Deferred, Outgoing, Window};
use super::{doubt, early, held, Engine, StoreFault};
use crate::index::Queued;
use crate::passage::record::{ActKind, Receipt, Refusal};
use crate::passage::retry::Backoff;
use crate::passage::{Record, Stage};
use crate::portal::{Contract, Fault, Ping, Portal};
use crate::ticket::Key;
use crate::world::{Tick, Wall};

/// Tickets in flight at once.
const HANDS: usize = 8;
/// Rows read from the index at once.
const PAGE: usize = 256;
/// How old the portal's word of itself may be.
const PING_EVERY: Duration = Duration::from_secs(240);

pub(super) const TICKET_BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(2),
    most: Duration::from_secs(900),
};
const LINK_BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    most: Duration::from_secs(300),
};

/// How the link stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No portal is set.
    Unset,
    /// Not tried yet.
    Fresh,
    /// The last answer was a good one.
    Up,
    /// Paused, with a sentence.
    Paused {
        /// What happened and what to do.
        said: String,
        /// When it is tried again.
        again_at: Wall,
    },
}

/// The link to the portal.
pub struct Link {
    pub(super) bell: Bell,
    pub(super) window: RefCell<Window>,
    pub(super) fresh: RefCell<Fresh>,
    standing: RefCell<Standing>,
    pause: Cell<Option<Tick>>,
    /// The pause is for tickets that failed one after the other, while the portal itself answers: what
    /// was never tried may well be accepted.
    suspects: Cell<bool>,
    failures: Cell<u32>,
    failed_last: Cell<Option<u64>>,
    pub(super) portal: RefCell<Option<Rc<Contract>>>,
    /// What the last ping told.
    pub ping: RefCell<Option<Ping>>,
    pinged_at: Cell<Tick>,
    /// Whether something failed since.
    doubted: Cell<bool>,
    /// What is remembered of the portal.
    pub known: RefCell<Option<Known>>,
    pub(super) look_back_bell: Bell,
    /// What the look back to before a restore last had trouble with.
    pub look_back_trouble: RefCell<Option<String>>,
    /// The last decision that was made here.
    pub(super) last_sequence: Cell<u64>,
    /// Tickets in doubt that the operator wants sent all the same, that word being used up: until
    /// one of them is sent and has no answer it still serves.
    wanted: RefCell<BTreeSet<Key>>,
    changed: Cell<bool>,
    pub(super) caught_up: Bell,
    /// Another portal is about to be set, or the run to end: nothing new begins.
    pub(super) leaving: Cell<bool>,
    pub(super) landed: Bell,
    /// Sequences up to this one were decided in an earlier start.
    pub(super) earlier: u64,
    /// When a ticket was last accepted.
    pub last_receipt_at: Cell<Option<Wall>>,
}

impl Link {
    /// A link that nothing is known of. Decisions below `next_sequence` are of an earlier start:
    /// whether they were sent is not known.
    pub fn new(next_sequence: u64, known: Option<Known>) -> Self {
        let earlier = next_sequence.saturating_sub(1);
        Self {
            bell: Bell::new(),
            window: RefCell::new(Window::new()),
            fresh: RefCell::default(),
            standing: RefCell::new(Standing::Fresh),
            pause: Cell::new(None),
            suspects: Cell::new(false),
            failures: Cell::new(0),
            failed_last: Cell::new(None),
            portal: RefCell::default(),
            ping: RefCell::default(),
            pinged_at: Cell::new(Tick(Duration::ZERO)),
            doubted: Cell::new(false),
            known: RefCell::new(known),
            look_back_bell: Bell::new(),
            look_back_trouble: RefCell::default(),
            last_sequence: Cell::new(earlier),
            wanted: RefCell::default(),
            changed: Cell::new(true),
            caught_up: Bell::new(),
            leaving: Cell::new(false),
            landed: Bell::new(),
            earlier,
            last_receipt_at: Cell::new(None),
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// How the portal is signed in to, once it was tried; for people.
    pub fn signed_in(&self) -> Option<String> {
        self.portal.borrow().as_ref().map(|p| p.signed_in())
    }

    /// Whether nothing is under way and nothing could be sent now.
    pub fn is_idle(&self, now: Tick) -> bool {
        self.window.borrow().is_idle(now)
    }

    /// Keeps a composed ticket for its turn.
    pub(super) fn offer(&self, sequence: u64, outgoing: Outgoing) {
        self.window.borrow_mut().offer(sequence, outgoing);
    }

    /// New settings: everything is tried again with them, now.
    pub(super) fn settings_changed(&self) {
        self.changed.set(true);
        self.retry_now();
    }

    /// Ends every wait.
    pub fn retry_now(&self) {
        self.pause.set(None);
        self.failures.set(0);
        // Its limits may have been mended.
        self.doubted.set(true);
        self.window.borrow_mut().hurry(Tick(Duration::ZERO));
        self.bell.ring();
    }

    /// The operator has looked: this ticket is to be sent although nobody can say whether it was.
    pub(super) fn want(&self, key: Key) {
        self.wanted.borrow_mut().insert(key);
    }

    /// Whether the operator has looked.
    pub(super) fn is_wanted(&self, key: &Key) -> bool {
        self.wanted.borrow().contains(key)
    }

    /// Whether what was decided under this number may have been sent in an earlier epoch.
    pub(super) fn is_of_before(&self, sequence: u64) -> bool {
        let known = self.known.borrow();
        known.as_ref().is_none_or(|k| sequence <= k.before)
    }

    /// Whether receipts of before a restore are still to be looked up.
    pub(super) fn looks_back(&self) -> bool {
        let known = self.known.borrow();
        known.as_ref().and_then(Known::unfinished).is_some()
    }

    /// The attempts of a ticket that waits for another.
    pub fn deferred(&self, key: &Key) -> Option<Deferred> {
        self.window.borrow().deferred(key).cloned()
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(*self.standing.borrow(), Standing::Up | Standing::Fresh)
    }
}

type Job = (Rc<Contract>, Queued, Option<Outgoing>, Option<Deferred>);
type Done = (Queued, Option<Deferred>, Outcome);

/// The task.
pub async fn run(engine: Rc<Engine>) {
    let (jobs, queue) = async_channel::bounded::<Job>(HANDS);
    let (done, outcomes) = async_channel::bounded::<Done>(HANDS);
    let _hands: Vec<_> = (0..HANDS)
        .map(|_| {
            engine
                .executor
                .spawn(hand(Rc::clone(&engine), queue.clone(), done.clone()))
        })
        .collect();
    if let Err(fault) = drive(&engine, &jobs, &outcomes).await {
        engine.broke(fault);
    }
}

async fn hand(engine: Rc<Engine>, queue: Receiver<Job>, done: Sender<Done>) {
    while let Ok((portal, row, outgoing, deferred)) = queue.recv().await {
        let doubt = deferred.as_ref().and_then(|d| d.doubt);
        let outcome = attempt::run(&engine, &portal, row, outgoing, doubt).await;
        if done.send((row, deferred, outcome)).await.is_err() {
            return;
        }
    }
}

async fn drive(
    engine: &Rc<Engine>,
    jobs: &Sender<Job>,
    outcomes: &Receiver<Done>,
) -> Result<(), StoreFault> {
    let link = &engine.link;
    loop {
        read_ahead(engine).await?;
        let now = engine.world.clock.tick();
        if link.pause.get().is_some_and(|until| until <= now) {
            link.pause.set(None);
        }
        let mut room = false;
        if link.pause.get().is_none() {
            if let Some(portal) = portal(engine).await {
                room = send_all(engine, &portal, jobs).await;
            }
        }
        let idle = link.window.borrow().flying() == 0;
        if idle {
            link.landed.ring();
        }
        engine.receipts.link_idle(idle, engine.mail_comes());
        if !link.window.borrow().is_ahead() {
            link.caught_up.ring();
        }
        // A row that is due and can't be handed out waits for an outcome or the bell: waking for it
        // would be at once, again and again, and nothing else would ever run.
        let wake = match link.pause.get() {
            Some(until) => Some(until),
            None if room => {
                let due = link.window.borrow().due();
                due.into_iter().chain(doubt::held_until(engine)).min()
            }
            None => None,
        };
        let outcome = futures_lite::future::or(
            async { outcomes.recv().await.ok() },
            futures_lite::future::or(
                async {
                    link.bell.wait().await;
                    None
                },
                async {
                    match wake {
                        Some(at) => engine.world.clock.sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                    None
                },
            ),
        )
        .await;
        if let Some(outcome) = outcome {
            settle(engine, outcome)?;
        }
        while let Ok(outcome) = outcomes.try_recv() {
            settle(engine, outcome)?;
        }
    }
}

/// Fills the window from the index.
async fn read_ahead(engine: &Engine) -> Result<(), StoreFault> {
    loop {
        let Some(after) = engine.link.window.borrow_mut().ask_page() else {
            return Ok(());
        };
        early::read_late(engine).await;
        let page = engine.reader.ask(move |r| r.queue(after, PAGE)).await??;
        engine
            .link
            .window
            .borrow_mut()
            .take_page(after, &page, PAGE);
    }
}

/// Hands out as much as may be in flight: one ticket after trouble, until an answer is good. Returns
/// whether there is room for more.
async fn send_all(engine: &Engine, portal: &Rc<Contract>, jobs: &Sender<Job>) -> bool {
    let link = &engine.link;
    let most = if link.failures.get() > 0 { 1 } else { HANDS };
    let held = doubt::held_until(engine).map_or(0, |_| link.earlier);
    loop {
        let now = engine.world.clock.tick();
        let job = {
            let mut window = link.window.borrow_mut();
            if window.flying() >= most || link.leaving.get() {
                return false;
            }
            let Some((row, deferred)) = window.next(now, held) else {
                return true;
            };
            let outgoing = window.composed(row.sequence);
            (Rc::clone(portal), row, outgoing, deferred)
        };
        // There are as many places as hands: this never waits.
        if jobs.send(job).await.is_err() {
            return false;
        }
    }
}

/// The portal as the settings have it, pinged once; none when it isn't set or doesn't answer.
async fn portal(engine: &Engine) -> Option<Rc<Contract>> {
    let link = &engine.link;
    if link.changed.replace(false) {
        *link.portal.borrow_mut() = None;
        *link.ping.borrow_mut() = None;
    }
    if link.portal.borrow().is_none() {
        match engine.portal() {
            Ok(Some(portal)) => *link.portal.borrow_mut() = Some(Rc::new(portal)),
            Ok(None) => {
                *link.standing.borrow_mut() = Standing::Unset;
                return None;
            }
            Err(said) => {
                pause(engine, &said, None);
                return None;
            }
        }
    }
    let portal = link.portal.borrow().clone()?;
    let fresh = link.ping.borrow().is_none();
    match ask(engine, &portal).await {
        Ok(()) if fresh => {
            let ping = link.ping.borrow();
            let said = ping.as_ref().map(ping_sentence).unwrap_or_default();
            log::info!("the portal answers: {said}");
            *link.standing.borrow_mut() = Standing::Up;
            engine.directory.bell.ring();
        }
        Ok(()) => {}
        Err(fault) => {
            pause(engine, &fault.to_string(), after_of(&fault));
            return None;
        }
    }
    Some(portal)
}

/// Asks the portal how it is, unless that is known and nothing has come up since.
pub(super) async fn ask(engine: &Engine, portal: &Contract) -> Result<(), Fault> {
    let link = &engine.link;
    let now = engine.world.clock.tick();
    let age = now.since(link.pinged_at.get());
    if link.ping.borrow().is_some() && !link.doubted.get() && age < PING_EVERY {
        return Ok(());
    }
    // Before the answer: what comes up while it is on its way is asked about again.
    link.doubted.set(false);
    let ping = portal.ping().await?;
    link.pinged_at.set(now);
    engine.hear(&ping).await;
    *link.ping.borrow_mut() = Some(ping);
    Ok(())
}

fn after_of(fault: &Fault) -> Option<Duration> {
    match fault {
        Fault::Later { after, .. }
        | Fault::Throttled { after, .. }
        | Fault::Unsure { after, .. } => *after,
        _ => None,
    }
}

/// What a portal says of itself, as a line.
pub fn ping_sentence(ping: &Ping) -> String {
    let who = ping.portal.as_deref().unwrap_or("a portal without a name");
    let keys = match ping.keeps_keys {
        Some(kept) => format!("keeps keys for {} days", kept.as_secs() / 86_400),
        None => "keeps no keys: what is in doubt is looked up first".to_owned(),
    };
    format!("{who}, interface {}, {keys}", ping.api)
}

/// Pauses the link, for `after` or by its back-off.
fn pause(engine: &Engine, said: &str, after: Option<Duration>) {
    let link = &engine.link;
    let failures = link.failures.get().saturating_add(1);
    link.failures.set(failures);
    let jitter = u64::from_le_bytes(engine.world.entropy.octets());
    let wait = after.unwrap_or_else(|| LINK_BACKOFF.after(failures, jitter));
    let until = engine.world.clock.tick().plus(wait);
    link.pause.set(Some(until));
    link.suspects.set(false);
    let again_at = engine.world.clock.wall().plus(wait);
    log::warn!("the link to the portal is paused until {again_at}: {said}");
    *link.standing.borrow_mut() = Standing::Paused {
        said: said.to_owned(),
        again_at,
    };
    // A portal that was away may have come back as another: ask it again who it is.
    *link.ping.borrow_mut() = None;
}

fn settle(engine: &Engine, (row, deferred, outcome): Done) -> Result<(), StoreFault> {
    let link = &engine.link;
    let at = engine.world.clock.wall();
    match outcome {
        Outcome::Done {
            receipt,
            epoch,
            shown,
        } => {
            link.failures.set(0);
            link.wanted.borrow_mut().remove(&row.key);
            link.last_receipt_at.set(Some(at));
            *link.standing.borrow_mut() = Standing::Up;
            let omitted = link.window.borrow_mut().settle(row);
            let ticket = Some(receipt.ticket.clone());
            link.fresh.borrow_mut().settled(row.key, ticket);
            log::info!("{} ticket {} {shown}", row.key.short(), receipt.ticket);
            engine.news.tell(&Event::Forwarded {
                key: row.key,
                ticket: receipt.ticket.clone(),
            });
            let record = Receipt {
                ticket: receipt.ticket,
                number: receipt.number,
                at: at.0,
                epoch,
                omitted,
            };
            engine.receipts.push(row.key, Record::Receipt(record));
        }
        Outcome::Never { said, by } => {
            link.failures.set(0);
            link.window.borrow_mut().settle(row);
            link.fresh.borrow_mut().settled(row.key, None);
            match by {
                By::Portal => {
                    log::error!("{} refused by the portal for good: {said}", row.key.short());
                }
                By::Us => log::error!("{} set aside: {said}", row.key.short()),
            }
            link.wanted.borrow_mut().remove(&row.key);
            engine.news.tell(&Event::Refused {
                key: row.key,
                said: said.clone(),
            });
            let record = Refusal { said, at: at.0 };
            engine.receipts.push(row.key, Record::Refused(record));
        }
        Outcome::Later { said, after, doubt } => {
            let attempts = deferred.as_ref().map_or(0, |d| d.attempts) + 1;
            let doubt = doubt::after(engine, deferred.and_then(|d| d.doubt), doubt);
            // Before anything is sent again it must be known whether the portal is still the same.
            link.doubted.set(true);
            let jitter = u64::from_le_bytes(engine.world.entropy.octets());
            let now = engine.world.clock.tick();
            let due = now.plus(after.unwrap_or_else(|| TICKET_BACKOFF.after(attempts, jitter)));
            let due = match (&*link.ping.borrow(), doubt) {
                (Some(ping), Some(doubt)) if doubt::is_asked(ping) => due.max(doubt.until),
                _ => due,
            };
            log::warn!(
                "{} attempt {attempts} failed, again in {} s: {said}",
                row.key.short(),
                due.since(now).as_secs()
            );
            link.window.borrow_mut().defer(Deferred {
                row,
                due,
                attempts,
                said: said.clone(),
                doubt,
            });
            // One ticket's failures, however many, may be its own; another one's in a row is the
            // portal's.
            let another = link.failed_last.replace(Some(row.sequence)) != Some(row.sequence);
            let failures = link.failures.get();
            if failures == 0 {
                link.failures.set(1);
            } else if another && link.pause.get().is_none() {
                // Several in flight meet the same trouble: it counts once.
                pause(engine, &said, after);
                link.suspects.set(true);
            }
        }
        Outcome::Link { said, after, doubt } => {
            let mut window = link.window.borrow_mut();
            if doubt || deferred.is_some() {
                let attempts = deferred.as_ref().map_or(0, |d| d.attempts) + 1;
                let doubt = doubt::after(engine, deferred.and_then(|d| d.doubt), doubt);
                window.defer(Deferred {
                    row,
                    due: engine.world.clock.tick(),
                    attempts,
                    said: said.clone(),
                    doubt,
                });
            } else {
                window.put_back(row);
            }
            drop(window);
            // Several in flight meet the same trouble: it counts once.
            if link.pause.get().is_none() {
                pause(engine, &said, after);
            }
        }
        Outcome::Early { until } => match deferred {
            Some(deferred) => {
                let wait = until.since(engine.world.clock.tick()).as_secs() + 1;
                log::info!(
                    "{} the portal may still be at work on it: looked up in {wait} s",
                    row.key.short()
                );
                link.window.borrow_mut().defer(Deferred {
                    due: until,
                    ..deferred
                });
            }
            None => link.window.borrow_mut().put_back(row),
        },
        Outcome::Behind { first } => {
            let mut window = link.window.borrow_mut();
            window.put_back(row);
            // It may have come back behind what was read: an operator's word for what was refused.
            window.appeared(first);
        }
        Outcome::Gone => link.window.borrow_mut().gone(row),
        Outcome::Torn { said } => {
            log::error!(
                "{}: {said}; it is fetched again where its mailbox still has it",
                row.key.short()
            );
            link.window.borrow_mut().settle(row);
            let act = held::act(engine, ActKind::Refetch, "journal");
            engine.receipts.push(row.key, act);
        }
        Outcome::Store(fault) => return Err(fault),
    }
    Ok(())
}

/// Takes over what a commit changed.
pub(super) fn learned(link: &Link, changed: &[(Key, Arc<crate::passage::Entry>)]) {
    let mut window = link.window.borrow_mut();
    let mut fresh = link.fresh.borrow_mut();
    let mut queued = false;
    for (key, entry) in changed {
        link.last_sequence
            .set(link.last_sequence.get().max(entry.sequence));
        if entry.stage == Stage::Committed {
            window.appeared(entry.sequence);
            queued = true;
        } else {
            window.learned(entry.sequence);
            fresh.learned(key);
        }
    }
    drop((window, fresh));
    if queued {
        if link.suspects.replace(false) {
            link.pause.set(None);
        }
        link.bell.ring();
    }
}
