//! When a portal that keeps no keys may be asked what became of an attempt without an answer.
//!
//! Such a portal can be asked too early: while it is still at work it finds nothing, and what is sent
//! again then it has twice. So it is left alone for twice the time that an attempt was allowed to take,
//! longer after each further one; after a start, for the first of these spans from the start on, since
//! what was on its way before is not known. By monotonic time. A portal that takes even longer can't be
//! guarded against from here, which README and contract say.
//!
//! A portal that keeps keys is never waited for.

use std::time::Duration;

use super::forward::TICKET_BACKOFF;
use super::Engine;
use crate::portal::Ping;
use crate::world::Tick;

/// What attempts without an answer leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// How many there were.
    pub attempts: u32,
    /// Until then the portal may still be at work on the last of them: for one that `is_asked`.
    pub until: Tick,
}

/// Whether the portal can only be asked, and too early. Where it finds nothing by key either there is
/// nothing to wait for: a person decides.
pub(super) fn is_asked(ping: &Ping) -> bool {
    ping.keeps_keys.is_none() && ping.finds_keys
}

/// Until when tickets of an earlier start are kept back; `None` where they are not.
pub(super) fn held_until(engine: &Engine) -> Option<Tick> {
    engine.link.ping.borrow().as_ref().filter(|p| is_asked(p))?;
    // What was on its way may have been allowed more than what is sent now.
    let history = engine.history.borrow();
    let then = history.revisions().iter();
    let longest = then.map(|r| r.settings.portal.timeout_ms).max();
    let allowed = allowed(engine).max(Duration::from_millis(longest.unwrap_or(0)));
    let until = engine.started.plus(quiet(allowed, 1));
    (until > engine.world.clock.tick()).then_some(until)
}

/// The doubt after an attempt, where there was that one `before`; a `fresh` one where this attempt may
/// have arrived.
pub(super) fn after(engine: &Engine, before: Option<Doubt>, fresh: bool) -> Option<Doubt> {
    if !fresh {
        return before;
    }
    let attempts = before.map_or(1, |d| d.attempts.saturating_add(1));
    let quiet = quiet(allowed(engine), attempts);
    let until = engine.world.clock.tick().plus(quiet);
    Some(Doubt { attempts, until })
}

/// How long an attempt may last while the portal keeps silent.
fn allowed(engine: &Engine) -> Duration {
    Duration::from_millis(engine.settings().portal.timeout_ms)
}

/// How long the portal is left alone after so many attempts; growing within a ticket's own back-off.
fn quiet(allowed: Duration, attempts: u32) -> Duration {
    let first = allowed.saturating_mul(2);
    let doublings = attempts.saturating_sub(1).min(20);
    let grown = first.saturating_mul(1 << doublings);
    grown.min(TICKET_BACKOFF.most.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portal_is_left_alone_for_longer_than_an_attempt_and_not_for_ever() {
        for (allowed, attempts, wanted) in [(30, 1, 60), (30, 2, 120), (30, 9, 900), (600, 5, 1200)]
        {
            let wait = quiet(Duration::from_secs(allowed), attempts);
            assert_eq!(wait.as_secs(), wanted, "{allowed} {attempts}");
        }
        assert_eq!(quiet(Duration::from_secs(1), u32::MAX).as_secs(), 900);
    }
}
