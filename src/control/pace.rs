//! How far long work is, told now and then.

use std::time::Duration;

use super::port::Lines;
use super::service::Running;
use super::wire::{Event, Refusal};
use crate::engine::check::Progress;
use crate::engine::reader::Reader;
use crate::engine::StoreFault;
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

    /// Takes `walk` through the journal, each `turn` a question to the reader like any other's, until one has
    /// nothing left to do.
    pub(super) async fn walk<W: Send + 'static>(
        &mut self,
        running: &Running,
        mut walk: W,
        turn: fn(&mut W, &Reader) -> Result<Option<Progress>, StoreFault>,
        lines: &Lines,
    ) -> Result<W, Refusal> {
        loop {
            let (back, progress) = running
                .read(move |r| {
                    let progress = turn(&mut walk, r)?;
                    Ok((walk, progress))
                })
                .await?;
            walk = back;
            let Some(progress) = progress else {
                return Ok(walk);
            };
            self.say(progress, &*running.engine.world.clock, lines)
                .await;
        }
    }

    /// Tells it to `lines`.
    pub(super) async fn say(&mut self, progress: Progress, clock: &dyn Clock, lines: &Lines) {
        if let Some(event) = self.event(progress, clock) {
            lines.say(event).await;
        }
    }
}
