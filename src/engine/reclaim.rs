//! Room in the journal: what needs nothing more is let go, segment by segment, oldest first.
//!
//! Of one segment: what is still wanted is copied behind everything else, one sync makes the copies
//! durable, the index learns where they are and is made durable itself, whoever still reads by the
//! places of before comes to an end, and only then the segment is given back. In that order: a crash
//! at any point finds every wanted record at least once, and twice is harmless.
//!
//! How much is kept is `passage::keep`'s to say; when room is short, what is kept only for the
//! operator goes early.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use super::reader::Reader;
use super::writer::Writer;
use super::{give_way, Engine, StoreFault};
use crate::passage::record::Stored;
use crate::passage::{is_told, keep, keep_until, Entry, Keep, Kind, Record, Retention};
use crate::spool;
use crate::ticket::{Key, Thread};

/// How often it is looked whether something may go.
const EVERY: Duration = Duration::from_secs(60);
/// How often where nothing has happened since: days may have passed, and others write to the disk.
const SELDOM: Duration = Duration::from_secs(600);
/// How often while fetching waits for room.
const SOON: Duration = Duration::from_secs(2);
/// How long a segment waits for tickets that are to be sent, while there is room.
const PATIENCE: Duration = Duration::from_secs(10);
/// Days that a key is remembered after all else of its message has gone.
const KEY_DAYS: i64 = 400;
const DAY_MS: i64 = 86_400_000;
/// Segments of which more than this share must be copied are left alone: the copying would cost
/// more of the card than the segment gives back.
const WORTH: f64 = 0.5;
/// The newest messages by which answers are known for as long as a key is remembered. Of older ones only
/// while their octets are kept.
const THREADS: u64 = if cfg!(test) { 150 } else { 200_000 };
/// Messages whose copies one sync makes durable.
const AT_ONCE: usize = if cfg!(test) { 16 } else { 2048 };
/// Octets of a record on the disk besides its payload, about.
const RECORD_OCTETS: u64 = 60;

/// The task.
pub async fn run(engine: Rc<Engine>) {
    let mut from = 0;
    let mut seen = Some(engine.counters.borrow().clone());
    loop {
        if engine.room().is_ok() && excess(&engine) == 0 {
            give_way::let_go_first(&engine, PATIENCE).await;
        }
        match step(&engine, from).await {
            Ok(Some(next)) => {
                from = next;
                futures_lite::future::yield_now().await;
            }
            Ok(None) => {
                from = 0;
                let counters = engine.counters.borrow().clone();
                let still = seen.replace(counters.clone()) == Some(counters);
                let wait = match (engine.room(), still) {
                    (Err(_), _) => SOON,
                    (Ok(()), false) => EVERY,
                    (Ok(()), true) => SELDOM,
                };
                engine.world.clock.sleep(SOON.min(wait)).await;
                let more = wait.saturating_sub(SOON);
                // A store that fills up meanwhile is looked at soon, and not a minute later.
                engine
                    .world
                    .clock
                    .within(more, engine.room_bell.wait())
                    .await;
            }
            Err(StoreFault::Full { said }) => {
                log::error!("making room in the journal: {said}");
                from = 0;
                engine.world.clock.sleep(EVERY).await;
            }
            Err(fault) => {
                engine.broke(fault);
                return;
            }
        }
    }
}

/// Looks at the first segment behind `from`; tells from where to go on, `None` when nothing can go.
async fn step(engine: &Rc<Engine>, from: u64) -> Result<Option<u64>, StoreFault> {
    let now = engine.world.clock.wall().0;
    let retain_days = engine.settings().store.retain_days;
    let excess = excess(engine);
    let retention = retention(retain_days, excess > 0);
    let Reclaimed { next, free } = engine
        .writer
        .ask(move |w| w.reclaim(from, now, retention, excess))
        .await??;
    if !free.is_empty() {
        // The reader may be on its way to a place that it looked up before the index learned of the
        // copy, and would find nothing there. It answers one question after the other: behind this one
        // nobody knows those places.
        engine.reader.ask(|_| ()).await?;
        engine.writer.ask(move |w| w.let_go(free)).await??;
    }
    // How much is kept now, too: what went may be enough, and the oldest go first.
    let committed = engine.writer.ask(|w| w.sync()).await??;
    engine.learned(&committed);
    Ok(next)
}

