//! One mailbox: connect, list, fetch, watch, for as long as it is active.
//!
//! A whole pass over the unread messages at each connect, when something asks for it, and hourly;
//! between those, only what is newer than the last UID. Messages whose place is known are not
//! fetched again; at a whole pass their size and received time are compared, since a server may
//! give the same numbers to other messages. Nothing is changed on the server here; between two
//! batches the session is lent to who archives, where there is only one (`loan`).

mod batches;
mod beside;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use async_channel::Sender;

use super::news::Event;
use super::post::{Post, Standing};
use super::understand::Batch;
use super::{account, gate, give_way, held, Engine, StoreFault};
use crate::mailbox::{Access, Fault, Item, Looked, Loss, Pass, Refusal, Session};
use crate::passage::retry::Backoff;
use crate::passage::{Origin, Place, Uid, UidValidity};
use crate::settings::Mailbox;
use crate::world::Tick;

/// Messages that are looked at with one command after a lost connection; half of it after a second one,
/// and so on.
const CAREFUL: usize = 128;
/// Messages that failed before and are looked at with one command.
const LATE: usize = 1000;
/// Places that are asked for at once: who reads what is to be sent should not wait behind all of them.
const AT_ONCE: usize = 256;
/// How often the whole mailbox is passed over.
const WHOLE_EVERY: Duration = Duration::from_secs(3600);
/// How often a full store is looked at again.
const ROOM_EVERY: Duration = Duration::from_secs(5);

const LOST: Backoff = Backoff {
    first: Duration::from_secs(1),
    most: Duration::from_secs(300),
};
/// Another session of this account, an earlier one of our own perhaps, may end at any moment.
const CROWDED: Backoff = Backoff {
    first: Duration::from_secs(5),
    most: Duration::from_secs(300),
};
const REFUSED: Backoff = Backoff {
    first: Duration::from_secs(30),
    most: Duration::from_secs(900),
};

/// Why a connection's life ended.
enum End {
    Mailbox(Fault),
    /// Who archived over the session has lost it, and says why.
    Lent,
    Settings(String),
    Store(StoreFault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        End::Mailbox(fault)
    }
}

impl From<held::Failed> for End {
    fn from(failed: held::Failed) -> Self {
        match failed {
            held::Failed::Mailbox(fault) => End::Mailbox(fault),
            held::Failed::Store(fault) => End::Store(fault),
        }
    }
}

impl From<StoreFault> for End {
    fn from(fault: StoreFault) -> Self {
        End::Store(fault)
    }
}

/// The task; it ends only with the mailbox or the store.
pub async fn run(engine: Rc<Engine>, mailbox: Rc<Mailbox>, post: Rc<Post>, batches: Sender<Batch>) {
    let mut failures = 0_u32;
    loop {
        post.say(Standing::Connecting);
        let (passes, found_out) = (post.passes.get(), post.found_out.get());
        let visit = Visit {
            engine: &engine,
            mailbox: &mailbox,
            post: &post,
            batches: &batches,
        };
        let end = visit.stay().await;
        if post.passes.get() > passes || post.has_found_out(found_out) {
            failures = 0;
        }
        failures = failures.saturating_add(1);
        let jitter = u64::from_le_bytes(engine.world.entropy.octets());
        let (said, wait) = match end {
            End::Store(StoreFault::Full { said }) => (said, ROOM_EVERY),
            End::Store(fault) => {
                engine.broke(fault);
                return;
            }
            End::Settings(said) => (said, REFUSED.most),
            End::Lent => (
                "the session was lost while it archived".to_owned(),
                LOST.after(failures, jitter),
            ),
            End::Mailbox(fault) => {
                let wait = wait_for(&engine, &post, &fault, failures, jitter);
                match fault {
                    Fault::Crowded { .. } => {
                        post.give_way(engine.world.clock.tick(), fault.to_string());
                    }
                    Fault::Refused {
                        why: Refusal::Dates { .. },
                        ..
                    } => post.undated.set(true),
                    _ => {}
                }
                (fault.to_string(), wait)
            }
        };
        let again_at = engine.world.clock.wall().plus(wait);
        log::warn!("mailbox {}: {said}; again at {again_at}", mailbox.name);
        post.say(Standing::Trouble { said, again_at });
        engine.news.tell(&Event::Counted);
        // Whoever rings it has no refused password tried again: the gate is shut until its time.
        let bell = post.look_bell.wait();
        engine.world.clock.within(wait, bell).await;
    }
}

