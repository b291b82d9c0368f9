//! The path of a message, each stage in a file of its own, and what holds them together.
//!
//!   watch, list, fetch -> understand -> decide, commit -> forward -> receipt -> archive
//!
//! Stages overlap; each hand-over is a bounded queue, so that the slowest is felt by the mailbox
//! and not by the memory. All of it runs on one executor thread; the disk belongs to two worker
//! threads (`writer`, `reader`), and nothing here calls a file or sled.
//!
//! The engine decides nothing about mail: `mail`, `ticket` and `passage` do. It is the only room
//! where deciding and touching meet.

pub mod account;
pub mod archive;
mod attempt;
pub mod bell;
pub mod check;
pub mod commit;
pub(crate) mod compose;
mod conversation;
pub mod decide;
mod departed;
pub mod directory;
mod document;
mod doubt;
pub mod drain;
mod early;
pub mod epoch;
pub mod failed;
pub mod fetch;
pub mod forward;
mod gate;
mod give_way;
pub mod held;
mod large;
mod leave;
pub mod life;
pub mod loan;
mod look_back;
pub mod news;
pub mod owner;
pub mod people;
pub mod post;
pub mod promises;
pub mod reader;
pub mod receipts;
mod reclaim;
pub mod replay;
mod rest;
pub mod revisions;
pub mod rules;
pub mod state;
pub mod storm;
pub mod understand;
pub mod writer;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use smol::LocalExecutor;

use crate::index;
use crate::passage::record::Unreadable;
use crate::passage::{Counters, MailboxId, Record, Stage};
use crate::settings::{self, History, SealKey, Settings};
use crate::spool;
use crate::ticket::{Key, Reason, Signs};
use crate::world::worker::{Ending, Stopped};
use crate::world::{Secret, Tick, Worker, World};

use bell::Bell;
use forward::Link;
use news::{Event, News};
use post::Post;
use reader::Reader;
use replay::Opening;
use writer::{Decided, Sizes, Writer};

/// Why the store can't go on, by what the caller must do.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// Wait for room: the disk is full.
    #[error("{said}")]
    Full {
        /// What was attempted.
        said: String,
    },
    /// What was asked for can't be read any more: it must come from elsewhere.
    #[error("{said}")]
    Torn {
        /// What was attempted, and what happened.
        said: String,
    },
    /// Stop, reopen and replay: nothing may be believed of what was not synced.
    #[error("{said}")]
    Broken {
        /// What was attempted, and what happened.
        said: String,
    },
    /// Leave it alone: newer code wrote it.
    #[error("the store was written by a newer postern: {said}")]
    Newer {
        /// What was found.
        said: String,
    },
    /// Another process has it.
    #[error("the store {dir} is in use by another postern; stop that one, or ask it (it listens on its control socket)")]
    Locked {
        /// The store's folder.
        dir: String,
    },
    /// Open it as its owner: files that anybody else makes in it would be closed to that one.
    #[error("the store {dir} belongs to the user {owner}, and no service of {owner}'s answers here: start it, or run this command as {owner} (`sudo -u {owner} postern ...`)")]
    Foreign {
        /// The store's folder.
        dir: String,
        /// Whose it is.
        owner: String,
    },
}

impl From<spool::Fault> for StoreFault {
    fn from(fault: spool::Fault) -> Self {
        let said = fault.to_string();
        match fault {
            spool::Fault::Full { .. } => StoreFault::Full { said },
            spool::Fault::Newer { .. } => StoreFault::Newer { said },
            spool::Fault::Torn { .. } | spool::Fault::Gone { .. } => StoreFault::Torn { said },
            _ => StoreFault::Broken { said },
        }
    }
}

impl From<index::Fault> for StoreFault {
    fn from(fault: index::Fault) -> Self {
        StoreFault::Broken {
            said: fault.to_string(),
        }
    }
}

impl From<Unreadable> for StoreFault {
    fn from(fault: Unreadable) -> Self {
        let said = fault.to_string();
        match fault {
            Unreadable::Newer { .. } => StoreFault::Newer { said },
            Unreadable::Malformed { .. } => StoreFault::Broken { said },
        }
    }
}

