//! The thread that everything runs on: how it waits.
//!
//! While there is much to do it moves the sockets itself, since a change of threads for each answer
//! costs more than the answer. While there is little, it leaves them to the thread that the runtime
//! keeps for it: whoever moves them himself wakes that thread too, each time and up to ten times in
//! a row, which a box that idles for weeks need not pay.
//!
//! Behind a rush memory is given back (`memory::rest`), and where less than one has brought text back, at the next
//! waking: that needs no waking of its own.

use std::cell::RefCell;
use std::future::{poll_fn, Future};
use std::pin::{pin, Pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::clock::{now, Tick};
use super::memory;
use super::timers::{self, Driven};

/// Asleep for so long, there is little to do.
const LULL: Duration = Duration::from_secs(2);
/// Woken so often within `RUSH`, there is much.
const OFTEN: u32 = 64;
const RUSH: Duration = Duration::from_millis(500);

/// Whether there is much to do, told by how often there is something.
struct Pace {
    busy: bool,
    /// When the last waking was.
    last: Tick,
    /// When the wakings began to be counted.
    since: Tick,
    wakings: u32,
    /// Whether this is the first behind a lull.
    first: bool,
}

impl Pace {
    /// A start has much to do.
    fn new(now: Tick) -> Self {
        Self {
            busy: true,
            last: now,
            since: now,
            wakings: 0,
            first: false,
        }
    }

    /// Takes note of a waking. Whether the way of waiting is another one now.
    fn changes(&mut self, now: Tick) -> bool {
        let slept = now.since(self.last);
        self.last = now;
        if now.since(self.since) > RUSH {
            self.since = now;
            self.wakings = 0;
        }
        self.wakings += 1;
        self.first = slept >= LULL;
        let busy = match self.busy {
            true => slept < LULL,
            false => self.wakings >= OFTEN,
        };
        std::mem::replace(&mut self.busy, busy) != busy
    }
}

/// Runs `future` on this thread until it ends.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let _driven = Driven::begin();
    let mut future = pin!(future);
    let pace = RefCell::new(Pace::new(now()));
    // Whoever waits in the other way polls again first: no waking is lost between the two.
    loop {
        let busy = pace.borrow().busy;
        let turn = poll_fn(|context| {
            timers::wake_due(now());
            match future.as_mut().poll(context) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if pace.borrow_mut().changes(now()) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        let ended = match busy {
            true => rush(turn),
            false => lull(turn, &pace),
        };
        if let Some(ended) = ended {
            return ended;
        }
        // While nobody waits: it takes some milliseconds.
        if busy && !pace.borrow().busy {
            memory::rest();
        }
    }
}

/// Waits by moving the sockets, with one timer of the runtime's for the first wait of ours, or for the
/// lull: what is to be done then should not wait for the next mail.
fn rush<T>(turn: impl Future<Output = T>) -> T {
    let mut turn = pin!(turn);
    let mut timer: Option<(Tick, smol::Timer)> = None;
    smol::block_on(poll_fn(|context| {
        let ended = turn.as_mut().poll(context);
        if ended.is_pending() {
            let now = now();
            let lull = now.plus(LULL);
            let first = timers::first().map_or(lull, |first| first.min(lull));
            // One that ends too early does no harm, and setting it anew for each wait would cost.
            if timer.as_ref().is_none_or(|(at, _)| first < *at) {
                timer = Some((first, smol::Timer::after(first.since(now))));
            }
            if let Some((_, ends)) = &mut timer {
                if Pin::new(ends).poll(context).is_ready() {
                    timer = None;
                    context.waker().wake_by_ref();
                }
            }
        }
        ended
    }))
}

/// Waits for a word from elsewhere, or the end of the first wait.
fn lull<T>(turn: impl Future<Output = T>, pace: &RefCell<Pace>) -> T {
    let mut turn = pin!(turn);
    let (parker, unparker) = parking::pair();
    let waker = Waker::from(unparker);
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(ended) = turn.as_mut().poll(&mut context) {
            return ended;
        }
        // What was to be done is on its way by now.
        if pace.borrow().first && memory::is_large() {
            memory::rest();
        }
        match timers::first() {
            Some(at) => {
                parker.park_timeout(at.since(now()));
            }
            None => parker.park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::clock::{Clock, RealClock};

    fn at(ms: u64) -> Tick {
        Tick(Duration::from_millis(ms))
    }

    #[test]
    fn a_lull_ends_the_rush_and_many_wakings_in_a_short_time_begin_it() {
        let mut pace = Pace::new(at(0));
        assert!((1..100).all(|n| !pace.changes(at(n * 1900))));
        assert!(pace.busy);
        assert!(pace.changes(at(200_000)));
        assert!(!pace.busy);
        // Now and then is no rush, however long it lasts.
        assert!((1..1000).all(|n| !pace.changes(at(200_000 + n * 10))));
        let mut changed = 0;
        for n in 0..u64::from(OFTEN) * 2 {
            changed += u32::from(pace.changes(at(300_000 + n)));
        }
        assert_eq!((changed, pace.busy), (1, true));
    }

    /// Goes red where memory is looked at at each waking, or never.
    #[test]
    fn the_first_waking_behind_a_lull_is_told_from_the_others() {
        let mut pace = Pace::new(at(0));
        for (ms, first) in [(10, false), (2_010, true), (2_020, false), (60_000, true)] {
            pace.changes(at(ms));
            assert_eq!(pace.first, first, "{ms}");
        }
    }

    #[test]
    fn what_is_run_ends_though_the_way_of_waiting_changes_under_it() {
        let clock: &dyn Clock = &RealClock::new();
        let ended = block_on(async {
            clock.sleep(LULL + Duration::from_millis(100)).await;
            for _ in 0..OFTEN * 2 {
                clock.sleep(Duration::from_millis(1)).await;
            }
            clock.sleep(LULL + Duration::from_millis(100)).await;
            7
        });
        assert_eq!(ended, 7);
    }
}
