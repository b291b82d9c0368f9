//! The questions that were asked about a message, and their answers, in words.

use super::Step;
use crate::ticket::rule::{Action, Asked};
use crate::ticket::{Because, Handling};
use crate::world::Wall;

/// A question and its answer, in words.
pub(in crate::control) fn step(because: &Because) -> Step {
    let handled = |handling: Handling| match handling {
        Handling::Ignore => "such mail is archived without a ticket",
        Handling::Ticket => "such mail becomes a ticket as any other",
        Handling::Append => "such mail goes into the ticket that it is about, and else is archived",
    };
    let (code, said) = match because {
        Because::SeenBefore => (
            "seen-before",
            "The same message has been here before, and is decided.".to_owned(),
        ),
        Because::AskedFor => (
            "asked-for",
            "The operator wants a ticket of it: neither date nor sender are asked.".to_owned(),
        ),
        Because::TooOld { after } => (
            "too-old",
            format!("It was received before {}.", Wall(*after)),
        ),
        Because::InTime { after: None } => (
            "in-time",
            "No date is set before which messages are left alone.".to_owned(),
        ),
        Because::InTime { after: Some(after) } => (
            "in-time",
            format!("It was not received before {}.", Wall(*after)),
        ),
        Because::Ours => (
            "ours",
            "The portal sent it itself, as its Message-ID says, and it came back.".to_owned(),
        ),
        Because::Unparsed => (
            "unparsed",
            "It can't be read as mail: a ticket with the original attached.".to_owned(),
        ),
        Because::Report { kind, handling } => (
            "report",
            format!("It is a report ({}): {}.", kind.code(), handled(*handling)),
        ),
        Because::Machine {
            kind,
            sign,
            handling,
        } => (
            "machine",
            format!(
                "A program wrote it ({}, by {sign:?}): {}.",
                kind.code(),
                handled(*handling)
            ),
        ),
        Because::Person => ("person", "It shows no sign of a program.".to_owned()),
        Because::Checked { address, verdict } => (
            "checked",
            format!(
                "Your mail server {} says of {address}: DMARC {}, DKIM {}, SPF {}.",
                verdict.server,
                verdict.dmarc.code(),
                verdict.dkim.code(),
                verdict.spf.code()
            ),
        ),
        Because::NotChecked { server } => (
            "not-checked",
            format!("No field of your mail server {server} that says what it found can be believed."),
        ),
        Because::ListNames { address, sign } => (
            "list-names",
            format!(
                "A list that is trusted handed it on, and names {address} as its author (by {}).",
                sign.map_or("its fields", |sign| sign.field())
            ),
        ),
        Because::AnswersGoTo { address } => (
            "answers-go-to",
            format!("The directory does not know its author: {address} (Reply-To) is asked about."),
        ),
        Because::Forwards {
            technician,
            address: Some(address),
        } => (
            "forwards",
            format!("Technician {technician} forwards it: it is the request of {address}."),
        ),
        Because::Forwards {
            technician,
            address: None,
        } => (
            "forwards",
            format!(
                "Technician {technician} forwards it, and the text does not tell a customer's address: \
                 it stays the technician's."
            ),
        ),
        Because::PublicProvider { domain } => (
            "public-provider",
            format!("Anybody can have a mailbox at {domain}: it says nothing about a company."),
        ),
        Because::Doubtful { held: true } => (
            "doubtful",
            "DMARC failed, so the address may be forged: such messages are held.".to_owned(),
        ),
        Because::Doubtful { held: false } => (
            "doubtful",
            "DMARC failed, so the address may be forged: the ticket says so.".to_owned(),
        ),
        Because::UnknownCustomer => (
            "unknown-customer",
            "The directory does not know who wrote it; the technician's word is enough for a ticket."
                .to_owned(),
        ),
        Because::Storm { exempt: true, .. } => (
            "storm",
            "Its sender is exempt from the storm guard, and may write as much as it likes.".to_owned(),
        ),
        Because::Storm { limit, minutes, .. } => (
            "storm",
            format!(
                "More than {limit} of one sender or subject within {minutes} minutes would be held; not asked \
                 here, since explain counts nothing."
            ),
        ),
        Because::CompanyByDomain { company } => (
            "company-by-domain",
            format!("The domain is that of company {company}."),
        ),
        Because::Answers { root, way, append } => (
            "answers",
            match append {
                true => format!(
                    "It belongs to the ticket that began with {} (by {}), and its sender may write there.",
                    root.short(),
                    way.word()
                ),
                false => format!(
                    "It belongs to the ticket that began with {} (by {}), in which its sender has no part: a \
                     ticket of its own, that points there.",
                    root.short(),
                    way.word()
                ),
            },
        ),
        Because::Known { user, company } => (
            "known",
            match company {
                Some(company) => {
                    format!("The directory knows its sender: user {user} of {company}.")
                }
                None => format!("The directory knows its sender: user {user}, of no company."),
            },
        ),
        Because::DirectoryNotRead => (
            "directory-not-read",
            "The directory has not been read whole yet: nobody is unknown.".to_owned(),
        ),
        Because::Unknown { processed: true } => (
            "unknown",
            "The directory does not know its sender, whose mail becomes tickets all the same."
                .to_owned(),
        ),
        Because::Rule(asked) => rule(asked),
        Because::Unknown { processed: false } => (
            "unknown",
            "The directory does not know its sender, and mail of unknown senders is held."
                .to_owned(),
        ),
    };
    Step {
        code: code.to_owned(),
        said,
    }
}

/// What a rule of the operator's was asked.
fn rule(asked: &Asked) -> (&'static str, String) {
    let Asked { rule, holds, .. } = asked;
    let holds = match holds.is_empty() {
        true => "asks nothing of a message".to_owned(),
        false => format!("{} hold", holds.join(", ")),
    };
    let does = match (asked.action, &asked.why) {
        (Action::Set, _) if asked.sets.is_empty() => "it sets nothing".to_owned(),
        (Action::Set, _) => format!("it sets {}", asked.sets.join(", ")),
        (Action::Hold, why) => format!("held: {}", why.as_deref().unwrap_or_default()),
        (Action::Ignore, why) => {
            format!(
                "archived without a ticket: {}",
                why.as_deref().unwrap_or_default()
            )
        }
    };
    match &asked.fails {
        Some(fails) => (
            "rule-not-matched",
            format!("Rule {rule} does not match: {fails} does not hold."),
        ),
        None if asked.passed_over => (
            "rule-passed-over",
            format!(
                "Rule {rule} matches ({holds}), and is passed over: it may not do that to this message."
            ),
        ),
        None => (
            "rule-matched",
            format!("Rule {rule} matches ({holds}): {does}."),
        ),
    }
}
