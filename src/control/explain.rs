//! What would become of a message, and why: read here, where the file is, and judged where directory and
//! settings are.
//!
//! The same code as for real on both sides: `mail` reads, `ticket` decides by what `engine` asks.

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

use super::service::Running;
use super::wire::{Kind, Refusal};
use crate::engine::decide::Judged;
use crate::engine::{decide, understand};
use crate::mail::authentication::Verdict;
use crate::mail::{self, Attachment, Message};
use crate::settings::{whole_moment, Mailbox};
use crate::ticket::{By, Decision, Key, KeyHasher, Limits, Marks, Omission};
use crate::world::Wall;

mod words;

pub(super) use words::step;

/// Authors, and addresses that answers go to, that the service is told of.
const ASKED_MAX: usize = 8;
/// Recipients and Message-IDs of a message by which its ticket is known: more are not looked at.
const OF_EACH: usize = 64;
/// Octets of the header's fields that the service is told.
const FIELDS_OCTETS: usize = 32 * 1024;

/// What is asked about a message.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Of what it says, that by which it is decided.
    pub message: Message,
    /// Into which mailbox it comes; the only one when absent.
    #[serde(default)]
    pub mailbox: Option<String>,
    /// When the server received it; now when absent.
    #[serde(default)]
    pub received: Option<String>,
    /// Its delivery key, by which it is asked whether it has been here before.
    #[serde(default)]
    pub key: Option<String>,
    /// Octets of it.
    #[serde(default)]
    pub octets: u64,
}

/// A question that was asked, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The answer's code.
    pub code: String,
    /// The same in words.
    pub said: String,
}

/// What would become of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Into which mailbox it comes.
    pub mailbox: String,
    /// What that mailbox's delivery keys are made from.
    pub identity: Option<String>,
    /// When the server received it.
    pub received_at: String,
    /// Its delivery key, where that was given.
    pub key: Option<String>,
    /// `ticket`, `reply`, `held` or `ignored`.
    pub decision: String,
    /// Why no ticket, as a code.
    pub reason: Option<String>,
    /// The same in words, with what can be done.
    pub because: Option<String>,
    /// The ticket's user, by the portal's id.
    pub user: Option<String>,
    /// The ticket's company, by the portal's id.
    pub company: Option<String>,
    /// The delivery key of the message that the ticket began with into which it goes, or that it points
    /// at.
    #[serde(default)]
    pub about: Option<String>,
    /// Whose request it is, and what was trusted.
    pub origin: Whose,
    /// What the operator's rules say of it, where they say something.
    #[serde(default)]
    pub marks: Option<Box<Marks>>,
    /// Every question that was asked, in order.
    pub steps: Vec<Step>,
    /// What goes along of its files; only asked where it becomes a ticket.
    #[serde(default)]
    pub files: Limits,
}

/// Whose request a message is, as its ticket would say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whose {
    /// The requester's address; none where there is none to be read.
    pub requester: Option<String>,
    /// By which way that was found.
    pub by: Option<By>,
    /// The technician who forwarded it, by the portal's id.
    pub technician: Option<String>,
    /// What our own mail server found out about the author.
    pub authentication: Option<Verdict>,
    /// The address is a known user's, and may be forged.
    pub doubtful: bool,
}

/// A message that somebody wants explained.
pub struct Mail {
    octets: Vec<u8>,
    message: Message,
}

impl Mail {
    /// Reads it.
    pub fn read(octets: Vec<u8>) -> Mail {
        let mut message = understand::read(&octets);
        // Which of them rules ask about, the service knows.
        message.fields = mail::fields(&octets, |_| true);
        Mail { octets, message }
    }

    /// Its delivery key in a mailbox of that identity.
    pub fn key(&self, identity: &str) -> String {
        let mut hasher = KeyHasher::new(identity);
        hasher.update(&self.octets);
        hasher.finish().to_string()
    }

    /// Octets of it.
    pub fn octets(&self) -> u64 {
        self.octets.len() as u64
    }

