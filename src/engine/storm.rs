//! What the storm guard remembers, between the commits: a value of `ticket`'s, read from the last decisions once,
//! and stepped on by each commit.
//!
//! Nothing of it is written down. After a start, after other settings, and after a commit that failed it is
//! read again, and is the same: each decision that was counted is durable, and none that is not was.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::reader::Reader;
use super::{Engine, StoreFault};
use crate::index::Listed;
use crate::passage::record::Decision;
use crate::passage::{Outcome, Stage};
use crate::settings::Settings;
use crate::ticket::storm::REACH;
use crate::ticket::{Groups, Met, Reason, Storms};

/// Decisions that are read at once: who reads what is to be sent should not wait behind all of them.
const PAGE: usize = 256;

/// What is remembered, and by which settings; nothing while a commit has it, or until one asks.
#[derive(Default)]
pub struct Lately {
    known: RefCell<Option<(Rc<Settings>, Storms)>>,
    forgotten: Cell<u64>,
}

/// What a commit took, to be given back once what it counted is durable.
pub(super) struct Taken {
    settings: Rc<Settings>,
    forgotten: u64,
}

impl Lately {
    /// A decision was made that no batch made: it is read with the others.
    pub fn forget(&self) {
        self.forgotten.set(self.forgotten.get() + 1);
        self.known.take();
    }

    pub(super) fn give_back(&self, taken: Taken, storms: Storms) {
        if taken.forgotten == self.forgotten.get() {
            self.known.replace(Some((taken.settings, storms)));
        }
    }
}

/// What is remembered of the last decisions; nothing where no mailbox has a guard.
pub(super) async fn take(engine: &Rc<Engine>) -> Result<Option<(Taken, Storms)>, StoreFault> {
    let settings = engine.settings();
    let known = engine.lately.known.take();
    if !settings.mailboxes.iter().any(|m| m.storm_limit > 0) {
        return Ok(None);
    }
    let taken = Taken {
        settings: Rc::clone(&settings),
        forgotten: engine.lately.forgotten.get(),
    };
    let storms = match known {
        Some((of, storms)) if Rc::ptr_eq(&of, &settings) => storms,
        _ => read(engine, &settings).await?,
    };
    Ok(Some((taken, storms)))
}

async fn read(engine: &Rc<Engine>, settings: &Rc<Settings>) -> Result<Storms, StoreFault> {
    let next = engine.reader.ask(|r| r.view().next_number()).await??;
    let mut storms = Storms::default();
    let mut from = next.saturating_sub(REACH);
    loop {
        let page = engine.reader.ask(move |r| page(r, from)).await??;
        let Some((last, _)) = page.last() else {
            return Ok(storms);
        };
        from = last.entry.sequence.saturating_add(1);
        for (Listed { key, entry }, decision) in page {
            let counted = decision.and_then(|decision| groups(settings, &decision));
            let met = Met {
                key,
                received_at: entry.received_at,
                groups: counted.unwrap_or_default(),
                again: false,
            };
            storms.learn(entry.sequence, met);
        }
    }
}

/// What the decisions from a number on are about, with those that may count.
fn page(reader: &Reader, from: u64) -> Result<Vec<(Listed, Option<Decision>)>, StoreFault> {
    let listed = reader.view().decided(from, PAGE)?;
    let read = listed.into_iter().map(|listed| {
        let entry = &listed.entry;
        let waits = matches!(entry.stage, Stage::Held | Stage::Released);
        let other = waits && entry.reason.is_some_and(|reason| reason != Reason::Storm);
        let counts = entry.stage != Stage::Ignored && !other;
        let stored = entry.decision.filter(|_| counts);
        let decision = match stored.map(|stored| reader.decision(stored)) {
            Some(Ok(decision)) => Some(decision),
            // What is damaged is said elsewhere; a guard that missed one message is a guard.
            None | Some(Err(StoreFault::Torn { .. } | StoreFault::Broken { .. })) => None,
            Some(Err(fault)) => return Err(fault),
        };
        Ok((listed, decision))
    });
    read.collect()
}

/// The groups in which a decision counts, by the settings of now.
fn groups(settings: &Settings, decision: &Decision) -> Option<Groups> {
    let guard = settings.mailbox_by_id(decision.mailbox)?.storm_guard();
    let alone = match (&decision.outcome, decision.storm) {
        (Outcome::Ticket { .. }, _) => decision.root().is_some(),
        (Outcome::Held(Reason::Storm), storm) => storm.is_some_and(|storm| storm.sender_only),
        _ => return None,
    };
    let (sender, subject) = (&decision.sender, &decision.subject);
    Some(Groups::of(
        decision.mailbox.0,
        sender,
        subject,
        alone,
        decision.origin.doubtful,
        &guard,
    ))
}