impl From<Stopped> for StoreFault {
    fn from(stopped: Stopped) -> Self {
        StoreFault::Broken {
            said: stopped.to_string(),
        }
    }
}

impl From<std::io::Error> for StoreFault {
    fn from(fault: std::io::Error) -> Self {
        StoreFault::Broken {
            said: fault.to_string(),
        }
    }
}

/// The running engine; shared by its tasks and by the control room.
pub struct Engine {
    pub(crate) world: World,
    pub(crate) executor: Rc<LocalExecutor<'static>>,
    pub(crate) writer: Worker<Writer>,
    pub(crate) reader: Worker<Reader>,
    pub(crate) dir: PathBuf,
    /// Passwords that were refused.
    refusals: gate::Kept,
    /// What the start found.
    pub opening: Opening,
    pub(crate) seal_key: SealKey,
    pub(crate) history: RefCell<History>,
    pub(crate) settings: RefCell<Rc<Settings>>,
    /// By what replies are known, and of which settings that is.
    signs: RefCell<Option<(Rc<Settings>, Rc<Signs>)>>,
    rules: RefCell<rules::Compiled>,
    pub(crate) counters: RefCell<Counters>,
    /// The sync that the counters are of.
    counted: Cell<u64>,
    pub(crate) posts: RefCell<BTreeMap<MailboxId, Rc<Post>>>,
    pub(crate) link: Rc<Link>,
    pub(crate) directory: directory::Live,
    pub(crate) looks: held::Looks,
    pub(crate) lately: storm::Lately,
    pub(crate) receipts: receipts::Receipts,
    rest: rest::Rest,
    pub(crate) news: News,
    pub(crate) journal_octets: Cell<u64>,
    pub(crate) free_octets: Cell<u64>,
    pub(crate) full: RefCell<Option<String>>,
    /// Somebody waits for room.
    pub(crate) room_bell: Bell,
    /// Messages that were closed since the start because only the archive has them, and not moved back.
    pub(crate) lost_here: RefCell<BTreeSet<Key>>,
    pub(crate) settings_bell: Bell,
    pub(crate) confirm_bell: Bell,
    pub(crate) confirm_deadline: Cell<Option<Tick>>,
    /// Held while the settings change: one change after the other.
    settings_turn: smol::lock::Mutex<()>,
    pub(crate) started: Tick,
    broken: (
        async_channel::Sender<StoreFault>,
        async_channel::Receiver<StoreFault>,
    ),
    stopping: Cell<bool>,
    /// Whether the executor is moved: `run` goes on.
    runs: Cell<bool>,
}

/// The threads of an engine that has been dropped.
pub struct Endings(Ending, Ending);

impl Endings {
    /// Waits until both disk threads are done.
    pub fn join(self) -> bool {
        let Self(writer, reader) = self;
        writer.join() & reader.join()
    }
}

