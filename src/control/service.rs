//! The engine as the commands see it.
//!
//! Finds, words and counts; what is done is done by the engine.

use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

use super::compare::{compare, Compare, Comparison};
use super::explain::{Asked, Explanation};
use super::group::{self, Together};
use super::life::{Life, Matches};
use super::port::{Applied, Caller, Candidate, Ended, LeftBehind, Lines, Service, Tested};
use super::wire::{Answer, Kind};
use super::wire::{DirectoryPage, Listed, MessageLine, Page, Preview, Refusal, Status, Story};
use super::{
    check, explain, export, follow, life, lists, overview, people, rules, story, trial, unprocessed,
};
use crate::engine::owner::{owner, Owner};
use crate::engine::reader::Reader;
use crate::engine::revisions::Unchanged;
use crate::engine::writer::Decided;
use crate::engine::{drain, held, Endings, Engine, StoreFault};
use crate::passage::record::{ActKind, Archived};
use crate::passage::{Entry, MailboxId, Origin, Place, Stage};
use crate::settings::{History, Lock, SealKey, Sealed, Settings, Zones};
use crate::ticket::{Key, Reason};
use crate::world::worker::apart;
use crate::world::{zones, Certificate, Secret, Wall};

/// Lines of a page at most.
pub(super) const PAGE_MAX: u32 = 500;

/// An open engine, and the way to end it.
pub struct Running {
    pub(super) engine: Rc<Engine>,
    endings: Endings,
    pub(super) serves: std::cell::Cell<bool>,
    /// Held while a key is derived, by the thread that does it.
    deriving: Arc<smol::lock::Mutex<()>>,
}

impl From<StoreFault> for Refusal {
    fn from(fault: StoreFault) -> Self {
        let kind = match fault {
            StoreFault::Locked { .. } | StoreFault::Foreign { .. } => Kind::Unreachable,
            _ => Kind::Failed,
        };
        Refusal::new(kind, fault.to_string())
    }
}

impl From<Unchanged> for Refusal {
    fn from(fault: Unchanged) -> Self {
        match fault {
            Unchanged::Settings(fault) => fault.into(),
            Unchanged::Store(fault) => fault.into(),
            Unchanged::Overtaken => Refusal::new(Kind::Conflict, fault.to_string()),
        }
    }
}

impl Running {
    /// Takes an open engine.
    pub fn new(engine: Rc<Engine>, endings: Endings) -> Self {
        Self {
            engine,
            endings,
            serves: std::cell::Cell::new(false),
            deriving: Arc::default(),
        }
    }

    /// Ends the disk threads and waits for them, so that the store is free again.
    pub(super) fn end(self) {
        // Whoever else holds the engine keeps its threads: waiting for them could last for ever.
        if Rc::into_inner(self.engine).is_some() {
            self.endings.join();
        }
    }

