//! The settings on the disk: one small file for each revision, and the key that seals secrets.
//!
//! A truth of its own, beside the journal: nothing that happens to journal or index touches it.
//! Each file is replaced safely (write, sync, rename, sync the folder), and the revision counts
//! only after that. What a confirmed change leaves over is removed afterwards.
//!
//!   settings/NNNNNNNN.json   a revision
//!   settings/key             the sealing key, 32 octets, mode 0600

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::leave::{leave, Leaving};
use super::{departed, held, rules, Engine, StoreFault};
use crate::settings::{Fault, History, Revision, SealKey, Settings};
use crate::world::{Wall, World};

/// No revision is larger.
pub(super) const REVISION_OCTETS_MAX: u64 = 8 << 20;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Unchanged {
    /// The settings' own reasons.
    #[error(transparent)]
    Settings(#[from] Fault),
    /// Somebody else's change came before.
    #[error("somebody else changed the settings meanwhile: look at them, and try again")]
    Overtaken,
    /// The disk's.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Opens what is kept in `dir/settings`, making the folder and the key at the first start. A
/// revision that was waiting to be confirmed when the last run ended is undone by that alone.
pub fn open(world: &World, dir: &Path) -> Result<(SealKey, History), StoreFault> {
    let dir = dir.join("settings");
    let doing = |what: &'static str, path: &Path| {
        let path = path.display().to_string();
        move |source: std::io::Error| StoreFault::Broken {
            said: format!("{what} {path}: {source}"),
        }
    };
    world.disk.make_dir(&dir).map_err(doing("creating", &dir))?;
    let key_path = dir.join("key");
    let key = match world.disk.read(&key_path, 32) {
        Ok(octets) => <[u8; 32]>::try_from(octets.as_slice()).map_err(|_| StoreFault::Broken {
            said: format!(
                "{} is not 32 octets long; restore it, or remove it and set every secret again",
                key_path.display()
            ),
        })?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let key = world.entropy.octets::<32>();
            world
                .disk
                .replace(&key_path, &key)
                .map_err(doing("writing", &key_path))?;
            key
        }
        Err(e) => return Err(doing("reading", &key_path)(e)),
    };
    let mut revisions = Vec::new();
    for entry in world.disk.list(&dir).map_err(doing("listing", &dir))? {
        let path = dir.join(&entry.name);
        if !entry.name.ends_with(".json") {
            continue;
        }
        let octets = world
            .disk
            .read(&path, REVISION_OCTETS_MAX)
            .map_err(doing("reading", &path))?;
        match Revision::decode(&octets) {
            Ok(revision) => revisions.push(revision),
            Err(Fault::Newer { .. }) => {
                return Err(StoreFault::Newer {
                    said: path.display().to_string(),
                })
            }
            // Kept on the disk, and the one before it counts.
            Err(fault) => log::error!("{}: {fault}", path.display()),
        }
    }
    let (history, undone) = History::found(revisions);
    if let Some(number) = undone {
        log::warn!(
            "settings revision {number} was not confirmed before the last stop: it is undone"
        );
    }
    Ok((SealKey::new(key), history))
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join("settings").join(format!("{number:08}.json"))
}

impl Engine {
    /// Makes `settings`, made from the revision `base`, the current ones: durable first, then in force.
    /// With `limit` the change undoes itself unless confirmed in time. Returns the revision's number.
    pub async fn change_settings(
        self: &Rc<Self>,
        base: u64,
        settings: Settings,
        author: &str,
        note: &str,
        limit: Option<Duration>,
    ) -> Result<u64, Unchanged> {
        let (author, note) = (author.to_owned(), note.to_owned());
        let engine = Rc::clone(self);
        self.to_the_end(async move {
            let _turn = engine.settings_turn.lock().await;
            if engine.history.borrow().number() != base {
                return Err(Unchanged::Overtaken);
            }
            let limit_ms = limit.map(|l| u64::try_from(l.as_millis()).unwrap_or(u64::MAX));
            let at = engine.world.clock.wall();
            let revision = {
                let history = engine.history.borrow();
                history.next(settings, at, &author, &note, limit_ms)?
            };
            let _leaving = engine.leaves(&revision.settings).await;
            engine.keep(&revision).await?;
            let number = revision.number;
            let dropped = engine.history.borrow_mut().add(revision);
            engine.forget(dropped).await;
            let deadline = limit.map(|l| engine.world.clock.tick().plus(l));
            engine.confirm_deadline.set(deadline);
            engine.settings_now().await?;
            Ok(number)
        })
        .await
    }

