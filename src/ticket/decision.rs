//! Ticket, held or ignored: one pure function of the message, the settings, whose request it is, and what is
//! known of its key.
//!
//! The order of the questions is the order in which an answer outranks the others: what has a
//! ticket gets no second one whatever the settings; what is too old is not asked about its
//! sender; what can't be read at all has no sender to ask about, and becomes a ticket with the
//! original attached; what a program answered or reported is nobody's request, whoever it pretends to be
//! from. What answers a ticket into which its author may write goes there, also where the directory does not
//! know them: whoever asked for help has brought them in.

use super::directory::Sender;
use super::key::Key;
use super::limits::Limits;
use super::origin::By;
use super::reason::Reason;
use super::requester::{Domains, Requester, Senders, Unproven};
use super::rule::{Asked, Ruleset};
use super::storm::Guard;
use super::thread::{About, Belongs, Way};
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
    /// They go into the ticket that they are about; where they are about none they are archived.
    Append,
}

impl Handling {
    /// What is the default of the kinds that somebody should read.
    pub fn ticket() -> Self {
        Self::Ticket
    }
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
    /// What a list hands on.
    #[serde(default = "Handling::ticket")]
    pub mailing_lists: Handling,
    /// What programs have to say by themselves.
    #[serde(default = "Handling::ticket")]
    pub notices: Handling,
    /// Messages from nobody in the directory become tickets without user and company.
    pub process_unknown_senders: bool,
    /// What the server received before this time (milliseconds since 1970) is left alone.
    pub received_after: Option<i64>,
    /// How the requester is found.
    #[serde(default)]
    pub senders: Senders,
    /// How many of one sender or subject become tickets within a while.
    #[serde(default)]
    pub storm: Guard,
    /// What goes along of its files, where it becomes a ticket.
    #[serde(default)]
    pub files: Limits,
    /// The operator's own rules, which are asked behind all that.
    #[serde(default)]
    pub own: Ruleset,
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
    /// A ticket, or a reply to one.
    Ticket {
        /// The author's id in the directory.
        user: Option<String>,
        /// The author's company's id.
        company: Option<String>,
        /// The ticket that it belongs to.
        about: Option<About>,
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
    /// It is mail of the portal's own, that came back: its Message-ID has one of our reply tokens.
    Ours,
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
    /// It belongs to a ticket.
    Answers {
        /// The delivery key of the message that the ticket began with.
        root: Key,
        /// By what it is known.
        way: Way,
        /// Whether its author may write into that ticket.
        append: bool,
    },
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
    /// Many of one sender or subject are held, which only who decides for real counts.
    Storm {
        /// So many pass.
        limit: u64,
        /// Within so many minutes.
        minutes: u64,
        /// This sender may write as many as they like.
        exempt: bool,
    },
    /// The sender's domain is a company's.
    CompanyByDomain {
        /// The company's id.
        company: String,
    },
    /// A rule of the operator's was asked.
    Rule(Asked),
}

/// Decide about a message that the server received at `received_at` (milliseconds since 1970), and that
/// belongs to the ticket that it is `about`.
pub fn decide(
    message: &Message,
    received_at: i64,
    requester: &Requester,
    rules: &Rules,
    already: Known,
    belongs: Belongs,
) -> Decision {
    judge(
        message,
        received_at,
        requester,
        rules,
        already,
        belongs,
        |_| (),
    )
}

/// The same decision, with every question that was asked on the way to it.
pub fn explain(
    message: &Message,
    received_at: i64,
    requester: &Requester,
    rules: &Rules,
    already: Known,
    belongs: Belongs,
) -> (Decision, Vec<Because>) {
    let mut because = Vec::new();
    let decision = judge(
        message,
        received_at,
        requester,
        rules,
        already,
        belongs,
        |question| {
            because.push(question());
        },
    );
    let counted = already == Known::New && matches!(decision, Decision::Ticket { .. });
    if counted && rules.storm.is_on() {
        let sender = requester.address(message);
        because.push(Because::Storm {
            limit: rules.storm.limit,
            minutes: rules.storm.minutes,
            exempt: sender.is_some_and(|a| rules.storm.exempts(&a.address)),
        });
    }
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
    Belongs { about, ours }: Belongs,
    mut told: impl FnMut(&dyn Fn() -> Because),
) -> Decision {
    match already {
        Known::Elsewhere => {
            told(&|| Because::SeenBefore);
            return Decision::Ignored(Reason::Duplicate);
        }
        Known::Wanted => {
            told(&|| Because::AskedFor);
            asked_of(requester, rules, true, true, &mut told);
            about.iter().for_each(|about| told(&|| answers(about)));
            return ticket(&requester.sender, about);
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
        return nobody(None);
    }
    if ours {
        told(&|| Because::Ours);
        return Decision::Ignored(Reason::Loop);
    }
    let (handling, reason) = handled(message, requester, rules);
    told(&|| written_by(message, handling));
    match (handling, reason) {
        (Handling::Ignore, Some(reason)) => return Decision::Ignored(reason),
        (Handling::Append, Some(reason)) => {
            // Who reports takes no part in any ticket: a report names the message itself.
            let named = message.report.is_some();
            let about = about.filter(|about| about.append || named);
            let about = about.map(|about| About {
                append: true,
                ..about
            });
            about.iter().for_each(|about| told(&|| answers(about)));
            return match about {
                Some(about) => ticket(&requester.sender, Some(about)),
                None => Decision::Ignored(reason),
            };
        }
        (_, None) | (Handling::Ticket, _) => {}
    }
    let may_write = about.is_some_and(|about| about.append);
    asked_of(requester, rules, false, may_write, &mut told);
    about.iter().for_each(|about| told(&|| answers(about)));
    let held = requester.origin.doubtful && rules.senders.failed_dmarc == Unproven::Hold;
    match &requester.sender {
        // Also where unknown senders are welcome: a user would be taken for one, for ever.
        Sender::DirectoryNotRead => Decision::Held(Reason::DirectoryNotRead),
        Sender::Known { .. } if held => Decision::Held(Reason::AuthenticationFailed),
        sender if may_write || is_welcome(sender, requester, rules) => ticket(sender, about),
        _ => Decision::Held(Reason::UnknownSender),
    }
}

fn answers(about: &About) -> Because {
    let About { root, way, append } = *about;
    Because::Answers { root, way, append }
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
    welcome: bool,
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
                    processed: welcome || is_welcome(sender, requester, rules),
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
fn handled(message: &Message, requester: &Requester, rules: &Rules) -> (Handling, Option<Reason>) {
    let (handling, reason) = match (&message.report, &message.machine) {
        (Some(report), _) => match report.kind {
            ReportKind::Failed => (rules.bounces, Reason::Bounce),
            ReportKind::Delayed => (rules.bounces, Reason::DeliveryDelayed),
            ReportKind::Delivered | ReportKind::Receipt => (rules.receipts, Reason::Receipt),
            ReportKind::Complaint => (rules.complaints, Reason::Complaint),
        },
        (None, Some(machine)) => match machine.kind {
            MachineKind::Reply => (rules.auto_replies, Reason::AutoReply),
            MachineKind::Notice => (rules.notices, Reason::Notice),
            // Behind a list that is believed about who wrote it stands a customer; also where it left From as
            // it was, which it is told by where it was written to.
            MachineKind::List if requester.origin.by == By::List || is_trusted(message, rules) => {
                return (Handling::Ticket, None)
            }
            MachineKind::List => (rules.mailing_lists, Reason::MailingList),
        },
        (None, None) => return (Handling::Ticket, None),
    };
    (handling, Some(reason))
}

/// Whether it was written to a list that the settings name.
fn is_trusted(message: &Message, rules: &Rules) -> bool {
    let mut to = message.to.iter().chain(&message.cc);
    !rules.senders.lists.is_empty() && to.any(|to| rules.senders.trusts_list(&to.folded()))
}

fn ticket(sender: &Sender, about: Option<About>) -> Decision {
    match sender {
        Sender::Known { user, company, .. } => Decision::Ticket {
            user: Some(user.clone()),
            company: company.clone(),
            about,
        },
        Sender::Unknown { company_hint } => Decision::Ticket {
            user: None,
            company: company_hint.clone(),
            about,
        },
        Sender::DirectoryNotRead => nobody(about),
    }
}

fn nobody(about: Option<About>) -> Decision {
    Decision::Ticket {
        user: None,
        company: None,
        about,
    }
}

#[cfg(test)]
mod tests;
