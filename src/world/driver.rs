//! The thread that everything runs on: how it waits.
//!
//! While there is much to do it moves the sockets itself, since a change of threads for each answer
//! costs more than the answer. While there is little, it leaves them to the thread that the runtime
//! keeps for it: whoever moves them himself wakes that thread too, each time and up to ten times in
//! a row, which a box that idles for weeks need not pay.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::clock::{Clock, Tick};

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
}

impl Pace {
    /// A start has much to do.
    fn new(now: Tick) -> Self {
        Self {
            busy: true,
            last: now,
            since: now,
            wakings: 0,
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
        let busy = match self.busy {
            true => slept < LULL,
            false => self.wakings >= OFTEN,
        };
        std::mem::replace(&mut self.busy, busy) != busy
    }
}

/// Runs `future` on this thread until it ends.
pub fn block_on<T>(clock: &dyn Clock, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut pace = Pace::new(clock.tick());
    loop {
        let busy = pace.busy;
        // Whoever waits in the other way polls again first: no waking is lost between the two.
        let turn = poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if pace.changes(clock.tick()) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let ended = match busy {
            true => smol::block_on(turn),
            false => futures_lite::future::block_on(turn),
        };
        if let Some(ended) = ended {
            return ended;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::clock::RealClock;

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

    #[test]
    fn what_is_run_ends_though_the_way_of_waiting_changes_under_it() {
        let ended = block_on(&RealClock::new(), async {
            smol::Timer::after(LULL + Duration::from_millis(100)).await;
            for _ in 0..OFTEN * 2 {
                smol::Timer::after(Duration::from_millis(1)).await;
            }
            smol::Timer::after(LULL + Duration::from_millis(100)).await;
            7
        });
        assert_eq!(ended, 7);
    }
}
