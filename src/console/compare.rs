//! `explain --against`: which mails would go elsewhere by other settings.
//!
//! The count comes first, so all are asked about before one is shown.

use std::path::{Path, PathBuf};

use super::explain::{answered, mails, read, unknown, who, Wanted};
use super::text::{clean, Style};
use super::{read_file, Console, Exit};
use crate::control::{
    Against, Answer, Asked, Both, Compare, Comparison, Explanation, Link, Mail, Others, Refusal,
    Request, Step,
};
use crate::world::World;

/// How many were asked about, and what came of them.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    all: usize,
    elsewhere: usize,
    seen_before: usize,
}

impl Console {
    /// Decides each mail by the settings in force and by those that `against` names, and shows which
    /// would go elsewhere.
    pub(super) async fn compare(
        &self,
        world: &World,
        link: &Link,
        files: &[PathBuf],
        wanted: Wanted,
        against: &str,
    ) -> Result<Exit, Refusal> {
        let request = Request::Against(Box::new(Against {
            mailbox: wanted.mailbox.clone(),
            others: others(world, against)?,
        }));
        let both = match answered(link, &request).await? {
            Answer::Both(both) => *both,
            _ => return Err(unknown()),
        };
        let mut counts = Counts::default();
        let mut shown = String::new();
        for file in &mails(world, files) {
            let (name, mail) = read(world, file)?;
            let comparison = ask(link, &mail, &wanted, &both).await?;
            counts.all += 1;
            counts.elsewhere += usize::from(comparison.elsewhere);
            counts.seen_before += usize::from(comparison.seen_before());
            match (self.json, comparison.elsewhere) {
                (true, _) => {
                    let document = mail.compared(&name, against, &comparison, &both.notes);
                    self.out(&format!("{document}\n"));
                }
                (false, true) => shown.push_str(&differs(&name, &comparison, self.style)),
                (false, false) => {}
            }
        }
        if counts.all == 0 {
            return Ok(super::explain::no_file());
        }
        if !self.json {
            self.out(&format!(
                "{}{shown}",
                summary(counts, &both.notes, self.style)
            ));
        }
        Ok(Exit::Done)
    }
}

/// What `--against` names: a number is a revision's. A file of that name is `./3`.
fn others(world: &World, against: &str) -> Result<Others, Refusal> {
    let digits = against.bytes().all(|octet| octet.is_ascii_digit());
    match against.parse() {
        Ok(number) if digits => Ok(Others::Revision(number)),
        _ => read_file(world, Path::new(against)).map(Others::Toml),
    }
}

async fn ask(
    link: &Link,
    mail: &Mail,
    wanted: &Wanted,
    both: &Both,
) -> Result<Comparison, Refusal> {
    let key = |identity: &Option<String>| {
        let identity = identity.as_deref().filter(|_| !wanted.anew);
        identity.map(|identity| mail.key(identity))
    };
    let now = key(&both.now.identity);
    let request = Request::Compare(Box::new(Compare {
        // The octets are gone through once more only where that gives something else.
        key: match both.now.identity == both.then.identity {
            true => now.clone(),
            false => key(&both.then.identity),
        },
        asked: Asked {
            message: mail.what_decides(),
            mailbox: Some(both.now.mailbox.clone()),
            received: wanted.received.clone(),
            key: now,
            octets: mail.octets(),
        },
        then: both.then.clone(),
    }));
    match answered(link, &request).await? {
        Answer::Comparison(comparison) => Ok(*comparison),
        _ => Err(unknown()),
    }
}

/// How many would go elsewhere, and what else there is to know.
fn summary(counts: Counts, notes: &[String], style: Style) -> String {
    let said = match (counts.elsewhere, counts.all) {
        (0, 1) => "The mail would not go elsewhere.".to_owned(),
        (_, 1) => "The mail would go elsewhere.".to_owned(),
        (0, all) => format!("None of {all} mails would go elsewhere."),
        (some, all) => format!("{some} of {all} mails would go elsewhere."),
    };
    let mut out = format!("{}\n", style.bold(&said));
    let changes = "no settings change what became of";
    let anew = "--anew asks as if for the first time.";
    match (counts.seen_before, counts.all) {
        (0, _) => {}
        (_, 1) => out.push_str(&format!(
            "It has been here before, and {changes} it: {anew}\n"
        )),
        (seen, all) => out.push_str(&format!(
            "{seen} of {all} have been here before, and {changes} those: {anew}\n"
        )),
    }
    for note in notes {
        out.push_str(&format!("{}\n", clean(note)));
    }
    out
}

/// A mail that would go elsewhere: what becomes of it, what would, and the answers that differ.
pub(super) fn differs(name: &str, comparison: &Comparison, style: Style) -> String {
    let Comparison {
        now, then, differs, ..
    } = comparison;
    let by_ours = differs.iter().filter_map(|d| d.now.as_ref());
    let by_theirs = differs.iter().filter_map(|d| d.then.as_ref());
    let mut out = format!("\n{}\n", style.bold(&clean(name)));
    out.push_str(&format!("  Now it {}\n", becomes(now, "becomes", "is")));
    out.push_str(&answers(by_ours));
    let would = becomes(then, "would become", "would be");
    out.push_str(&format!("  Then it {would}\n"));
    out.push_str(&answers(by_theirs));
    out
}

fn answers<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let lines = steps.map(|step| format!("    {}\n", clean(&step.said)));
    lines.collect()
}

fn becomes(explanation: &Explanation, becomes: &str, is: &str) -> String {
    match explanation.decision.as_str() {
        "ticket" => format!("{becomes} a ticket{}.", clean(&who(explanation))),
        word => format!(
            "{is} {}: {}.",
            clean(word),
            clean(explanation.reason.as_deref().unwrap_or_default())
        ),
    }
}

#[cfg(test)]
mod tests;
