//! What is asked before a message is decided, the same whether it is decided for real or explained.

use std::rc::Rc;

use super::reader::{Answer, Question};
use super::{early, Engine, StoreFault};
use crate::index::Found;
use crate::mail::{Address, Message};
use crate::passage::{Entry, MailboxId, Stage};
use crate::settings::Mailbox;
use crate::ticket::{
    self, answers, bears_sign, claims, clues, is_ours, Because, Belongs, Clue, Decision, Key,
    Known, Led, Letter, Marks, Requester, Rules, Ruleset, Sender, Senders, Signs,
};

/// What a mailbox's settings say; `all` are the mailboxes of the same settings, `ruleset` the operator's rules.
pub fn rules(mailbox: &Mailbox, all: &[Mailbox], ruleset: Ruleset) -> Rules {
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
        mailing_lists: mailbox.mailing_lists,
        notices: mailbox.notices,
        process_unknown_senders: mailbox.process_unknown_senders,
        received_after: mailbox.received_after.map(|w| w.0),
        storm: mailbox.storm_guard(),
        files: mailbox.attachment_limits(),
        own: ruleset,
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

/// What is asked about a message.
pub(super) fn question(
    message: &Message,
    mailbox: MailboxId,
    key: Option<Key>,
    senders: &Senders,
    signs: &Signs,
) -> Question {
    Question {
        key,
        mailbox,
        claims: claims(message, senders),
        clues: clues(message, signs),
    }
}

/// What was answered, in the order of the decision's own questions.
pub(super) struct Answered {
    /// By its key.
    pub(super) entry: Option<Entry>,
    /// Whose request it is.
    pub(super) requester: Requester,
    /// What it says of its ticket, and where each of that leads.
    pub(super) led: Vec<(Clue, Option<Led>)>,
}

impl Answered {
    /// To what was asked about a message.
    pub(super) fn of(answer: Answer, message: &Message, senders: &Senders) -> Self {
        let found = answer.found.into_iter().map(sender).collect();
        Self {
            entry: answer.entry,
            requester: Requester::of(message, senders, answer.claims, found),
            led: answer.led,
        }
    }
}

/// What is known of each message, of whoever could be its author, and of the ticket that it belongs to.
pub(super) async fn look_up(
    engine: &Rc<Engine>,
    questions: Vec<Question>,
) -> Result<Vec<Answer>, StoreFault> {
    // Whose people are asked now; by the answer another portal may be set.
    let of = engine.directory.of.borrow().clone();
    let mut answers = engine.reader.ask(move |r| r.look_up(questions)).await??;
    early::be_overtaken(engine).await;
    if !engine.serves(&of) {
        for answer in &mut answers {
            answer.found.fill_with(|| Found::NotRead);
        }
    }
    Ok(answers)
}

/// By what a message is judged, beside what it says.
#[derive(Clone)]
pub struct Terms {
    /// The mailbox that it comes into.
    pub mailbox: MailboxId,
    /// What its settings say.
    pub rules: Rules,
    /// Its key there; where one is given it is asked whether it has been here before.
    pub key: Option<Key>,
}

/// What would become of a message, and why.
pub struct Judged {
    /// What.
    pub decision: Decision,
    /// Every question that was asked.
    pub because: Vec<Because>,
    /// Whose request it is.
    pub requester: Requester,
    /// What the operator's rules say.
    pub marks: Option<Box<Marks>>,
}

/// What would become, by each of `terms`, of a message of so many octets that was received at `received_at`
/// (milliseconds since 1970), and why. All by one look-up: the same people, the same index. Changes nothing.
pub async fn explain<const N: usize>(
    engine: &Rc<Engine>,
    message: &Message,
    received_at: i64,
    octets: u64,
    terms: [Terms; N],
) -> Result<[Judged; N], StoreFault> {
    let signs = engine.signs();
    let asked = terms
        .each_ref()
        .map(|t| question(message, t.mailbox, t.key, &t.rules.senders, &signs));
    let mut looked = look_up(engine, asked.into()).await?.into_iter();
    Ok(terms.map(|Terms { rules, .. }| {
        let answer = looked.next().unwrap_or_default();
        let Answered {
            entry,
            requester,
            led,
        } = Answered::of(answer, message, &rules.senders);
        let about = answers(message, &requester, &led);
        let belongs = Belongs {
            about: about.map(|(about, _)| about),
            ours: is_ours(message, &signs),
        };
        let already = already(entry.as_ref(), false);
        let (decision, mut because) =
            ticket::explain(message, received_at, &requester, &rules, already, belongs);
        let letter = Letter {
            message,
            sender: requester.address(message),
            octets,
            answers: !rules.own.is_empty() && bears_sign(message, &signs),
        };
        let wanted = already == Known::Wanted;
        let (decision, marks) = rules.own.judge(decision, &letter, wanted, |asked| {
            because.push(asked());
        });
        Judged {
            decision,
            because,
            requester,
            marks,
        }
    }))
}
