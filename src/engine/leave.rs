//! The portal is left, for another one or at a clean stop: no ticket may become two by that.

use std::time::Duration;

use super::forward::Link;
use super::Engine;

/// How long is waited for what is on its way.
pub(super) const LANDING: Duration = Duration::from_secs(10);

/// While it lives nothing new is sent.
pub(super) struct Leaving<'a>(&'a Link);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leaving.set(false);
        self.0.bell.ring();
    }
}

/// To be held while another portal is set: no portal is sent what another has, whatever becomes of the
/// power.
pub(super) async fn leave(engine: &Engine) -> Leaving<'_> {
    let leaving = land(engine, "they go to the next portal under the same keys").await;
    engine.receipts.written().await;
    leaving
}

/// Begins nothing new while what it gives is held, and waits until what is on its way has its answer,
/// where that comes in time. `otherwise` says what becomes of those without one.
pub(super) async fn land<'a>(engine: &'a Engine, otherwise: &str) -> Leaving<'a> {
    let link = &engine.link;
    link.leaving.set(true);
    let leaving = Leaving(link);
    let flying = || link.window.borrow().flying();
    if flying() > 0 {
        log::info!(
            "waiting for the portal's answer to {} tickets, for {} s at most",
            flying(),
            LANDING.as_secs()
        );
    }
    let landing = async {
        while flying() > 0 {
            link.landed.wait().await;
        }
    };
    if engine.world.clock.within(LANDING, landing).await.is_none() {
        log::warn!("{} tickets have no answer yet: {otherwise}", flying());
    }
    leaving
}
