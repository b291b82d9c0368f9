//! The files of a ticket on their way to the portal, and what becomes of those that it does not take.
//!
//! Such a file is found out before it is sent, where the portal's ping says what it takes, or by its answer. The
//! ticket is then made without it, and says so. That is remembered as long as this ticket is tried, so that a
//! refused file is not carried to the portal again by each attempt; after a start it is found out again. Whatever
//! was composed before goes under the same key: a portal that has one of the two takes no other.

use std::io;
use std::ops::Range;
use std::rc::Rc;

use super::{verdict, Outcome};
use crate::engine::compose::compose_again;
use crate::engine::reader::{RawAt, Reader};
use crate::engine::state::Outgoing;
use crate::engine::{Engine, StoreFault};
use crate::http::Bytes;
use crate::mail::{Encoding, File, Unpack};
use crate::portal::{self, Contract, Fault, Portal};
use crate::ticket::{Key, Omission, Source, Why};
use crate::world::body::Slices;
use crate::world::{Body, Worker};

/// Octets of a message read at once.
const SLICE: usize = 256 * 1024;
/// Attachments up to this size are sent without asking whether the portal has them: on a slow line
/// (10 Mbit/s, 50 ms) the question costs as much as the answer saves, where one in four is there already.
const ASK_FROM: u64 = 256 * 1024;

/// Sends what is attached and the portal lacks; tells what it does not take, or how the attempt ends.
pub(super) async fn send(
    engine: &Rc<Engine>,
    portal: &Contract,
    key: Key,
    ping: Option<&portal::Ping>,
    outgoing: &mut Outgoing,
) -> Result<Result<Vec<Omission>, Outcome>, StoreFault> {
    let link = &engine.link;
    let most = ping.and_then(|p| p.attachment_bytes);
    let sources = Rc::clone(&outgoing.sources);
    let mut refused = Vec::new();
    let mut stored = None;
    for source in sources.iter() {
        let known = || link.window.borrow().refused.why(&key, source);
        if let Some(why) = too_large(source, most).or_else(known) {
            refused.push(omission(source, why));
            continue;
        }
        let at_hand = take(&mut outgoing.files, source);
        if source.size > ASK_FROM {
            match portal.has(&source.sha256).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(fault) => return Ok(Err(verdict(fault, false))),
            }
        }
        let slices = match (at_hand, stored) {
            (Some(octets), _) => whole(octets),
            (None, Some(at)) => slices(engine.reader.clone(), at, source),
            (None, None) => match raw_of(engine, key).await? {
                Some(at) => slices(engine.reader.clone(), *stored.insert(at), source),
                None => return Ok(Err(Outcome::Gone)),
            },
        };
        let body = Body {
            length: source.size,
            digest: source.sha256,
            slices,
        };
        match portal.attach(body).await {
            Ok(()) => {}
            Err(Fault::AttachmentRefused { said, too_large }) => {
                log::warn!("{} file {}: {said}", key.short(), source.file + 1);
                let why = match too_large {
                    // What is over the limit that it tells was not sent: this is another one.
                    true => Why::PortalLarge(None),
                    false => Why::PortalType,
                };
                refused.push(omission(source, why));
                // Also where the attempt ends before the ticket is sent.
                link.window.borrow_mut().refused.learn(key, &refused);
            }
            Err(fault) => return Ok(Err(verdict(fault, false))),
        }
    }
    link.window.borrow_mut().refused.learn(key, &refused);
    Ok(Ok(refused))
}

fn too_large(source: &Source, most: Option<u64>) -> Option<Why> {
    let most = most.filter(|most| source.size > *most)?;
    Some(Why::PortalLarge(Some(most)))
}

fn omission(source: &Source, why: Why) -> Omission {
    Omission {
        file: source.file,
        why,
    }
}

/// The ticket without these too; none where it is in the queue no more.
pub(super) async fn without(
    engine: &Rc<Engine>,
    key: Key,
    refused: Vec<Omission>,
) -> Result<Option<Bytes>, StoreFault> {
    for Omission { file, why } in &refused {
        log::warn!(
            "{} goes without file {}: {}",
            key.short(),
            file + 1,
            why.said()
        );
    }
    let composed = engine.reader.ask(move |r| {
        let again = compose_again(r, key)?;
        Ok(again.map(|again| again.without(refused)))
    });
    composed.await?
}

async fn raw_of(engine: &Engine, key: Key) -> Result<Option<RawAt>, StoreFault> {
    engine
        .reader
        .ask(move |r| {
            let message = r.entry(&key)?.and_then(|e| e.message);
            message.map(|m| r.raw_at(m)).transpose()
        })
        .await?
}

/// An attachment that is at hand.
fn take(files: &mut Vec<File>, source: &Source) -> Option<Vec<u8>> {
    // What is packed in another begins where that one does.
    if source.inside.is_some() {
        return None;
    }
    let is_it =
        |file: &File| file.start == source.range.start && file.octets.len() as u64 == source.size;
    let at = files.iter().position(is_it)?;
    Some(files.swap_remove(at).octets)
}

fn whole(octets: Vec<u8>) -> Slices {
    Box::pin(futures_lite::stream::once(Ok(octets)))
}

/// An attachment's octets from the journal: read in slices and decoded on the way, by the reader's thread.
fn slices(reader: Worker<Reader>, raw: RawAt, source: &Source) -> Slices {
    let Range { start, end } = source.range;
    let unpack = Unpack::new(source.encoding, source.inside.as_ref());
    // Then the octets are the content.
    let as_it_is = source.encoding == Encoding::Identity && source.inside.is_none();
    let state = Some((start, unpack));
    Box::pin(futures_lite::stream::unfold(state, move |state| {
        let reader = reader.clone();
        async move {
            let (mut at, mut decoder) = state?;
            loop {
                if at >= end {
                    let mut out = Vec::new();
                    decoder.finish(&mut out);
                    return (!out.is_empty()).then_some((Ok(out), None));
                }
                let length = usize::try_from(end - at).map_or(SLICE, |left| left.min(SLICE));
                let read = reader
                    .ask(move |r| Ok(decode(r.raw(raw, at, length)?, decoder, as_it_is)))
                    .await;
                let taken;
                let out;
                (taken, out, decoder) = match read {
                    Ok(Ok((0, ..))) => return Some((Err(cut_short()), None)),
                    Ok(Ok(slice)) => slice,
                    Ok(Err(fault)) => {
                        let fault: StoreFault = fault;
                        return Some((Err(io::Error::other(fault)), None));
                    }
                    Err(stopped) => return Some((Err(io::Error::other(stopped)), None)),
                };
                at += taken;
                if !out.is_empty() {
                    return Some((Ok(out), Some((at, decoder))));
                }
            }
        }
    }))
}

fn cut_short() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the message in the journal is shorter than it was",
    )
}

/// How many octets were read, what they are decoded, and the decoder for the next.
type Slice = (u64, Vec<u8>, Unpack);

fn decode(octets: Vec<u8>, mut decoder: Unpack, as_it_is: bool) -> Slice {
    let taken = octets.len() as u64;
    if as_it_is {
        return (taken, octets, decoder);
    }
    let mut out = Vec::with_capacity(octets.len());
    decoder.feed(&octets, &mut out);
    (taken, out, decoder)
}

#[cfg(test)]
mod tests;
