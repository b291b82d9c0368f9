//! What is asked before a message is decided, the same whether it is decided for real or explained.

use std::rc::Rc;

use super::{early, Engine, StoreFault};
use crate::index::Found;
use crate::mail::{Address, Message};
use crate::passage::{record, Entry, Stage};
use crate::settings::Mailbox;
use crate::ticket::{
    self, Because, Decision, Key, Known, Origin, Requester, Rules, Sender, Senders,
};

/// What a mailbox's settings say; `all` are the mailboxes of the same settings.
pub fn rules(mailbox: &Mailbox, all: &[Mailbox]) -> Rules {
    let others = all.iter().filter(|other| other.id != mailbox.id);
    let own = std::iter::once(mailbox).chain(others);
    let own = own.map(|m| Address::fold(m.mail_address().unwrap_or(&m.username)));
    Rules {
        senders: Senders {
            own: own.collect(),
            reply_to: mailbox.reply_to_is_sender,
            ignore_plus: mailbox.ignore_plus,
            company_by_domain: mailbox.company_by_domain,
            forwards: mailbox.forwards_by_technicians,
            lists: mailbox.trusted_lists(),
            authentication_server: mailbox.authentication_server.clone(),
            failed_dmarc: mailbox.failed_dmarc,
        },
        auto_replies: mailbox.auto_replies,
        bounces: mailbox.bounces,
        receipts: mailbox.receipts,
        complaints: mailbox.complaints,
        process_unknown_senders: mailbox.process_unknown_senders,
        received_after: mailbox.received_after.map(|w| w.0),
    }
}

/// What is known of a message's key; `wanted` where the operator asked for the message.
pub(super) fn already(entry: Option<&Entry>, wanted: bool) -> Known {
    match entry {
        None if wanted => Known::Wanted,
        None => Known::New,
        Some(entry) => match entry.stage {
            Stage::Released | Stage::Closed if entry.convert => Known::Wanted,
            Stage::Released | Stage::Held | Stage::Closed => Known::New,
            Stage::Committed
            | Stage::Forwarded
            | Stage::Refused
            | Stage::Ignored
            | Stage::Dismissed => Known::Elsewhere,
        },
    }
}

/// The author, as the directory answered.
pub(super) fn sender(found: Found) -> Sender {
    match found {
        Found::User {
            id,
            company,
            technician,
        } => Sender::Known {
            user: id,
            company,
            technician,
        },
        Found::Nobody { company } => Sender::Unknown {
            company_hint: company,
        },
        Found::NotRead => Sender::DirectoryNotRead,
    }
}

/// Where a committed ticket comes from, as it was decided.
///
/// The one place where that is read from what is kept: version 1 of the record has no room for it. Until a
/// version has, a ticket that is composed again says what the message alone does; its digest differs from the
/// one that was committed, so its key is looked up before it is sent.
pub(super) fn origin_of(_kept: &record::Decision) -> Origin {
    Origin::default()
}

/// What is known of each key, and of whoever has each address.
pub(super) async fn look_up(
    engine: &Rc<Engine>,
    keys: Vec<Key>,
    addresses: Vec<String>,
) -> Result<(Vec<Option<Entry>>, Vec<Found>), StoreFault> {
    // Whose people are asked now; by the answer another portal may be set.
    let of = engine.directory.of.borrow().clone();
    let (entries, mut found) = engine
        .reader
        .ask(move |r| r.look_up(&keys, &addresses))
        .await??;
    early::be_overtaken(engine).await;
    if !engine.serves(&of) {
        found.fill_with(|| Found::NotRead);
    }
    Ok((entries, found))
}

/// By what a message is judged, beside what it says.
#[derive(Clone)]
pub struct Terms {
    /// What the settings of its mailbox say.
    pub rules: Rules,
    /// Its key there; where one is given it is asked whether it has been here before.
    pub key: Option<Key>,
}

/// What would become, by each of `terms`, of a message that was received at `received_at` (milliseconds
/// since 1970), and why. All by one look-up: the same people, the same index. Changes nothing.
pub async fn explain<const N: usize>(
    engine: &Rc<Engine>,
    message: &Message,
    received_at: i64,
    terms: [Terms; N],
) -> Result<[(Decision, Vec<Because>, Requester); N], StoreFault> {
    let keys = terms.iter().filter_map(|terms| terms.key).collect();
    let terms = terms.map(|terms| {
        let claims = ticket::claims(message, &terms.rules.senders);
        (terms, claims)
    });
    let forms = terms.iter().flat_map(|(_, claims)| claims);
    let forms = forms.flat_map(|claim| claim.forms.clone()).collect();
    let (entries, found) = look_up(engine, keys, forms).await?;
    let (mut entries, mut found) = (entries.into_iter(), found.into_iter().map(sender));
    Ok(terms.map(|(Terms { rules, key }, claims)| {
        let entry = key.and_then(|_| entries.next()).flatten();
        let already = already(entry.as_ref(), false);
        let asked = claims.iter().map(|claim| claim.forms.len()).sum();
        let answers = found.by_ref().take(asked).collect();
        let requester = Requester::of(message, &rules.senders, claims, answers);
        let (decision, because) =
            ticket::explain(message, received_at, &requester, &rules, already);
        (decision, because, requester)
    }))
}
