//! What an attempt did not come to, since the server denied everything before it.
//!
//! It comes first at the next attempt, and what was denied last: so each attempt makes its way past some
//! more, however many are denied. The waits between grow as long as nothing is moved, since it may be the
//! folder that takes nothing.

use std::time::Duration;

use async_channel::Receiver;

use super::BACKOFF;
use crate::ticket::Key;
use crate::world::Tick;

/// What came of an attempt.
#[derive(Default)]
pub(super) struct Attempt {
    /// Whether anything was moved.
    pub(super) any_moved: bool,
    /// Up to this sequence, what has not failed itself may not have been tried.
    pub(super) untried_to: Option<u64>,
    /// What failed before, was due, and was not tried.
    pub(super) put_back: Vec<Key>,
    /// Closed when a sync holds the last of what was archived.
    pub(super) written: Option<Receiver<()>>,
}

/// See the file's head.
#[derive(Default)]
pub(super) struct Untried {
    /// Its last sequence, and when it is due.
    waiting: Option<(u64, Tick)>,
    /// Attempts in a row that did not come to everything and moved nothing.
    times: u32,
}

impl Untried {
    /// Whether what has this sequence, and has not failed itself, is not due at `now`.
    pub(super) fn waits(&self, sequence: u64, now: Tick) -> bool {
        self.waiting
            .is_some_and(|(last, again)| sequence <= last && again > now)
    }

    /// When it is due.
    pub(super) fn due(&self) -> Option<Tick> {
        self.waiting.map(|(_, again)| again)
    }

    /// Makes it due.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes note of an attempt that began at `begun` and ended `now`; gives when what it did not come to is
    /// due: at once where something was moved, so the folder is in order.
    pub(super) fn after(&mut self, attempt: &Attempt, begun: Tick, now: Tick, jitter: u64) -> Tick {
        let stopped = attempt.untried_to.is_some() || !attempt.put_back.is_empty();
        let wait = match (attempt.any_moved, stopped) {
            (true, _) => {
                self.times = 0;
                Duration::ZERO
            }
            (false, true) => {
                self.times = self.times.saturating_add(1);
                BACKOFF.after(self.times, jitter)
            }
            // Nothing is known that would make anything due sooner.
            (false, false) => BACKOFF.most,
        };
        let until = now.plus(wait);
        // What was not due at its begin keeps its time, where that is sooner.
        let before = self.waiting.filter(|(_, again)| *again > begun);
        self.waiting = match (before, attempt.untried_to) {
            (Some((last, again)), also) => Some((last.max(also.unwrap_or(0)), again.min(until))),
            (None, Some(last)) => Some((last, until)),
            (None, None) => None,
        };
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    fn to(sequence: u64) -> Attempt {
        Attempt {
            untried_to: Some(sequence),
            ..Attempt::default()
        }
    }

    /// Goes red where a folder that takes nothing is asked as often as ever, or new mail that it takes leaves
    /// what was not tried waiting.
    #[test]
    fn waits_grow_as_long_as_nothing_is_moved() {
        let mut untried = Untried::default();
        let mut now = at(10);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let until = untried.after(&to(7), now, now, u64::MAX);
            assert_eq!(untried.due(), Some(until));
            waits.push(until.since(now).as_secs());
            now = until;
        }
        assert!(
            waits.is_sorted() && waits[0] <= 2 && waits[11] >= 450,
            "{waits:?}"
        );

        untried.after(&to(7), now, now, 0);
        let moved = Attempt {
            any_moved: true,
            ..Attempt::default()
        };
        let soon = now.plus(Duration::from_secs(1));
        assert!(untried.waits(7, soon) && !untried.waits(8, soon));
        untried.after(&moved, soon, soon, 0);
        assert!(!untried.waits(7, soon), "the folder takes something");
        untried.after(&moved, soon, soon, 0);
        assert_eq!(untried.due(), None, "everything was tried");
    }

    /// Goes red where mail that comes and is not moved either puts off what waits for its attempt.
    #[test]
    fn another_attempt_puts_off_nothing_that_waits() {
        let mut untried = Untried::default();
        let due = untried.after(&to(7), at(0), at(0), 0);
        untried.after(&to(9), at(0), at(0), 0);
        assert_eq!(untried.due(), Some(due));
        assert!(untried.waits(9, at(0)));
    }
}
