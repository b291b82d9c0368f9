//! Messages to the archive folder, in batches, once they have their receipt or their reason.
//!
//! Uses a session of its own, opened when there is something to move and closed when there was
//! nothing for a while. Where the server allows no second one, or gives none while the first is in
//! order, the session that watches is borrowed for each batch (`loan`): which of the two it is
//! concerns `hold` and `leave` alone. A batch is what has gathered: the server's work for one MOVE
//! grows with the mailbox, so few large ones are far cheaper than many small ones. A crash between
//! the move and its record costs nothing: the next attempt finds the message gone from its place.

use std::rc::Rc;
use std::time::Duration;

use async_channel::Receiver;

use super::loan::{self, Back, Lent};
use super::news::Event;
use super::post::{self, Post};
use super::{account, fetch, gate, Engine, StoreFault};
use crate::index::Listed;
use crate::mailbox::{Access, Count, Fault, Folder, How, Session, Wanted};
use crate::passage::record::Archived;
use crate::passage::retry::Backoff;
use crate::passage::{Place, Record, Uid, UidValidity};
use crate::settings::Mailbox;
use crate::ticket::Key;

/// Messages of one MOVE at most.
const BATCH: usize = 500;
/// Fewer than this are given a moment to become more, while messages are coming in.
const WORTH: u64 = 200;
const GATHER: Duration = Duration::from_millis(200);
/// How long an idle session is kept.
const KEEP: Duration = Duration::from_secs(20);

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
    };
    // With other settings it may be another server.
    post.loan.forget();
    let mut failures = 0;
    loop {
        post.archiving.set(true);
        match archiver.drain().await {
            Ok(()) => {
                post.archiving.set(false);
                failures = 0;
                post.archive_trouble.replace(None);
                if archiver.own.is_some() && !archiver.shares() {
                    let more = engine.world.clock.within(KEEP, post.archive_bell.wait());
                    if more.await.is_some() {
                        continue;
                    }
                }
                archiver.leave().await;
                post.archive_bell.wait().await;
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
    /// Archives everything that waits.
    async fn drain(&mut self) -> Result<(), End> {
        let id = self.mailbox.id.0;
        let mut after = 0;
        let mut said = None;
        let mut any = false;
        let mut written: Option<Receiver<()>> = None;
        loop {
            let few = self.engine.counters.borrow().to_archive < WORTH;
            if few && self.post.is_fetching() {
                self.engine.world.clock.sleep(GATHER).await;
            }
            let page = self
                .engine
                .reader
                .ask(move |r| r.to_archive(id, after, BATCH))
                .await
                .map_err(StoreFault::from)??;
            let Some(last) = page.last() else {
                // Only then the list is without what was moved just now. The task that writes it is
                // not this one, which ends with the mailbox's settings.
                if let Some(written) = written {
                    let _ = written.recv().await;
                }
                if any {
                    self.count().await;
                }
                return match said {
                    None => Ok(()),
                    Some(said) => Err(End::Settings(said)),
                };
            };
            // What the server would not move waits for the next attempt, what it has moved for a sync:
            // the others go on.
            let reached = last.entry.sequence;
            any = true;
            if let Some(Done {
                written: last,
                words,
            }) = self.archive(&page).await?
            {
                after = reached;
                written = Some(last);
                said = words.or(said);
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
        let (mut here, mut records) = self.places(page, hold.validity, hold.since);
        here.sort_by_key(|here| here.uid);
        let (session, untold, said) = self
            .verify(hold.session, hold.since, &mut here, &mut records)
            .await?;
        let uids: Vec<Uid> = here.iter().map(|here| here.uid).collect();
        let (session, mut archived) = match uids.is_empty() {
            true => (session, crate::mailbox::Archived::default()),
            false => session.archive(&uids, &folder, &how).await?,
        };
        // Before the records: whoever lent it need not wait for a sync.
        self.release(Hold { session, ..hold });
        if !untold.is_empty() {
            archived.left.extend(untold);
            archived.said.get_or_insert(said);
        }
        for Here {
            uid, key, place, ..
        } in here
        {
            if archived.left.contains(&uid) {
                continue;
            }
            let to = archived
                .moved
                .binary_search_by_key(&uid, |(from, _)| *from)
                .ok()
                .and_then(|at| archived.moved.get(at))
                .zip(archived.uid_validity)
                .map(|((_, to), validity)| (validity.0, to.0));
            self.engine.news.tell(&Event::Archived {
                key,
                folder: folder.name.clone(),
            });
            records.push((key, moved(place, folder.name.clone(), to)));
        }
        // A second box, or a person, may have taken any of them first: that is archived too.
        log::debug!("mailbox {}: {} archived", self.mailbox.name, records.len());
        let words = (!archived.left.is_empty()).then(|| {
            format!(
                "the server did not move {} messages: {}",
                archived.left.len(),
                archived.said.unwrap_or_default()
            )
        });
        Ok(Some(Done {
            written: self.engine.receipts.push_all(records),
            words,
        }))
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
    ) -> Result<(Session, Vec<Uid>, String), End> {
        let old = here.iter().filter(|here| here.known_as.is_some());
        let (stuck, old): (Vec<Uid>, Vec<Uid>) = old
            .map(|here| here.uid)
            .partition(|uid| self.post.is_stuck(*uid));
        // What costs the session each time when it is asked for alone is left out.
        let (mut untold, stuck): (Vec<Uid>, Vec<Uid>) = stuck
            .into_iter()
            .partition(|uid| self.post.tries(*uid) >= fetch::TRIES);
        let mut said = "the connection was lost when it was asked for".to_owned();
        let (mut session, mut told) = self.post.look(session, &old).await?;
        for uid in stuck {
            let looked;
            (session, looked) = self.post.look_alone(session, uid).await?;
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
        here.retain(|here| !untold.contains(&here.uid));
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

    /// The places of a page that are in the open folder, and the records for those that can't be
    /// reached any more.
    fn places(
        &self,
        page: &[Listed],
        validity: UidValidity,
        since: u64,
    ) -> (Vec<Here>, Vec<(Key, Record)>) {
        let origin = account::origin(self.mailbox);
        let mut here = Vec::new();
        let mut records = Vec::new();
        for Listed { key, entry } in page {
            // The one place of what was decided since is what was fetched from there.
            let fresh = entry.sequence > since && entry.spots.len() == 1 && !entry.archived;
            for spot in entry.spots.iter().filter(|s| s.mailbox == self.mailbox.id) {
                match spot.place.uid_in(origin, validity) {
                    Some(uid) => here.push(Here {
                        uid,
                        key: *key,
                        place: spot.place.clone(),
                        known_as: (!fresh).then_some((spot.received_at, spot.octets)),
                    }),
                    // Where the message is found under a new number it is archived from that.
                    None => {
                        log::warn!(
                            "{}: its place ({}) is not in the watched folder of {} any more; it is left there, its ticket exists",
                            key.short(),
                            described(&spot.place),
                            self.mailbox.name
                        );
                        self.engine.news.tell(&Event::LeftThere { key: *key });
                        records.push((*key, Archived::given_up(spot.place.clone())));
                    }
                }
            }
        }
        (here, records)
    }
}

/// What became of a page.
struct Done {
    /// Closed when a sync holds what was archived.
    written: Receiver<()>,
    /// The server's words where something was left.
    words: Option<String>,
}

/// A message in the open folder.
struct Here {
    uid: Uid,
    key: Key,
    place: Place,
    /// Received time and size, where it is to be made sure that this is still the message.
    known_as: Option<(i64, u64)>,
}

fn moved(place: Place, folder: String, moved_to: Option<(u32, u32)>) -> Record {
    Record::Archived(Archived {
        place,
        folder,
        moved_to,
    })
}

fn described(place: &Place) -> String {
    match place {
        Place::Imap {
            uid_validity, uid, ..
        } => format!("UID {uid}, UIDVALIDITY {uid_validity}"),
        Place::Item { id, .. } => id.clone(),
    }
}