    /// Asks the reader.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Reader) -> Result<R, StoreFault> + Send + 'static,
    ) -> Result<R, Refusal> {
        let answer = self.engine.reader.ask(job).await;
        Ok(answer.map_err(StoreFault::from)??)
    }

    /// The one message whose key begins so.
    pub(super) async fn find(&self, text: &str) -> Result<(Key, Entry), Refusal> {
        if unprocessed::is_key(text) {
            return Err(Refusal::new(
                Kind::Absent,
                format!(
                    "{text} lies read on its server and was never fetched: there is nothing of it here \
                     to show or to dismiss; `postern held convert {text}` makes a ticket of it"
                ),
            ));
        }
        let mut found = match Key::from_str(text) {
            Ok(key) => vec![key],
            Err(_) => {
                let prefix: Vec<u8> = text
                    .as_bytes()
                    .chunks_exact(2)
                    .filter_map(|pair| std::str::from_utf8(pair).ok())
                    .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
                    .collect();
                let mut keys = self.read(move |r| r.keys(&prefix, 200)).await?;
                keys.retain(|k| k.to_string().starts_with(text));
                keys
            }
        };
        let absent = || {
            Refusal::new(
                Kind::Absent,
                format!(
                    "no message is known by the key {text}: `postern queue list`, `postern held list` and \
                     the log name keys; `postern log '<...>'` finds a message by its Message-ID"
                ),
            )
        };
        let key = found.pop().ok_or_else(absent)?;
        if !found.is_empty() {
            return Err(Refusal::new(
                Kind::Usage,
                format!("several messages have keys that begin with {text}: give more digits"),
            ));
        }
        let entry = self.read(move |r| r.entry(&key)).await?;
        entry.map(|e| (key, e)).ok_or_else(absent)
    }

    async fn again(&self, caller: &Caller, key: Key) -> Result<String, Refusal> {
        let gone = |why: &str| {
            let said = format!(
                "{why}: forward it to the mailbox from a mail program, which makes a new message of it"
            );
            Refusal::new(Kind::Refused, said)
        };
        let kept = move |r: &mut Reader| {
            // As it is now: its records may have been moved since.
            let entry = r.entry(&key)?;
            let Some((decision, message)) = entry.and_then(|e| e.decision.zip(e.message)) else {
                return Ok(None);
            };
            // As they are copied: what can't be read is better refused than begun.
            r.payload(message)?;
            Ok(Some((r.decision(decision)?, message)))
        };
        let kept = self.read(move |r| Ok(kept(r))).await?;
        let kept = kept.map_err(|fault: StoreFault| gone(&lists::damaged(&fault)))?;
        let Some((decision, message)) = kept else {
            return Err(gone("its octets are no longer kept here"));
        };
        let mut generation = 1;
        while let Some(taken) = {
            let key = key.again(generation);
            self.read(move |r| r.entry(&key)).await?
        } {
            if taken.stage == Stage::Committed {
                return Err(Refusal::new(
                    Kind::Refused,
                    "another ticket of it is on its way already",
                ));
            }
            generation += 1;
        }
        let again_key = key.again(generation);
        // It lies nowhere: its place is one that nobody else can have, and is given up at once.
        let place = Place::Item {
            origin: Origin([0; 8]),
            id: again_key.to_string(),
        };
        let given_up = Archived::given_up(place.clone());
        let again = crate::passage::record::Decision {
            composed: None,
            // Those behind it passed, or were decided about.
            storm: None,
            place,
            message: Some(message),
            decided_at: self.engine.world.clock.wall().0,
            ..decision
        };
        log::info!("{} is made a ticket again by {}", key.short(), caller.name);
        let decided = Decided {
            key: again_key,
            raw: crate::engine::writer::Raw::Kept(key),
            decision: again,
        };
        self.engine
            .commit(vec![decided], vec![(again_key, given_up)])
            .await?;
        self.engine.lately.forget();
        Ok("another ticket is made of the message".to_owned())
    }

    /// What was archived without a ticket, or closed: a ticket of it all the same.
    async fn after_all(&self, key: Key, entry: &Entry) -> Result<String, Refusal> {
        let act = held::act(&self.engine, ActKind::Convert, "operator");
        self.engine.act(vec![(key, act)]).await?;
        self.look_again(entry.mailbox);
        let place = match self.engine.settings().mailbox_by_id(entry.mailbox) {
            Some(mailbox) => format!("the folder {} of mailbox {}", mailbox.folder, mailbox.name),
            None => "a folder that is watched".to_owned(),
        };
        Ok(match entry.spots.is_empty() {
            false => "the message becomes a ticket".to_owned(),
            true => format!(
                "its octets are not here: move it into {place} and mark it as unread, then it becomes \
                 a ticket"
            ),
        })
    }

    pub(super) fn look_again(&self, mailbox: MailboxId) {
        if let Some(post) = self.engine.posts.borrow().get(&mailbox) {
            post.look_bell.ring();
        }
    }
}

impl Service for Running {
    fn now(&self) -> Wall {
        self.engine.world.clock.wall()
    }

    fn with_zones<R>(&self, work: impl FnOnce(&Zones) -> R) -> R {
        work(&Zones {
            named: &zones::named,
            system: zones::system(),
        })
    }

    async fn status(&self) -> Result<Status, Refusal> {
        overview::status(self).await
    }

    async fn queue(&self, page: &Page) -> Result<Listed<MessageLine>, Refusal> {
        self.list(&[Stage::Committed, Stage::Refused], page).await
    }

    async fn held(&self, page: &Page) -> Result<Listed<MessageLine>, Refusal> {
        if page.aside {
            let stages = &[Stage::Ignored, Stage::Dismissed, Stage::Closed];
            return self.list(stages, page).await;
        }
        if let Some(key) = &page.group {
            return group::members(self, key, page).await;
        }
        let mut listed = self.list(&[Stage::Held, Stage::Released], page).await?;
        group::add(self, &mut listed, page).await?;
        if listed.next.is_none() {
            unprocessed::add(self, &mut listed, page);
        }
        Ok(listed)
    }

    async fn message(&self, key: &str) -> Result<Story, Refusal> {
        story::story(self, key).await
    }

    async fn life(&self, key: &str, lines: &Lines) -> Result<Life, Refusal> {
        life::life(self, key, lines).await
    }

    async fn seek(&self, id: &str, lines: &Lines) -> Result<Matches, Refusal> {
        life::seek(self, id, lines).await
    }

    async fn newest(
        &self,
        reasons: &[Reason],
        limit: usize,
    ) -> Result<Listed<MessageLine>, Refusal> {
        life::newest(self, reasons, limit).await
    }