/// How long what is kept for the operator stays, by the setting.
fn retention(retain_days: u64, pressed: bool) -> Retention {
    Retention {
        octets_ms: i64::try_from(retain_days)
            .unwrap_or(i64::MAX / DAY_MS)
            .saturating_mul(DAY_MS),
        key_ms: KEY_DAYS * DAY_MS,
        pressed,
    }
}

/// Octets kept only for the operator that must go early.
fn excess(engine: &Engine) -> u64 {
    let store = &engine.settings().store;
    let free_min = store
        .free_bytes_min
        .saturating_add(store.free_bytes_min / 4);
    let kept = engine.counters.borrow().kept_octets;
    [
        kept.saturating_sub(store.retain_bytes_max),
        engine
            .journal_octets
            .get()
            .saturating_sub(store.quota_bytes / 10 * 9),
        free_min.saturating_sub(engine.free_octets.get()),
    ]
    .into_iter()
    .max()
    .unwrap_or(0)
}

/// What would be kept if there were room.
fn in_time(retention: Retention) -> Retention {
    Retention {
        pressed: false,
        ..retention
    }
}

/// What one look came to.
#[derive(Default)]
struct Reclaimed {
    /// Behind which segment to go on; `None` when there is no further one, or nothing behind it can go
    /// either.
    next: Option<u64>,
    /// Segments that can be given back.
    free: BTreeSet<u64>,
}

/// What becomes of a message's records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing refers to them.
    Left,
    /// All that is wanted is copied.
    Copied,
    /// Its octets go, and the key stays.
    Key,
    /// The message is forgotten.
    Forgotten,
}

/// Segments that can't go yet. To look at one is to read it, and the journal may have hundreds of them.
#[derive(Default)]
pub(super) struct NotYet {
    /// When each of them is to be looked at again (Unix milliseconds).
    until: BTreeMap<u64, i64>,
    /// When that was said last.
    said_at: i64,
    /// By which retention.
    octets_ms: i64,
}

impl NotYet {
    /// Whether there is nothing to be looked for in a segment yet.
    fn holds(&mut self, segment: u64, now: i64, retention: Retention) -> bool {
        // What was said by another clock, or other settings, holds no longer.
        if now < self.said_at || retention.octets_ms != self.octets_ms {
            self.until.clear();
        }
        (self.said_at, self.octets_ms) = (now, retention.octets_ms);
        !retention.pressed && self.until.get(&segment).is_some_and(|until| now <= *until)
    }

    fn say(&mut self, segment: u64, until: i64) {
        self.until.insert(segment, until);
    }

    fn forget(&mut self, segment: u64) {
        self.until.remove(&segment);
    }
}

/// What is to be done with one segment.
#[derive(Default)]
struct Plan {
    /// Whose records lie there. Only keys: a segment of receipts holds those of some ten thousand.
    fates: Vec<(Key, Fate)>,
    /// Where the records lie that can be read, in order.
    sound: Vec<u64>,
    /// Octets that are worth copying.
    most: u64,
    /// Octets of messages that would be copied.
    copied_octets: u64,
    /// Octets of other records that are the last of their messages.
    short_octets: u64,
    /// The octets of some message may go now.
    retires: bool,
    still: bool,
    /// When something more of it may go at the earliest, where anything refers to it.
    until: Option<i64>,
}

impl Plan {
    /// It is to be looked at again then, or sooner.
    fn by(&mut self, until: i64) {
        self.until = Some(self.until.map_or(until, |u| u.min(until)));
    }

    /// It stays; nothing more needs to be known.
    fn stay(mut self) -> Self {
        self.still = true;
        self
    }
}

impl Writer {
    /// Makes the first segment behind `from`, of which something may go by now, one that can be given back,
    /// if it can go.
    fn reclaim(
        &mut self,
        from: u64,
        now: i64,
        retention: Retention,
        excess: u64,
    ) -> Result<Reclaimed, StoreFault> {
        let segments = self.journal().segments().into_iter();
        let segment = segments
            .filter(|s| !s.large && !s.current && s.number > from)
            .find(|s| !self.not_yet.holds(s.number, now, retention));
        let Some(number) = segment.map(|s| s.number) else {
            self.retire_large(now, retention, excess)?;
            return Ok(Reclaimed {
                next: None,
                free: self.orphans()?,
            });
        };
        // Records that no sync holds yet may refer to what goes.
        self.sync()?;
        let plan = self.plan(number, now, retention)?;
        // Of what was retired before only short records are left: copied once, they would be copied again
        // and again.
        let all = plan.copied_octets + plan.short_octets;
        let stays = plan.still || !plan.retires && all > plan.most;
        let mut free = BTreeSet::new();
        match (stays, plan.until) {
            // Records elsewhere may take the place of its own before that: it waits, until room is short.
            (true, Some(until)) if !retention.pressed => self.not_yet.say(number, until),
            (true, _) => {}
            (false, _) => {
                self.not_yet.forget(number);
                self.carry_out(number, plan)?;
                free.insert(number);
            }
        }
        Ok(Reclaimed {
            next: Some(number),
            free,
        })
    }

