//! The waits of the thread that everything runs on, kept where it waits.
//!
//! The runtime's timers belong to a thread of its own, and each one that is set wakes it. Here a wait
//! is an entry of a list, and whoever drives the thread (`driver`) sleeps no longer than the first
//! one wants: a wait that is set and given up again, as nearly all time-outs are, wakes nobody.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::clock::{now, Tick};

thread_local! {
    /// `None` on a thread that no driver drives.
    static WAITS: RefCell<Option<Waits>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Waits {
    /// Tells apart the waits that end at the same moment.
    next: u64,
    waiting: BTreeMap<(Tick, u64), Waker>,
}

/// While it lives, waits that are begun on this thread are kept here.
pub(super) struct Driven(());

impl Driven {
    pub(super) fn begin() -> Self {
        WAITS.set(Some(Waits::default()));
        Self(())
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        drop(WAITS.take());
    }
}

/// Wakes those whose time has come by `now`.
pub(super) fn wake_due(now: Tick) {
    let due = WAITS.with_borrow_mut(|waits| {
        let waits = waits.as_mut()?;
        let later = waits.waiting.split_off(&(now, u64::MAX));
        Some(std::mem::replace(&mut waits.waiting, later))
    });
    // Outside of the borrow: a waker may end a task, and with it waits.
    due.into_iter()
        .flat_map(BTreeMap::into_values)
        .for_each(Waker::wake);
}

/// When the first wait ends.
pub(super) fn first() -> Option<Tick> {
    WAITS.with_borrow(|waits| {
        let ((at, _), _) = waits.as_ref()?.waiting.first_key_value()?;
        Some(*at)
    })
}

/// Ends at a moment.
pub(super) struct Sleep {
    at: Tick,
    /// Which of the waits for this moment it is, while it is one.
    entry: Option<u64>,
    /// In its place on a thread that no driver drives.
    timer: Option<smol::Timer>,
}

impl Sleep {
    pub(super) fn until(at: Tick) -> Self {
        Self {
            at,
            entry: None,
            timer: None,
        }
    }

    fn give_up(&mut self) {
        if let Some(entry) = self.entry.take() {
            // No list any more: the thread itself is ending.
            let waker = WAITS.try_with(|waits| {
                let mut waits = waits.borrow_mut();
                waits.as_mut()?.waiting.remove(&(self.at, entry))
            });
            drop(waker);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.at <= now() {
            self.give_up();
            return Poll::Ready(());
        }
        let (at, entry) = (self.at, self.entry);
        let waker = context.waker().clone();
        let kept = WAITS.with_borrow_mut(|waits| {
            let waits = waits.as_mut().ok_or(())?;
            let entry = entry.unwrap_or_else(|| {
                waits.next += 1;
                waits.next
            });
            Ok::<_, ()>((entry, waits.waiting.insert((at, entry), waker)))
        });
        match kept {
            Ok((entry, earlier)) => {
                self.entry = Some(entry);
                drop(earlier);
                Poll::Pending
            }
            Err(()) => {
                let timer = self
                    .timer
                    .get_or_insert_with(|| smol::Timer::after(at.since(now())));
                Pin::new(timer).poll(context).map(|_| ())
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use futures_lite::future::{block_on, poll_once};

    fn waiting() -> usize {
        WAITS.with_borrow(|waits| waits.as_ref().map_or(0, |waits| waits.waiting.len()))
    }

    #[test]
    fn a_wait_stands_in_the_list_until_it_ends_or_is_given_up() {
        let driven = Driven::begin();
        let begun = now();
        let soon = begun.plus(Duration::from_millis(20));
        let later = begun.plus(Duration::from_secs(60));
        let (mut first_of_two, mut second) = (Sleep::until(soon), Sleep::until(soon));
        let mut long = Sleep::until(later);
        for _ in 0..3 {
            assert!(block_on(poll_once(&mut first_of_two)).is_none());
            assert!(block_on(poll_once(&mut second)).is_none());
            assert!(block_on(poll_once(&mut long)).is_none());
        }
        assert_eq!((waiting(), first()), (3, Some(soon)));
        drop(second);
        assert_eq!((waiting(), first()), (2, Some(soon)));
        std::thread::sleep(Duration::from_millis(25));
        wake_due(now());
        assert_eq!(first(), Some(later));
        assert!(block_on(poll_once(&mut first_of_two)).is_some());
        drop(long);
        assert_eq!((waiting(), first()), (0, None));
        drop(driven);
    }

    #[test]
    fn a_wait_ends_also_where_no_driver_is_and_when_its_driver_ends_before_it() {
        let driven = Driven::begin();
        let mut wait = Sleep::until(now().plus(Duration::from_millis(50)));
        assert!(block_on(poll_once(&mut wait)).is_none());
        drop(driven);
        smol::block_on(&mut wait);
        assert!(wait.at <= now());
    }
}
