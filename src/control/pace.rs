//! How far long work is, told now and then.

use std::time::Duration;

use super::port::Lines;
use super::wire::Event;
use crate::engine::check::Progress;
use crate::world::{Clock, Tick};

/// How often it is told.
const EVERY: Duration = Duration::from_millis(250);

/// Tells it as often as anybody can read it.
#[derive(Default)]
pub(super) struct Pace(Option<Tick>);

impl Pace {
    /// What is to be told of it now, if anything.
    pub(super) fn event(&mut self, progress: Progress, clock: &dyn Clock) -> Option<Event> {
        let now = clock.tick();
        if self.0.is_some_and(|at| now.since(at) < EVERY) {
            return None;
        }
        self.0 = Some(now);
        Some(Event::Progress {
            what: progress.part.to_owned(),
            done_bytes: progress.done,
            of_bytes: progress.of,
        })
    }

    /// Tells it to `lines`.
    pub(super) async fn say(&mut self, progress: Progress, clock: &dyn Clock, lines: &Lines) {
        if let Some(event) = self.event(progress, clock) {
            lines.say(event).await;
        }
    }
}
