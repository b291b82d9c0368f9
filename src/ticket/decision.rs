//! Ticket, held or ignored: one pure function of the message, the settings, whose request it is, and what is
//! known of its key.
//!
//! The order of the questions is the order in which an answer outranks the others: what has a
//! ticket gets no second one whatever the settings; what is too old is not asked about its
//! sender; what can't be read at all has no sender to ask about, and becomes a ticket with the
//! original attached; what a program answered or reported is nobody's request, whoever it pretends to be
//! from. Conversations are not told apart here yet.

use super::directory::Sender;
use super::reason::Reason;
use super::requester::{Domains, Requester, Senders, Unproven};
use crate::mail::authentication::Verdict;
use crate::mail::{MachineKind, Message, ReportKind, Sign};
use serde::{Deserialize, Serialize};

/// What becomes of messages of some kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// They are archived without a ticket, with their reason.
    #[default]
    Ignore,
    /// They become tickets as others do.
    Ticket,
}

/// The settings that decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Answers that programs give: absence notes, acknowledgements.
    pub auto_replies: Handling,
    /// Reports that a message was not delivered, or not yet.
    pub bounces: Handling,
    /// Reports that a message was delivered, or read.
    pub receipts: Handling,
    /// Reports that a message was called abuse.
    pub complaints: Handling,
    /// Messages from nobody in the directory become tickets without user and company.
    pub process_unknown_senders: bool,
    /// What the server received before this time (milliseconds since 1970) is left alone.
    pub received_after: Option<i64>,
    /// How the requester is found.
    #[serde(default)]
    pub senders: Senders,
}

/// What is known of a message's key already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Known {
    /// Nothing: it is seen for the first time, or was only held so far.
    New,
    /// It was committed from another place: this is a second copy.
    Elsewhere,
    /// The operator asked for it by hand: settings and directory can't hold it.
    Wanted,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// A new ticket.
    Ticket {
        /// The author's id in the directory.
        user: Option<String>,
        /// The author's company's id.
        company: Option<String>,
    },
    /// It waits where it is.
    Held(Reason),
    /// It is archived without a ticket.
    Ignored(Reason),
}

/// One question that was asked on the way to a decision, with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "kebab-case")]
pub enum Because {
    /// The same key was committed from another place.
    SeenBefore,
    /// The operator asked for it by hand.
    AskedFor,
    /// The server received it before the date from which messages are processed.
    TooOld {
        /// That date, in milliseconds since 1970.
        after: i64,
    },
    /// The server received it late enough, or there is no such date.
    InTime {
        /// That date, in milliseconds since 1970.
        after: Option<i64>,
    },
    /// It could not be read as mail.
    Unparsed,
    /// It reports what became of another message.
    Report {
        /// What it reports.
        kind: ReportKind,
        /// What the settings make of such reports.
        handling: Handling,
    },
    /// A program wrote it.
    Machine {
        /// What it is.
        kind: MachineKind,
        /// The field by which it is known.
        sign: String,
        /// What the settings make of what such programs write.
        handling: Handling,
    },
    /// No sign of a program.
    Person,
    /// Our own mail server said what it found out about the author.
    Checked {
        /// The author.
        address: String,
        /// What it said.
        verdict: Verdict,
    },
    /// Our own mail server said nothing that can be believed.
    NotChecked {
        /// Its name.
        server: String,
    },
    /// A trusted list names who wrote it.
    ListNames {
        /// The author.
        address: String,
        /// Where that stands.
        sign: Option<Sign>,
    },
    /// Reply-To is asked about, since the author is unknown.
    AnswersGoTo {
        /// Reply-To.
        address: String,
    },
    /// A technician forwards it.
    Forwards {
        /// The technician's id.
        technician: String,
        /// Whose message; none where the text doesn't tell.
        address: Option<String>,
    },
    /// Anybody can have a mailbox at the sender's domain: it says nothing about a company.
    PublicProvider {
        /// The domain.
        domain: String,
    },
    /// The directory knows its author.
    Known {
        /// By this id.
        user: String,
        /// In this company.
        company: Option<String>,
    },
    /// The known author's domain does not stand behind the message.
    Doubtful {
        /// Such messages are held.
        held: bool,
    },
    /// The directory has not been read whole, so nobody is unknown.
    DirectoryNotRead,
    /// The directory does not know its author.
    Unknown {
        /// Messages from unknown senders become tickets.
        processed: bool,
    },
    /// The directory does not know who wrote it, and a technician vouches for it.
    UnknownCustomer,
    /// The sender's domain is a company's.
    CompanyByDomain {
        /// The company's id.
        company: String,
    },
}

/// Decide about a message that the server received at `received_at` (milliseconds since 1970).
pub fn decide(
    message: &Message,
    received_at: i64,
    requester: &Requester,
    rules: &Rules,
    already: Known,
) -> Decision {
    judge(message, received_at, requester, rules, already, |_| ())
}

/// The same decision, with every question that was asked on the way to it.
pub fn explain(
    message: &Message,
    received_at: i64,
    requester: &Requester,
    rules: &Rules,
    already: Known,
) -> (Decision, Vec<Because>) {
    let mut because = Vec::new();
    let decision = judge(
        message,
        received_at,
        requester,
        rules,
        already,
        |question| {
            because.push(question());
        },
    );
    (decision, because)
}