    /// Gives segments back. Nothing points there any more, and nobody is on the way.
    fn let_go(&mut self, free: BTreeSet<u64>) -> Result<(), StoreFault> {
        let view = self.index().view();
        for segment in self.journal().segments() {
            let number = segment.number;
            match (free.contains(&number), segment.large) {
                (true, true) if view.large(number)?.is_none() => self.drop_large(number)?,
                (true, false) => self.journal().release(number)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// What each message that has a record in the segment needs.
    fn plan(&mut self, number: u64, now: i64, retention: Retention) -> Result<Plan, StoreFault> {
        let (mut fates, mut sound) = (Vec::new(), Vec::new());
        let start = spool::Position {
            segment: number,
            offset: 0,
        };
        let replayed = self.journal().replay(Some(start), &mut |record| {
            if record.at.segment != number {
                return ControlFlow::Break(());
            }
            if Kind::of(record.kind).is_some_and(|k| k != Kind::Trying) {
                fates.push((Key(record.key), Fate::Left));
                sound.push(record.at.offset);
            }
            ControlFlow::Continue(())
        })?;
        fates.sort_unstable_by_key(|(key, _)| *key);
        fates.dedup_by_key(|(key, _)| *key);
        sound.sort_unstable();
        let view = self.index().view();
        // Where nothing tells whose records lie there, they may be wanted, and be read another time.
        let told_nothing = sound.is_empty() && replayed.damage().any(|gap| gap.segment == number);
        // Only now: how much of it is used is known once it was gone through.
        let mut segments = self.journal().segments().into_iter();
        let segment = segments.find(|s| s.number == number);
        let used = segment.map_or(0, |s| s.octets_used);
        let mut plan = Plan {
            still: told_nothing,
            most: (used as f64 * WORTH) as u64,
            ..Plan::default()
        };
        let in_time = in_time(retention);
        for (key, fate) in &mut fates {
            let Some(entry) = view.entry(key)? else {
                continue;
            };
            // What is damaged can't be copied, and is kept as long as anything of it is wanted.
            let kept = match keep(&entry, now, retention) {
                // Room is short, and its octets lie elsewhere: whether they go too is `retire_large`'s to say.
                Keep::Key if entry.large.is_some() && keep(&entry, now, in_time) != Keep::Key => {
                    Keep::All
                }
                kept => kept,
            };
            plan.by(keep_until(&entry, now, retention));
            let mut here = [entry.message, entry.decision, entry.refusal]
                .into_iter()
                .flatten()
                .filter(|s| s.segment == number);
            let is_damaged = here.any(|s| sound.binary_search(&s.offset).is_err());
            match kept {
                Keep::All | Keep::Still
                    if is_damaged || kept == Keep::Still && lies_in(&entry, number) =>
                {
                    return Ok(plan.stay());
                }
                // Where none of its octets lie here, short records of what is still can be copied.
                Keep::All | Keep::Still => {
                    let message = entry.message.filter(|m| m.segment == number);
                    plan.copied_octets += message.map_or(0, |m| m.length);
                    // The rest can't change that, and each look costs: in a long queue all is wanted.
                    if plan.copied_octets > plan.most {
                        return Ok(plan.stay());
                    }
                    plan.short_octets += short_octets(&entry, number);
                    *fate = Fate::Copied;
                }
                Keep::Key => {
                    plan.retires |= !entry.retired;
                    plan.short_octets += short_octets(&only_told(entry, number, &sound), number);
                    *fate = Fate::Key;
                }
                Keep::Nothing => *fate = Fate::Forgotten,
            }
        }
        plan.fates = fates;
        plan.sound = sound;
        Ok(plan)
    }

    fn carry_out(&mut self, number: u64, plan: Plan) -> Result<(), StoreFault> {
        let reader = Reader::new(self.journal().reader(), self.index().view());
        self.journal().use_reserve(true);
        let copied = self.copy(number, plan, &reader);
        self.journal().use_reserve(false);
        copied?;
        self.sync()?;
        // The index must not, after a crash, point into what is given back.
        self.checkpoint()
    }

    /// Large messages that go with the segment leave theirs to the end of the round, as orphans.
    fn copy(&mut self, number: u64, plan: Plan, reader: &Reader) -> Result<(), StoreFault> {
        let mut forgotten = Vec::new();
        let mut copied = 0_usize;
        for (key, fate) in plan.fates {
            if fate == Fate::Forgotten {
                forgotten.push(key);
            }
            if !matches!(fate, Fate::Copied | Fate::Key) {
                continue;
            }
            let Some(mut entry) = reader.entry(&key)? else {
                continue;
            };
            if fate == Fate::Key {
                entry = only_told(entry, number, &plan.sound);
                entry.retired = true;
                entry.message = None;
                entry.large = None;
                // Behind so many others nobody answers it any more; its rows would only grow in number.
                if entry.sequence.saturating_add(THREADS) < self.index().next_sequence() {
                    entry.thread = Thread::default();
                }
            }
            self.copy_forward(key, entry, reader, number)?;
            copied += 1;
            // What no sync holds yet is in memory, and what one batch of the index changes is too.
            if copied.is_multiple_of(AT_ONCE) {
                self.sync()?;
            }
        }
        self.forget(&forgotten)
    }

    /// Parts large messages whose octets may go from them. Their records are short and may stand in the
    /// current segment, which nothing fills while fetching waits for room: waiting for that segment
    /// could last for ever. Of those whose time has not come only as many as are in excess, the oldest
    /// first.
    fn retire_large(
        &mut self,
        now: i64,
        retention: Retention,
        mut excess: u64,
    ) -> Result<(), StoreFault> {
        let view = self.index().view();
        let mut retired = false;
        let in_time = in_time(retention);
        for segment in self.journal().segments().iter().filter(|s| s.large) {
            let Some(key) = view.large(segment.number)? else {
                continue;
            };
            let Some(entry) = view.entry(&key)?.filter(|e| !e.retired) else {
                continue;
            };
            let retention = if excess > 0 { &retention } else { &in_time };
            if keep(&entry, now, *retention) == Keep::Key {
                self.append(key, Record::Retired)?;
                excess = excess.saturating_sub(entry.octets);
                retired = true;
            }
        }
        if retired {
            self.sync()?;
            // The index must not, after a crash, point into what is given back.
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Segments of large messages that nothing refers to: they were parted from them, a crash came before
    /// they were referred to, or they turned out to be held.
    fn orphans(&mut self) -> Result<BTreeSet<u64>, StoreFault> {
        let under_way = self.large_under_way();
        let view = self.index().view();
        let mut orphans = BTreeSet::new();
        for segment in self.journal().segments() {
            let number = segment.number;
            if segment.large && !under_way.contains(&number) && view.large(number)?.is_none() {
                orphans.insert(number);
            }
        }
        Ok(orphans)
    }

    /// Lets go of those, where nobody reads yet.
    pub(super) fn release_orphans(&mut self) -> Result<(), StoreFault> {
        let orphans = self.orphans()?;
        self.let_go(orphans)
    }
}

/// Whether octets or decision of a message lie in the segment of that number.
fn lies_in(entry: &Entry, number: u64) -> bool {
    let parts = [entry.message, entry.decision];
    parts.iter().flatten().any(|s| s.segment == number)
}

/// An entry of which only the key is kept, with what still tells of it. What is damaged can't be copied,
/// and must not keep the segment.
fn only_told(mut entry: Entry, number: u64, sound: &[u64]) -> Entry {
    let told = is_told(&entry);
    let is_sound = |s: &Stored| s.segment != number || sound.binary_search(&s.offset).is_ok();
    let stays = |s: &Stored| told && is_sound(s);
    entry.decision = entry.decision.filter(stays);
    entry.refusal = entry.refusal.filter(stays);
    entry
}

/// Octets of an entry's last records, its message left out, where they stand in the segment of that number:
/// they are written again when it is given back.
fn short_octets(entry: &Entry, number: u64) -> u64 {
    let here = |s: &Stored| s.segment == number;
    let others = [entry.decision, entry.refusal].into_iter().flatten();
    let mut octets: u64 = others.filter(here).map(|s| s.length + RECORD_OCTETS).sum();
    if entry.known_to.segment == number {
        let snapshot = Record::Snapshot(Box::new(entry.clone())).encode();
        octets += snapshot.len() as u64 + RECORD_OCTETS;
    }
    octets
}

#[cfg(test)]
mod tests;