    /// Confirms the change that waits. Returns its number.
    pub async fn confirm_settings(self: &Rc<Self>) -> Result<u64, Unchanged> {
        let engine = Rc::clone(self);
        self.to_the_end(async move {
            let _turn = engine.settings_turn.lock().await;
            let revision = engine.history.borrow().confirming()?;
            engine.keep(&revision).await?;
            engine.history.borrow_mut().confirmed(revision.number);
            engine.confirm_deadline.set(None);
            Ok(revision.number)
        })
        .await
    }

    /// Takes the change that waits back. Returns its number.
    pub async fn undo_settings(self: &Rc<Self>) -> Result<Option<u64>, StoreFault> {
        self.undo_if(|_| true).await
    }

    /// Takes the change that waits back, if it still is to be confirmed by then.
    async fn undo_if(
        self: &Rc<Self>,
        still: impl FnOnce(&Self) -> bool + 'static,
    ) -> Result<Option<u64>, StoreFault> {
        let engine = Rc::clone(self);
        self.to_the_end(async move {
            let _turn = engine.settings_turn.lock().await;
            // Another may have come, or it was confirmed, while this waited its turn.
            if !still(&engine) {
                return Ok(None);
            }
            let undone = engine.history.borrow_mut().undo();
            engine.confirm_deadline.set(None);
            if undone.is_some() {
                let settings = engine.history_settings();
                let _leaving = engine.leaves(&settings).await;
                engine.settings_now().await?;
            }
            Ok(undone)
        })
        .await
    }

    /// Until when the waiting change may be confirmed.
    pub fn confirm_until(&self) -> Option<Wall> {
        self.history.borrow().waits_until()
    }

    async fn keep(&self, revision: &Revision) -> Result<(), StoreFault> {
        let path = path_of(&self.dir, revision.number);
        let octets = revision.encode();
        let disk = std::sync::Arc::clone(&self.world.disk);
        self.writer
            .ask(move |_| {
                disk.replace(&path, &octets).map_err(|source| {
                    let said = format!("writing {}: {source}", path.display());
                    match source.kind() {
                        std::io::ErrorKind::StorageFull => StoreFault::Full { said },
                        _ => StoreFault::Broken { said },
                    }
                })
            })
            .await?
    }

    async fn forget(&self, numbers: Vec<u64>) {
        let disk = std::sync::Arc::clone(&self.world.disk);
        let dir = self.dir.clone();
        let removed = self
            .writer
            .ask(move |_| {
                for number in numbers {
                    // Left over, it is only one revision more than is kept.
                    let _ = disk.remove(&path_of(&dir, number));
                }
            })
            .await;
        if let Err(stopped) = removed {
            log::warn!("removing old settings revisions: {stopped}");
        }
    }

    /// The history's current settings.
    fn history_settings(&self) -> Settings {
        let history = self.history.borrow();
        history
            .current()
            .map(|r| r.settings.clone())
            .unwrap_or_default()
    }

    /// What must be held until `next` is in force, where it has another portal.
    async fn leaves(&self, next: &Settings) -> Option<Leaving<'_>> {
        match self.settings().portal.url != next.portal.url {
            true => Some(leave(self).await),
            false => None,
        }
    }

    /// Puts the history's current settings in force, and releases what is held and would be decided
    /// otherwise by them.
    async fn settings_now(self: &Rc<Self>) -> Result<(), StoreFault> {
        let before = self.settings();
        *self.settings.borrow_mut() = Rc::new(self.history_settings());
        let now = self.settings();
        let otherwise = now.mailboxes.iter().filter(|mailbox| {
            let before = before.mailbox_by_id(mailbox.id);
            before.is_some_and(|before| !before.finds_senders_as(mailbox))
        });
        self.looks.anew(otherwise.map(|mailbox| mailbox.id));
        self.looks
            .anew(rules::ignore_otherwise(&before, &now).into_iter());
        self.settings_bell.ring();
        self.link.settings_changed();
        self.directory.bell.ring();
        self.confirm_bell.ring();
        self.room_bell.ring();
        // They are in force: a disk without room takes nothing of that back.
        held::later_if_full(self, departed::give_up(self).await)?;
        held::later_if_full(self, held::reconsider(self, "settings").await)
    }
}

/// Undoes a change that was not confirmed in time. Waits by the monotonic clock.
pub async fn watch(engine: Rc<Engine>) {
    loop {
        let deadline = engine.confirm_deadline.get();
        let expired = futures_lite::future::or(
            async {
                match deadline {
                    Some(at) => engine.world.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
                true
            },
            async {
                engine.confirm_bell.wait().await;
                false
            },
        )
        .await;
        if expired {
            let still = move |engine: &Engine| engine.confirm_deadline.get() == deadline;
            match engine.undo_if(still).await {
                Ok(None) => {}
                Ok(Some(number)) => {
                    log::warn!("settings revision {number} was not confirmed in time: it is undone")
                }
                Err(fault) => {
                    engine.broke(fault);
                    return;
                }
            }
        }
    }
}