    /// What the service is told of it: that by which it is decided. A whole message is more than a request
    /// may carry.
    pub fn what_decides(&self) -> Message {
        let report = self.message.report.as_ref().map(|report| mail::Report {
            kind: report.kind,
            about: Vec::new(),
            original: report.original.clone(),
            subject: None,
        });
        let message = &self.message;
        let bare = |author: &mail::Address| mail::Address {
            name: None,
            address: author.address.clone(),
        };
        let some = |list: &[mail::Address], most| list.iter().take(most).map(bare).collect();
        let newest = message.references.len().saturating_sub(OF_EACH);
        let trace = message.trace.iter().map(|field| match field {
            mail::Trace::Checked(checked) => mail::Trace::Checked(checked.what_counts()),
            received => received.clone(),
        });
        let forwarded = message.forwarded.iter().map(|forwarded| mail::Forwarded {
            author: bare(&forwarded.author),
            how: forwarded.how,
        });
        Message {
            from: some(&message.from, ASKED_MAX),
            sender: message.sender.as_ref().map(bare),
            reply_to: some(&message.reply_to, ASKED_MAX),
            to: some(&message.to, OF_EACH),
            cc: some(&message.cc, OF_EACH),
            subject: message.subject.clone(),
            message_id: message.message_id.clone(),
            in_reply_to: message.in_reply_to.iter().take(OF_EACH).cloned().collect(),
            references: message.references.iter().skip(newest).cloned().collect(),
            machine: message.machine.clone(),
            report,
            trace: trace.collect(),
            rewritten: message.rewritten.as_ref().map(|r| mail::Rewritten {
                author: bare(&r.author),
                sign: r.sign,
            }),
            forwarded: forwarded.collect(),
            attachments: message.attachments.iter().take(OF_EACH).map(kind).collect(),
            fields: asked_about(&message.fields),
            unparsed: message.unparsed,
            ..Message::default()
        }
    }

    /// The whole as a document, described in `config/explain.schema.json`.
    pub fn document(&self, file: &str, explanation: &Explanation) -> Value {
        json!({
            "file": file,
            "octets": self.octets.len(),
            "explanation": explanation,
            "omitted": self.omitted(explanation),
            "message": document(&self.message),
        })
    }

    /// The files that its ticket would go without, and why.
    fn left_out(&self, explanation: &Explanation) -> Vec<Omission> {
        if !matches!(explanation.decision.as_str(), "ticket" | "reply") {
            return Vec::new();
        }
        let whole = self.message.needs_original();
        let whole = whole.then_some(self.octets.len() as u64);
        explanation.files.leave_out(&self.message, whole)
    }

    fn omitted(&self, explanation: &Explanation) -> Vec<Value> {
        let left_out = self.left_out(explanation);
        let each = left_out.iter().map(|Omission { file, why }| {
            json!({"file": file, "reason": why.code(), "limit": why.limit(), "said": why.said()})
        });
        each.collect()
    }

    /// The same, a line each, for people.
    pub fn left_out_lines(&self, explanation: &Explanation) -> Vec<String> {
        let left_out = self.left_out(explanation);
        let each = left_out.iter().map(|Omission { file, why }| {
            let attached = usize::try_from(*file).ok();
            let attached = attached.and_then(|at| self.message.attachments.get(at));
            let name = match attached {
                Some(file) => file.name.as_deref().unwrap_or(&file.content_type),
                None => "the original",
            };
            format!("{name} is left out: {}", why.said())
        });
        each.collect()
    }

    /// What it says, a line each, for people: label and text, which whoever shows it cleans.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let message = &self.message;
        let mut lines = Vec::new();
        let mut say = |label, text: Option<String>| lines.extend(text.map(|text| (label, text)));
        for author in message.from.iter().take(ASKED_MAX) {
            say("From", Some(author.address.clone()));
        }
        say("Sender", message.sender.as_ref().map(|a| a.address.clone()));
        for address in message.reply_to.iter().take(ASKED_MAX) {
            say("Reply-To", Some(address.address.clone()));
        }
        if let Some(rewritten) = &message.rewritten {
            let (address, field) = (&rewritten.author.address, rewritten.sign.field());
            say("List names", Some(format!("{address}, by {field}")));
        }
        for forwarded in &message.forwarded {
            let name = forwarded.author.name.as_deref().unwrap_or("nobody");
            let author = match forwarded.author.address.as_str() {
                "" => name,
                address => address,
            };
            let what = match forwarded.how {
                mail::How::Block => "in the text",
                mail::How::Part => "as a part",
            };
            say("Forwards", Some(format!("a message of {author}, {what}")));
        }
        for checked in checks(message) {
            let results = checked.results.iter();
            let results: Vec<String> = results
                .map(|found| format!("{} {}", found.method, found.result.code()))
                .collect();
            say(
                "Checked",
                Some(format!("{}: {}", checked.server, results.join(", "))),
            );
        }
        say("Subject", message.subject.clone());
        say("Message-ID", message.message_id.clone());
        say("Machine", message.machine.as_ref().map(|m| m.sign.clone()));
        if let Some(report) = &message.report {
            for about in &report.about {
                let parts = [
                    Some(about.address.as_str()),
                    about.action.as_deref(),
                    about.status.as_deref(),
                    about.said.as_deref(),
                ];
                let parts: Vec<&str> = parts.into_iter().flatten().collect();
                say("Report", Some(parts.join(", ")));
            }
            say("About", report.original.clone());
        }
        for file in &message.attachments {
            let name = file.name.as_deref().unwrap_or(&file.content_type);
            say("File", Some(format!("{name}, {} octets", file.size)));
        }
        for event in &message.events {
            let starts = event.starts.as_ref().map(|moment| moment.at.as_str());
            let parts = [event.method.as_deref(), event.summary.as_deref(), starts];
            let parts: Vec<&str> = parts.into_iter().flatten().collect();
            say("Calendar", Some(parts.join(", ")));
        }
        say(
            "Text from",
            message.text_from.map(|from| from.code().to_owned()),
        );
        say(
            "Protection",
            message.protection.map(|p| p.code().to_owned()),
        );
        for oddity in &message.oddities {
            say("Odd", Some(oddity.to_string()));
        }
        lines
    }
}

