//! What is remembered of the portal between two runs: its epoch, and what a restore put in doubt.
//!
//! A portal that was restored from a backup says so by another epoch. It may have forgotten tickets
//! that it had given receipts for, and keys that protected what is in doubt. So two things follow
//! from a change, whether it happened while this ran or while it didn't: what was decided before it
//! and is in doubt is looked up before it is sent again (`attempt`), and receipts that may lie
//! behind the restore are looked up once (`look_back`).
//!
//!   portal.json   one document, replaced safely
//!
//! Losing the file costs look-ups, nothing else: whose epoch is not known is taken for changed.
//! Asks nobody anything: the portal's answers come in.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{document, Engine};
use crate::portal::Ping;
use crate::world::{Disk, Wall, World};

const FILE: &str = "portal.json";
/// Clocks of box and portal, and of the backup, agree no better than this.
const SLACK_MS: i64 = 10 * 60_000;
const DAY_MS: i64 = 86_400_000;
/// How long a restore whose losses can't be mended from here stays an alarm.
const ALARM_DAYS: i64 = 30;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Whose epoch it is.
    pub url: String,
    /// The epoch that was last told.
    pub epoch: String,
    /// Decisions up to this number may have been sent in an earlier epoch.
    pub before: u64,
    /// The last restore that was noticed.
    #[serde(default)]
    pub restore: Option<Restore>,
}

/// A restore of the portal, and what was found behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The moment whose state came back, by the portal's clock, where it is told.
    pub to: Option<i64>,
    /// Receipts from this time on, by the clock here, may be behind it.
    pub since: i64,
    /// When it was noticed.
    pub noticed_at: i64,
    /// Whether all of them were looked up.
    pub done: bool,
    /// How many tickets were looked up.
    #[serde(default)]
    pub looked_up: u64,
    /// How many were lost and go to the portal again.
    #[serde(default)]
    pub again: u64,
    /// How many were lost, and their octets are no longer kept here.
    #[serde(default)]
    pub gone: u64,
    /// How many could not be looked up: the portal finds nothing by key.
    #[serde(default)]
    pub unsettled: u64,
}

/// What the epoch of a ping means: the new document, where it changes anything. `last` is the number
/// of the last decision, `retain_days` how long octets are kept.
pub fn hear(
    known: Option<&Known>,
    url: &str,
    ping: &Ping,
    now: Wall,
    last: u64,
    retain_days: u64,
) -> Option<Known> {
    let mut next = Known {
        url: url.to_owned(),
        epoch: ping.epoch.clone(),
        before: last,
        restore: None,
    };
    // The first contact, or another portal: nothing can be said of receipts.
    let Some(known) = known.filter(|k| k.url == url) else {
        return Some(next);
    };
    if known.epoch == ping.epoch {
        return None;
    }
    let to = ping.restored_to.map(|at| at.0);
    let shift = ping.time.map_or(0, |theirs| now.0.saturating_sub(theirs.0));
    let days = i64::try_from(retain_days).unwrap_or(ALARM_DAYS).max(1);
    let mut since = match to {
        Some(to) => to.saturating_add(shift).saturating_sub(SLACK_MS),
        None => now.0.saturating_sub(days.saturating_mul(DAY_MS)),
    };
    if let Some(earlier) = known.unfinished() {
        since = since.min(earlier.since);
    }
    next.restore = Some(Restore {
        to,
        since,
        noticed_at: now.0,
        done: false,
        looked_up: 0,
        again: 0,
        gone: 0,
        unsettled: 0,
    });
    Some(next)
}

impl Known {
    /// The restore that is still looked behind.
    pub fn unfinished(&self) -> Option<&Restore> {
        self.restore.as_ref().filter(|r| !r.done)
    }
}

impl Restore {
    /// What happened, as a sentence without its end.
    pub fn sentence(&self) -> String {
        let to = match self.to {
            Some(to) => format!("to its state of {}", Wall(to)),
            None => "to an earlier state".to_owned(),
        };
        let work = match self.done {
            true => "looked up",
            false => "looked up so far",
        };
        let mut said = format!(
            "the portal was restored {to} (noticed at {}); of the tickets that it may have lost {} were {work}, {} were missing and are sent again",
            Wall(self.noticed_at),
            self.looked_up,
            self.again
        );
        if self.gone > 0 {
            said.push_str(&format!(
                ", {} are missing and no longer kept here",
                self.gone
            ));
        }
        if self.unsettled > 0 {
            said.push_str(&format!(
                ", {} can't be looked up, since it finds nothing by key",
                self.unsettled
            ));
        }
        said
    }

    /// What the operator must know, as long as there is something to do.
    pub fn alarm(&self, now: Wall) -> Option<String> {
        let said = self.sentence();
        let old = now.0.saturating_sub(self.noticed_at) > ALARM_DAYS * DAY_MS;
        if !self.done {
            return Some(said);
        }
        if old || self.gone + self.unsettled == 0 {
            return None;
        }
        let mut mends = Vec::new();
        if self.gone > 0 {
            mends.push("`postern held list --aside --reason lost-at-portal` names those that are missing: move each mail from the archive folder back into the watched folder and mark it as unread");
        }
        if self.unsettled > 0 {
            mends.push("compare the portal's tickets since then with the log, which names those that can't be looked up; `postern held convert KEY --again` sends one again");
        }
        Some(format!("{said}: {}", mends.join("; ")))
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// What is remembered in the store's `dir`; a sentence where it can't be read.
pub(super) fn look(disk: &dyn Disk, dir: &Path) -> Result<Option<Known>, String> {
    document::read(disk, &path(dir))
}

/// Reads what is remembered in the store's `dir`.
pub(super) fn open(world: &World, dir: &Path) -> Option<Known> {
    look(&*world.disk, dir).unwrap_or_else(|said| {
        log::error!("{said}; the portal's epoch is taken for changed");
        None
    })
}

impl Engine {
    /// Takes note of what a ping told, before anything is sent because of it.
    pub(super) async fn hear(&self, ping: &Ping) {
        let settings = self.settings();
        let last = self.link.last_sequence.get();
        let now = self.world.clock.wall();
        let known = {
            let known = self.link.known.borrow();
            let left = known.as_ref().filter(|k| k.url != settings.portal.url);
            if let Some(restore) = left.and_then(Known::unfinished) {
                log::error!(
                    "{}: not finished, since that portal was left: compare its tickets since {} with \
                     the log",
                    restore.sentence(),
                    Wall(restore.since)
                );
            }
            let (url, days) = (&settings.portal.url, settings.store.retain_days);
            hear(known.as_ref(), url, ping, now, last, days)
        };
        let Some(known) = known else { return };
        if known.restore.is_some() {
            log::warn!("the portal's epoch has changed to {}", known.epoch);
        }
        self.remember(known).await;
        self.link.look_back_bell.ring();
    }

    /// Keeps the document. Where that fails the old one stays, and the next start notices the same
    /// change again: it costs look-ups, nothing else.
    pub(super) async fn remember(&self, known: Known) {
        self.link.known.replace(Some(known.clone()));
        self.replace(path(&self.dir), &known).await;
    }
}

#[cfg(test)]
mod tests;
