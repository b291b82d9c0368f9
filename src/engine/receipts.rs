//! Receipts on their way into the journal, and the news of what was archived.
//!
//! The index learns a receipt, and the message is archived, only when a sync holds it. Any sync
//! serves: the next commit takes all that wait along; else many of them, a second, or a link that is
//! idle while no mail comes in have one of their own.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use async_channel::{Receiver, Sender};

use super::bell::Bell;
use super::writer::Writer;
use super::{Engine, StoreFault};
use crate::passage::Record;
use crate::ticket::Key;
use crate::world::worker::Stopped;

/// Records that are not left waiting for a commit.
const MANY: usize = 768;
/// How long writing waits for room on a full disk.
const FULL_WAIT: Duration = Duration::from_secs(5);
/// How long one may wait.
const WAIT: Duration = Duration::from_secs(1);
/// How long while the link is idle and mail comes in, whose commit is near.
const WAIT_IDLE: Duration = Duration::from_millis(250);

/// Receipts, refusals and what was archived that no sync holds yet.
pub struct Receipts {
    waiting: RefCell<Vec<(Key, Record)>>,
    /// Dropped when what waits is durable.
    told: RefCell<Vec<Sender<()>>>,
    some: Bell,
    enough: Bell,
    idle: Cell<bool>,
}

impl Receipts {
    /// None.
    pub fn new() -> Self {
        Self {
            waiting: RefCell::default(),
            told: RefCell::default(),
            some: Bell::new(),
            enough: Bell::new(),
            idle: Cell::new(true),
        }
    }

    /// Adds one.
    pub fn push(&self, key: Key, record: Record) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push((key, record));
        self.some.ring();
        if waiting.len() >= MANY {
            self.enough.ring();
        }
    }

    /// Adds some. What comes back is closed when a sync holds them, and all that waited before them, and
    /// the index has learned them.
    pub fn push_all(&self, records: Vec<(Key, Record)>) -> Receiver<()> {
        for (key, record) in records {
            self.push(key, record);
        }
        let (told, closed) = async_channel::bounded(1);
        // Where nothing waits nobody would write, and it is closed at once.
        if self.waiting() > 0 {
            self.told.borrow_mut().push(told);
        }
        closed
    }

    /// Has all that wait written now, by the task whose work that is, and waits for it.
    pub async fn written(&self) {
        let closed = self.push_all(Vec::new());
        self.enough.ring();
        // Nothing is ever sent.
        let _ = closed.recv().await;
    }

    /// Says whether the link has nothing to do, and whether mail comes in: with neither, waiting for
    /// more is no use.
    pub fn link_idle(&self, idle: bool, coming: bool) {
        self.idle.set(idle);
        if !coming {
            self.nothing_comes();
        }
    }

    /// Says that mail has stopped coming in.
    pub fn nothing_comes(&self) {
        if self.idle.get() {
            self.enough.ring();
        }
    }

    /// Has `write` make all that wait durable, with `own` behind it; what it could not write waits
    /// again. `write` gives the records back.
    pub async fn carry<T, W>(
        &self,
        own: Vec<(Key, Record)>,
        write: impl FnOnce(Vec<(Key, Record)>) -> W,
    ) -> Result<T, StoreFault>
    where
        W: Future<Output = Result<(Result<T, StoreFault>, Vec<(Key, Record)>), Stopped>>,
    {
        let mut records = std::mem::take(&mut *self.waiting.borrow_mut());
        let told = std::mem::take(&mut *self.told.borrow_mut());
        let waited = records.len();
        records.extend(own);
        let (written, mut records) = write(records).await?;
        if written.is_err() {
            records.truncate(waited);
            self.put_back(records);
            self.told.borrow_mut().extend(told);
        }
        written
    }

    /// Takes back what could not be made durable: it is still ours to write.
    fn put_back(&self, records: Vec<(Key, Record)>) {
        if records.is_empty() {
            return;
        }
        self.waiting.borrow_mut().splice(0..0, records);
        self.some.ring();
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Makes all that wait durable now.
    pub async fn flush(&self, engine: &Engine) -> Result<(), StoreFault> {
        if self.waiting() == 0 {
            return Ok(());
        }
        let write = |records: Vec<_>| {
            let writing = move |w: &mut Writer| (w.commit(Vec::new(), &records), records);
            engine.writer.ask(writing)
        };
        let committed = self.carry(Vec::new(), write).await?;
        engine.learned(&committed);
        Ok(())
    }
}

impl Default for Receipts {
    fn default() -> Self {
        Self::new()
    }
}

/// The task.
pub async fn run(engine: Rc<Engine>) {
    loop {
        engine.receipts.some.wait().await;
        engine.receipts.enough.hush();
        let wait = match (engine.receipts.idle.get(), engine.mail_comes()) {
            (false, _) => WAIT,
            (true, true) => WAIT_IDLE,
            (true, false) => Duration::ZERO,
        };
        if !wait.is_zero() && engine.receipts.waiting() < MANY {
            let enough = engine.receipts.enough.wait();
            engine.world.clock.within(wait, enough).await;
        }
        match engine.receipts.flush(&engine).await {
            Ok(()) => {}
            Err(StoreFault::Full { said }) => {
                log::error!("{said}; receipts wait for room");
                engine.world.clock.sleep(FULL_WAIT).await;
                engine.receipts.some.ring();
            }
            // A receipt that can't be written is asked for again after the next start: the portal
            // knows the key.
            Err(fault) => {
                engine.broke(fault);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
