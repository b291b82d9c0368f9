//! `queue show` and `held show`: where one message stands, and how it came there, as the index knows it.
//!
//! What the journal tells of it beyond that is `life`'s.

use super::service::Running;
use super::wire::{Happening, Refusal, Story};
use crate::passage::{Entry, Outcome, Place, Stage};
use crate::world::Wall;

/// The story of the one message whose key begins so.
pub(super) async fn story(running: &Running, key: &str) -> Result<Story, Refusal> {
    let (key, entry) = running.find(key).await?;
    let line = running.line(key, &entry).await?;
    let mut happenings = vec![Happening {
        at: Some(Wall(entry.received_at).to_string()),
        stage: "received".to_owned(),
        said: format!("{} octets, by the server's clock", entry.octets),
    }];
    happenings.extend(was_held(running, &entry).await?);
    happenings.push(Happening {
        at: Some(Wall(entry.changed_at).to_string()),
        stage: entry.stage.to_string(),
        said: match (&entry.ticket, entry.reason) {
            (Some(ticket), _) => format!("ticket {ticket}"),
            (None, _) if entry.stage == Stage::Released && entry.convert => {
                "it becomes a ticket, whoever wrote it: the operator's word".to_owned()
            }
            (None, Some(reason)) => format!("{} {}", reason.explain(), reason.mend()),
            (None, None) => String::new(),
        },
    });
    if entry.archived {
        happenings.push(Happening {
            at: None,
            stage: "archived".to_owned(),
            said: "moved on the server".to_owned(),
        });
    }
    Ok(Story {
        line,
        whole_key: key.to_string(),
        place: entry
            .spots
            .first()
            .map(|s| place(&s.place))
            .unwrap_or_default(),
        size: Some(entry.octets),
        ticket: entry.ticket,
        happenings,
    })
}

/// That a message was held, where it is so no more and no later decision took that one's place.
async fn was_held(running: &Running, entry: &Entry) -> Result<Option<Happening>, Refusal> {
    let Some(at) = entry.decision.filter(|_| entry.stage != Stage::Held) else {
        return Ok(None);
    };
    // That its record is damaged the message's line says.
    let decision = running.read(move |r| Ok(r.decision(at).ok())).await?;
    Ok(match decision.map(|d| (d.outcome, d.decided_at)) {
        Some((Outcome::Held(reason), decided_at)) => Some(Happening {
            at: Some(Wall(decided_at).to_string()),
            stage: Stage::Held.to_string(),
            said: reason.explain().to_owned(),
        }),
        _ => None,
    })
}

fn place(place: &Place) -> String {
    match place {
        Place::Imap {
            uid_validity, uid, ..
        } => format!("UID {uid} (UIDVALIDITY {uid_validity})"),
        Place::Item { id, .. } => id.clone(),
    }
}