/// Of an attachment what rules ask about.
fn kind(attachment: &Attachment) -> Attachment {
    Attachment {
        name: attachment.name.clone(),
        content_type: attachment.content_type.clone(),
        inline: false,
        content_id: None,
        range: 0..0,
        encoding: mail::Encoding::Identity,
        size: 0,
        sha256: [0; 32],
        inside: None,
    }
}

/// Fields that rules may ask about, as far as a request may carry them; those that servers put in front
/// come last.
fn asked_about(fields: &[mail::Field]) -> Vec<mail::Field> {
    let mut left = FIELDS_OCTETS;
    let of_servers = |field: &&mail::Field| field.name == "received";
    let (servers, others): (Vec<_>, Vec<_>) = fields.iter().partition(of_servers);
    let all = others.into_iter().chain(servers);
    let fit = all.take_while(|field| {
        let weight = field.name.len() + field.value.len();
        let fits = weight <= left;
        left = left.saturating_sub(weight);
        fits
    });
    fit.cloned().collect()
}

/// What servers found out about it, or are said to have.
fn checks(message: &Message) -> impl Iterator<Item = &mail::authentication::Checked> {
    message.trace.iter().filter_map(|field| match field {
        mail::Trace::Checked(checked) => Some(checked),
        mail::Trace::Received(_) => None,
    })
}

/// A message as a document: names here are kept.
fn document(message: &Message) -> Value {
    let people = |list: &[mail::Address]| -> Vec<Value> {
        list.iter()
            .map(|a| json!({"name": a.name, "address": a.address}))
            .collect()
    };
    let file = |a: &Attachment| {
        json!({
            "name": a.name,
            "content_type": a.content_type,
            "octets": a.size,
            "sha256": data_encoding::HEXLOWER.encode(&a.sha256),
            "inline": a.inline,
            "content_id": a.content_id,
            "packed": a.inside.is_some(),
        })
    };
    json!({
        "from": people(&message.from),
        "sender": message.sender.as_ref().map(|a| people(std::slice::from_ref(a))),
        "reply_to": people(&message.reply_to),
        "to": people(&message.to),
        "cc": people(&message.cc),
        "subject": message.subject,
        "date": message.date.as_ref().map(|d| json!({
            "original": d.original,
            "read": d.ms.map(|ms| Wall(ms).to_string()),
        })),
        "message_id": message.message_id,
        "in_reply_to": message.in_reply_to,
        "references": message.references,
        "text": message.text,
        "new_lines": message.new_lines,
        "text_from": message.text_from,
        "html": message.html,
        "attachments": message.attachments.iter().map(file).collect::<Vec<_>>(),
        "events": message.events,
        "protection": message.protection,
        "machine": message.machine,
        "report": message.report,
        "rewritten": message.rewritten,
        "forwarded": message.forwarded,
        "checked": checks(message).collect::<Vec<_>>(),
        "oddities": message.oddities.iter().map(|o| o.code()).collect::<Vec<_>>(),
        "unparsed": message.unparsed,
    })
}