impl Engine {
    /// Opens the store in `dir` and everything in it. Nothing runs before `run`.
    pub fn open(
        world: World,
        executor: Rc<LocalExecutor<'static>>,
        dir: &Path,
        sizes: Sizes,
    ) -> Result<(Rc<Self>, Endings), StoreFault> {
        let (writer, (opening, reader, counters), writer_end) = {
            let (world, dir) = (world.clone(), dir.to_owned());
            Worker::spawn("writer", 8, move || {
                Writer::open(&world, &dir, sizes, &mut |done| {
                    if done % 65_536 == 0 {
                        log::info!("replaying the journal: {done} records");
                    }
                })
            })?
        };
        let (reader, (), reader_end) =
            Worker::spawn("reader", 8, move || Ok::<_, StoreFault>((reader, ())))?;
        let (seal_key, history) = {
            let (world, dir) = (world.clone(), dir.to_owned());
            writer.ask_blocking(move |_| revisions::open(&world, &dir))??
        };
        let known = epoch::open(&world, dir);
        let refusals = gate::Kept::open(&world, dir);
        let directory = directory::Live::default();
        directory.of.replace(opening.directory_of.clone());
        let settings = history.current().map(|r| r.settings.clone());
        let settings = Rc::new(settings.unwrap_or_default());
        let engine = Rc::new(Self {
            executor,
            dir: dir.to_owned(),
            refusals,
            seal_key,
            settings: RefCell::new(settings),
            signs: RefCell::default(),
            rules: RefCell::default(),
            history: RefCell::new(history),
            counters: RefCell::new(counters),
            counted: Cell::new(0),
            posts: RefCell::default(),
            link: Rc::new(Link::new(opening.next_sequence, known)),
            opening,
            directory,
            looks: held::Looks::default(),
            lately: storm::Lately::default(),
            receipts: receipts::Receipts::new(),
            rest: rest::Rest::default(),
            news: News::new(),
            journal_octets: Cell::new(0),
            free_octets: Cell::new(u64::MAX),
            full: RefCell::default(),
            room_bell: Bell::new(),
            lost_here: RefCell::default(),
            settings_bell: Bell::new(),
            confirm_bell: Bell::new(),
            confirm_deadline: Cell::new(None),
            settings_turn: smol::lock::Mutex::new(()),
            started: world.clock.tick(),
            broken: async_channel::bounded(4),
            stopping: Cell::new(false),
            runs: Cell::new(false),
            writer,
            reader,
            world,
        });
        Ok((engine, Endings(writer_end, reader_end)))
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings.borrow())
    }

    /// Opens a sealed secret.
    pub(crate) fn secret(
        &self,
        label: &str,
        sealed: Option<&settings::Sealed>,
    ) -> Result<Option<Secret>, settings::Fault> {
        sealed
            .map(|s| settings::open(&self.seal_key, label, s))
            .transpose()
    }

    /// Runs every stage until the store breaks or `stop` is called; a clean stop ends in `Ok`.
    pub async fn run(self: &Rc<Self>) -> Result<(), StoreFault> {
        self.runs.set(true);
        let ended = self.stages().await;
        self.runs.set(false);
        ended
    }

    async fn stages(self: &Rc<Self>) -> Result<(), StoreFault> {
        self.say_opening();
        held::later_if_full(self, departed::give_up(self).await)?;
        let _stages = [
            self.executor.spawn(receipts::run(Rc::clone(self))),
            self.executor.spawn(forward::run(Rc::clone(self))),
            self.executor.spawn(directory::run(Rc::clone(self))),
            self.executor.spawn(revisions::watch(Rc::clone(self))),
            self.executor.spawn(reclaim::run(Rc::clone(self))),
            self.executor.spawn(look_back::run(Rc::clone(self))),
            self.executor.spawn(rest::run(Rc::clone(self))),
        ];
        let (batches, queue) = async_channel::bounded(1);
        let (decided, commits) = async_channel::bounded(1);
        let _middle = [
            self.executor
                .spawn(understand::run(Rc::clone(self), queue, decided)),
            self.executor.spawn(commit::run(Rc::clone(self), commits)),
        ];
        let mut running: BTreeMap<MailboxId, (Rc<settings::Mailbox>, Vec<smol::Task<()>>)> =
            BTreeMap::new();
        loop {
            self.start_posts(&mut running, &batches);
            let ended =
                futures_lite::future::or(async { Some(self.broken.1.recv().await) }, async {
                    self.settings_bell.wait().await;
                    None
                })
                .await;
            match ended {
                Some(Ok(fault)) => return Err(fault),
                Some(Err(_)) => return Ok(()),
                None if self.stopping.get() => break,
                None => {}
            }
        }
        // What watches and fetches ends first; what was received is written before the end. A portal
        // without keys that is asked at the next start, while it is still at work, says that it has
        // nothing: what is on its way gets its answer now.
        drop(running);
        let _leaving = leave::land(self, "the next start settles what became of them").await;
        // Of what is copied to the archive and not removed yet, the next start would make another copy.
        let posts: Vec<Rc<Post>> = self.posts.borrow().values().map(Rc::clone).collect();
        let clock = &self.world.clock;
        let limit = clock.tick().plus(leave::LANDING);
        for post in posts {
            let landed = post.archiving_now.lock_arc();
            clock.within(limit.since(clock.tick()), landed).await;
        }
        self.receipts.flush(self).await?;
        self.writer.ask(Writer::checkpoint).await??;
        Ok(())
    }

    /// Starts, restarts and ends the tasks of mailboxes, as the settings now are.
    fn start_posts(
        self: &Rc<Self>,
        running: &mut BTreeMap<MailboxId, (Rc<settings::Mailbox>, Vec<smol::Task<()>>)>,
        batches: &async_channel::Sender<understand::Batch>,
    ) {
        let settings = self.settings();
        running.retain(|id, (was, _)| settings.mailbox_by_id(*id).is_some_and(|is| *is == **was));
        let known: Vec<MailboxId> = settings.mailboxes.iter().map(|m| m.id).collect();
        self.posts.borrow_mut().retain(|id, _| known.contains(id));
        for mailbox in &settings.mailboxes {
            if running.contains_key(&mailbox.id) {
                continue;
            }
            let mailbox = Rc::new(mailbox.clone());
            let origin = account::origin(&mailbox);
            let post = {
                let mut posts = self.posts.borrow_mut();
                // What is known by UIDs is of one folder of one account.
                if posts.get(&mailbox.id).is_some_and(|p| p.origin != origin) {
                    posts.remove(&mailbox.id);
                }
                let new = || Rc::new(Post::new(origin));
                Rc::clone(posts.entry(mailbox.id).or_insert_with(new))
            };
            let who = gate::who(&mailbox);
            if post.renew(&who) {
                let clock = &self.world.clock;
                self.refusals
                    .restore(&post.gate, &who, clock.wall(), clock.tick());
            }
            // Said before the tasks begin: each of them looks at it.
            post.say(match mailbox.active {
                true => post::Standing::Connecting,
                false => post::Standing::Off,
            });
            let mut tasks = vec![self.executor.spawn(archive::run(
                Rc::clone(self),
                Rc::clone(&mailbox),
                Rc::clone(&post),
            ))];
            if mailbox.active {
                tasks.push(self.executor.spawn(fetch::run(
                    Rc::clone(self),
                    Rc::clone(&mailbox),
                    post,
                    batches.clone(),
                )));
            }
            running.insert(mailbox.id, (mailbox, tasks));
        }
    }

    /// Ends `run`, cleanly: what is on its way to the portal has some seconds for its answer.
    pub fn stop(&self) {
        self.stopping.set(true);
        self.settings_bell.ring();
    }

    /// Does `work` to its end, also when whoever waits for it has gone: a caller whose line drops, a
    /// task of a mailbox that is started anew. What is durable must always be learned too.
    pub(crate) async fn to_the_end<T: 'static>(
        &self,
        work: impl Future<Output = T> + 'static,
    ) -> T {
        // A command without a service has one caller, and ends with it.
        if !self.runs.get() {
            return work.await;
        }
        let (tell, told) = async_channel::bounded(1);
        let work = async move {
            // Nobody may wait any more.
            let _ = tell.send(work.await).await;
        };
        self.executor.spawn(work).detach();
        match told.recv().await {
            Ok(done) => done,
            // The executor is dropped: so is this, now.
            Err(_) => std::future::pending().await,
        }
    }

    /// Makes messages decided and records durable, and lets the engine learn them.
    pub(crate) async fn commit(
        self: &Rc<Self>,
        decided: Vec<Decided>,
        records: Vec<(Key, Record)>,
    ) -> Result<(), StoreFault> {
        let engine = Rc::clone(self);
        self.to_the_end(async move {
            let committed = engine.writer.ask(move |w| w.commit(decided, &records));
            engine.learned(&committed.await??);
            Ok(())
        })
        .await
    }

    /// Tells `run` that the store can't go on.
    pub(crate) fn broke(&self, fault: StoreFault) {
        log::error!("the store: {fault}");
        // A second fault has nothing to add to the first.
        let _ = self.broken.0.try_send(fault);
    }

    /// Takes over what a commit changed, and wakes whom it concerns.
    pub(crate) fn learned(&self, committed: &writer::Committed) {
        // Several tasks commit, and one may hear late of what it committed early.
        if committed.number > self.counted.get() {
            self.counted.set(committed.number);
            *self.counters.borrow_mut() = committed.counters.clone();
            self.journal_octets.set(committed.journal_octets);
            self.free_octets.set(committed.free_octets);
        }
        for misfit in &committed.applied.misfits {
            log::warn!("a record did not fit what was known: {misfit}");
        }
        forward::learned(&self.link, &committed.applied.changed);
        let count = committed.applied.changed.len();
        self.rest.changed(count, self.world.clock.tick());
        for (key, entry) in &committed.applied.changed {
            if entry.stage != Stage::Closed {
                self.lost_here.borrow_mut().remove(key);
            }
            if entry.wants_fetch() {
                // Only now: a listing before this would still leave it out, and the next whole one
                // is an hour away.
                if let Some(post) = self.posts.borrow().get(&entry.mailbox) {
                    post.look_bell.ring();
                }
            }
            if entry.wants_archive() {
                for (key, record) in departed::places(self, *key, entry) {
                    self.receipts.push(key, record);
                }
                for spot in &entry.spots {
                    if let Some(post) = self.posts.borrow().get(&spot.mailbox) {
                        post.archive_one_more();
                    }
                }
            }
        }
        if committed.applied.freed {
            // More copies may lie there than were kept, and who waits must not miss them: each round archives some.
            for post in self.posts.borrow().values() {
                post.look_bell.ring();
            }
        }
        self.news.tell(&Event::Counted);
    }

    /// What is said of messages that only the archive has.
    pub(crate) fn only_archived(&self) -> Option<String> {
        let lost = self.lost_here.borrow().len() as u64;
        (lost > 0).then(|| {
            format!(
                "{}, which can't be read from this disk any more, went to the archive before the portal had a ticket: `postern held list --aside --reason {}` names what to move back, unread",
                check::counted(lost, "message"),
                Reason::LostHere
            )
        })
    }

    /// Whether there is room to fetch more; the sentence that says why not, otherwise.
    pub(crate) fn room(&self) -> Result<(), String> {
        let store = &self.settings().store;
        let journal = self.journal_octets.get();
        if journal >= store.quota_bytes {
            return Err(format!(
                "the store holds {} MiB, its quota ({} MiB); fetching waits until tickets are forwarded",
                journal >> 20,
                store.quota_bytes >> 20
            ));
        }
        let free = self.free_octets.get();
        if free < store.free_bytes_min {
            return Err(format!(
                "the disk has {} MiB free, less than the {} MiB that must stay so; fetching waits",
                free >> 20,
                store.free_bytes_min >> 20
            ));
        }
        match &*self.full.borrow() {
            Some(said) => Err(said.clone()),
            None => Ok(()),
        }
    }

    /// Asks the disk again how much room there is.
    pub(crate) async fn look_at_room(&self) {
        if let Ok((journal, free)) = self.writer.ask(|w| w.octets()).await {
            self.journal_octets.set(journal);
            self.free_octets.set(free);
        }
        // A full disk is found out by writing: let the next batch try.
        self.full.replace(None);
    }

    /// Whether messages are coming in just now, whose commit is near.
    pub(crate) fn mail_comes(&self) -> bool {
        self.posts.borrow().values().any(|p| p.is_fetching())
    }

    fn say_opening(&self) {
        let opening = &self.opening;
        log::info!("the store is open: {}", opening.sentence());
        for damage in &opening.damage {
            log::error!("the journal is damaged: {damage}; what it held is fetched again where the server still has it");
        }
        for misfit in &opening.misfits {
            log::warn!("replaying: a record did not fit what was known: {misfit}");
        }
    }

    /// How long this engine has run.
    pub fn uptime(&self) -> Duration {
        self.world.clock.tick().since(self.started)
    }
}

#[cfg(test)]
mod tests;
