//! Messages that could not be fetched, or not archived: how often each was tried, and when it is tried
//! again.
//!
//! The server does not give or move it, or the connection is lost over it. A few attempts follow at once,
//! since a line drops now and then; later ones wait, each twice as long as the one before, so that the
//! others go on. None is given up: a server is repaired some day.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::Tick;

/// Messages that are counted.
const MAX: usize = 1_000;
/// Attempts at once, before they wait.
const AT_ONCE: u32 = 3;
/// Not longer than the shortest wait for a new connection.
const SOON: Duration = Duration::from_millis(500);
const LATE_FIRST: Duration = Duration::from_secs(60);
const LATE_MOST: Duration = Duration::from_secs(3600);

struct Tried {
    times: u32,
    again: Tick,
}

/// See the file's head. Messages are known by `K`.
pub struct Failed<K> {
    messages: BTreeMap<K, Tried>,
    /// What was last said of one of them.
    said: String,
}

impl<K> Default for Failed<K> {
    fn default() -> Self {
        Self {
            messages: BTreeMap::new(),
            said: String::new(),
        }
    }
}

fn wait_after(times: u32) -> Duration {
    match times.checked_sub(AT_ONCE) {
        None => SOON,
        Some(late) => LATE_FIRST.saturating_mul(1 << late.min(16)).min(LATE_MOST),
    }
}

impl<K: Ord + Copy> Failed<K> {
    /// Counts that these failed, and keeps what was said of it.
    pub fn add(&mut self, messages: &[K], said: &str, now: Tick) {
        said.clone_into(&mut self.said);
        for message in messages {
            if self.is_full() && !self.has(*message) {
                continue;
            }
            let tried = self.messages.entry(*message).or_insert(Tried {
                times: 0,
                again: now,
            });
            tried.times = tried.times.saturating_add(1);
            tried.again = now.plus(wait_after(tried.times));
        }
    }

    /// As `add`, of one that failed before by other signs: it waits at once.
    pub fn put_off(&mut self, message: K, said: &str, now: Tick) {
        self.add(&[message], said, now);
        if let Some(tried) = self.messages.get_mut(&message) {
            tried.times = tried.times.max(AT_ONCE);
            tried.again = now.plus(wait_after(tried.times));
        }
    }

    /// These were not tried when they were due, and are at `until`.
    pub fn put_back(&mut self, messages: &[K], until: Tick) {
        for message in messages {
            if let Some(tried) = self.messages.get_mut(message) {
                tried.again = until;
            }
        }
    }

    /// Whether no further message is counted: one of them is tried at each pass.
    pub fn is_full(&self) -> bool {
        self.messages.len() >= MAX
    }

    /// Whether it failed before.
    pub fn has(&self, message: K) -> bool {
        self.messages.contains_key(&message)
    }

    /// Whether none did.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether its next attempt is not due at `now`.
    pub fn waits(&self, message: K, now: Tick) -> bool {
        let tried = self.messages.get(&message);
        tried.is_some_and(|tried| tried.again > now)
    }

    /// Whether one of them is tried again at once.
    pub fn tries_at_once(&self) -> bool {
        self.messages.values().any(|tried| tried.times < AT_ONCE)
    }

    /// When the first attempt is due.
    pub fn due(&self) -> Option<Tick> {
        self.messages.values().map(|tried| tried.again).min()
    }

    /// What was last said of one of them.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Those that wait, and what was said of one of them; none, where there is none.
    pub fn left_out(&self) -> Option<(Vec<K>, String)> {
        let late = self.messages.iter().filter(|(_, t)| t.times >= AT_ONCE);
        let messages: Vec<K> = late.map(|(message, _)| *message).collect();
        (!messages.is_empty()).then(|| (messages, self.said.clone()))
    }

    /// It came through.
    pub fn remove(&mut self, message: K) {
        self.messages.remove(&message);
    }

    /// Everything that was wanted was passed over since `begun`: only what was not due then, or failed
    /// since, and is `there` still, fails still.
    pub fn passed(&mut self, begun: Tick, there: impl Fn(&K) -> bool) {
        self.messages
            .retain(|message, tried| tried.again > begun && there(message));
    }

    /// Makes all of them due.
    pub fn clear(&mut self) {
        self.messages.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passage::Uid;

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    /// Goes red where a line that drops three times leaves a message out for an hour, or for good.
    #[test]
    fn attempts_come_at_once_then_seldom_and_never_end() {
        let mut failed = Failed::default();
        let mut now = at(100);
        let mut waits = Vec::new();
        for _ in 0..40 {
            failed.add(&[Uid(1)], "it was lost", now);
            let due = failed.due().unwrap();
            assert!(failed.waits(Uid(1), now) && !failed.waits(Uid(1), due));
            waits.push(due.since(now).as_secs());
            now = due;
        }
        assert_eq!(waits[..6], [0, 0, 60, 120, 240, 480]);
        assert_eq!(waits[39], 3600);
    }

    /// Goes red where a message that was due and not tried is forgotten, or waits longer for it from then on.
    #[test]
    fn what_was_not_tried_is_due_later_and_waits_no_longer_for_it() {
        let mut failed = Failed::default();
        failed.add(&[Uid(1)], "denied", at(0));
        failed.put_back(&[Uid(1), Uid(2)], at(50));
        failed.passed(at(20), |_| true);
        assert!(failed.waits(Uid(1), at(49)) && !failed.has(Uid(2)));
        failed.add(&[Uid(1)], "denied", at(50));
        assert!(!failed.waits(Uid(1), at(51)));
    }

    #[test]
    fn what_is_left_out_is_what_waits() {
        let mut failed = Failed::default();
        failed.add(&[Uid(1), Uid(2)], "first", at(0));
        assert!(failed.tries_at_once() && failed.left_out().is_none());
        failed.add(&[Uid(2)], "second", at(1));
        failed.add(&[Uid(2)], "third", at(2));
        assert_eq!(failed.left_out(), Some((vec![Uid(2)], "third".to_owned())));
    }

    /// Goes red where a message that was moved away, or came through unseen, is due for ever: the mailbox
    /// would be passed over without end.
    #[test]
    fn a_pass_without_a_failure_forgets_what_was_due_and_what_went() {
        let mut failed = Failed::default();
        failed.add(&[Uid(1)], "due", at(0));
        for _ in 0..3 {
            failed.add(&[Uid(2), Uid(3)], "late", at(10));
        }
        failed.passed(at(20), |uid| uid.0 < 3);
        assert!(!failed.has(Uid(1)) && failed.has(Uid(2)) && !failed.has(Uid(3)));
    }

    #[test]
    fn no_more_than_so_many_are_counted() {
        let mut failed = Failed::default();
        let many: Vec<Uid> = (1..=1_200).map(Uid).collect();
        failed.add(&many, "all of them", at(0));
        assert!(failed.is_full() && failed.has(Uid(1_000)) && !failed.has(Uid(1_001)));
    }
}
