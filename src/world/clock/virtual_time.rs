//! Time that passes as it is slept, for tests.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::{Clock, Tick, Wall};
use crate::world::LocalFuture;

/// A clock on which every sleep ends at once, and takes its time with it.
#[derive(Default)]
pub(crate) struct Virtual(pub(crate) Arc<Mutex<Duration>>);

impl Clock for Virtual {
    fn wall(&self) -> Wall {
        Wall(0)
    }

    fn tick(&self) -> Tick {
        Tick(*self.0.lock().unwrap())
    }

    fn sleep_until(&self, deadline: Tick) -> LocalFuture<'static, ()> {
        let (now, mut slept) = (self.0.clone(), false);
        Box::pin(poll_fn(move |cx| {
            if !std::mem::replace(&mut slept, true) {
                // Everybody else gets a turn first.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut now = now.lock().unwrap();
            *now = deadline.0.max(*now);
            Poll::Ready(())
        }))
    }
}