/// How long a mailbox waits after a fault; after a refused password until the gate opens.
pub(super) fn wait_for(
    engine: &Engine,
    post: &Post,
    fault: &Fault,
    failures: u32,
    jitter: u64,
) -> Duration {
    match fault {
        Fault::Throttled { after, .. } => *after,
        Fault::Crowded { .. } => CROWDED.after(failures, jitter),
        fault if gate::is_refusal(fault) => {
            let shut = post.gate.shut(engine.world.clock.tick());
            shut.map_or_else(|| gate::SIGN_IN.after(failures, jitter), |(left, _)| left)
        }
        // One message that the server won't show: the others needn't wait for it. And no date is
        // searched for the next time.
        Fault::Refused {
            why: Refusal::Messages { .. } | Refusal::Dates { .. },
            ..
        } => LOST.after(failures, jitter),
        Fault::Refused { .. } | Fault::Gone { .. } | Fault::Broken { .. } => {
            REFUSED.after(failures, jitter)
        }
        Fault::Lost {
            why: Loss::Bye { .. },
            ..
        } => LOST.after(failures.max(3), jitter),
        Fault::Lost { .. } | Fault::Moved { .. } => LOST.after(failures, jitter),
    }
}

/// One connection's life.
struct Visit<'a> {
    engine: &'a Rc<Engine>,
    mailbox: &'a Rc<Mailbox>,
    post: &'a Rc<Post>,
    batches: &'a Sender<Batch>,
}

/// What a pass found.
#[derive(Default)]
struct Found {
    /// Every unread message, in ascending order.
    unread: BTreeSet<Uid>,
    /// What the operator wants of the read ones.
    wanted: Vec<Uid>,
    /// How many of them the date leaves out, where the listing did not.
    old: u64,
}

