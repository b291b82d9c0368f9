//! Who waits a moment for the link, and goes on without when it takes longer.

use std::time::Duration;

use super::Engine;
use crate::world::Clock;

/// How long a stage waits that mail comes through.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is looked whether tickets are left, within that time; several may wait for that, and a
/// bell has one listener.
const LOOKS: u32 = 10;

/// Lets a committing stage wait until the link has caught up: what is composed and still at hand need
/// not be composed again.
pub(super) async fn let_catch_up(engine: &Engine) {
    let link = &engine.link;
    link.caught_up.hush();
    if link.is_up() && link.window.borrow().is_ahead() {
        engine
            .world
            .clock
            .within(PATIENCE, link.caught_up.wait())
            .await;
    }
}

/// Lets what nobody waits for give way to tickets that lie at hand, some of which may have to wait
/// themselves, for `patience` at most.
pub(super) async fn let_go_first(engine: &Engine, patience: Duration) {
    let link = &engine.link;
    let are_left = || link.is_up() && link.window.borrow().has_more();
    wait_while(are_left, &*engine.world.clock, patience).await;
}

async fn wait_while(are_left: impl Fn() -> bool, clock: &dyn Clock, patience: Duration) {
    let until = clock.tick().plus(patience);
    while are_left() && clock.tick() < until {
        clock.sleep(patience / LOOKS).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::world::clock::virtual_time::Virtual;

    /// How long is waited for tickets that are gone after `looks` looks.
    fn waited(looks: u32) -> Duration {
        let (clock, left) = (Virtual::default(), Cell::new(looks));
        let are_left = || {
            let before = left.get();
            left.set(before.saturating_sub(1));
            before > 0
        };
        smol::block_on(wait_while(are_left, &clock, PATIENCE));
        clock.tick().0
    }

    #[test]
    fn who_gives_way_goes_on_when_nothing_is_left_and_after_half_a_second() {
        assert_eq!(waited(0), Duration::ZERO);
        assert_eq!(waited(3), Duration::from_millis(150));
        assert_eq!(waited(u32::MAX), Duration::from_millis(500));
    }
}
