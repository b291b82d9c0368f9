//! Following one message from the server to its end, as it happens.

use super::port::Lines;
use super::service::Running;
use super::wire::{Event, Kind, Refusal};
use crate::engine::news::Event as Happened;
use crate::engine::StoreFault;
use crate::ticket::Reason;

/// What is said of a message that was decided before.
const AGAIN: &str = "the same message was processed before, so there is no second ticket; it is archived as the first was. `postern held convert KEY --again` makes another ticket of it";
/// What is said of a message that can't be archived.
const LEFT_THERE: &str = "left where it is: its place is not in the watched folder any more";

fn explained(reason: Reason) -> String {
    format!("{reason}: {}", reason.explain())
}

/// Follows the next message that is fetched, to its end: ticket and archive, or why there is none.
pub(super) async fn follow(
    running: &Running,
    name: Option<&str>,
    lines: &Lines,
) -> Result<(), Refusal> {
    let engine = &running.engine;
    if !running.serves.get() {
        return Err(Refusal::new(
            Kind::Refused,
            "no service runs, so no message will come: start `postern run`, then wait here",
        ));
    }
    let settings = engine.settings();
    let wanted = name.and_then(|n| settings.mailbox(n)).map(|m| m.id);
    let news = engine.news.watch(4096);
    lines
        .say(Event::Note {
            said: "waiting for the next message; send one now".to_owned(),
        })
        .await;
    let clock = &engine.world.clock;
    let mut followed = None;
    // With `archive_when = "committed"` it is archived first.
    let (mut committed, mut forwarded, mut archived) = (false, false, false);
    while let Ok(event) = news.recv().await {
        let (key, stage, said, last) = match event {
            Happened::Fetched {
                key,
                mailbox,
                octets,
            } if followed.is_none() && wanted.is_none_or(|w| w == mailbox) => {
                followed = Some((key, clock.tick()));
                (key, "fetched", format!("{octets} octets"), false)
            }
            Happened::Committed { key, reason: None } => {
                (key, "committed", "durable".to_owned(), false)
            }
            Happened::Committed {
                key,
                reason: Some(reason),
            } => (key, reason.verdict().word(), explained(reason), true),
            // A copy of the one that is followed ends nothing.
            Happened::Again { .. } if committed => continue,
            Happened::Again { key } => (key, "duplicate", AGAIN.to_owned(), true),
            Happened::Forwarded { key, ticket } => {
                (key, "forwarded", format!("ticket {ticket}"), false)
            }
            Happened::Refused { key, said } => (key, "refused", said, true),
            Happened::Archived { key, folder } => (key, "archived", format!("in {folder}"), false),
            Happened::LeftThere { key } => (key, "archived", LEFT_THERE.to_owned(), false),
            _ => continue,
        };
        let Some((mine, since)) = followed else {
            continue;
        };
        if key != mine {
            continue;
        }
        let after = clock.tick().since(since).as_millis();
        lines
            .say(Event::Stage {
                key: key.short(),
                stage: stage.to_owned(),
                after_ms: u64::try_from(after).unwrap_or(u64::MAX),
                said,
            })
            .await;
        committed |= stage == "committed";
        forwarded |= stage == "forwarded";
        archived |= stage == "archived";
        if stage == "refused" {
            let show = format!("`postern queue show {}`", key.short());
            let said = format!("the portal refused the ticket: {show}");
            return Err(Refusal::new(Kind::Failed, said));
        }
        if last || (forwarded && archived) {
            return Ok(());
        }
    }
    let said = "the service ended".to_owned();
    Err(StoreFault::Broken { said }.into())
}
