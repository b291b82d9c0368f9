//! What lies read and unprocessed on the servers: shown beside what is held, and converted on wish.
//!
//! Such a message was never fetched and has no key; mailbox and UID stand for one. Known only while
//! the service runs.

use super::service::Running;
use super::wire::{Kind, Listed, MessageLine, Page, Refusal};
use crate::passage::{MailboxId, Uid};
use crate::ticket::Reason;

const REASON: Reason = Reason::AlreadyRead;

/// Adds them behind the last page of what is held.
pub(super) fn add(running: &Running, listed: &mut Listed<MessageLine>, page: &Page) {
    let wanted = &page.reason.0;
    if !wanted.is_empty() && !wanted.iter().any(|code| code == REASON.code()) {
        return;
    }
    for mailbox in &running.engine.settings().mailboxes {
        if page.mailbox.as_deref().is_some_and(|m| m != mailbox.name) {
            continue;
        }
        let Some(post) = running.engine.posts.borrow().get(&mailbox.id).cloned() else {
            continue;
        };
        let read = post.read.borrow();
        listed.items.extend(read.iter().map(|item| MessageLine {
            key: format!("{:04}-{}", mailbox.id.0, item.uid),
            mailbox: mailbox.name.clone(),
            stage: "on the server".to_owned(),
            reason: Some(REASON.to_string()),
            received_at: Some(item.received_at.to_string()),
            said: Some(REASON.explain().to_owned()),
            ..MessageLine::default()
        }));
        listed.total = listed.total.map(|total| total + post.already_read.get());
    }
}

fn parts(text: &str) -> Option<(MailboxId, Uid)> {
    let (mailbox, uid) = text.split_once('-')?;
    Some((MailboxId(mailbox.parse().ok()?), Uid(uid.parse().ok()?)))
}

/// Whether it stands for one of these.
pub(super) fn is_key(text: &str) -> bool {
    parts(text).is_some()
}

/// Has the message fetched and made a ticket; `None` where `text` names none of these.
pub(super) fn want(running: &Running, text: &str) -> Option<Result<String, Refusal>> {
    let (mailbox, uid) = parts(text)?;
    let post = running.engine.posts.borrow().get(&mailbox).cloned();
    let found = post.and_then(|post| {
        let item = post.read.borrow().iter().find(|i| i.uid == uid).copied();
        item.map(|item| (post, item))
    });
    Some(match found {
        Some((post, item)) => {
            post.want(item);
            Ok(
                "the message is fetched at the next whole pass, which begins now, and becomes a \
                 ticket; a restart before that forgets the wish"
                    .to_owned(),
            )
        }
        None => Err(Refusal::new(
            Kind::Absent,
            "no such message lies read on the server, as far as a running service knows",
        )),
    })
}
