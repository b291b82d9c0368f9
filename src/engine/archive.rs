//! Messages to the archive folder, in batches, once they have their receipt or their reason.
//!
//! Uses a session of its own, opened when there is something to move and closed when there was
//! nothing for a while. Where the server allows no second one, or gives none while the first is in
//! order, the session that watches is borrowed for each batch (`loan`): which of the two it is
//! concerns `hold` and `leave` alone. A batch is what has gathered: the server's work for one MOVE
//! grows with the mailbox, so few large ones are far cheaper than many small ones. A crash between
//! the move and its record costs nothing: the next attempt finds the message gone from its place.

mod batch;
mod untried;

use std::rc::Rc;
use std::time::Duration;

use batch::{places, Batch, Done, Here};
use untried::{Attempt, Untried};

use super::failed::Failed;
use super::loan::{self, Back, Lent};
use super::news::Event;
use super::post::{self, Post};
use super::{account, fetch, gate, Engine, StoreFault};
use crate::index::Listed;
use crate::mailbox::{Access, Count, Fault, Folder, How, Session, Wanted};
use crate::passage::record::Archived;
use crate::passage::retry::Backoff;
use crate::passage::{Record, Uid, UidValidity};
use crate::settings::Mailbox;
use crate::ticket::Key;
use crate::world::{memory, Tick};

/// Messages of one MOVE at most.
const BATCH: usize = 500;
/// Fewer than this are given a moment to become more, while messages are coming in.
const WORTH: u64 = 200;
const GATHER: Duration = Duration::from_millis(200);
/// So many messages are a backlog, which leaves memory behind.
const MANY: u64 = 1000;
/// How long an idle session is kept.
const KEEP: Duration = Duration::from_secs(20);
/// How long it rests at most.
const REST: Duration = Duration::from_secs(86_400);

/// Where the password was refused, who watches tries it first.
const BEHIND: Duration = Duration::from_secs(5);

const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(2),
    most: Duration::from_secs(900),
};

/// How long no second session is tried once the server gave none while the first was in order: the
/// longest where it said that there is no more than one.
const ALONE: Backoff = Backoff {
    first: Duration::from_secs(60),
    most: loan::ALONE,
};

/// Why archiving stopped for now.
enum End {
    Mailbox(Fault),
    Settings(String),
    Store(StoreFault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        End::Mailbox(fault)
    }
}

impl From<StoreFault> for End {
    fn from(fault: StoreFault) -> Self {
        End::Store(fault)
    }
}

/// A session with the watched folder open.
struct Hold {
    session: Session,
    validity: UidValidity,
    /// Decisions up to this one are older than it: their numbers may be other messages by now, as on
    /// a server that was restored from a backup.
    since: u64,
    /// Whose it is, where it isn't the archiver's own.
    back: Option<Back<post::Watching>>,
}

/// Where messages go, and how.
struct Way {
    wanted: Wanted,
    folder: Folder,
    how: How,
}

/// The task's state.
struct Archiver<'a> {
    engine: &'a Rc<Engine>,
    mailbox: &'a Mailbox,
    post: &'a Rc<Post>,
    /// The session of its own, where it has one.
    own: Option<Hold>,
    /// What was found the last time.
    way: Option<Way>,
    /// How often in a row a second session was not to be had.
    refused: u32,
    /// What the server would not move: the others go on.
    left: Failed<Key>,
    /// What it was not asked to move, since it denied everything before.
    untried: Untried,
    /// Messages that were archived when memory was last given back.
    given_back_at: u64,
}

