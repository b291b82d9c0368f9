//! `explain`: what would become of mails that lie in files.
//!
//! Each is read here, where the file is; what is decided about it is asked of the service.

use std::path::{Path, PathBuf};

use super::text::{clean, Style};
use super::{Console, Exit};
use crate::control::{Answer, Asked, By, Explanation, Kind, Link, Mail, Refusal, Reply, Request};
use crate::world::World;

/// Octets of a mail that is explained: it is read whole.
const MAIL_MAX: u64 = 128 << 20;

/// What is asked of each.
pub(super) struct Wanted {
    pub(super) mailbox: Option<String>,
    pub(super) received: Option<String>,
    /// Whether it has been here before is not asked.
    pub(super) anew: bool,
}

impl Console {
    /// Explains each file, and each file of a folder.
    pub(super) async fn explain(
        &self,
        world: &World,
        link: &Link,
        files: &[PathBuf],
        wanted: Wanted,
    ) -> Result<Exit, Refusal> {
        let mails = mails(world, files);
        let alone = mails.len() == 1;
        let mut identity = None;
        for file in &mails {
            let (name, mail) = read(world, file)?;
            let explanation = ask(link, &mail, &wanted, &mut identity).await?;
            let text = match (self.json, alone) {
                (true, _) => format!("{}\n", mail.document(&name, &explanation)),
                (false, true) => {
                    let lines = mail.lines();
                    let width = lines.iter().map(|(label, _)| label.len()).max();
                    let width = width.unwrap_or(0);
                    let mut out = String::new();
                    for (label, text) in &lines {
                        out.push_str(&format!("{label:<width$}  {}\n", clean(text)));
                    }
                    out.push_str(&judged(&explanation, self.style));
                    for line in mail.left_out_lines(&explanation) {
                        out.push_str(&format!("{}\n", clean(&line)));
                    }
                    out
                }
                (false, false) => format!("{}  {}\n", verdict(&explanation), clean(&name)),
            };
            self.out(&text);
        }
        match mails.is_empty() {
            true => Ok(no_file()),
            false => Ok(Exit::Done),
        }
    }
}

/// Says that there is nothing to explain.
pub(super) fn no_file() -> Exit {
    super::err("There is no file.\n");
    Exit::Nothing
}

/// A file's name and the mail in it.
pub(super) fn read(world: &World, file: &Path) -> Result<(String, Mail), Refusal> {
    let name = file.display().to_string();
    match world.disk.read(file, MAIL_MAX) {
        Ok(octets) => Ok((name, Mail::read(octets))),
        Err(fault) => Err(Refusal::new(
            Kind::Failed,
            format!("reading {name}: {fault}"),
        )),
    }
}

/// Asks the service; again, with the delivery key, where that could not be made before.
async fn ask(
    link: &Link,
    mail: &Mail,
    wanted: &Wanted,
    identity: &mut Option<String>,
) -> Result<Explanation, Refusal> {
    loop {
        let key = identity.as_deref().map(|identity| mail.key(identity));
        let with_key = key.is_some();
        let request = Request::Explain(Box::new(Asked {
            message: mail.what_decides(),
            mailbox: wanted.mailbox.clone(),
            received: wanted.received.clone(),
            key,
            octets: mail.octets(),
        }));
        match answered(link, &request).await? {
            Answer::Explanation(explanation) => {
                if with_key || wanted.anew || explanation.identity.is_none() {
                    return Ok(*explanation);
                }
                *identity = explanation.identity;
            }
            _ => return Err(unknown()),
        }
    }
}

/// The answer to a request that has one document.
pub(super) async fn answered(link: &Link, request: &Request) -> Result<Answer, Refusal> {
    let mut said = None;
    let mut each = |line: &str| said = serde_json::from_str::<Reply>(line).ok();
    link.ask(request, &mut each).await?;
    match said {
        Some(Reply::Answer(answer)) => Ok(answer),
        Some(Reply::Refusal(refusal)) => Err(refusal),
        _ => Err(unknown()),
    }
}

/// The refusal of an answer that is none to what was asked.
pub(super) fn unknown() -> Refusal {
    Refusal::new(Kind::Failed, "the service answers in words unknown here")
}

/// The files, and those of folders: whatever ends in .eml, by name.
pub(super) fn mails(world: &World, files: &[PathBuf]) -> Vec<PathBuf> {
    let mut mails = Vec::new();
    for file in files {
        match world.disk.list(file) {
            Ok(entries) => {
                let paths = entries.into_iter().map(|entry| file.join(entry.name));
                mails.extend(paths.filter(|path| is_mail(path)));
            }
            // No folder, or none that can be read: reading it says which.
            Err(_) => mails.push(file.clone()),
        }
    }
    mails
}

fn is_mail(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("eml"))
}

/// One line of a list.
fn verdict(explanation: &Explanation) -> String {
    let reason = explanation.reason.as_deref().unwrap_or_default();
    format!("{:<8} {reason:<20}", explanation.decision)
}

/// Whose ticket it becomes.
pub(super) fn who(explanation: &Explanation) -> String {
    match (&explanation.user, &explanation.company) {
        (Some(user), Some(company)) => format!(" of user {user}, company {company}"),
        (Some(user), None) => format!(" of user {user}, no company"),
        (None, _) => " without user and company".to_owned(),
    }
}

/// What was asked, what was answered, and what comes of it.
pub(super) fn judged(explanation: &Explanation, style: Style) -> String {
    let mut out = String::from("\n");
    for (number, step) in explanation.steps.iter().enumerate() {
        out.push_str(&format!("{}. {}\n", number + 1, clean(&step.said)));
    }
    let who = who(explanation);
    let mailbox = clean(&explanation.mailbox);
    let said = match explanation.decision.as_str() {
        "ticket" => style.good(&format!(
            "In mailbox {mailbox} it becomes a ticket{}.",
            clean(&who)
        )),
        word => format!(
            "In mailbox {mailbox} it is {word}: {}.",
            explanation.reason.as_deref().unwrap_or_default()
        ),
    };
    out.push_str(&format!("\n{said}\n"));
    out.push_str(&whose(explanation, style));
    if let Some(because) = &explanation.because {
        out.push_str(&format!("{}\n", clean(because)));
    }
    out
}

/// Whose request its ticket would be, where that is not simply the sender's, and what was trusted.
fn whose(explanation: &Explanation, style: Style) -> String {
    let origin = &explanation.origin;
    let mut out = String::new();
    if let (Some(requester), Some(by)) = (&origin.requester, origin.by) {
        if by != By::From {
            let requester = clean(requester);
            out.push_str(&format!(
                "The requester is {requester} (by {}).\n",
                by.code()
            ));
        }
    }
    if let Some(technician) = &origin.technician {
        out.push_str(&format!("Technician {} forwarded it.\n", clean(technician)));
    }
    if origin.doubtful {
        out.push_str(&format!(
            "{}\n",
            style.warn("The sender's address may be forged.")
        ));
    }
    out
}