    async fn retry(&self, key: &str) -> Result<String, Refusal> {
        self.retry_one(key).await
    }

    async fn retry_all(&self) -> Result<u64, Refusal> {
        Running::retry_all(self).await
    }

    async fn export(&self, key: Option<&str>, lines: &Lines) -> Result<u64, Refusal> {
        export::export(self, key, lines).await
    }

    async fn convert(&self, caller: &Caller, key: &str, again: bool) -> Result<String, Refusal> {
        if let Some(wanted) = unprocessed::want(self, key) {
            return wanted;
        }
        let (key, entry) = self.find(key).await?;
        let mailbox = self.engine.settings().mailbox_by_id(entry.mailbox).cloned();
        match entry.stage {
            Stage::Held | Stage::Released => {
                let act = held::act(&self.engine, ActKind::Convert, "operator");
                if entry.stage == Stage::Held {
                    self.engine.act(vec![(key, act)]).await?;
                }
                self.look_again(entry.mailbox);
                Ok(match mailbox {
                    Some(mailbox) if !mailbox.active => format!(
                        "the message becomes a ticket when mailbox {0} is active again: \
                         `postern settings set mailbox.{0}.active on`",
                        mailbox.name
                    ),
                    _ => "the message becomes a ticket".to_owned(),
                })
            }
            Stage::Ignored | Stage::Dismissed | Stage::Closed if again => {
                self.after_all(key, &entry).await
            }
            Stage::Forwarded if again => self.again(caller, key).await,
            Stage::Committed => Err(Refusal::new(
                Kind::Refused,
                "it is a ticket already, on its way to the portal",
            )),
            Stage::Refused => Err(Refusal::new(
                Kind::Refused,
                "the portal refused its ticket: `postern queue retry` sends that again",
            )),
            Stage::Closed => Err(Refusal::new(
                Kind::Refused,
                "it was read or moved on the server meanwhile: mark it unread in the watched folder, \
                 and it is looked at anew; with `--again` it becomes a ticket then, whoever wrote it",
            )),
            stage => Err(Refusal::new(
                Kind::Refused,
                format!("it is {stage} already; `--again` makes a ticket of it all the same"),
            )),
        }
    }

    async fn dismiss(&self, caller: &Caller, key: &str, reason: &str) -> Result<String, Refusal> {
        let (key, entry) = self.find(key).await?;
        if !matches!(entry.stage, Stage::Held | Stage::Released | Stage::Refused) {
            return Err(Refusal::new(
                Kind::Refused,
                format!(
                    "it is {}: only what is held or refused can be dismissed",
                    entry.stage
                ),
            ));
        }
        log::info!("{} is dismissed by {}: {reason}", key.short(), caller.name);
        let by = match reason {
            "" => caller.name.clone(),
            reason => format!("{}: {reason}", caller.name),
        };
        self.engine
            .act(vec![(key, held::act(&self.engine, ActKind::Dismiss, &by))])
            .await?;
        Ok(match entry.spots.is_empty() {
            false => "the message is archived without a ticket".to_owned(),
            true => "no ticket is made of the message; it lies where it lay".to_owned(),
        })
    }

    async fn together(&self, caller: &Caller, asked: &Together) -> Result<Answer, Refusal> {
        group::together(self, caller, asked).await
    }

    async fn directory(&self, page: &Page) -> Result<DirectoryPage, Refusal> {
        people::page(self, page).await
    }

    async fn sync(&self) -> Result<u64, Refusal> {
        trial::sync(self).await
    }

    async fn explain(&self, asked: &Asked) -> Result<Explanation, Refusal> {
        explain::explain(self, asked).await
    }

    async fn compare(&self, asked: &Compare) -> Result<Comparison, Refusal> {
        compare(self, asked).await
    }

    fn history(&self) -> History {
        self.engine.history.borrow().clone()
    }

    fn seal(&self, label: &str, secret: &Secret) -> Result<Sealed, Refusal> {
        let nonce = self.engine.world.entropy.octets();
        Ok(crate::settings::seal(
            &self.engine.seal_key,
            nonce,
            label,
            secret,
        ))
    }

    fn unseal(&self, label: &str, sealed: &Sealed) -> Result<Secret, Refusal> {
        Ok(crate::settings::open(&self.engine.seal_key, label, sealed)?)
    }

    fn reply_secrets(&self) -> Secret {
        self.engine.reply_secrets()
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        self.engine.world.entropy.octets()
    }