/// The task; it ends only with the mailbox or the store.
pub async fn run(engine: Rc<Engine>, mailbox: Rc<Mailbox>, post: Rc<Post>) {
    let mut archiver = Archiver {
        engine: &engine,
        mailbox: &mailbox,
        post: &post,
        own: None,
        way: None,
        refused: 0,
        left: Failed::default(),
        untried: Untried::default(),
        given_back_at: engine.counters.borrow().archived,
    };
    // With other settings this task is another one: what the last one began comes first.
    drop(post.archiving_now.lock_arc().await);
    // With other settings it may be another server.
    post.loan.forget();
    let mut failures = 0;
    loop {
        post.archiving.set(true);
        match archiver.drain().await {
            Ok(()) => {
                failures = 0;
                archiver.settle();
                if let Err(fault) = archiver.give_back().await {
                    engine.broke(fault);
                    return;
                }
                archiver.rest().await;
            }
            Err(end) => {
                archiver.own = None;
                archiver.way = None;
                if let End::Mailbox(Fault::Moved { .. }) = end {
                    continue;
                }
                failures += 1;
                let jitter = u64::from_le_bytes(engine.world.entropy.octets());
                let (said, wait) = match end {
                    End::Store(StoreFault::Full { said }) | End::Settings(said) => {
                        (said, BACKOFF.after(failures, jitter))
                    }
                    End::Store(fault) => {
                        engine.broke(fault);
                        return;
                    }
                    End::Mailbox(fault) => {
                        let wait = fetch::wait_for(&engine, &post, &fault, failures, jitter);
                        let behind = gate::is_refusal(&fault).then_some(BEHIND);
                        (fault.to_string(), wait + behind.unwrap_or_default())
                    }
                };
                let again_at = engine.world.clock.wall().plus(wait);
                let said = format!("{said}; again at {again_at}");
                log::warn!("mailbox {}: archiving: {said}", mailbox.name);
                post.archive_trouble.replace(Some(said));
                engine.news.tell(&Event::Counted);
                // `retry` and a settings change cut it short.
                let hurry = post.retry_bell.wait();
                engine.world.clock.within(wait, hurry).await;
            }
        }
    }
}

