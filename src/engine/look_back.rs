//! After a restore of the portal: receipts that may be behind it are looked up, and what is missing
//! goes to the portal again while its octets are still kept.
//!
//! A ticket that is found is left alone. One that is not found can't be doubled by sending it: the
//! portal has neither it nor its key. The journal is read segment by segment on the reader's thread,
//! oldest first, and only keys of young receipts are looked up in the index. A run that ends in the
//! middle begins anew after the next start: asking twice changes nothing.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::epoch::{Known, Restore};
use super::{held, Engine, StoreFault};
use crate::passage::record::ActKind;
use crate::passage::retry::Backoff;
use crate::passage::Stage;
use crate::portal::Portal;
use crate::ticket::Key;

/// Acts that one commit holds at most.
const BATCH: usize = 64;
/// Keys that are remembered as asked for.
const ASKED_MAX: usize = 20_000;
/// How long a full disk is left alone.
const FULL_WAIT: Duration = Duration::from_secs(30);

const AGAIN: Backoff = Backoff {
    first: Duration::from_secs(2),
    most: Duration::from_secs(300),
};

/// Why a look back was left before its end.
enum Left {
    /// The portal's epoch, or the portal itself, is another one by now.
    Overtaken,
    /// The store's reasons.
    Store(StoreFault),
}

impl From<StoreFault> for Left {
    fn from(fault: StoreFault) -> Self {
        Left::Store(fault)
    }
}

/// The task.
pub async fn run(engine: Rc<Engine>) {
    loop {
        let known = engine.link.known.borrow().clone();
        let due = known.and_then(|k| Some((k.restore.clone().filter(|r| !r.done)?, k)));
        if let Some((restore, known)) = due {
            match look_back(&engine, &known, restore).await {
                Ok(()) | Err(Left::Overtaken) => continue,
                Err(Left::Store(StoreFault::Full { said })) => {
                    log::error!("{said}; the look back to before the portal's restore waits");
                    engine.world.clock.sleep(FULL_WAIT).await;
                    continue;
                }
                Err(Left::Store(fault)) => {
                    engine.broke(fault);
                    return;
                }
            }
        }
        engine.link.look_back_bell.wait().await;
    }
}

async fn look_back(engine: &Rc<Engine>, known: &Known, mut restore: Restore) -> Result<(), Left> {
    // What waits for a sync is a receipt of before, too.
    engine.receipts.flush(engine).await?;
    (
        restore.looked_up,
        restore.again,
        restore.gone,
        restore.unsettled,
    ) = (0, 0, 0, 0);
    let mut segment = 0;
    let mut young = false;
    let mut asked = BTreeSet::new();
    loop {
        let (since, epoch, was_young) = (restore.since, known.epoch.clone(), young);
        let page = engine
            .reader
            .ask(move |r| r.receipts(segment, since, &epoch, was_young))
            .await
            .map_err(StoreFault::from)??;
        young = page.young;
        let mut lost = Vec::new();
        for key in page.keys {
            // Copied forward, a receipt is met twice: beyond some thousands that costs a request.
            if asked.contains(&key) {
                continue;
            }
            if asked.len() < ASKED_MAX {
                asked.insert(key);
            }
            let entry = engine
                .reader
                .ask(move |r| r.entry(&key))
                .await
                .map_err(StoreFault::from)??;
            let Some(entry) = entry.filter(|e| e.stage == Stage::Forwarded) else {
                continue;
            };
            let ticket = entry.ticket.unwrap_or_default();
            match is_there(engine, known, key).await? {
                Some(true) => restore.looked_up += 1,
                Some(false) => {
                    restore.looked_up += 1;
                    match entry.message.is_some() {
                        true => restore.again += 1,
                        false => restore.gone += 1,
                    }
                    log::warn!("{} ticket {ticket} was lost by the portal", key.short());
                    lost.push((key, held::act(engine, ActKind::Lost, "portal")));
                }
                None => {
                    restore.unsettled += 1;
                    log::warn!(
                        "{} ticket {ticket} may have been lost by the portal, which finds nothing by key",
                        key.short()
                    );
                }
            }
            if lost.len() >= BATCH {
                engine.act(std::mem::take(&mut lost)).await?;
            }
            show(engine, known, &restore)?;
        }
        engine.act(lost).await?;
        match page.next {
            Some(next) => segment = next,
            None => break,
        }
    }
    restore.done = true;
    let said = restore.sentence();
    match restore.alarm(engine.world.clock.wall()) {
        Some(alarm) => log::error!("{alarm}"),
        None => log::info!("{said}"),
    }
    show(engine, known, &restore)?;
    let known = Known {
        restore: Some(restore),
        ..known.clone()
    };
    engine.remember(known).await;
    Ok(())
}

/// Lets `status` see how far it is, unless something newer has come.
fn show(engine: &Engine, known: &Known, restore: &Restore) -> Result<(), Left> {
    let mut shown = engine.link.known.borrow_mut();
    match shown.as_mut() {
        Some(now) if now.epoch == known.epoch && now.url == known.url => {
            now.restore = Some(restore.clone());
            Ok(())
        }
        _ => Err(Left::Overtaken),
    }
}

/// Whether the portal has this key; `None` where it can't be asked. Asks until there is an answer.
async fn is_there(engine: &Rc<Engine>, known: &Known, key: Key) -> Result<Option<bool>, Left> {
    let mut failures = 0;
    loop {
        let overtaken = engine
            .link
            .known
            .borrow()
            .as_ref()
            .is_none_or(|now| now.epoch != known.epoch || now.url != known.url);
        if overtaken {
            return Err(Left::Overtaken);
        }
        let portal = engine.link.portal.borrow().clone();
        let finds = engine.link.ping.borrow().as_ref().map(|p| p.finds_keys);
        match (portal, finds) {
            (Some(_), Some(false)) => return Ok(None),
            (Some(portal), Some(true)) => match portal.find(&key.to_string()).await {
                Ok(found) => {
                    engine.link.look_back_trouble.replace(None);
                    return Ok(Some(!found.is_empty()));
                }
                Err(fault) => {
                    let said = format!("looking back to before its restore: {fault}");
                    log::warn!("the portal: {said}");
                    engine.link.look_back_trouble.replace(Some(said));
                }
            },
            // The link is paused, which it says itself.
            _ => {}
        }
        failures += 1;
        let jitter = u64::from_le_bytes(engine.world.entropy.octets());
        engine
            .world
            .clock
            .sleep(AGAIN.after(failures, jitter))
            .await;
    }
}
