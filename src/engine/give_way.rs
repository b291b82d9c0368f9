//! Who waits a moment for the link, and goes on without when it takes longer.

use std::time::Duration;

use super::Engine;

/// How long anybody waits for it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is looked whether tickets are left; several may wait for that, and a bell has one listener.
const LOOK: Duration = Duration::from_millis(50);

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
/// themselves.
pub(super) async fn let_go_first(engine: &Engine) {
    let (link, clock) = (&engine.link, &engine.world.clock);
    let until = clock.tick().plus(PATIENCE);
    while link.is_up() && link.window.borrow().has_more() && clock.tick() < until {
        clock.sleep(LOOK).await;
    }
}
