//! `queue export`: a message's octets, and the ticket as the portal is sent it, to whoever asked.
//!
//! By slices, so that memory does not follow a message's size. Where they are written is the caller's
//! business, and with whose rights.

use std::fmt;

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::port::Lines;
use super::service::{Running, PAGE_MAX};
use super::wire::{Event, Kind, Refusal};
use crate::engine::compose;
use crate::passage::{Entry, Stage};
use crate::ticket::Key;

/// Octets of a message in one event: a few of those may wait.
const SLICE: usize = 48 << 10;

/// Octets of a message on their way, base64 in the document. Their Debug tells how many: what stands
/// in a mail is not logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.0.len())
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(octets))
    }
}

/// Tells all of the message whose key begins so, or of everything that is queued or refused. Gives how
/// many there were.
pub(super) async fn export(
    running: &Running,
    key: Option<&str>,
    lines: &Lines,
) -> Result<u64, Refusal> {
    if let Some(key) = key {
        let (key, entry) = running.find(key).await?;
        one(running, key, entry, lines).await?;
        return Ok(1);
    }
    let (mut count, mut failed) = (0, 0);
    for stage in [Stage::Committed, Stage::Refused] {
        let mut after = 0;
        loop {
            let rows = running
                .read(move |r| match stage {
                    Stage::Committed => {
                        let rows = r.queue(after, PAGE_MAX as usize)?;
                        Ok(rows.iter().map(|q| (q.key, q.sequence)).collect())
                    }
                    stage => {
                        let rows = r.list(stage, after, PAGE_MAX as usize)?;
                        Ok(rows.iter().map(|l| (l.key, l.entry.sequence)).collect())
                    }
                })
                .await?;
            let rows: Vec<(Key, u64)> = rows;
            let Some((_, last)) = rows.last() else { break };
            after = *last;
            for (key, _) in rows {
                let entry = running.read(move |r| r.entry(&key)).await?;
                // Forwarded meanwhile: it is the portal's now.
                let Some(entry) = entry.filter(|e| e.stage == stage) else {
                    continue;
                };
                match one(running, key, entry, lines).await {
                    Ok(()) => count += 1,
                    Err(Refusal { said, .. }) => {
                        failed += 1;
                        let said = format!("{}: {said}", key.short());
                        lines.say(Event::Note { said }).await;
                    }
                }
            }
        }
    }
    match failed {
        0 => Ok(count),
        1 => Err(Refusal::new(
            Kind::Failed,
            "1 message could not be exported",
        )),
        n => Err(Refusal::new(
            Kind::Failed,
            format!("{n} messages could not be exported"),
        )),
    }
}

async fn one(running: &Running, key: Key, entry: Entry, lines: &Lines) -> Result<(), Refusal> {
    let stage = entry.stage;
    let found = running
        .read(move |r| compose::document(r, key, &entry))
        .await?;
    let Some((ticket, raw)) = found else {
        return Err(Refusal::new(Kind::Refused, absent(stage)));
    };
    let ticket = String::from_utf8_lossy(&ticket).into_owned();
    lines
        .say(Event::Export {
            key: key.to_string(),
            octets: raw.octets,
            ticket,
        })
        .await;
    let mut at = 0;
    while at < raw.octets {
        let octets = running.read(move |r| r.raw(raw, at, SLICE)).await?;
        if octets.is_empty() {
            let said = "the message in the journal is shorter than it was";
            return Err(Refusal::new(Kind::Failed, said));
        }
        at += octets.len() as u64;
        let octets = Octets(octets);
        lines.say(Event::Slice { octets }).await;
    }
    Ok(())
}

/// Why nothing is kept of what stands there.
fn absent(stage: Stage) -> &'static str {
    match stage {
        Stage::Held | Stage::Released | Stage::Closed => "it has no octets here: what is held stays at its place on the mail server, unread, and is fetched again once it becomes a ticket (`postern held show` names the place)",
        Stage::Ignored | Stage::Dismissed => "it has no octets here: no ticket was made of it, and the mail is in the archive folder on the mail server",
        Stage::Committed | Stage::Forwarded | Stage::Refused => "its octets are no longer kept here: the mail is in the archive folder on the mail server",
    }
}