/// Asks one question after the other until one decides. What was asked is put into words only where
/// somebody wants to hear it.
fn judge(
    message: &Message,
    received_at: i64,
    requester: &Requester,
    rules: &Rules,
    already: Known,
    mut told: impl FnMut(&dyn Fn() -> Because),
) -> Decision {
    match already {
        Known::Elsewhere => {
            told(&|| Because::SeenBefore);
            return Decision::Ignored(Reason::Duplicate);
        }
        Known::Wanted => {
            told(&|| Because::AskedFor);
            asked_of(requester, rules, true, &mut told);
            return ticket(&requester.sender);
        }
        Known::New => {}
    }
    let after = rules.received_after;
    if let Some(after) = after.filter(|after| received_at < *after) {
        told(&|| Because::TooOld { after });
        return Decision::Held(Reason::ReceivedBefore);
    }
    told(&|| Because::InTime { after });
    if message.unparsed {
        // No sender can be read off it, so the rule about senders can't hold it: somebody looks.
        told(&|| Because::Unparsed);
        return nobody();
    }
    let (handling, reason) = handled(message, rules);
    told(&|| written_by(message, handling));
    if let (Handling::Ignore, Some(reason)) = (handling, reason) {
        return Decision::Ignored(reason);
    }
    asked_of(requester, rules, false, &mut told);
    let held = requester.origin.doubtful && rules.senders.failed_dmarc == Unproven::Hold;
    match &requester.sender {
        // Also where unknown senders are welcome: a user would be taken for one, for ever.
        Sender::DirectoryNotRead => Decision::Held(Reason::DirectoryNotRead),
        Sender::Known { .. } if held => Decision::Held(Reason::AuthenticationFailed),
        sender if is_welcome(sender, requester, rules) => ticket(sender),
        _ => Decision::Held(Reason::UnknownSender),
    }
}

/// Whether a message of this sender becomes a ticket: a technician's word, and by setting a domain, is as good
/// as the directory's.
fn is_welcome(sender: &Sender, requester: &Requester, rules: &Rules) -> bool {
    match sender {
        Sender::Known { .. } => true,
        Sender::DirectoryNotRead => false,
        Sender::Unknown { company_hint } => {
            rules.process_unknown_senders
                || requester.origin.technician.is_some()
                || (company_hint.is_some() && rules.senders.company_by_domain == Domains::Known)
        }
    }
}

/// Tells how the requester was found, and what the directory says.
fn asked_of(
    requester: &Requester,
    rules: &Rules,
    wanted: bool,
    told: &mut impl FnMut(&dyn Fn() -> Because),
) {
    for because in &requester.because {
        told(&|| because.clone());
    }
    match &requester.sender {
        Sender::Known { user, company, .. } => {
            told(&|| Because::Known {
                user: user.clone(),
                company: company.clone(),
            });
            if requester.origin.doubtful {
                let held = !wanted && rules.senders.failed_dmarc == Unproven::Hold;
                told(&|| Because::Doubtful { held });
            }
        }
        Sender::DirectoryNotRead => told(&|| Because::DirectoryNotRead),
        sender @ Sender::Unknown { company_hint } => {
            told(&|| match requester.origin.technician {
                Some(_) => Because::UnknownCustomer,
                None => Because::Unknown {
                    processed: is_welcome(sender, requester, rules),
                },
            });
            if let Some(company) = company_hint {
                told(&|| Because::CompanyByDomain {
                    company: company.clone(),
                });
            }
        }
    }
}

fn written_by(message: &Message, handling: Handling) -> Because {
    match (&message.report, &message.machine) {
        (Some(report), _) => Because::Report {
            kind: report.kind,
            handling,
        },
        (None, Some(machine)) => Because::Machine {
            kind: machine.kind,
            sign: machine.sign.clone(),
            handling,
        },
        (None, None) => Because::Person,
    }
}

/// What the settings make of a message by whoever wrote it, and the reason that it has where they ignore it.
fn handled(message: &Message, rules: &Rules) -> (Handling, Option<Reason>) {
    let (handling, reason) = match (&message.report, &message.machine) {
        (Some(report), _) => match report.kind {
            ReportKind::Failed => (rules.bounces, Reason::Bounce),
            ReportKind::Delayed => (rules.bounces, Reason::DeliveryDelayed),
            ReportKind::Delivered | ReportKind::Receipt => (rules.receipts, Reason::Receipt),
            ReportKind::Complaint => (rules.complaints, Reason::Complaint),
        },
        (None, Some(machine)) if machine.kind == MachineKind::Reply => {
            (rules.auto_replies, Reason::AutoReply)
        }
        // What a program has to say by itself, or many are told, may be what the desk waits for.
        (None, _) => return (Handling::Ticket, None),
    };
    (handling, Some(reason))
}

fn ticket(sender: &Sender) -> Decision {
    match sender {
        Sender::Known { user, company, .. } => Decision::Ticket {
            user: Some(user.clone()),
            company: company.clone(),
        },
        Sender::Unknown { company_hint } => Decision::Ticket {
            user: None,
            company: company_hint.clone(),
        },
        Sender::DirectoryNotRead => nobody(),
    }
}

fn nobody() -> Decision {
    Decision::Ticket {
        user: None,
        company: None,
    }
}

#[cfg(test)]
mod tests;
