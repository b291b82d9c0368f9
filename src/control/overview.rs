//! How everything is, in words and numbers.

use std::rc::Rc;

use super::service::Running;
use super::wire::{MailboxStatus, PortalStatus, ReasonCount, Refusal, Status, StoreStatus};
use crate::engine::forward::{ping_sentence, Standing as LinkStanding};
use crate::engine::post::Standing;
use crate::engine::Engine;
use crate::passage::{Counters, Stage, Uid};
use crate::settings::ending;
use crate::ticket::Reason;

/// UIDs that an alarm names.
const NAMED: usize = 10;

/// The whole status.
pub(super) async fn status(running: &Running) -> Result<Status, Refusal> {
    let engine = &running.engine;
    let settings = engine.settings();
    let directory = running.read(|r| Ok(r.view().directory()?)).await?;
    let octets = engine.writer.ask(|w| w.octets()).await;
    let (used, free) = octets.map_err(crate::engine::StoreFault::from)?;
    let mut alarms = Vec::new();
    let mut mailboxes = Vec::new();
    for mailbox in &settings.mailboxes {
        let post = engine.posts.borrow().get(&mailbox.id).cloned();
        let mut line = MailboxStatus {
            name: mailbox.name.clone(),
            active: mailbox.active,
            state: "off".to_owned(),
            ..MailboxStatus::default()
        };
        if let Some(post) = post {
            let (state, said) = match post.standing() {
                Standing::Off => ("off", None),
                Standing::Connecting => ("connecting", None),
                Standing::Fetching => ("fetching", None),
                Standing::Watching => ("watching", None),
                Standing::NoRoom(said) => ("paused", Some(said)),
                Standing::Trouble { said, again_at } => {
                    ("failing", Some(format!("{said}; again at {again_at}")))
                }
            };
            if let Some(said) = &said {
                alarms.push(format!("mailbox {}: {said}", mailbox.name));
            }
            if let Some(said) = &*post.archive_trouble.borrow() {
                alarms.push(format!("mailbox {}: archiving: {said}", mailbox.name));
            }
            if let Some((uids, said)) = post.failed.borrow().left_out() {
                alarms.push(left_out(&mailbox.name, &mailbox.folder, &uids, &said));
            }
            line.state = state.to_owned();
            if let Some((unread, at)) = post.unread.get() {
                line.unread = Some(unread);
                line.unread_at = Some(at.to_string());
            }
            line.said = said.or_else(|| {
                let why = post.loan.said()?;
                Some(format!(
                    "one session for watching and archiving, in turns: {why}"
                ))
            });
            if post.passed_at.get().is_some() {
                line.left_out = Some(post.before_date.get());
                line.already_read = Some(post.already_read.get());
            }
            line.heard_at = post.passed_at.get().map(|at| at.to_string());
        } else if mailbox.active {
            line.state = "waiting".to_owned();
            line.said = Some("no service runs".to_owned());
        }
        mailboxes.push(line);
    }
    for (name, user) in &*engine.directory.personal.borrow() {
        alarms.push(format!(
            "the address of mailbox {name} is that of the portal's user {user}: that person's own mail becomes tickets"
        ));
    }
    let (state, said) = match engine.link.standing() {
        LinkStanding::Unset => ("unset", Some("no portal is set".to_owned())),
        LinkStanding::Fresh if settings.portal.url.is_empty() => ("unset", None),
        LinkStanding::Fresh => ("unknown", None),
        LinkStanding::Up => ("up", engine.link.ping.borrow().as_ref().map(ping_sentence)),
        LinkStanding::Paused { said, again_at } => {
            let said = format!("{said}; again at {again_at}");
            alarms.push(format!("the portal: {said}"));
            ("paused", Some(said))
        }
    };
    let now = engine.world.clock.wall();
    let ends = settings.portal.client_cert_ends();
    if let Some(said) = ends.and_then(|ends| ending(ends, now)) {
        alarms.push(format!("the client certificate for the portal {said}"));
    }
    let known = engine.link.known.borrow();
    let restore = known.as_ref().and_then(|k| k.restore.as_ref());
    alarms.extend(restore.and_then(|r| r.alarm(now)));
    if let Some(said) = &*engine.link.look_back_trouble.borrow() {
        alarms.push(format!("the portal: {said}"));
    }
    alarms.extend(engine.only_archived());
    if let Some(said) = &*engine.directory.trouble.borrow() {
        alarms.push(format!("the directory: {said}"));
    }
    let counters = engine.counters.borrow().clone();
    let mut counts: std::collections::BTreeMap<String, u64> = Stage::ALL
        .iter()
        .map(|s| (s.to_string(), counters.of(*s)))
        .collect();
    counts.insert("to-archive".to_owned(), counters.to_archive);
    counts.insert("archived".to_owned(), counters.archived);
    match counters.of(Stage::Refused) {
        0 => {}
        count => alarms.push(format!(
            "{} refused by the portal, or set aside: see `postern queue list`",
            were(count, "ticket")
        )),
    }
    match counters.of_reason(Reason::Storm) {
        0 => {}
        count => alarms.push(format!(
            "{} held, since too many of one sender or one subject came within a while: see \
             `postern held list --reason storm`",
            were(count, "message")
        )),
    }
    alarms.extend(
        engine
            .opening
            .damage
            .iter()
            .map(|d| format!("the journal: {d}")),
    );
    let history = engine.history.borrow();
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        running: running.serves.get(),
        at: engine.world.clock.wall().to_string(),
        up_s: engine.uptime().as_secs(),
        mailboxes,
        portal: PortalStatus {
            url: settings.portal.url.clone(),
            state: state.to_owned(),
            said,
            sign_in: engine.link.signed_in(),
            heard_at: engine.link.last_receipt_at.get().map(|at| at.to_string()),
            people: directory.users,
            companies: directory.companies,
            directory_read: directory.is_complete(),
            restored: restore.map(|r| r.sentence()),
        },
        store: StoreStatus {
            path: engine.dir.display().to_string(),
            used_bytes: used,
            quota_bytes: settings.store.quota_bytes,
            free_bytes: free,
            start: Some(engine.opening.sentence()),
        },
        counts,
        reasons: reasons(&counters),
        revision: history.number(),
        waits_until: history.waits_until().map(|at| at.to_string()),
        alarms,
    })
}