/// What would become of it.
pub(super) async fn explain(running: &Running, asked: &Asked) -> Result<Explanation, Refusal> {
    let engine = &running.engine;
    let settings = engine.settings();
    let mailbox = mailbox(&settings.mailboxes, asked.mailbox.as_deref())?;
    let received_at = received_at(running, asked)?;
    let terms = decide::Terms {
        mailbox: mailbox.id,
        rules: decide::rules(mailbox, &settings.mailboxes, engine.ruleset(mailbox.id)),
        key: key(asked.key.as_deref())?,
    };
    let (key, files) = (terms.key, terms.rules.files.clone());
    let [judged] =
        decide::explain(engine, &asked.message, received_at.0, asked.octets, [terms]).await?;
    let arrival = Arrival {
        mailbox: mailbox.name.clone(),
        identity: mailbox.key_identity(),
        received_at,
        key,
        files,
    };
    Ok(told(arrival, &asked.message, judged))
}

/// When it is taken to have been received.
pub(super) fn received_at(running: &Running, asked: &Asked) -> Result<Wall, Refusal> {
    match &asked.received {
        Some(text) => whole_moment(text).ok_or_else(|| {
            let like = "2026-11-02T08:00:00Z or 2026-11-02T09:00:00+01:00";
            wrong(format!(
                "{text:?} is no date and time with its zone, such as {like}"
            ))
        }),
        None => Ok(running.engine.world.clock.wall()),
    }
}

/// The key that was given.
pub(super) fn key(text: Option<&str>) -> Result<Option<Key>, Refusal> {
    let key = text.map(str::parse::<Key>).transpose();
    key.map_err(|_| wrong("the key is none".to_owned()))
}

/// Where a message comes in, as what, and when.
pub(super) struct Arrival {
    pub(super) mailbox: String,
    pub(super) identity: Option<String>,
    pub(super) received_at: Wall,
    pub(super) key: Option<Key>,
    pub(super) files: Limits,
}

/// What becomes of it, in words.
pub(super) fn told(arrival: Arrival, message: &Message, judged: Judged) -> Explanation {
    let Judged {
        decision,
        because,
        requester,
        marks,
    } = judged;
    let address = requester.address(message).map(|a| a.address.clone());
    let origin = requester.origin;
    let (word, reason, user, company, about) = match decision {
        Decision::Ticket {
            user,
            company,
            about,
        } => {
            let appends = about.is_some_and(|about| about.append);
            let word = if appends { "reply" } else { "ticket" };
            (word, None, user, company, about)
        }
        Decision::Held(reason) => ("held", Some(reason), None, None, None),
        Decision::Ignored(reason) => ("ignored", Some(reason), None, None, None),
    };
    Explanation {
        mailbox: arrival.mailbox,
        identity: arrival.identity,
        received_at: arrival.received_at.to_string(),
        key: arrival.key.map(|key| key.to_string()),
        decision: word.to_owned(),
        reason: reason.map(|reason| reason.code().to_owned()),
        because: reason.map(|reason| format!("{} {}", reason.explain(), reason.mend())),
        user,
        company: marks
            .as_ref()
            .and_then(|marks| marks.company.clone())
            .or(company),
        about: about.map(|about| about.root.to_string()),
        origin: Whose {
            by: address.is_some().then_some(origin.by),
            requester: address,
            technician: origin.technician,
            authentication: origin.authentication,
            doubtful: origin.doubtful,
        },
        marks,
        steps: because.iter().map(step).collect(),
        files: arrival.files,
    }
}

pub(super) fn wrong(said: String) -> Refusal {
    Refusal::new(Kind::Wrong, said)
}

/// The mailbox of that name, or the only one.
pub(super) fn mailbox<'a>(
    mailboxes: &'a [Mailbox],
    name: Option<&str>,
) -> Result<&'a Mailbox, Refusal> {
    let names = || {
        let names: Vec<&str> = mailboxes.iter().map(|m| m.name.as_str()).collect();
        names.join(", ")
    };
    match (name, mailboxes) {
        (None, [only]) => Ok(only),
        (_, []) => Err(wrong(
            "there is no mailbox yet, by whose settings it could be decided".to_owned(),
        )),
        (None, _) => Err(wrong(format!(
            "there are several mailboxes: say with --mailbox which one it came into ({})",
            names()
        ))),
        (Some(name), _) => mailboxes
            .iter()
            .find(|m| m.name == name)
            .ok_or_else(|| wrong(format!("there is no mailbox {name:?}, but: {}", names()))),
    }
}

#[cfg(test)]
mod tests;