    async fn derive(&self, lock: &Lock, passphrase: Secret) -> Result<SealKey, Refusal> {
        let lock = lock.clone();
        // Goes with the work: whoever asked may have gone away, and the memory is taken all the same.
        let turn = self.deriving.lock_arc().await;
        let made = apart("key", move || {
            let key = lock.key(&passphrase);
            drop(turn);
            key
        });
        let made = made.await.map_err(|fault| {
            Refusal::new(
                Kind::Failed,
                format!("making a key of the passphrase: {fault}"),
            )
        })?;
        Ok(made?)
    }

    fn pair(&self, settings: &Settings) -> Result<(), Refusal> {
        let pair = self.engine.identity_of(&settings.portal);
        pair.map(|_| ())
            .map_err(|said| Refusal::new(Kind::Refused, said))
    }

    async fn apply(&self, candidate: Candidate) -> Result<Applied, Refusal> {
        let limit = candidate.limit_ms.map(std::time::Duration::from_millis);
        let before = self.engine.settings();
        let revision = self
            .engine
            .change_settings(
                candidate.base,
                candidate.settings,
                &candidate.author,
                &candidate.note,
                limit,
            )
            .await?;
        let mut notes = Vec::new();
        for gone in before.mailboxes.iter() {
            if self.engine.settings().mailbox_by_id(gone.id).is_none() {
                let left = self.left_behind(gone.id).await?.under_way;
                if left > 0 {
                    notes.push(format!(
                        "{left} messages of {} are still forwarded, and stay unread where they lie",
                        gone.name
                    ));
                }
            }
        }
        Ok(Applied {
            revision,
            waits_until: self.engine.confirm_until(),
            notes,
        })
    }

    async fn confirm(&self) -> Result<u64, Refusal> {
        Ok(self.engine.confirm_settings().await?)
    }

    async fn undo(&self) -> Result<Option<u64>, Refusal> {
        Ok(self.engine.undo_settings().await?)
    }

    async fn try_secret(&self, settings: &Settings, key: &str) -> Result<(), Refusal> {
        trial::secret(self, settings, key).await
    }

    async fn certificate(
        &self,
        settings: &Settings,
        mailbox: Option<MailboxId>,
    ) -> Result<Certificate, Refusal> {
        trial::certificate(self, settings, mailbox).await
    }

    async fn preview(&self, settings: &Settings, mailbox: MailboxId) -> Result<Preview, Refusal> {
        trial::preview(self, settings, mailbox).await
    }

    async fn owner(&self, settings: &Settings, mailbox: MailboxId) -> Result<Owner, Refusal> {
        match settings.mailbox_by_id(mailbox) {
            Some(mailbox) => Ok(owner(&self.engine, settings, mailbox).await?),
            None => Ok(Owner::Nobody),
        }
    }

    fn queued(&self) -> u64 {
        self.engine.counters.borrow().of(Stage::Committed)
    }

    async fn tried(&self, settings: &Settings) -> Result<rules::Tried, Refusal> {
        rules::tried(self, settings).await
    }

    async fn left_behind(&self, mailbox: MailboxId) -> Result<LeftBehind, Refusal> {
        Running::left_behind(self, mailbox).await
    }

    async fn test(&self, mailbox: Option<&str>, lines: &Lines) -> Result<Tested, Refusal> {
        trial::test(self, mailbox, lines).await
    }

    async fn follow(&self, mailbox: Option<&str>, lines: &Lines) -> Result<(), Refusal> {
        follow::follow(self, mailbox, lines).await
    }

    async fn check(&self, lines: &Lines) -> Result<Tested, Refusal> {
        check::running(self, lines).await
    }

    async fn run(&self, once: bool) -> Result<Ended, Refusal> {
        self.serves.set(true);
        let engine = &self.engine;
        let executor = Rc::clone(&engine.executor);
        let drained = std::cell::RefCell::new(None);
        let ending = async {
            if once {
                drained.replace(Some(drain::wait(engine).await));
                engine.stop();
            }
            std::future::pending().await
        };
        executor
            .run(futures_lite::future::or(engine.run(), ending))
            .await?;
        Ok(match drained.take() {
            None => Ended {
                clean: true,
                said: "stopped".to_owned(),
            },
            Some(drained) => Ended {
                clean: drained.clean,
                said: match drained.left.is_empty() {
                    true => overview::summary(engine),
                    false => format!(
                        "{}\nleft: {}",
                        overview::summary(engine),
                        drained.left.join("\nleft: ")
                    ),
                },
            },
        })
    }

    fn stop(&self) {
        self.engine.stop();
    }

    async fn close(&self) -> Result<(), Refusal> {
        self.engine.receipts.flush(&self.engine).await?;
        let checkpoint = self
            .engine
            .writer
            .ask(crate::engine::writer::Writer::checkpoint)
            .await;
        checkpoint.map_err(StoreFault::from)??;
        Ok(())
    }
}
