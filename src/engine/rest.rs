//! What a rush leaves in memory, let go once it is quiet behind it.
//!
//! A drain leaves changes that the index gathers in front of sled, pages that sled keeps at hand, buffers as
//! large as they ever were, and connections that nobody needs (measured behind 20,000 mails: 12 MiB, where
//! a start needs 3). None of it is freed by itself. It is done once for each rush, never by the clock: a box
//! at rest neither wakes for it nor writes.
//!
//! Not for each mail: a checkpoint is octets written, and a page of the disk's.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::bell::Bell;
use super::writer::Writer;
use super::{Engine, StoreFault};
use crate::world::{memory, Tick};

/// How long nothing has changed when it is quiet: longer than the archiver keeps its session.
const QUIET: Duration = Duration::from_secs(30);
/// Changes that make it worth it: a message has three or four.
const MANY: usize = 600;

/// What has happened since the last rest.
pub(super) struct Rest {
    /// Rung once it is worth it.
    bell: Bell,
    /// Messages that records changed, each time counted.
    changes: Cell<usize>,
    /// When the last were changed.
    last: Cell<Tick>,
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            bell: Bell::new(),
            changes: Cell::new(0),
            last: Cell::new(Tick(Duration::ZERO)),
        }
    }
}

impl Rest {
    /// Takes note of what a commit changed.
    pub(super) fn changed(&self, count: usize, now: Tick) {
        self.last.set(now);
        self.changes.set(self.changes.get().saturating_add(count));
        if self.changes.get() >= MANY {
            self.bell.ring();
        }
    }
}

/// The task.
pub(super) async fn run(engine: Rc<Engine>) {
    let clock = &engine.world.clock;
    loop {
        engine.rest.bell.wait().await;
        loop {
            let quiet_at = engine.rest.last.get().plus(QUIET);
            if quiet_at <= clock.tick() {
                break;
            }
            clock.sleep_until(quiet_at).await;
        }
        engine.rest.changes.set(0);
        engine.rest.bell.hush();
        if let Err(fault) = rest(&engine).await {
            engine.broke(fault);
            return;
        }
    }
}

async fn rest(engine: &Engine) -> Result<(), StoreFault> {
    if let Some(portal) = &*engine.link.portal.borrow() {
        portal.rest();
    }
    engine.writer.ask(Writer::rest).await??;
    engine.reader.ask(|_| memory::give_back()).await?;
    // Last: it has let go of the text that all this used.
    memory::rest();
    log::debug!("let go of what the last rush left in memory");
    Ok(())
}

#[cfg(test)]
mod tests;
