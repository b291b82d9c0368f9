//! Time: wall time for people and servers, monotonic time for every wait.
//!
//! A box without a battery wakes up in the past; nothing here measures a wait by wall time.

use std::fmt;
use std::future::Future;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::switches::{flipped, Switch};
use super::timers::Sleep;
use super::LocalFuture;

/// Wall time in milliseconds since 1970-01-01T00:00:00Z; may jump, and may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wall(pub i64);

impl Wall {
    /// This moment and `after` more.
    pub fn plus(self, after: Duration) -> Self {
        let after_ms = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(after_ms))
    }
}

impl fmt::Display for Wall {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{}", at.strftime("%Y-%m-%dT%H:%M:%SZ")),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Monotonic time since this process began; never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub Duration);

impl Tick {
    /// This tick and `after` more.
    pub fn plus(self, after: Duration) -> Self {
        Self(self.0.saturating_add(after))
    }

    /// How long it is from `earlier` to this tick; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The only source of time and the only way to sleep.
pub trait Clock: Send + Sync {
    /// The wall clock as the system has it now.
    fn wall(&self) -> Wall;
    /// Monotonic time now.
    fn tick(&self) -> Tick;
    /// Sleeps until `deadline`; at once when it has passed.
    fn sleep_until(&self, deadline: Tick) -> LocalFuture<'static, ()>;
}

impl dyn Clock + '_ {
    /// Sleeps for `after`.
    pub fn sleep(&self, after: Duration) -> LocalFuture<'static, ()> {
        self.sleep_until(self.tick().plus(after))
    }

    /// Runs `work` for at most `after`; `None` when the time was up first.
    pub async fn within<T>(&self, after: Duration, work: impl Future<Output = T>) -> Option<T> {
        let deadline = self.sleep(after);
        futures_lite::future::or(async { Some(work.await) }, async {
            deadline.await;
            None
        })
        .await
    }
}

/// The machine's clocks.
pub struct RealClock(());

impl RealClock {
    /// Begins counting monotonic time now, unless that was begun already.
    pub fn new() -> Self {
        now();
        Self(())
    }
}

/// Monotonic time now.
pub(super) fn now() -> Tick {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    Tick(BEGUN.get_or_init(Instant::now).elapsed())
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn wall(&self) -> Wall {
        let ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        Wall(ms)
    }

    fn tick(&self) -> Tick {
        now()
    }

    fn sleep_until(&self, deadline: Tick) -> LocalFuture<'static, ()> {
        Box::pin(Sleep::until(deadline))
    }
}

/// Test-only: holds this thread up for a second where `switch` was flipped, as a slow disk would.
/// Awake, since a thread whose timers doze would not come back in time.
pub fn hold_up(switch: Switch) {
    if flipped(switch) {
        log::info!("held up by a switch");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(1) {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
pub(crate) mod virtual_time;