/// How many there are of each reason that there is any of.
fn reasons(counters: &Counters) -> Vec<ReasonCount> {
    let counted = Reason::ALL.iter().map(|r| (*r, counters.of_reason(*r)));
    counted
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| ReasonCount {
            reason: reason.code().to_owned(),
            is: reason.verdict().word().to_owned(),
            count,
            said: reason.explain().to_owned(),
            mend: reason.mend().to_owned(),
        })
        .collect()
}

/// Of messages that the server does not give: which, why, and what to do.
fn left_out(mailbox: &str, folder: &str, uids: &[Uid], said: &str) -> String {
    let named: Vec<String> = uids
        .iter()
        .take(NAMED)
        .map(|uid| uid.0.to_string())
        .collect();
    let more = match uids.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "mailbox {mailbox}: {} left out, since what lies in {folder} under UID {}{more} can't be fetched ({said}); the others go on. \
         It lies unread there and is tried again after growing waits, of an hour at most. Where that goes on, have the mail server's own log looked at and the folder repaired there, or move the message away, then `postern queue retry --all`",
        were(uids.len() as u64, "message"),
        named.join(", "),
    )
}

/// How many of them were (what is said behind it).
fn were(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what} was"),
        _ => format!("{count} {what}s were"),
    }
}

/// The counters as a line.
pub(super) fn summary(engine: &Rc<Engine>) -> String {
    let counters = engine.counters.borrow();
    let parts: Vec<String> = Stage::ALL
        .iter()
        .filter(|s| counters.of(**s) > 0)
        .map(|s| format!("{} {s}", counters.of(*s)))
        .collect();
    match parts.is_empty() {
        true => "nothing was found".to_owned(),
        false => format!("{}; {} archived", parts.join(", "), counters.archived),
    }
}
