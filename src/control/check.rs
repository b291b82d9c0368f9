//! `store check`, line by line: beside a running service on its reader's thread, and without one on a
//! thread of this process, which opens nothing for writing.
//!
//! What is looked at, and what it means, is the engine's.

use std::path::Path;
use std::time::Duration;

use async_channel::Sender;
use futures_lite::future;

use super::local::in_use;
use super::pace::Pace;
use super::port::{Lines, Tested};
use super::service::Running;
use super::wire::{Answer, Event, Kind, Outcome, Refusal, Reply};
use crate::engine::check::Outcome as Found;
use crate::engine::check::{alone, beside, Count, Counted, Line, Progress, Sift};
use crate::engine::reader::Reader;
use crate::engine::StoreFault;
use crate::world::untouched::Temporary;
use crate::world::{worker, World};

/// A service that gives room back just now has done so a moment later.
const MOMENT: Duration = Duration::from_secs(1);

/// Counts what is told, and makes events of it.
#[derive(Default)]
struct Said {
    tested: Tested,
    pace: Pace,
}

impl Said {
    fn line(&mut self, line: Line) -> Event {
        let outcome = match line.outcome {
            Found::Whole => Outcome::Passed,
            Found::Odd => Outcome::Warned,
            Found::Damaged => Outcome::Failed,
            Found::Skipped => Outcome::Skipped,
        };
        self.tested.failed += u32::from(outcome == Outcome::Failed);
        self.tested.warned += u32::from(outcome == Outcome::Warned);
        Event::Step {
            mailbox: None,
            step: line.part.to_owned(),
            outcome,
            said: line.said,
            mend: line.mend,
        }
    }
}

/// The check beside a running service: each turn is a question to the reader like any other's.
pub(super) async fn running(running: &Running, lines: &Lines) -> Result<Tested, Refusal> {
    let engine = &running.engine;
    let mut said = Said::default();
    let clock = &engine.world.clock;
    let octets = engine.writer.ask(|w| w.octets()).await;
    let (octets, _) = octets.map_err(StoreFault::from)?;
    let (disk, dir) = (engine.world.disk.clone(), engine.dir.clone());
    let found = running.read(move |_| beside(&*disk, &dir, octets)).await?;
    for line in found {
        lines.say(said.line(line)).await;
    }
    let sift = running.read(|r| Ok(Sift::new(r.journal()))).await?;
    let turn = |sift: &mut Sift, r: &Reader| sift.turn(r.journal());
    let sift = said.pace.walk(running, sift, turn, lines).await?;
    let (_, known) = running.read(|r| r.counters()).await?;
    let (found, damage, births) = sift.end(Some(known));
    for line in found {
        lines.say(said.line(line)).await;
    }
    let mut count = Count::new(damage, births, false);
    loop {
        let (back, counted) = running
            .read(move |r| {
                let counted = count.turn(r.journal(), Some(r.view()))?;
                Ok((count, counted))
            })
            .await?;
        count = back;
        match counted {
            Counted::Going(progress) => {
                said.pace.say(progress, &**clock, lines).await;
            }
            Counted::Again => clock.sleep(MOMENT).await,
            Counted::Over => break,
        }
    }
    for line in count.lines() {
        lines.say(said.line(line)).await;
    }
    Ok(said.tested)
}

/// What ends a check.
pub(super) fn answer(tested: Tested) -> Answer {
    Answer::Checked {
        whole: tested.failed == 0,
        damaged: tested.failed,
        warned: tested.warned,
    }
}

/// Takes the lines on the thread that finds them.
struct Teller {
    events: Sender<Event>,
    said: Said,
    world: World,
}

impl alone::Tell for Teller {
    fn line(&mut self, line: Line) {
        let event = self.said.line(line);
        // Whoever went away wants nothing more; the thread ends with the process.
        let _ = self.events.send_blocking(event);
    }

    fn progress(&mut self, progress: Progress) {
        if let Some(event) = self.said.pace.event(progress, &*self.world.clock) {
            let _ = self.events.send_blocking(event);
        }
    }
}

/// The check of a store that no service has.
pub(super) async fn without_service(
    world: &World,
    store: &Path,
    each: &mut dyn FnMut(&str),
) -> Result<(), Refusal> {
    // Held here, and not by the thread: a command that is broken off takes the copy with it.
    let aside = Temporary::make(world.disk.clone(), &*world.entropy);
    let place = match &aside {
        Ok(aside) => Ok(aside.path().to_owned()),
        Err(fault) => Err(std::io::Error::new(fault.kind(), fault.to_string())),
    };
    let (events, lines) = async_channel::bounded(16);
    let mut teller = Teller {
        events,
        said: Said::default(),
        world: world.clone(),
    };
    let (its_world, dir) = (world.clone(), store.to_owned());
    let work = worker::apart("check", move || {
        let place = place.as_deref();
        alone::check(&its_world, &dir, place, &mut teller).map(|()| teller.said.tested)
    });
    let told = async {
        while let Ok(event) = lines.recv().await {
            each(&Reply::Event(event).line());
        }
    };
    let (checked, ()) = future::zip(work, told).await;
    let tested = match checked {
        Ok(Ok(tested)) => tested,
        Ok(Err(StoreFault::Locked { .. })) => return Err(in_use(store)),
        Ok(Err(fault)) => return Err(fault.into()),
        Err(fault) => {
            let said = format!("the check broke off: {fault}");
            return Err(Refusal::new(Kind::Failed, said));
        }
    };
    each(&Reply::Answer(answer(tested)).line());
    Ok(())
}