impl Archiver<'_> {
    /// When the first of what waits for another attempt is due.
    fn due(&self) -> Option<Tick> {
        self.left.due().into_iter().chain(self.untried.due()).min()
    }

    /// Says how it stands, once everything was tried that is due.
    fn settle(&mut self) {
        let (post, clock) = (self.post, &self.engine.world.clock);
        let Some(due) = self.due() else {
            post.archiving.set(false);
            post.archive_trouble.replace(None);
            return;
        };
        let again_at = clock.wall().plus(due.since(clock.tick()));
        let said = format!("{}; again at {again_at}", self.left.said());
        post.archive_trouble.replace(Some(said));
        self.engine.news.tell(&Event::Counted);
    }

    /// Behind a backlog: has the two disk threads give back what they keep at hand. This one does so by
    /// itself, once it is at rest.
    async fn give_back(&mut self) -> Result<(), StoreFault> {
        let archived = self.engine.counters.borrow().archived;
        if archived.saturating_sub(self.given_back_at) >= MANY {
            self.given_back_at = archived;
            let engine = self.engine;
            engine.reader.ask(|_| memory::give_back()).await?;
            engine.writer.ask(|_| memory::give_back()).await?;
        }
        Ok(())
    }

    /// Waits until there is something to do. Its own session is kept for a while.
    async fn rest(&mut self) {
        if self.own.is_some() && !self.shares() && self.is_woken_within(KEEP).await {
            return;
        }
        if self.own.is_some() {
            self.leave().await;
            // To end a session takes much text that waiting does not.
            memory::rest();
        }
        self.is_woken_within(REST).await;
    }

    /// Waits until something new is to be archived, or something that was left is due.
    async fn is_woken_within(&mut self, wait: Duration) -> bool {
        let clock = &self.engine.world.clock;
        let due = self.due().map(|due| due.since(clock.tick()));
        let new = async {
            self.post.archive_bell.wait().await;
            false
        };
        let all = async {
            self.post.retry_bell.wait().await;
            true
        };
        let wait = due.map_or(wait, |due| due.min(wait));
        let woken = clock.within(wait, futures_lite::future::or(all, new)).await;
        if woken == Some(true) {
            self.left.clear();
            self.untried.clear();
        }
        woken.is_some() || due == Some(wait)
    }

    /// Archives everything that waits, but for what the server would not move before its time.
    async fn drain(&mut self) -> Result<(), End> {
        let clock = &self.engine.world.clock;
        let begun = clock.tick();
        if self.due().is_some_and(|due| due <= begun) {
            // Another session and another look for the folder: either may be why.
            self.leave().await;
            self.way = None;
        }
        let mut attempt = Attempt::default();
        // What was denied before comes last: else it would keep what was not tried yet, each time anew.
        self.sweep(begun, false, &mut attempt).await?;
        if self.left.due().is_some_and(|due| due <= begun) {
            self.sweep(begun, true, &mut attempt).await?;
        }
        if let Some(written) = &attempt.written {
            // Only then the list is without what was moved just now. The task that writes it is
            // not this one, which ends with the mailbox's settings.
            let _ = written.recv().await;
            self.count().await;
        }
        let jitter = u64::from_le_bytes(self.engine.world.entropy.octets());
        let until = self.untried.after(&attempt, begun, clock.tick(), jitter);
        self.left.put_back(&attempt.put_back, until);
        // What was due was tried, or has gone.
        self.left.passed(begun, |_| true);
        Ok(())
    }

    /// Archives page by page what the server has not denied yet, or what it denied `before`, where it is due
    /// at `begun`.
    async fn sweep(&mut self, begun: Tick, before: bool, attempt: &mut Attempt) -> Result<(), End> {
        let id = self.mailbox.id.0;
        let mut after = 0;
        loop {
            self.gather().await;
            let mut page = self
                .engine
                .reader
                .ask(move |r| r.to_archive(id, after, BATCH))
                .await
                .map_err(StoreFault::from)??;
            let Some(last) = page.last() else {
                return Ok(());
            };
            // What the server would not move waits for the next attempt, what it has moved for a sync:
            // the others go on.
            let reached = last.entry.sequence;
            page.retain(|listed| match self.left.has(listed.key) {
                true => before && !self.left.waits(listed.key, begun),
                false => !before && !self.untried.waits(listed.entry.sequence, begun),
            });
            if page.is_empty() {
                after = reached;
                continue;
            }
            if let Some(done) = self.archive(&page).await? {
                after = reached;
                attempt.any_moved |= done.any_moved;
                if !done.untried.is_empty() {
                    match before {
                        true => attempt.put_back.extend(done.untried),
                        false => attempt.untried_to = Some(reached),
                    }
                }
                attempt.written = Some(done.written);
                if let Some(words) = done.words {
                    log::warn!("mailbox {}: archiving: {words}", self.mailbox.name);
                    let now = self.engine.world.clock.tick();
                    self.left.add(&done.left, &words, now);
                }
            }
        }
    }

    /// Waits for a moment while few are there and more come in; no longer than until they are worth it:
    /// the server has nothing else to do meanwhile than to hand out the next.
    async fn gather(&self) {
        let clock = &self.engine.world.clock;
        let until = clock.tick().plus(GATHER);
        let few = || self.engine.counters.borrow().to_archive < WORTH;
        while few() && self.post.is_fetching() {
            let left = until.since(clock.tick());
            let more = self.post.gather_bell.wait();
            if clock.within(left, more).await.is_none() {
                return;
            }
        }
    }

    /// Counts what is still unread, where that costs next to nothing: what was just moved would stand
    /// in the watcher's figure until its next look. Trouble with it is no trouble with archiving,
    /// which simply dials again.
    async fn count(&mut self) {
        let Some(own) = self.own.take() else { return };
        if !own.session.is_small() {
            self.own = Some(own);
            return;
        }
        match own.session.count(Count::Unread).await {
            Ok((session, unread)) => {
                let at = self.engine.world.clock.wall();
                self.post.unread.set(Some((unread, at)));
                self.own = Some(Hold { session, ..own });
            }
            Err(fault) => log::debug!("counting what is unread: {fault}"),
        }
    }

    /// Whether there is one session only.
    fn shares(&self) -> bool {
        let now = self.engine.world.clock.tick();
        self.post.loan.shared(now).is_some()
    }

    /// A session to archive with: its own, or that of the watch.
    async fn hold(&mut self) -> Result<Hold, End> {
        let clock = &self.engine.world.clock;
        let loan = &self.post.loan;
        loop {
            // The first session is for watching; only then it is known whether there is a second.
            while self.post.is_connecting() {
                clock.sleep(GATHER).await;
            }
            let now = clock.tick();
            if let Some(until) = loan.shared(now) {
                self.leave().await;
                let lent = clock.within(until.since(now), loan.ask()).await;
                if let Some(Some(Lent { thing, back })) = lent {
                    let (session, validity) = thing;
                    return Ok(Hold {
                        session,
                        validity,
                        since: self.post.since.get(),
                        back: Some(back),
                    });
                }
                continue;
            }
            if let Some(own) = self.own.take() {
                return Ok(own);
            }
            match self.connect().await {
                Err(End::Mailbox(fault)) if self.post.is_signed_in() => self.share(&fault),
                Err(end) => return Err(end),
                Ok(own) => {
                    if std::mem::take(&mut self.refused) > 0 {
                        log::info!(
                            "mailbox {}: archiving has a session of its own again",
                            self.mailbox.name
                        );
                        loan.forget();
                    }
                    return Ok(own);
                }
            }
        }
    }

    /// Takes note that there is no second session, while the first one is in order.
    fn share(&mut self, fault: &Fault) {
        self.refused = self.refused.saturating_add(1);
        let jitter = u64::from_le_bytes(self.engine.world.entropy.octets());
        let wait = match fault {
            Fault::Crowded { .. } => ALONE.most,
            fault if gate::is_refusal(fault) => gate::SIGN_IN.after(self.refused, jitter),
            _ => ALONE.after(self.refused, jitter),
        };
        // Said once, however often it is found so again.
        if self.refused == 1 {
            log::warn!(
                "mailbox {}: no second session ({fault}); watching and archiving take turns with one",
                self.mailbox.name
            );
        }
        let until = self.engine.world.clock.tick().plus(wait);
        self.post.loan.share(until, fault.to_string());
        self.engine.news.tell(&Event::Counted);
    }

    /// Gives a session back, or keeps its own.
    fn release(&mut self, hold: Hold) {
        match hold.back {
            Some(back) => back.give((hold.session, hold.validity)),
            None => self.own = Some(hold),
        }
    }

    /// Ends its own session.
    async fn leave(&mut self) {
        if let Some(Hold { session, .. }) = self.own.take() {
            session.logout().await;
        }
    }

    async fn connect(&self) -> Result<Hold, End> {
        let account = account::account(self.engine, self.mailbox, None).map_err(End::Settings)?;
        let session = gate::connect(self.engine, self.post, &account).await?;
        let (session, opened) = session.open(&self.mailbox.folder, Access::Watch).await?;
        Ok(Hold {
            session,
            validity: opened.uid_validity,
            since: self.engine.link.last_sequence.get(),
            back: None,
        })
    }

    /// Finds out where messages go, unless it is known.
    async fn find_way(&mut self, hold: Hold) -> Result<Hold, End> {
        let now = self.engine.world.clock.wall();
        let wanted = match account::archive_wanted(self.mailbox, now) {
            Ok(wanted) => wanted,
            Err(said) => {
                self.release(hold);
                return Err(End::Settings(said));
            }
        };
        if self.way.as_ref().is_some_and(|w| w.wanted == wanted) {
            return Ok(hold);
        }
        let how = match (hold.session.abilities().moves, self.mailbox.archive_by_copy) {
            (true, _) => How::Move,
            (false, true) => How::Copy(self.post.copies.clone()),
            (false, false) => {
                self.release(hold);
                return Err(End::Settings(
                    "the server can't MOVE (RFC 6851); turn on archive_by_copy if copying and \
                     removing instead is acceptable"
                        .to_owned(),
                ));
            }
        };
        let (session, folder) = hold.session.archive_folder(&wanted, true).await?;
        let hold = Hold { session, ..hold };
        let Some(folder) = folder else {
            self.release(hold);
            return Err(End::Settings(
                "the archive folder is absent and could not be created".to_owned(),
            ));
        };
        if folder.created {
            log::info!(
                "mailbox {}: made the folder {}",
                self.mailbox.name,
                folder.name
            );
        }
        self.way = Some(Way {
            wanted,
            folder,
            how,
        });
        Ok(hold)
    }

    /// Archives one page, unless the way there must be found again.
    async fn archive(&mut self, page: &[Listed]) -> Result<Option<Done>, End> {
        let hold = self.hold().await?;
        let hold = self.find_way(hold).await?;
        let Some(Way { folder, how, .. }) = &self.way else {
            // Found just now, or the search for it has failed.
            return Ok(None);
        };
        let (folder, how) = (folder.clone(), how.clone());
        let (mut here, mut records) =
            places(self.engine, self.mailbox, page, hold.validity, hold.since);
        here.sort_by_key(|here| here.uid);
        let (session, untold, said) = self
            .verify(hold.session, hold.since, &mut here, &mut records)
            .await?;
        let batch = Batch {
            engine: Rc::clone(self.engine),
            mailbox: self.mailbox.name.clone(),
            here,
            records,
            untold,
            said,
        };
        // To its end, also when other settings end this task: of a message that is copied the copy's
        // number would be lost, and another copy made.
        let now = self.post.archiving_now.lock_arc().await;
        let work = async move {
            let done = batch.archive(session, &folder, &how).await;
            drop(now);
            done
        };
        let (session, done) = self.engine.to_the_end(work).await?;
        self.release(Hold { session, ..hold });
        Ok(Some(done))
    }

    /// Looks whether numbers that are older than the session are still the messages that they were, and
    /// leaves out the others: what is moved must have its ticket, and those are fetched first. Tells
    /// of which the server does not say.
    async fn verify(
        &self,
        session: Session,
        since: u64,
        here: &mut Vec<Here>,
        records: &mut Vec<(Key, Record)>,
    ) -> Result<(Session, Vec<(Uid, Key)>, String), End> {
        let old = here.iter().filter(|here| here.known_as.is_some());
        let (stuck, old): (Vec<Uid>, Vec<Uid>) = old
            .map(|here| here.uid)
            .partition(|uid| self.post.is_stuck(*uid));
        // What costs the session each time when it is asked for alone waits for its time.
        let now = self.engine.world.clock.tick();
        let (mut untold, stuck): (Vec<Uid>, Vec<Uid>) = stuck
            .into_iter()
            .partition(|uid| self.post.failed.borrow().waits(*uid, now));
        let mut said = "the connection was lost when it was asked for".to_owned();
        let (mut session, mut told) = self.post.look(session, &old).await?;
        for uid in stuck {
            let looked;
            (session, looked) = self.post.look_alone(session, uid, now).await?;
            told.add(looked);
        }
        if !told.denied.is_empty() {
            said = std::mem::take(&mut told.said);
            untold.append(&mut told.denied);
        }
        let others = here.extract_if(.., |here| {
            let differs = here.known_as.filter(|known| told.differs(here.uid, *known));
            differs.is_some_and(|known| self.post.gives_up(since, here.uid, here.key, known))
        });
        let before = records.len();
        records.extend(others.map(|other| (other.key, Archived::given_up(other.place))));
        let untold = here
            .extract_if(.., |here| untold.contains(&here.uid))
            .map(|here| (here.uid, here.key))
            .collect();
        if records.len() > before {
            log::warn!(
                "mailbox {}: {} known numbers are other messages now; they are not archived",
                self.mailbox.name,
                records.len() - before
            );
            self.post.look_bell.ring();
        }
        Ok((session, untold, said))
    }
}
