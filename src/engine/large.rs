//! A large message on its way into a segment of its own: slice by slice, hashed and skimmed as it
//! comes, so that memory never follows its size.
//!
//! The segment is finished before the message is decided about, and counts only once a committed
//! record refers to it; given up, or left by a crash, it is removed.

use std::rc::Rc;

use super::understand::Octets;
use super::writer::Writer;
use super::{Engine, StoreFault};
use crate::mail;
use crate::mailbox::{Fault, Item, Session, Slice};
use crate::passage::Stored;
use crate::ticket::{Key, KeyHasher};
use crate::world::Worker;

/// Octets asked for at once.
const SLICE: u32 = 256 * 1024;

/// Why a large message was not taken.
pub enum Failed {
    /// The mailbox's reasons.
    Mailbox(Fault),
    /// The store's reasons.
    Store(StoreFault),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Failed::Mailbox(fault)
    }
}

impl From<StoreFault> for Failed {
    fn from(fault: StoreFault) -> Self {
        Failed::Store(fault)
    }
}

/// Fetches one message; `None` when it is gone.
pub async fn fetch(
    engine: &Rc<Engine>,
    session: Session,
    item: &Item,
    identity: &str,
) -> Result<(Session, Option<Octets>), Failed> {
    let number = ask(engine.writer.ask(|w| w.begin_large()).await)?;
    let begun = Begun(&engine.writer, number);
    let fetched = slices(engine, session, item, identity, number).await;
    drop(begun);
    fetched
}

/// A begun segment. One that was not finished is given up when this goes, also when the whole task
/// is ended by a change of settings; for a finished one that does nothing.
struct Begun<'a>(&'a Worker<Writer>, u64);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let number = self.1;
        self.0.leave(move |w| given_up(w.abandon_large(number)));
    }
}

/// A finished segment. Nothing refers to it yet: it is given up when this goes before it is `taken`,
/// as when a change of settings ends the task that fetched it.
pub struct Finished {
    stored: Stored,
    writer: Option<Worker<Writer>>,
}

impl Finished {
    /// Its record: whoever has it commits it, or lets it go.
    pub fn taken(mut self) -> Stored {
        self.writer = None;
        self.stored
    }
}

/// The writer's job that finishes a segment. Where nobody hears its answer any more that is dropped, and
/// the segment is given up.
fn finish(
    writer: &Worker<Writer>,
    number: u64,
    key: Key,
) -> impl FnOnce(&mut Writer) -> Result<Option<Finished>, StoreFault> {
    let writer = Some(writer.clone());
    move |w| {
        let stored = w.finish_large(number, key)?;
        Ok(stored.map(|stored| Finished { stored, writer }))
    }
}

fn given_up(done: Result<(), StoreFault>) {
    if let Err(fault) = done {
        log::warn!("giving up a large message: {fault}");
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        let segment = self.stored.segment;
        if let Some(writer) = self.writer.take() {
            writer.leave(move |w| given_up(w.drop_large(segment)));
        }
    }
}

fn ask<T>(
    answer: Result<Result<T, StoreFault>, crate::world::worker::Stopped>,
) -> Result<T, StoreFault> {
    answer?
}

async fn slices(
    engine: &Rc<Engine>,
    session: Session,
    item: &Item,
    identity: &str,
    number: u64,
) -> Result<(Session, Option<Octets>), Failed> {
    let mut slices = session.slices(item.uid, item.size, SLICE);
    let mut hasher = KeyHasher::new(identity);
    let mut skim = mail::Skim::new(mail::Limits::default());
    let mut last: Option<Vec<u8>> = None;
    loop {
        // One slice is hashed and written by the writer's thread while the next one comes in and
        // is skimmed here.
        let taken = hasher;
        let write = async {
            let Some(octets) = last.take() else {
                return Ok(taken);
            };
            ask(engine
                .writer
                .ask(move |w| take_slice(w, number, taken, &octets))
                .await)
        };
        let read = async {
            let slice = slices.next().await?;
            if let Slice::Octets(octets) = &slice {
                skim.feed(octets);
            }
            Ok::<_, Fault>(slice)
        };
        let (written, slice) = futures_lite::future::zip(write, read).await;
        hasher = written?;
        // The end is where the server has no more to give, not where it announced it.
        match slice? {
            Slice::Octets(octets) => last = Some(octets),
            Slice::End => break,
            Slice::Gone => return Ok((slices.finish().await?, None)),
        }
    }
    let session = slices.finish().await?;
    let key = hasher.finish();
    let finish = finish(&engine.writer, number, key);
    let Some(finished) = ask(engine.writer.ask(finish).await)? else {
        return Ok((session, None));
    };
    let stored = finished.stored;
    let message = Box::new(mail::understand(&skim.finish()));
    // Only a message that becomes an attachment itself needs a digest of the whole.
    let digest = match message.needs_original() {
        true => Some(ask(engine.reader.ask(move |r| r.digest(stored)).await)?),
        false => None,
    };
    Ok((
        session,
        Some(Octets::Large {
            stored: finished,
            key,
            message,
            digest,
        }),
    ))
}

fn take_slice(
    writer: &mut Writer,
    number: u64,
    mut hasher: KeyHasher,
    octets: &[u8],
) -> Result<KeyHasher, StoreFault> {
    hasher.update(octets);
    writer.large_slice(number, octets)?;
    Ok(hasher)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{key, open, SIZES};
    use super::*;

    /// Goes red when nobody gives a finished segment up whose message was not handed on.
    #[test]
    fn a_finished_segment_that_nobody_takes_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let (writer, (), _ending) = Worker::spawn("writer", 8, move || {
            Ok::<_, std::io::Error>((open(&path, SIZES).writer, ()))
        })
        .unwrap();
        let finished = || {
            let number = writer.ask_blocking(|w| {
                let number = w.begin_large().unwrap();
                w.large_slice(number, &[7; 300_000]).unwrap();
                number
            });
            writer.ask(finish(&writer, number.unwrap(), key(1)))
        };
        let heard = || futures_lite::future::block_on(finished()).unwrap();
        let large = || {
            let count = |w: &mut Writer| w.journal().segments().iter().filter(|s| s.large).count();
            writer.ask_blocking(count).unwrap()
        };
        heard().unwrap().unwrap().taken();
        assert_eq!(large(), 1);
        drop(heard());
        assert_eq!(large(), 1, "the second one's octets are kept for nobody");
        futures_lite::future::block_on(futures_lite::future::poll_once(finished()));
        large();
        assert_eq!(large(), 1, "nobody heard that the third was finished");
    }
}
