//! One portal is left for another: no ticket may become two by that.

use std::time::Duration;

use super::forward::Link;
use super::Engine;

/// How long is waited for what is on its way.
const LANDING: Duration = Duration::from_secs(10);

/// While it lives nothing new is sent.
pub(super) struct Leaving<'a>(&'a Link);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leaving.set(false);
        self.0.bell.ring();
    }
}

/// To be held while another portal is set: nothing new is begun, what is on its way gets its answer
/// where that comes in time, and what this one has acknowledged is written, so that no portal is sent
/// what another has, whatever becomes of the power.
pub(super) async fn leave(engine: &Engine) -> Leaving<'_> {
    let link = &engine.link;
    link.leaving.set(true);
    let leaving = Leaving(link);
    let landing = async {
        while link.window.borrow().flying() > 0 {
            link.landed.wait().await;
        }
    };
    if engine.world.clock.within(LANDING, landing).await.is_none() {
        log::warn!(
            "{} tickets have no answer of the portal that is left: they go to the next one under the \
             same keys",
            link.window.borrow().flying()
        );
    }
    engine.receipts.written().await;
    leaving
}