impl Visit<'_> {
    async fn stay(&self) -> End {
        match self.live().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn live(&self) -> Result<std::convert::Infallible, End> {
        let account = account::account(self.engine, self.mailbox, None).map_err(End::Settings)?;
        let session = gate::connect(self.engine, self.post, &account).await?;
        let (mut session, opened) = session.open(&self.mailbox.folder, Access::Watch).await?;
        let validity = self.opened(&opened);
        self.post.say(Standing::Fetching);
        let mut next = Uid(1);
        let mut whole_at = Tick(Duration::ZERO);
        let check = Duration::from_secs(self.mailbox.check_seconds);
        let clock = &self.engine.world.clock;
        loop {
            session = self.lend(session, validity).await?;
            let now = clock.tick();
            self.post.forgive(now);
            if now >= whole_at {
                self.post.look_bell.hush();
                // Before the pass, which may fetch for hours.
                session = self.count_unread(session).await?;
                let found;
                (session, found) = self.pass(session, validity, None).await?;
                if let Some(last) = found.unread.last() {
                    next = Uid(last.0.saturating_add(1)).max(next);
                }
                let (engine, mailbox) = (self.engine, self.mailbox);
                session =
                    held::look_after(engine, mailbox, self.post, session, validity, &found.unread)
                        .await?;
                let wanted = found.wanted.iter().copied();
                let there: BTreeSet<Uid> = found.unread.iter().copied().chain(wanted).collect();
                let is_there = |uid: &Uid| there.contains(uid);
                self.post.failed.borrow_mut().passed(now, is_there);
                self.post.served(&found.wanted);
                session = self.count_unread(session).await?;
                session = self.count_before(session, found.old).await?;
                session = self.list_read(session, validity, &found.unread).await?;
                self.post.passes.set(self.post.passes.get() + 1);
                self.post.found_out.set(0);
                self.post.passed_at.set(Some(clock.wall()));
                whole_at = now.plus(WHOLE_EVERY);
            } else {
                let found;
                (session, found) = self.pass(session, validity, Some(next)).await?;
                if let Some(last) = found.unread.last() {
                    next = Uid(last.0.saturating_add(1)).max(next);
                }
                if session.is_small() {
                    session = self.count_unread(session).await?;
                }
            }
            self.post.say(Standing::Watching);
            self.engine.receipts.nothing_comes();
            self.engine.news.tell(&Event::PassEnded {
                mailbox: self.mailbox.id,
            });
            let look = Cell::new(false);
            let stop = async {
                self.post.look_bell.wait().await;
                look.set(true);
                // At once: whoever finds it watching believes that nothing waits for it.
                self.post.say(Standing::Fetching);
            };
            let stop = futures_lite::future::or(stop, self.post.loan.wanted());
            let due = self.post.failed.borrow().due();
            let due = due.map_or(whole_at, |due| due.min(whole_at));
            let check = check.min(due.since(clock.tick()));
            (session, _) = session.watch(check, stop).await?;
            if look.get() || clock.tick() >= due {
                whole_at = Tick(Duration::ZERO);
            }
        }
    }

    /// Lends the session to who archives, if that one asked for it.
    async fn lend(&self, session: Session, validity: UidValidity) -> Result<Session, End> {
        let lent = self.post.loan.lend((session, validity)).await;
        lent.map(|(session, _)| session).ok_or(End::Lent)
    }

    /// Lists and fetches, window by window; over everything, or from a UID on.
    async fn pass(
        &self,
        mut session: Session,
        validity: UidValidity,
        from: Option<Uid>,
    ) -> Result<(Session, Found), End> {
        let origin = account::origin(self.mailbox);
        let mut found = Found::default();
        let first = match from {
            Some(uid) => Pass::from(uid, self.listed_after()),
            None => Pass::whole(self.listed_after()),
        };
        let mut pass = Some(match self.mailbox.convert_read {
            true => first.with_read(),
            false => first,
        });
        let (done, all_done) = async_channel::bounded(1);
        let (mut late, mut stuck) = (Vec::new(), Vec::new());
        while let Some(now) = pass {
            let listed;
            (session, listed) = session.list(now).await?;
            pass = listed.pass;
            let (unknown, known) = self.sort(&listed.uids, origin, validity).await?;
            found.unread.extend(listed.uids);
            let mut wanted = unknown;
            if from.is_none() && pass.is_none() {
                found.wanted = self.post.wanted();
                wanted.extend(&found.wanted);
            }
            if from.is_none() && !known.is_empty() {
                // With a long queue here, as after a time without the portal, it would cost the tickets.
                give_way::let_go_first(self.engine, give_way::PATIENCE).await;
                let changed;
                (session, changed) = self.verify(session, known).await?;
                wanted.extend(changed);
            }
            self.set_aside(&mut wanted, &mut late, &mut stuck);
            if wanted.is_empty() {
                continue;
            }
            self.post.say(Standing::Fetching);
            // After a lost connection by fewer at once, the newest first: what comes next must not wait
            // until the last message that costs one is known.
            let mut many = match self.post.found_out.get() {
                0 => wanted.len(),
                found_out => CAREFUL >> found_out.min(CAREFUL.ilog2()),
            };
            let mut rest = wanted.as_slice();
            while !rest.is_empty() {
                let newest;
                (rest, newest) = rest.split_at(rest.len().saturating_sub(many));
                many = many.saturating_mul(2);
                let looked;
                (session, looked) = self.post.look(session, newest).await?;
                let items = self.serve(looked, &mut found);
                session = self.fetch(session, &items, origin, validity, &done).await?;
            }
        }
        // Last what failed before, and at the very end what may end the session again.
        for late in late.chunks(LATE) {
            let looked;
            (session, looked) = self.post.look(session, late).await?;
            let items = self.serve(looked, &mut found);
            session = self.fetch(session, &items, origin, validity, &done).await?;
        }
        for uid in stuck {
            let looked;
            let now = self.engine.world.clock.tick();
            (session, looked) = self.post.look_alone(session, uid, now).await?;
            let items = self.serve(looked, &mut found);
            session = self.fetch(session, &items, origin, validity, &done).await?;
        }
        // Until all of it is durable, the next listing would find it unknown again.
        drop(done);
        let _ = all_done.recv().await;
        Ok((session, found))
    }

    /// Takes out of `wanted` what waits for a later attempt, what failed before (`late`), and what is to be
    /// asked for alone (`stuck`).
    fn set_aside(&self, wanted: &mut Vec<Uid>, late: &mut Vec<Uid>, stuck: &mut Vec<Uid>) {
        let now = self.engine.world.clock.tick();
        let failed = self.post.failed.borrow();
        wanted.retain(|uid| !failed.waits(*uid, now));
        stuck.extend(wanted.extract_if(.., |uid| self.post.is_stuck(*uid)));
        late.extend(wanted.extract_if(.., |uid| failed.has(*uid)));
    }

    /// What is to be fetched of what was looked at, oldest first: what waits longest is served first, but
    /// after a connection that was lost over one of them.
    fn serve(&self, looked: Looked, found: &mut Found) -> Vec<Item> {
        if !looked.denied.is_empty() {
            self.withheld("looking at messages", looked.denied, looked.said);
        }
        let mut items = looked.items;
        items.retain(|i| !i.seen || self.mailbox.convert_read || self.post.is_wanted(i));
        if let Some(after) = self.mailbox.received_after {
            let looked_at = items.len();
            items.retain(|i| i.received_at >= after);
            found.old += (looked_at - items.len()) as u64;
        }
        items.sort_by_key(|i| (i.received_at, i.uid));
        if self.post.found_out.get() > 0 {
            items.reverse();
        }
        items
    }

    /// Which of these are unknown (or to be fetched again), and what is known of the others. What was
    /// learned for a mailbox that is gone is unknown to this one.
    async fn sort(
        &self,
        uids: &[Uid],
        origin: Origin,
        validity: UidValidity,
    ) -> Result<(Vec<Uid>, Vec<(Uid, i64, u64)>), StoreFault> {
        let mut unknown = Vec::new();
        let mut others = Vec::new();
        for uids in uids.chunks(AT_ONCE) {
            let places = uids.iter().map(|uid| place(origin, validity, *uid));
            let places: Vec<Place> = places.collect();
            let known = self.engine.reader.ask(move |r| r.places(&places)).await??;
            for (uid, known) in uids.iter().zip(known) {
                match known {
                    Some(k) if !k.again && k.mailbox == self.mailbox.id => {
                        others.push((*uid, k.received_at, k.octets))
                    }
                    _ => unknown.push(*uid),
                }
            }
        }
        Ok((unknown, others))
    }

    /// Those of the known ones that are other messages by now.
    async fn verify(
        &self,
        session: Session,
        known: Vec<(Uid, i64, u64)>,
    ) -> Result<(Session, Vec<Uid>), End> {
        let uids = known.iter().map(|(uid, ..)| *uid);
        let uids: Vec<Uid> = uids.filter(|uid| !self.post.is_stuck(*uid)).collect();
        let (session, looked) = self.post.look(session, &uids).await?;
        let differs = |(uid, received_at, octets)| looked.differs(uid, (received_at, octets));
        let changed = known.into_iter().filter(|known| differs(*known));
        let changed: Vec<Uid> = changed.map(|(uid, ..)| uid).collect();
        if !changed.is_empty() {
            log::warn!(
                "mailbox {}: {} known numbers are other messages now; they are fetched",
                self.mailbox.name,
                changed.len()
            );
        }
        Ok((session, changed))
    }

    /// While the store has no room, the mailbox is the queue. Archiving goes on, since it is what
    /// makes room.
    async fn wait_for_room(
        &self,
        mut session: Session,
        validity: UidValidity,
    ) -> Result<Session, End> {
        let mut said_before = false;
        while let Err(said) = self.engine.room() {
            if !said_before {
                log::warn!("mailbox {}: {said}", self.mailbox.name);
                said_before = true;
            }
            self.post.say(Standing::NoRoom(said));
            self.engine.room_bell.ring();
            self.engine.news.tell(&Event::Counted);
            let clock = &self.engine.world.clock;
            clock.within(ROOM_EVERY, self.post.loan.wanted()).await;
            session = self.lend(session, validity).await?;
            self.engine.look_at_room().await;
        }
        self.post.say(Standing::Fetching);
        Ok(session)
    }
}

fn place(origin: Origin, uid_validity: UidValidity, uid: Uid) -> Place {
    Place::Imap {
        origin,
        uid_validity,
        uid,
    }
}
